"""Figures that the documentation claims, each as a ratio against a bare client in the same run: `make bench`.

Every pair runs in turn, A B A B …, and the ratio is taken pair by pair: it holds while the machine's speed drifts.
Below 1 means that the SDK takes less.
"""

from __future__ import annotations

import argparse
from statistics import median

from cases import CASES, Case
from embedded import embedded_server, seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"only these: {', '.join(CASES)}")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each pair (default 5)")
    parser.add_argument("--entries", type=int, default=200_000, help="size of the listed repository (default 200,000)")
    options = parser.parse_args()
    chosen = [CASES[name] for name in options.names or CASES]
    with embedded_server(lambda server: seed(server, options.entries)) as place:
        print(f"{'case':<44} {'SDK':>9} {'bare':>9}   {'ratio':>5}  min   max")
        for case in chosen:
            print(line(case, [case.pair(place) for _ in range(options.runs + 1)][1:]))


def line(case: Case, pairs: list[tuple[float, float]]) -> str:
    """One line of the table. The first pair only warmed up and is left out already."""
    ratios = sorted(ours / bare for ours, bare in pairs)
    ours, bare = (median(figures) for figures in zip(*pairs, strict=True))
    return (
        f"{case.title:<44} {case.show(ours):>9} {case.show(bare):>9}   "
        f"{median(ratios):5.2f}  {ratios[0]:.2f}  {ratios[-1]:.2f}"
    )


if __name__ == "__main__":
    main()
