"""The modes of `open`, and text on top of bytes."""

from __future__ import annotations

import io
from typing import BinaryIO, cast

__all__ = ["as_text", "checked_mode"]

_MODES = ("rb", "r", "rt", "wb", "w", "wt")


def checked_mode(mode: str, encoding: str | None, errors: str | None, newline: str | None) -> str:
    """Return `mode`. Raises `ValueError` for one that there is not, and `LookupError` and such for how to read text."""
    if mode not in _MODES:
        raise ValueError(f"mode {mode!r}: must be one of {', '.join(map(repr, _MODES))}")
    if "b" in mode and (encoding, errors, newline) != (None, None, None):
        raise ValueError(f"mode {mode!r} is binary: it takes no encoding, errors or newline")
    as_text(io.BytesIO(), encoding, errors, newline)  # so that bad ones are told before anything is sent
    return mode


def as_text(file: io.BufferedIOBase, encoding: str | None, errors: str | None, newline: str | None) -> io.TextIOWrapper:
    """Return `file` as a text file, UTF-8 unless `encoding` says otherwise."""
    return io.TextIOWrapper(cast("BinaryIO", file), encoding=encoding or "utf-8", errors=errors, newline=newline)
