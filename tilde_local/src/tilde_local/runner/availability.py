"""Whether this machine lets namespaces isolate: found out by doing it."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from functools import cache
from pathlib import Path

from tilde_local.runner.base import Container, ContainerSpec, Deleted, Limits, RunnerError, Written

__all__ = ["why_namespaces_are_missing"]

_ADVICE = "`--runner plain` runs commands as ordinary processes of this machine, which isolates nothing"
_SETTINGS = Path("/proc/sys")
# What forbids user namespaces, to all or to ordinary users: a setting of the kernel, and its value if it does not.
_ALLOWING = {
    "user.max_user_namespaces": "10000",
    "kernel.unprivileged_userns_clone": "1",
    "kernel.apparmor_restrict_unprivileged_userns": "0",
}
_MACHINES = ("x86_64", "aarch64")
_KERNEL = (6, 6)

# Reads, replaces a folder, and looks whether the host is out of sight and the filter in place.
_PROBE = """
set -e
test "$(cat given/old)" = old
rm -r given; mkdir given; echo new > given/new
test "$(cut -d: -f1 < /etc/passwd | head -n 1)" = sandbox
grep -q '^Seccomp:.2' /proc/self/status
grep -q '^NoNewPrivs:.1' /proc/self/status
grep -q '^CapBnd:.0000000000000000' /proc/self/status
"""


@cache
def why_namespaces_are_missing() -> str | None:
    """None if the namespaces runner works here, else why not and what to do. Asked once a process."""
    reason = _missing_from_platform() or _failure_of_probe()
    return reason and f"sandboxes cannot be isolated on this machine: {reason}. {_ADVICE}"


def _missing_from_platform() -> str | None:
    if sys.platform != "linux":
        return f"that takes Linux, and this is {platform.system()}"
    if os.uname().machine not in _MACHINES:
        return f"that takes a processor of the kind {' or '.join(_MACHINES)}, and this is {os.uname().machine}"
    return None


def _failure_of_probe() -> str | None:
    with tempfile.TemporaryDirectory(prefix="tilde-probe-") as scratch:
        try:
            _probe(Path(scratch))
        except RunnerError as error:
            return f"{error.message}{_hint()}"
    return None


def _probe(scratch: Path) -> None:
    # What follows imports modules that other systems do not have.
    from tilde_local.runner.identity import identity_of_commands
    from tilde_local.runner.namespaces import NamespacesRunner

    identity = identity_of_commands()
    tree = scratch / "tree"
    (tree / "given").mkdir(parents=True)
    (tree / "given" / "old").write_text("old")
    for path in (tree, tree / "given", tree / "given" / "old"):
        os.chown(path, identity.uid, identity.gid)
    runner = NamespacesRunner(scratch / "runner")
    try:
        spec = ContainerSpec(id="probe", tree=tree, mountpoint="/sandbox", image="", limits=Limits())
        container = runner.start(spec)
        _run_probe(container)
        container.close()
    finally:
        runner.close()


def _run_probe(container: Container) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    try:
        command = ["/bin/sh", "-c", _PROBE]
        process = container.run(
            command, env=container.environment, cwd="/sandbox", stdin=null, stdout=null, stderr=null
        )
        code = process.wait(60)
    finally:
        os.close(null)
    container.kill()
    changes = [(type(change), change.path) for change in container.changes()]
    if code != 0 or changes != [(Deleted, "given"), (Written, "given/new")]:
        raise RunnerError("internal_error", f"a trial did not do what it should (exit code {code}, changes {changes})")


def _hint() -> str:
    version = tuple(int(part) for part in platform.release().split(".")[:2] if part.isdigit())
    if version < _KERNEL:
        return f" (that takes Linux {_KERNEL[0]}.{_KERNEL[1]} or newer, and this is {platform.release()})"
    names = list(_ALLOWING)[:1] if os.geteuid() == 0 else _ALLOWING
    changes = [f"{name}={_ALLOWING[name]}" for name in names if _is_forbidding(name)]
    return f" (a setting of this machine forbids it: `sysctl -w {' '.join(changes)}` allows it)" if changes else ""


def _is_forbidding(name: str) -> bool:
    setting = _SETTINGS / name.replace(".", "/")
    if not setting.exists():
        return False
    value = setting.read_text().strip()
    return value != "0" if _ALLOWING[name] == "0" else value == "0"
