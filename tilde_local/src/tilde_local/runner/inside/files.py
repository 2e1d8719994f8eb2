"""What can be seen in a container: the mounts, made in a mount namespace of their own.

They are put together in a tmpfs on `staging`, an empty directory of the host, and everything in it is named relative to
it, since the user of the container could not walk there:

    root/    what becomes /: small, read-only, with the host's programs bound into it
    lower/   the tree, read-only
    written/ a tmpfs for everything that is written: upper/ and work/ of the overlay, tmp/, home/, shm/
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .kernel import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC, bind, mount, mount_flags

__all__ = ["UPPER", "Plan", "assemble", "mount_kernel_files", "mount_overlay"]

Plan = dict[str, Any]

UPPER = "written/upper"

_READ_ONLY = MS_RDONLY | MS_NOSUID | MS_NODEV
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS_IN_DEV = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}
# Of /proc: settings of the kernel, and what tells about the machine and others on it.
_PROC_READ_ONLY = ("sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi", "asound", "driver", "tty")
_PROC_HIDDEN = (
    "config.gz", "kallsyms", "kcore", "key-users", "keys", "kmsg", "latency_stats", "modules", "sched_debug",
    "timer_list", "vmallocinfo", "pagetypeinfo", "slabinfo", "iomem", "ioports",
)  # fmt: skip
_SKELETON_OPTIONS = "mode=755,size=16m"


def assemble(plan: Plan, owner: tuple[int, int] | None) -> None:
    """Mount everything but what needs the container's own namespaces. Leaves the process in `staging`.

    What can be written belongs to `owner`, or to who makes it.
    """
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    mount("tilde", plan["staging"], "tmpfs", MS_NOSUID | MS_NODEV, _SKELETON_OPTIONS)
    os.chdir(plan["staging"])
    for name in ("root", "lower", "written"):
        Path(name).mkdir()
    bind(plan["tree"], "lower", _READ_ONLY | MS_NOEXEC)
    _mount_written(plan, owner)
    _lay_out_root(plan)
    _fill_dev()
    for source, target in plan["binds"]:
        _bind_read_only(source, f"root{target}")
    for path in plan["hidden"]:
        if Path(f"root{path}").is_dir():
            mount("hidden", f"root{path}", "tmpfs", _READ_ONLY, "mode=000,size=4k,nr_inodes=1")


def _mount_written(plan: Plan, owner: tuple[int, int] | None) -> None:
    options = f"mode=755,size={plan['disk_bytes']},nr_inodes={plan['files']}"
    mount("written", "written", "tmpfs", MS_NOSUID | MS_NODEV, options)
    for name, mode in (("upper", 0o755), ("work", 0o755), ("home", 0o700), ("tmp", 0o1777), ("shm", 0o1777)):
        path = Path("written", name)
        path.mkdir()
        path.chmod(mode)
        if owner is not None:
            os.chown(path, *owner)


def _lay_out_root(plan: Plan) -> None:
    for path in plan["directories"]:
        Path(f"root{path}").mkdir(parents=True, exist_ok=True)
    for path, target in plan["links"].items():
        Path(f"root{path}").symlink_to(target)
    for path, text in plan["texts"].items():
        Path(f"root{path}").write_text(text)
    for name, path in (("tmp", "/tmp"), ("home", plan["home"]), ("shm", "/dev/shm")):
        bind(f"written/{name}", f"root{path}", MS_NOSUID | MS_NODEV)
    Path(f"root{plan['mountpoint']}").mkdir(parents=True, exist_ok=True)


def _fill_dev() -> None:
    for name in _DEVICES:
        target = Path("root/dev", name)
        target.touch()
        mount(f"/dev/{name}", str(target), None, MS_BIND)
        mount_flags(str(target), MS_NOSUID | MS_NOEXEC, recursive=False)
    for name, destination in _LINKS_IN_DEV.items():
        Path("root/dev", name).symlink_to(destination)


def _bind_read_only(source: str, target: str) -> None:
    if Path(source).is_dir():
        Path(target).mkdir(parents=True, exist_ok=True)
    else:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).touch()
    bind(source, target, _READ_ONLY)


def mount_overlay(plan: Plan) -> None:
    """Show the files at the mountpoint, and seal the root. Leaves the process in the new root, a mount of its own."""
    options = f"lowerdir=lower,upperdir={UPPER},workdir=written/work,userxattr"
    mount("files", f"root{plan['mountpoint']}", "overlay", MS_NOSUID | MS_NODEV, options)
    # The copy of a mount that a user namespace inherited cannot become a root; a mount of its own can.
    mount("root", "root", None, MS_BIND | MS_REC)
    os.chdir("root")
    mount_flags(".", MS_RDONLY | MS_NOSUID | MS_NODEV, recursive=False)


def mount_kernel_files() -> None:
    """Mount /proc of this process namespace, and terminals; afterwards no more user namespaces can be made."""
    mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620")
    mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for limit in Path("proc/sys/user").glob("max_*_namespaces"):
        limit.write_text("0")
    for name in _PROC_READ_ONLY:
        path = f"proc/{name}"
        if Path(path).exists():
            bind(path, path, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for name in _PROC_HIDDEN:
        if Path("proc", name).exists():
            bind("dev/null", f"proc/{name}", MS_NOSUID | MS_NOEXEC)
