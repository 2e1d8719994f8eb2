"""Object paths, and the ranges of them that prefixes stand for.

Paths sort by their UTF-8 bytes, which is how SQLite compares text.
"""

from __future__ import annotations

from tilde_local.errors import BadRequest

__all__ = ["END", "Bound", "after_key", "check_path", "prefix_end"]

MAX_PATH_BYTES = 1024

Bound = str | bytes
# SQLite sorts every blob after every text: an upper bound that no path reaches.
END = b""


def check_path(path: str, field: str = "path") -> str:
    """`path`, if an object can have it. Raises BadRequest that names `field`."""
    if not path:
        raise BadRequest(f"{field}: an object path cannot be empty")
    if path.startswith("/"):
        raise BadRequest(f"{field}: an object path does not start with '/': use {path.lstrip('/')!r}")
    if any(ord(char) < 32 or ord(char) == 127 for char in path):
        raise BadRequest(f"{field}: an object path has no control characters, got {path!r}")
    if len(path.encode()) > MAX_PATH_BYTES:
        raise BadRequest(f"{field}: an object path has at most {MAX_PATH_BYTES} bytes in UTF-8")
    return path


def after_key(key: str) -> str:
    """The smallest text that sorts after `key`."""
    return key + "\x00"


def prefix_end(prefix: str) -> Bound:
    """The smallest bound that sorts after everything that starts with `prefix`."""
    for index in range(len(prefix) - 1, -1, -1):
        point = ord(prefix[index])
        if point < 0x10FFFF:
            # Surrogates are not characters: the one after U+D7FF is U+E000.
            return prefix[:index] + chr(0xE000 if point == 0xD7FF else point + 1)
    return END
