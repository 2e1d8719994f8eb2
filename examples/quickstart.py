"""Tilde in one minute: version files, look at an old version, undo an accident, run a script on the data.

python examples/quickstart.py               with the data set in examples/data
python examples/quickstart.py PATH ...      with files and folders of your own
"""

from __future__ import annotations

import argparse
import codecs
import io
import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import tilde
import tilde_local
from tilde.exceptions import TildeError
from tilde.models import Commit, ListingEntry, Repository
from tilde_local.errors import StartError

EXAMPLE_DATA = Path(__file__).parent / "data"
SCRIPT = Path(__file__).parent / "summarize.py"
MOST_FILES = 500
MOST_LINES = 10


# --- The job: this is the part to copy -------------------------------------------------------------------------------


def commit_files(repo: Repository, files: dict[str, Path]) -> None:
    """All or nothing: a session that ends without a commit leaves no trace."""
    with repo.session() as session:
        for path, file in files.items():
            session.objects.put(path, file)
        session.commit(f"Add {count(len(files), 'file')}", metadata={"source": "quickstart"})


def commit_accident(repo: Repository, overwritten: str, deleted: str | None, added: str) -> None:
    with repo.session() as session:
        session.objects.put(overwritten, b"oops\n")
        session.objects.put(added, b"This was not meant to be here.\n")
        if deleted is not None:
            session.objects.delete(deleted)
        session.commit("Clean up")


def read_start(commit: Commit, path: str) -> bytes:
    """Bytes come as they are read, so the start of a large object is as quick as a small one."""
    with commit.objects.get(path, cache=False) as file:
        return file.read(200)


def run_script(repo: Repository, script: Path) -> str:
    """What the script changes becomes one commit, and nothing does if it fails. Returns the commit's id."""
    with repo.shell() as sh:
        sh.run(["python", "-"], stdin=script.read_bytes(), check=True, on_stdout=show_output)
    return sh.result.commit_id


@contextmanager
def embedded_server() -> Iterator[tilde_local.Server]:
    """Sandboxes are kept away from this machine where that can be done. The script of step 5 does no harm anyway."""
    try:
        server = tilde_local.Server(runner="namespaces").start()
    except StartError:
        server = tilde_local.Server(runner="plain").start()
    try:
        yield server
    finally:
        server.stop()


def quickstart(files: dict[str, Path]) -> None:
    with (
        embedded_server() as server,
        tilde.Client(server.api_key, endpoint_url=server.endpoint_url) as client,
    ):
        repo = client.organizations.create("my-team").repositories.create("my-data")
        title(f"Tilde quickstart: {repo.path} on {server.endpoint_url} (embedded, gone at the end)")
        victim, other = victims(files)

        step("1. Commit the files", "session.objects.put(...); session.commit(...)")
        commit_files(repo, files)
        commit_accident(repo, victim, other, unused_name(files))
        accident, original = repo.commits.list()
        show_objects(original, len(files))

        step("2. Have an accident, and see what it did", "commit.diff()")
        for change in accident.diff():
            show_change(change)

        step("3. Read the older version", f"commit.objects.get({victim!r})")
        show(f"{short(original)}  {preview(read_start(original, victim))}")
        show(f"{short(accident)}  {preview(read_start(accident, victim))}")

        step("4. Undo it", "commit.revert(...)")
        undone = accident.revert(message="Undo the accident")
        show(f"{victim} has {size_of(undone.objects.head(victim).content_length)} again")

        step("5. Run a script on the data, in a sandbox", "repo.shell(); sh.run(...)")
        show(f"isolation: {server.isolation}")
        made = repo.commits.get(run_script(repo, SCRIPT))
        for change in made.diff():
            show_change(change)

        step("6. The timeline, newest first", "repo.commits.list()")
        for commit in repo.commits.list():
            show(f"{short(commit)}  {commit.message}", "*", YELLOW)


# --- Finding files ---------------------------------------------------------------------------------------------------


