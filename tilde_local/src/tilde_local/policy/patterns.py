r"""Patterns: literal text, in which `*` stands for any run of characters, `\*` for a star.

Matching walks the value once for each literal part: no pattern makes it backtrack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Pattern", "compile_pattern", "literal"]

_TOKEN = re.compile(r'\\["\\*]|\*|[^"\\*]+')


class Pattern(NamedTuple):
    """The literal parts of a pattern, between which anything may stand."""

    parts: tuple[str, ...]

    def matches(self, value: str) -> bool:
        """Whether the pattern matches the whole of `value`."""
        first, last = self.parts[0], self.parts[-1]
        if len(self.parts) == 1:
            return value == first
        position, end = len(first), len(value) - len(last)
        if position > end or not value.startswith(first) or not value.endswith(last):
            return False
        # The leftmost place is the best one for every part: it leaves the most room to those after it.
        for part in self.parts[1:-1]:
            found = value.find(part, position, end)
            if found < 0:
                return False
            position = found + len(part)
        return True

    def covers(self, prefix: str) -> bool:
        """Whether the pattern matches everything that starts with `prefix`, however it goes on."""
        # What may go on in any way can only be taken by a star at the end.
        return len(self.parts) > 1 and not self.parts[-1] and self.matches(prefix)


@lru_cache(maxsize=1024)
def compile_pattern(source: str) -> Pattern:
    """The pattern that `source` writes, as it stands between the quotes. Raises ValueError if nothing can."""
    tokens = _TOKEN.findall(source)
    if sum(map(len, tokens)) != len(source):
        raise ValueError(f"not a pattern: {source!r}")
    parts = tuple(_parts(tokens))
    # Of several stars side by side, one will do.
    return Pattern((parts[0], *filter(None, parts[1:-1]), *parts[1:][-1:]))


def _parts(tokens: list[str]) -> Iterator[str]:
    part: list[str] = []
    for token in tokens:
        if token == "*":
            yield "".join(part)
            part = []
        else:
            part.append(token[1:] if token.startswith("\\") else token)
    yield "".join(part)


def literal(text: str) -> str:
    """The source of the pattern that matches `text` and nothing else."""
    return re.sub(r'(["\\*])', r"\\\1", text)
