"""A filter of system calls, for what namespaces and missing capabilities leave open.

Namespaces do not cover kernel keyrings and some families of sockets: AF_VSOCK, for one, reaches the hypervisor from any
network namespace. The rest of the list are calls with a long record of holes that no ordinary program needs.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from .kernel import NEW_NAMESPACES

__all__ = ["SUPPORTED_MACHINES", "install_filter"]

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
SUPPORTED_MACHINES = tuple(_AUDIT_ARCH)

# Number on x86_64, number on aarch64; after 424 they are the same.
_REFUSED = {
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "open_by_handle_at": (304, 265),
    "setns": (308, 268),
    "pivot_root": (155, 41),
    "mount": (165, 40),
    "umount2": (166, 39),
    "kexec_load": (246, 104),
    "syslog": (103, 116),
    "quotactl": (179, 60),
    "acct": (163, 89),
    "shmget": (29, 194),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
}
_CLONE = (56, 220)
_UNSHARE = (272, 97)
_CLONE3 = (435, 435)
_SOCKET = (41, 198)
_SOCKETPAIR = (53, 199)
_IOCTL = (16, 29)

_FAMILIES = {"unix": 1, "inet": 2, "inet6": 10, "netlink": 16}
_TIOCSTI, _TIOCLINUX, _TIOCSETD = 0x5412, 0x541C, 0x5423

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_NUMBER, _ARCH, _ARGUMENT_0, _ARGUMENT_1 = 0, 4, 16, 24
# x86_64 has a second set of numbers, of 32-bit pointers, from here on.
_X32 = 0x40000000

_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2

Instruction = tuple[int, int, int, int]


def _refuse(code: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | code)


_PERMIT: Instruction = (_RETURN, 0, 0, _ALLOW)


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _when_equal(value: int, *then: Instruction) -> list[Instruction]:
    """Run `then`, which returns, if what was loaded is `value`."""
    return [(_JUMP_EQUAL, 0, len(then), value), *then]


def _program(machine: str) -> list[Instruction]:
    index = SUPPORTED_MACHINES.index(machine)
    denied, missing = _refuse(errno.EPERM), _refuse(errno.ENOSYS)
    program = [_load(_ARCH), (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH[machine]), missing, _load(_NUMBER)]
    if machine == "x86_64":
        program += [(_JUMP_AT_LEAST, 0, 1, _X32), missing]
    # Its arguments lie in memory, where a filter cannot look. The C library then takes clone.
    program += _when_equal(_CLONE3[index], missing)
    for numbers in _REFUSED.values():
        program += _when_equal(numbers[index], denied)
    for call in (_CLONE, _UNSHARE):
        new_user = (_JUMP_SET, 0, 1, NEW_NAMESPACES["user"])
        program += _when_equal(call[index], _load(_ARGUMENT_0), new_user, denied, _PERMIT)
    families = [step for family in _FAMILIES.values() for step in _when_equal(family, _PERMIT)]
    for call in (_SOCKET, _SOCKETPAIR):
        program += _when_equal(call[index], _load(_ARGUMENT_0), *families, _refuse(errno.EAFNOSUPPORT))
    requests = [step for code in (_TIOCSTI, _TIOCLINUX, _TIOCSETD) for step in _when_equal(code, denied)]
    program += _when_equal(_IOCTL[index], _load(_ARGUMENT_1), *requests, _PERMIT)
    return [*program, _PERMIT]


def install_filter() -> None:
    """Filter the calls of this process and all that it starts, for good. It must have no_new_privs. Raises OSError."""
    program = _program(os.uname().machine)
    code = b"".join(struct.pack("HBBI", *step) for step in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), header, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp filter: {os.strerror(number)}")
