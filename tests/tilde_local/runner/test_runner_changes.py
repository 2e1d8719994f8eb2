"""What is found to have changed. The same on every runner, but for what only an overlay knows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tilde_local.runner.base import Limits

if TYPE_CHECKING:
    from tilde_local.runner.conftest import Start

FILES = {"a": "a", "d/b": "b", "d/e/c": "c", "z": "z"}


def test_nothing(start: Start) -> None:
    sandbox = start(FILES)
    assert sandbox.sh("cat a d/b d/e/c z; ls -lR").stdout.startswith(b"abcz")
    assert sandbox.changes() == ([], {}, {})


@pytest.mark.parametrize(
    ("script", "deleted", "written"),
    [
        ("echo new > n", [], {"n": b"new\n"}),
        ("mkdir -p x/y; echo new > x/y/n", [], {"x/y/n": b"new\n"}),
        ("mkdir empty", [], {}),
        (": > n", [], {"n": b""}),
        ("printf more >> a", [], {"a": b"amore"}),
        ("printf new > d/e/c", [], {"d/e/c": b"new"}),
        (": > a", [], {"a": b""}),
        ("rm a", ["a"], {}),
        ("echo x > n; rm n", [], {}),
        ("rm a; printf again > a", [], {"a": b"again"}),
        ("mv a n", ["a"], {"n": b"a"}),
        ("mv a z", ["a"], {"z": b"a"}),
        ("mv a d/b", ["a"], {"d/b": b"a"}),
        ("ln a n", [], {"a": b"a", "n": b"a"}),
        ("echo 1 > n; ln n m; echo 2 >> m", [], {"n": b"1\n2\n", "m": b"1\n2\n"}),
        ("mv a n; mv z a; mv n z", [], {"a": b"z", "z": b"a"}),
        ("cp -r d f", [], {"f/b": b"b", "f/e/c": b"c"}),
        ("printf x > n; mv n a", [], {"a": b"x"}),
        ("rm a; mkdir a; printf x > a/y", ["a"], {"a/y": b"x"}),
        ("echo x > 'with space'", [], {"with space": b"x\n"}),
        ("echo x > 'ü😀'", [], {"ü😀": b"x\n"}),
        ("echo x > 'a\nb'", [], {"a\nb": b"x\n"}),
        ("echo x > '\\'", [], {"\\": b"x\n"}),
        ("echo x > .hidden", [], {".hidden": b"x\n"}),
        ("echo x > -rf", [], {"-rf": b"x\n"}),
        ("mkdir x; echo x > x/n; chmod 0 x/n x", [], {"x/n": b"x\n"}),
        ("printf x >> a; chmod 0 a", [], {"a": b"ax"}),
        ("mkdir x; echo x > x/n; chmod 444 x", [], {"x/n": b"x\n"}),
    ],
)
def test_files(start: Start, script: str, deleted: list[str], written: dict[str, bytes]) -> None:
    sandbox = start(FILES)
    done = sandbox.sh(script)
    assert (done.code, done.stderr) == (0, b"")
    changes = sandbox.changes()
    assert changes.skipped == {}
    # Moving or linking a file may touch what it leaves as it was.
    same = {path: data.encode() for path, data in FILES.items() if path not in written}
    assert {path: data for path, data in changes.written.items() if same.get(path) != data} == written
    assert changes.deleted == deleted


@pytest.mark.parametrize(
    ("script", "gone", "written"),
    [
        ("rm -r d", {"d/b", "d/e/c"}, {}),
        ("rm -r d; mkdir d", {"d/b", "d/e/c"}, {}),
        ("rm -r d; mkdir d; echo x > d/n", {"d/b", "d/e/c"}, {"d/n": b"x\n"}),
        ("rm -r d; mkdir d; echo x > d/b", {"d/e/c"}, {"d/b": b"x\n"}),
        ("rm -r d; echo x > d", {"d/b", "d/e/c"}, {"d": b"x\n"}),
        ("mv d n", {"d/b", "d/e/c"}, {"n/b": b"b", "n/e/c": b"c"}),
        ("mv d/e .", {"d/e/c"}, {"e/c": b"c"}),
        ("rm -r * .[!.]* 2>/dev/null; test -z \"$(ls -A)\"", {"a", "d/b", "d/e/c", "z"}, {}),
    ],
)  # fmt: skip
def test_folders(start: Start, script: str, gone: set[str], written: dict[str, bytes]) -> None:
    """A folder that is gone may be told as one, or file by file."""
    sandbox = start(FILES)
    done = sandbox.sh(script)
    assert (done.code, done.stderr) == (0, b"")
    changes = sandbox.changes()
    assert changes.written == written
    covered = {path for path in FILES for each in changes.deleted if f"{path}/".startswith(f"{each}/")}
    assert covered - set(written) == gone


def test_a_file_that_was_only_touched_may_have_changed(start: Start) -> None:
    sandbox = start(FILES)
    assert sandbox.sh("touch a; chmod +x z").code == 0
    assert sandbox.changes() == ([], {"a": b"a", "z": b"z"}, {})


def test_a_big_file(start: Start) -> None:
    sandbox = start({"big": b"0" * 10_000_000})
    assert sandbox.sh("printf 1 >> big; head -c 50000000 /dev/zero > bigger").code == 0
    written = sandbox.changes().written
    assert written["big"] == b"0" * 10_000_000 + b"1"
    assert (len(written["bigger"]), set(written["bigger"])) == (50_000_000, {0})


@pytest.mark.parametrize("target", ["a", "./a", "d/../a", "l2", "{mount}/a", "{mount}/./d/..//a", "//{mount}/a"])
def test_a_link_to_a_file_of_the_mount_is_taken_in_as_that_file(start: Start, target: str) -> None:
    sandbox = start(FILES)
    target = target.format(mount=sandbox.container.mountpoint)
    assert sandbox.run("ln", "-s", target, "l").code == 0
    assert sandbox.sh("ln -s d/../a l2").code == 0
    assert sandbox.changes() == ([], {"l": b"a", "l2": b"a"}, {})


def test_a_link_to_a_new_file_and_through_a_linked_folder(start: Start) -> None:
    sandbox = start(FILES)
    assert sandbox.sh("mkdir x; echo 1 > x/n; ln -s ../x/n d/l; ln -s d f; ln -s f/e/c g; ln -s d/e/../b h").code == 0
    changes = sandbox.changes()
    assert changes.written == {"x/n": b"1\n", "d/l": b"1\n", "g": b"c", "h": b"b"}
    assert changes.skipped == {"f": "it is a link to a folder"}


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("/etc/passwd", "out of the mount"),
        ("../../etc/passwd", "out of the mount"),
        ("../etc/passwd", "out of the mount"),
        ("{mount}/../etc/passwd", "out of the mount"),
        ("d/../../etc/passwd", "out of the mount"),
        ("/proc/self/environ", "out of the mount"),
        ("out/passwd", "out of the mount"),
        ("nothing", "to nothing"),
        ("gone", "to nothing"),
        ("a/b", "to nothing"),
        ("l", "in a circle"),
        ("loop1", "in a circle"),
        ("d", "to a folder"),
        (".", "to a folder"),
        ("fifo", "no file"),
    ],
)
def test_a_link_to_anything_else_is_left_out(start: Start, target: str, why: str) -> None:
    sandbox = start({**FILES, "gone": "x"})
    script = 'ln -s "$1" l; ln -s loop2 loop1; ln -s loop1 loop2; ln -s /etc out; rm gone; mkfifo fifo'
    assert sandbox.sh(script, target.format(mount=sandbox.container.mountpoint)).code == 0
    changes = sandbox.changes()
    assert (changes.deleted, changes.written) == (["gone"], {})
    assert why in changes.skipped["l"]


def test_a_file_that_became_such_a_link_is_gone(start: Start) -> None:
    sandbox = start(FILES)
    assert sandbox.sh("ln -sf /etc/passwd a; ln -sfn /etc d/e/c; rm z; mkfifo z").code == 0
    changes = sandbox.changes()
    assert (sorted(changes.deleted), changes.written) == (["a", "d/e/c", "z"], {})
    assert sorted(changes.skipped) == ["a", "d/e/c", "z"]


def test_what_is_no_file_is_left_out(start: Start) -> None:
    sandbox = start(FILES)
    source = "import os, socket; os.mkfifo('pipe'); socket.socket(socket.AF_UNIX).bind('socket')"
    assert sandbox.run("python", "-c", source).code == 0
    assert sandbox.changes() == ([], {}, {"pipe": "it is a pipe", "socket": "it is a socket"})


def test_names_that_are_not_utf_8_are_left_out(start: Start) -> None:
    sandbox = start(FILES)
    assert (
        sandbox.run("python", "-c", "open(b'x\\xff', 'w'); import os; os.mkdir(b'\\xfe'); open(b'\\xfe/n', 'w')").code
        == 0
    )
    why = "its name is not UTF-8"
    assert sandbox.changes() == ([], {}, {"x\\xff": why, "\\xfe/n": why})


def test_a_path_beyond_what_the_kernel_takes_is_left_out(start: Start) -> None:
    sandbox = start(FILES)
    source = """
