"""What commands may use up, and that nothing of theirs stays. Each of these is an attempt to take too much."""

from __future__ import annotations

import os
import secrets
import select
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import eventually
from tilde_local.runner.base import Limits

if TYPE_CHECKING:
    from tilde_local.runner.conftest import Sandbox, Start

MIB = 1 << 20
MARKER = f"marker-{secrets.token_hex(8)}"


def alive(marker: str) -> list[str]:
    """The processes of this machine that have the marker in their arguments."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                arguments = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if marker.encode() in arguments:
                found.append(folder.name)
    return found


def start_and_read(sandbox: Sandbox, script: str, *arguments: str) -> None:
    """Start a script that prints `ready` when it is where the test wants it."""
    reader, writer = os.pipe()
    sandbox.start(["sh", "-c", script, "sh", *arguments], stdout=writer)
    os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as stream:
        assert stream.read(5) == b"ready"


def test_burning_the_processor(start: Start) -> None:
    done = start(limits=Limits(cpu_seconds=1)).sh("while :; do :; done")
    assert done.code in (152, 137)


def test_a_memory_bomb(start: Start) -> None:
    sandbox = start(limits=Limits(memory_bytes=256 * MIB))
    done = sandbox.run("python", "-c", "x = []\nwhile True: x.append(bytearray(10_000_000))")
    assert (done.code, b"MemoryError" in done.stderr) == (1, True)
    assert sandbox.run("python", "-c", "x = bytearray(100_000_000)").code == 0


def test_a_huge_file(start: Start) -> None:
    sandbox = start(limits=Limits(file_bytes=5 * MIB))
    assert sandbox.run("dd", "if=/dev/zero", "of=big", "bs=1M", "count=6").code == 153
    assert sandbox.run("truncate", "-s", "6M", "bigger").code != 0
    assert {path: len(data) for path, data in sandbox.changes().written.items()} == {"big": 5 * MIB, "bigger": 0}


def test_no_core_dumps(start: Start) -> None:
    sandbox = start()
    assert sandbox.sh("kill -SEGV $$").code == 139
    assert sandbox.changes() == ([], {}, {})


def test_open_files(start: Start) -> None:
    done = start().run("python", "-c", "x = []\nwhile True: x.append(open('/dev/null'))")
    assert b"Too many open files" in done.stderr


def test_a_limit_cannot_be_raised(isolated: Start) -> None:
    source = "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (r.RLIM_INFINITY, r.RLIM_INFINITY))"
    assert b"not allowed to raise maximum limit" in isolated().run("python", "-c", source).stderr


def test_a_fork_bomb(isolated: Start) -> None:
    sandbox, other = isolated(limits=Limits(processes=50)), isolated()
    source = """
import os
count = 0
while True:
    try:
        pid = os.fork()
    except OSError:
        break
    if pid == 0:
        os.read(os.pipe()[0], 1)
    count += 1
print(count, flush=True)
"""
    reader, writer = os.pipe()
    process = sandbox.start(["python", "-c", source], stdout=writer)
    os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as stream:
        # The command, its monitor and the first process count too.
        assert 40 <= int(stream.read(10)) < 50
    assert other.run("true").code == 0
    process.kill()
    assert sandbox.run("true").code == 0


def test_a_bomb_that_forks_faster_than_it_is_killed(isolated: Start) -> None:
    sandbox = isolated(limits=Limits(processes=60))
    start_and_read(sandbox, "bomb() { bomb | bomb & }; bomb 2> /dev/null; echo ready; tail -f /dev/null")
    sandbox.container.kill()
    assert sandbox.changes() == ([], {}, {})


def test_killing_a_command_that_forks_fast_ends_all_of_it(isolated: Start) -> None:
    sandbox = isolated(limits=Limits(processes=60))
    process = sandbox.start(["sh", "-c", "bomb() { bomb | bomb & }; bomb 2> /dev/null; tail -f /dev/null"])
    process.kill()
    assert process.wait(60) == 137
    count = "ls /proc | grep -c '^[0-9]*$'"
    # The first process, and the three of this command with its monitor. What is killed takes a moment to be gone, and
    # until then there may be no room for another process.
    eventually(lambda: (counted := sandbox.sh(count).stdout) and int(counted) <= 5)


@pytest.mark.parametrize("place", [".", "$TMPDIR", "$HOME", "/dev/shm"])
def test_filling_the_disk(isolated: Start, place: str) -> None:
    sandbox = isolated({"a": "a"}, limits=Limits(disk_bytes=20 * MIB))
    done = sandbox.sh(f"cd {place}; head -c 12000000 /dev/zero > one && head -c 12000000 /dev/zero > two")
    assert (done.code, b"No space left" in done.stderr) == (1, True)
    # It is one limit for all places together.
    assert b"No space left" in sandbox.sh("head -c 12000000 /dev/zero > /tmp/three").stderr
    assert sandbox.sh("cat a; rm -f one two /tmp/* ~/* /dev/shm/*; echo still > works").stdout == b"a"
    assert sandbox.changes().written == {"works": b"still\n"}


def test_filling_the_inodes(isolated: Start) -> None:
    sandbox = isolated(limits=Limits(files=1000))
    source = "import itertools\nfor i in itertools.count(): open(f'/tmp/{i}', 'w').close()"
    done = sandbox.run("python", "-c", source)
    assert b"No space left" in done.stderr
    assert sandbox.sh("find /tmp -delete 2> /dev/null; echo x > n").code == 0


def test_changing_a_file_that_is_larger_than_the_disk(isolated: Start) -> None:
    sandbox = isolated({"big": bytes(30 * MIB)}, limits=Limits(disk_bytes=20 * MIB))
    done = sandbox.sh("wc -c < big; echo x >> big")
    assert (done.stdout, b"No space left" in done.stderr) == (b"31457280\n", True)
    assert sandbox.changes() == ([], {}, {})


DAEMON = """
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(1, b"ready")
        os.execvp("tail", ["tail", "-q", "-f", "/dev/null", sys.argv[1]])
    os._exit(0)
