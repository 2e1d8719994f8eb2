"""The launcher: forks a first process for every container the server asks for.

It stays small and has one thread, so that forking it is quick and safe. It holds nothing of any container, and ends
when the server does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path

from . import files, kernel
from .init import serve
from .messages import receive, send
from .seccomp import install_filter

__all__ = ["main"]

_NAMESPACES = ("user", "mount", "pid", "net", "ipc", "uts", "cgroup")
_UID_INSIDE = 1000


def main(fd: int) -> None:
    """Serve the requests that come over the socket `fd`."""
    # The first processes of containers, whose own parent ends at once, become children of this one.
    kernel.adopt_orphans()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=fd) as requests:
        while (received := receive(requests)) is not None:
            plan, fds = received
            if os.fork() == 0:
                requests.close()
                _become_container(plan, fds[0])
            os.close(fds[0])


def _become_container(plan: files.Plan, fd: int) -> None:
    control = socket.socket(fileno=fd)
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _launch(plan, control)
    except Exception as error:  # noqa: BLE001 - told to the server, whatever it is
        with contextlib.suppress(OSError):
            send(control, {"failed": _told(error)})
    finally:
        os._exit(1)


def _told(error: Exception) -> str:
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return f"{error.strerror}: {error.filename}" if error.filename else error.strerror


def _launch(plan: files.Plan, control: socket.socket) -> None:
    os.umask(0o022)
    Path("/proc/self/oom_score_adj").write_text("1000")
    owner = tuple(plan["owner"])
    if plan["privileged"]:
        _assemble_as_root(plan, owner)
    _enter_namespaces(owner)
    if not plan["privileged"]:
        files.assemble(plan, None)
    upper = os.open(files.UPPER, os.O_RDONLY | os.O_DIRECTORY)
    files.mount_overlay(plan)
    kernel.start_loopback()
    socket.sethostname(plan["hostname"])
    pid = os.fork()
    if pid == 0:
        os.close(upper)
        _become_init(plan, control)
    process = os.pidfd_open(pid)
    send(control, {"launched": True}, [upper, process])
    os._exit(0)


def _assemble_as_root(plan: files.Plan, owner: tuple[int, int]) -> None:
    """Mount what only root may see as root, and then be root no more, for good."""
    kernel.unshare("mount")
    files.assemble(plan, owner)
    os.setgroups([])
    os.setresgid(owner[1], owner[1], owner[1])
    os.setresuid(owner[0], owner[0], owner[0])
    # Changing the user took /proc/self, and with it the right to set up the mapping, away.
    kernel.set_dumpable(True)


def _enter_namespaces(owner: tuple[int, int]) -> None:
    kernel.unshare(*_NAMESPACES)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_UID_INSIDE} {owner[0]} 1")
    Path("/proc/self/gid_map").write_text(f"{_UID_INSIDE} {owner[1]} 1")


def _become_init(plan: files.Plan, control: socket.socket) -> None:
    try:
        files.mount_kernel_files()
        kernel.pivot_into_here()
        kernel.drop_capabilities()
        kernel.forbid_new_privileges()
        kernel.set_dumpable(False)
        install_filter()
        _forget_files(control)
        send(control, {"ready": True})
        serve(control, plan["limits"])
    except Exception as error:  # noqa: BLE001 - told to the server, whatever it is
        with contextlib.suppress(OSError):
            send(control, {"failed": _told(error)})
    finally:
        os._exit(0)


def _forget_files(control: socket.socket) -> None:
    """Close everything of the host but the control socket."""
    null = os.open("/dev/null", os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    os.closerange(3, control.fileno())
    os.closerange(control.fileno() + 1, 65536)