import os
for _ in range(60):
    os.mkdir("x" * 200)
    os.chdir("x" * 200)
open("deep", "w")
"""
    assert sandbox.run("python", "-c", source).code == 0
    changes = sandbox.changes()
    assert (changes.deleted, changes.written) == ([], {})
    assert list(changes.skipped.values()) == ["its path is too long"]


def test_many_files(start: Start) -> None:
    sandbox = start(FILES, limits=Limits(files=20_000))
    source = """
import os
for i in range(10_000):
    os.makedirs(f"x/{i % 100}", exist_ok=True)
    open(f"x/{i % 100}/{i}", "w").write(str(i))
"""
    assert sandbox.run("python", "-c", source).code == 0
    written = sandbox.changes().written
    assert written == {f"x/{i % 100}/{i}": str(i).encode() for i in range(10_000)}


def test_the_tree_stays_as_it_was(start: Start) -> None:
    sandbox = start(FILES)
    done = sandbox.sh("echo x >> a; rm -r d; mv z y; chmod 0 a")
    assert done.code == 0
    assert sandbox.changes().written
    again = {path: data.encode() for path, data in FILES.items()}
    tree = sandbox.tree
    assert {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()} == again
    assert (tree / "a").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def test_changes_can_be_asked_for_twice(start: Start) -> None:
    sandbox = start(FILES)
    assert sandbox.sh("echo x > n; rm a").code == 0
    assert sandbox.changes() == sandbox.changes() == (["a"], {"n": b"x\n"}, {})


@pytest.mark.parametrize("mountpoint", ["/data", "/a/b c/ü", "/home/sandbox/data", "/tmp/data", "/opt", "/mnt/x/"])
def test_mountpoints(isolated: Start, mountpoint: str) -> None:
    sandbox = isolated(FILES, mountpoint=mountpoint)
    done = sandbox.sh(f"cd '{mountpoint}' && cat a && echo x > n && ln -s '{mountpoint}/a' l")
    assert (done.code, done.stdout) == (0, b"a")
    assert sandbox.changes() == ([], {"n": b"x\n", "l": b"a"}, {})