def find_files(arguments: Sequence[Path]) -> dict[str, Path]:
    """Return the files by object path. Hidden files, and what is no file (a socket, a pipe), are left out.

    Raises `ValueError` if there is nothing to upload, or two files would get one path.
    """
    found: dict[str, Path] = {}
    for root in (argument.resolve() for argument in arguments):
        if not root.exists():
            raise ValueError(f"there is no file or folder {escaped(os.fspath(root))}")
        for file in [root] if root.is_file() else sorted(root.rglob("*")):
            relative = file.relative_to(root.parent)
            if file.is_file() and (file == root or not is_hidden(file.relative_to(root))):
                path = escaped(relative.as_posix())
                if found.setdefault(path, file) != file:
                    raise ValueError(f"two files would be stored as {path}: rename a folder")
    if not found:
        raise ValueError("there are no files to upload (hidden ones are left out)")
    return found


def is_hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts)


def escaped(name: str) -> str:
    """A file name may be any bytes; an object path is printable UTF-8. What is not is written as `\\xe9`."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def victims(files: dict[str, Path]) -> tuple[str, str | None]:
    """The file to overwrite (the largest) and one to delete, if there is another."""
    victim = max(files, key=lambda path: files[path].stat().st_size)
    return victim, next((path for path in files if path != victim), None)


def unused_name(files: dict[str, Path]) -> str:
    """A name that none of the files has."""
    return next(name for number in itertools.count() if (name := f"oops{number or ''}.txt") not in files)


# --- Showing it ------------------------------------------------------------------------------------------------------

BOLD, DIM, RED, GREEN, YELLOW = "1", "2", "31", "32", "33"
SIGNS = {"added": ("+", GREEN), "modified": ("~", YELLOW), "removed": ("-", RED)}


def colored(text: str, color: str) -> str:
    plain = not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain or not color else f"\x1b[{color}m{text}\x1b[0m"


def title(text: str) -> None:
    print(colored(text, BOLD))


def step(text: str, code: str) -> None:
    print(f"\n{colored(text, BOLD)}  {colored(code, DIM)}")


def show(text: str, sign: str = "", color: str = "") -> None:
    print(f"  {colored(f'{sign:1}', color)} {text}")


def show_objects(commit: Commit, total: int) -> None:
    entries = list(commit.objects.list(amount=MOST_LINES))
    width = min(max(len(entry.path) for entry in entries), 60)
    for entry in entries:
        size = entry.entry.size if entry.entry else 0
        show(f"{entry.path:{width}}  {size_of(size):>9}", "+", GREEN)
    if total > len(entries):
        show(f"... and {total - len(entries)} more")


def show_change(change: ListingEntry) -> None:
    status = change.status or "modified"
    sign, color = SIGNS[status]
    show(f"{change.path}  {colored(status, DIM)}", sign, color)


def short(commit: Commit) -> str:
    return commit.id[:12]


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def size_of(size: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return count(size, "byte")


def show_output(printed: bytes) -> None:
    """Show what a command prints, while it runs."""
    sys.stdout.write(printed.decode(errors="replace").replace("\r", ""))
    sys.stdout.flush()


def preview(start: bytes) -> str:
    """Return the first line of a text, or the first bytes of anything else; never what a terminal would act upon."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start)  # the last character may be cut in two
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return f"binary: {start[:16].hex(' ')} ..."
    lines = text.strip().splitlines() or ["(empty)"]
    return "".join(c if c.isprintable() else " " for c in lines[0][:80])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="quickstart", description="Version files with Tilde, on this machine.")
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="files and folders (default: examples/data)"
    )
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # so that a terminal without UTF-8 can show every name
    try:
        files = find_files(options.paths or [EXAMPLE_DATA])
    except ValueError as error:
        parser.error(str(error))
    try:
        quickstart(limited(files))
    except (OSError, TildeError) as error:
        print(f"quickstart: {error}", file=sys.stderr)
        return 1
    return 0


def limited(files: dict[str, Path]) -> dict[str, Path]:
    if len(files) > MOST_FILES:
        print(f"There are {len(files)} files; this takes the first {MOST_FILES}.\n")
    return dict(list(files.items())[:MOST_FILES])


if __name__ == "__main__":
    sys.exit(main())