os.wait()
"""


def test_daemons_end_with_the_container(isolated: Start) -> None:
    sandbox = isolated({"daemon.py": DAEMON, MARKER: ""})
    start_and_read(sandbox, f"python daemon.py {MARKER}; tail -f {MARKER}")
    assert alive(MARKER)
    sandbox.container.kill()
    assert alive(MARKER) == []


def test_daemons_stay_when_their_command_ends_and_end_when_it_is_killed(isolated: Start) -> None:
    sandbox = isolated({"daemon.py": DAEMON, MARKER: ""})
    reader, writer = os.pipe()
    process = sandbox.start(["python", "daemon.py", MARKER], stdout=writer)
    other = sandbox.start(["tail", "-f", "/dev/null"])
    os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as stream:
        assert stream.read(5) == b"ready"
        assert process.wait(60) == 0
        assert sandbox.sh(f"grep -l {MARKER} /proc/*/cmdline 2> /dev/null | grep -v self | head -n 1").stdout
        process.kill()
        # It holds the pipe open as long as it lives.
        assert stream.read() == b""
    with pytest.raises(TimeoutError):
        other.wait(0.01)
    sandbox.container.kill()
    assert other.wait(60) == 137


def test_killing_one_s_own_monitor_changes_nothing(isolated: Start) -> None:
    """A command may kill what watches it: its exit code is known all the same, and it can be killed."""
    sandbox = isolated()
    assert sandbox.sh("kill -KILL $PPID; echo still here; exit 5") == (5, b"still here\n", b"")
    reader, writer = os.pipe()
    process = sandbox.start(["sh", "-c", "kill -KILL $PPID; echo ready; sleep 1000"], stdout=writer)
    os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as stream:
        assert stream.read(6) == b"ready\n"
        process.kill()
        assert process.wait(60) == 137
        assert stream.read() == b""


def test_killing_everything_one_can_see(isolated: Start) -> None:
    sandbox, other = isolated(), isolated()
    bystander = sandbox.start(["tail", "-f", "/dev/null"])
    elsewhere = other.start(["tail", "-f", "/dev/null"])
    assert sandbox.run("python", "-c", "import os; os.kill(-1, 9); print('alone')").stdout == b"alone\n"
    assert bystander.wait(60) == 137
    assert sandbox.run("true").code == 0
    with pytest.raises(TimeoutError):
        elsewhere.wait(0.01)


SERVER = """
import os, sys
from pathlib import Path
from tilde_local.runner.base import ContainerSpec, Limits
from tilde_local.runner.namespaces import NamespacesRunner

spec = ContainerSpec(id="one", tree=Path(sys.argv[1]), mountpoint="/sandbox", image="", limits=Limits())
container = NamespacesRunner(Path(sys.argv[2])).start(spec)
null = os.open(os.devnull, os.O_RDWR)
arguments = ["tail", "-f", "/dev/null", sys.argv[3]]
container.run(arguments, env=container.environment, cwd="/sandbox", stdin=null, stdout=null, stderr=null)
print("ready", flush=True)
sys.stdin.read()
"""


def test_containers_end_with_a_server_that_is_killed(isolated: Start, tmp_path: Path) -> None:
    tree = isolated.make_tree({MARKER: ""})
    arguments = [sys.executable, "-c", SERVER, str(tree), str(tmp_path / "scratch"), MARKER]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        inside = [int(pid) for pid in alive(MARKER) if int(pid) != server.pid]
        assert inside
        pidfds = [os.pidfd_open(pid) for pid in inside]
        server.kill()
    for pidfd in pidfds:
        # Readable once the process has ended.
        assert select.select([pidfd], [], [], 60)[0]
        os.close(pidfd)
    assert alive(MARKER) == []
