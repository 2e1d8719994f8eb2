"""Who commands are, on the host: never root."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

__all__ = ["Identity", "identity_of_commands"]

# Above all that distributions and systemd give away.
_UNUSED = 1_900_000_000


class Identity(NamedTuple):
    """The user and group of the host that commands run as; `privileged`: the server is root, and has to become them."""

    uid: int
    gid: int
    privileged: bool


def identity_of_commands() -> Identity:
    """An unused user if the server is root, else the server's own."""
    if os.geteuid() != 0:
        return Identity(os.geteuid(), os.getegid(), privileged=False)
    uid, gid = (min(_UNUSED, _last_id(f"/proc/self/{kind}_map")) for kind in ("uid", "gid"))
    # Root of a namespace in which there is nobody else is the ordinary user who made it.
    return Identity(uid, gid, privileged=uid > 0 and gid > 0)


def _last_id(map_file: str) -> int:
    ranges = [[int(field) for field in line.split()] for line in Path(map_file).read_text().splitlines()]
    return max((first + count - 1 for first, _, count in ranges), default=0)
