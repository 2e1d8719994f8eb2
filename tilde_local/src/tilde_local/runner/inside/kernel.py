"""The calls of Linux that Python has no words for. All raise OSError."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct

__all__ = [
    "AT_RECURSIVE",
    "MS_BIND",
    "MS_NODEV",
    "MS_NOEXEC",
    "MS_NOSUID",
    "MS_PRIVATE",
    "MS_RDONLY",
    "MS_REC",
    "adopt_orphans",
    "bind",
    "drop_capabilities",
    "forbid_new_privileges",
    "mount",
    "mount_flags",
    "pivot_into_here",
    "set_dumpable",
    "start_loopback",
    "unshare",
]

NEW_NAMESPACES = {
    "mount": 0x00020000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18

AT_RECURSIVE = 0x8000
_AT_FDCWD = -100
_MNT_DETACH = 2
# The same number on every architecture, as of all calls since 5.1.
_SYS_MOUNT_SETATTR = 442

_PR_CAPBSET_DROP = 24
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def unshare(*names: str) -> None:
    """Leave the namespaces `names` for new ones; with `pid`, it is the next child that is in the new one."""
    flags = 0
    for name in names:
        flags |= NEW_NAMESPACES[name]
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str | None, target: str, kind: str | None, flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    result = _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])
    _checked(result, f"mount of {kind or source or 'nothing'} on {target}")


def mount_flags(target: str, flags: int, *, recursive: bool = True) -> None:
    """Add to a mount, and to those below it, the restrictions that `flags` (RDONLY, NOSUID, NODEV, NOEXEC) name."""
    attributes = struct.pack("QQQQ", flags, 0, MS_PRIVATE, 0)
    how = AT_RECURSIVE if recursive else 0
    result = _libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(os.fsencode(target)),
        ctypes.c_uint(how),
        ctypes.c_char_p(attributes),
        ctypes.c_size_t(len(attributes)),
    )
    _checked(result, f"restricting the mount {target}")


def bind(source: str, target: str, flags: int) -> None:
    """Show what is at `source`, and whatever is mounted below it, at `target` too, restricted by `flags`."""
    mount(source, target, None, MS_BIND | MS_REC)
    mount_flags(target, flags)


def pivot_into_here() -> None:
    """Make the working directory, which must be a mount, the root, and drop the old root."""
    _checked(_libc.syscall(ctypes.c_long(_pivot_root_number()), b".", b"."), "pivot_root")
    _checked(_libc.umount2(b".", _MNT_DETACH), "umount of the old root")
    os.chdir("/")


def _pivot_root_number() -> int:
    return {"x86_64": 155, "aarch64": 41}[os.uname().machine]


def _prctl(option: int, argument: int = 0) -> int:
    zero = ctypes.c_ulong(0)
    return int(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(argument), zero, zero, zero))


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends."""
    _checked(_prctl(_PR_SET_CHILD_SUBREAPER, 1), "prctl")


def set_dumpable(dumpable: bool) -> None:
    """Whether others of the same user may look into this process, and /proc/self belongs to it."""
    _checked(_prctl(_PR_SET_DUMPABLE, int(dumpable)), "prctl")


def forbid_new_privileges() -> None:
    """No program that is started from now on gets more rights than it has: set-user-id bits count for nothing."""
    _checked(_prctl(_PR_SET_NO_NEW_PRIVS, 1), "prctl")


def drop_capabilities() -> None:
    """Give up all capabilities, and the chance to get any back."""
    capability = 0
    while _prctl(_PR_CAPBSET_DROP, capability) == 0:
        capability += 1
    ambient = (_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    _checked(_prctl(*ambient), "prctl")
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    _checked(_libc.capset(ctypes.c_char_p(header), ctypes.c_char_p(bytes(24))), "capset")


def start_loopback() -> None:
    """Bring up `lo` in the network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH22x", b"lo", _IFF_UP)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)
