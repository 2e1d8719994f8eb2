"""`examples/quickstart.py` as its user runs it: a process of its own, and what it prints."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tilde_local")

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "examples" / "quickstart.py"


def run(*arguments: str | bytes | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", QUICKSTART, *arguments],
        capture_output=True,
        encoding=variables.get("PYTHONIOENCODING", "utf-8"),
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **variables},
        check=False,
        timeout=100,
    )


def steps(output: str) -> list[list[str]]:
    """The lines below each of the numbered titles."""
    sections = re.split(r"^\d\. .*\n", output, flags=re.MULTILINE)
    return [[line.strip() for line in section.strip().splitlines()] for section in sections[1:]]


def test_the_data_set_that_ships() -> None:
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    committed, changed, read, undone, ran, timeline = steps(done.stdout)
    assert committed == ["+ data/README.md        1.4 kB", "+ data/penguins.csv    15.2 kB"]
    assert changed == ["- data/README.md  removed", "~ data/penguins.csv  modified", "+ oops.txt  added"]
    assert undone == ["data/penguins.csv has 15.2 kB again"]
    isolation, *ran = ran
    assert isolation.startswith("isolation: ")
    assert ran == ["data/README.md: 26 lines", "data/penguins.csv: 345 lines", "+ summary.csv  added"]
    sandbox, *messages = [re.sub(r"^\* [0-9a-f]{12}  ", "", line) for line in timeline]
    assert sandbox.startswith("Sandbox ")
    assert messages == ["Undo the accident", "Clean up", "Add 2 files"]
    first, second = timeline[3].split()[1], timeline[2].split()[1]
    assert read[0].startswith(f"{first}  species,island,bill_length_mm,")
    assert read[1] == f"{second}  oops"
    assert "\x1b" not in done.stdout


def test_the_data_set_is_what_its_readme_says() -> None:
    with (ROOT / "examples/data/penguins.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 344
    assert {row["species"] for row in rows} == {"Adelie", "Chinstrap", "Gentoo"}
    assert "CC0" in (ROOT / "examples/data/README.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Nested, binary, empty and hidden files, a link to a folder above, and names that not every system can have."""
    mine = tmp_path / "mine"
    (mine / "deep" / "er").mkdir(parents=True)
    (mine / "deep" / "er" / "data.bin").write_bytes(b"\0\1\2" * 1000)
    (mine / "empty.txt").touch()
    (mine / "größe.txt").write_text("\x1b[31mred\n", encoding="utf-8")
    (mine / ".hidden").write_text("secret", encoding="utf-8")
    if sys.platform == "linux":
        Path(os.fsdecode(bytes(mine) + b"/caf\xe9\n.txt")).touch()
        (mine / "deep" / "up").symlink_to(mine)
    return mine


def test_files_of_ones_own(folder: Path) -> None:
    done = run(folder)
    assert (done.returncode, done.stderr) == (0, "")
    committed, changed, read, undone, ran, timeline = steps(done.stdout)
    names = [line.split()[1] for line in committed]
    unusual = [r"mine/caf\xe9\n.txt"] if sys.platform == "linux" else []
    assert names == [*unusual, "mine/deep/er/data.bin", "mine/empty.txt", "mine/größe.txt"]
    assert changed[-1] == "+ oops.txt  added"
    assert "~ mine/deep/er/data.bin  modified" in changed
    assert read[0].endswith("binary: 00 01 02 00 01 02 00 01 02 00 01 02 00 01 02 00 ...")
    assert undone == ["mine/deep/er/data.bin has 3.0 kB again"]
    assert ran[-1] == "+ summary.csv  added"
    assert "mine/empty.txt: 0 lines" in ran
    assert timeline[-1].endswith(f"Add {len(names)} files")


def test_single_files_on_a_terminal_without_utf8(folder: Path) -> None:
    done = run(folder / "größe.txt", PYTHONIOENCODING="ascii")
    committed, _, read, *_ = steps(done.stdout)
    assert committed == [r"+ gr\xf6\xdfe.txt    9 bytes"]
    assert read[0].endswith("[31mred")
    assert "\x1b" not in done.stdout


def test_many_files_are_cut_short(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number:02}").touch()
    committed, *_ = steps(run(tmp_path).stdout)
    assert committed[-1] == "... and 2 more"
    assert len(committed) == 11


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], r"there is no file or folder .*nowhere"),
        (["empty"], r"there are no files to upload"),
        (["one/a", "two/a"], r"two files would be stored as a: rename"),
        (["--nonsense"], r"unrecognized arguments"),
    ],
)
def test_arguments_that_cannot_be_used(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "one", "two"):
        Path(name).mkdir()
    Path("one/a").touch()
    Path("two/a").touch()
    done = run(*arguments)
    assert done.returncode == 2
    assert re.search(message, done.stderr)
    assert done.stdout == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("no_color", ["", "1"])
def test_colors_are_for_terminals(no_color: str, tmp_path: Path) -> None:
    import pty  # not on Windows

    (tmp_path / "a").touch()
    parent, child = pty.openpty()
    try:
        environ = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
        subprocess.run([sys.executable, QUICKSTART, tmp_path / "a"], stdout=child, env=environ, check=True, timeout=100)
        output = os.read(parent, 65536).decode()
    finally:
        os.close(parent)
        os.close(child)
    assert ("\x1b[" in output) is (not no_color)


def test_a_file_that_is_called_like_the_accident(tmp_path: Path) -> None:
    (tmp_path / "oops.txt").write_text("a longer text of one's own\n")
    (tmp_path / "other.txt").write_text("x\n")
    done = run(tmp_path / "oops.txt", tmp_path / "other.txt")
    assert (done.returncode, done.stderr) == (0, "")
    assert "+ oops1.txt  added" in done.stdout
