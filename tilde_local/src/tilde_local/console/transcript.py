"""What a program printed, as plain text: without the escapes that a terminal would act on."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import NamedTuple

__all__ = ["Tail", "Transcript", "read_tail"]

# Colours and cursor movements; titles, links and other strings up to their terminator; what is left has two characters.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])")
# How a text ends that stops within one of those, or between the two characters of a line's end.
_UNFINISHED = re.compile(r"(?:\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)|\r)\Z")
_LINE_END = re.compile(r"\r\n?")
_MAX_ESCAPE = 4096
_MAX_LINE = 4096
_MAX_CHARACTER = 4


class Transcript:
    """Makes text of the pieces of an output, wherever it was cut into them."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def add(self, data: bytes, is_last: bool = False) -> str:
        """The text of the next piece, as far as it can be told before there is more."""
        text = self._rest + self._decoder.decode(data, is_last)
        cut = len(text) if is_last else _end_of_finished(text)
        self._rest = text[cut:]
        return _LINE_END.sub("\n", _ESCAPE.sub("", text[:cut]))


def _end_of_finished(text: str) -> int:
    found = _UNFINISHED.search(text, max(0, len(text) - _MAX_ESCAPE))
    return found.start() if found else len(text)


class Tail(NamedTuple):
    """The end of an output, and how many bytes are in front of it."""

    data: bytes
    skipped: int


def read_tail(path: Path, limit: int) -> Tail:
    """The last `limit` bytes of a file, or a few less, to begin with a line; none if there is no file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            skipped = file.seek(max(0, size - limit))
            data = file.read(limit)
    except FileNotFoundError:
        return Tail(b"", 0)
    cut = _start(data) if skipped else 0
    return Tail(data[cut:], skipped + cut)


def _start(data: bytes) -> int:
    """Where the first whole line begins; if that is far, the first whole character."""
    line = data.find(b"\n", 0, _MAX_LINE) + 1
    if 0 < line < len(data):
        return line
    # The bytes of a character in UTF-8, but for the first, are 10xxxxxx.
    return next((index for index, byte in enumerate(data[:_MAX_CHARACTER]) if byte & 0xC0 != 0x80), 0)
