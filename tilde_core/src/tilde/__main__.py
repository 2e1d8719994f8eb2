"""`python -m tilde`: what helps to use the SDK. Nothing else is imported until a command needs it."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = _parser().parse_args(argv)
    from tilde_core.doctor.command import run

    return run(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tilde", description="Python SDK for Tilde.")
    commands = parser.add_subparsers(dest="command", required=True)
    doctor = commands.add_parser(
        "doctor",
        help="show the settings and check that they work",
        description="Show where each setting comes from, which plugins there are, and whether the service can be "
        "reached; say what to do if not. Secrets are not shown. The exit code is 1 if a check fails.",
    )
    doctor.add_argument("--repository", type=_repository, metavar="ORG/REPO", help="check uploads to it, too")
    doctor.add_argument("--offline", action="store_true", help="leave out whatever needs the network")
    doctor.add_argument("--timeout", type=_seconds, default=5.0, metavar="SECONDS", help="for each step (5)")
    doctor.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def _repository(text: str) -> str:
    if not re.fullmatch(r"[^/\s]+/[^/\s]+", text):
        raise argparse.ArgumentTypeError("must be organization/repository")
    return text


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 3600:
        raise argparse.ArgumentTypeError("must be a number of seconds above 0")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
