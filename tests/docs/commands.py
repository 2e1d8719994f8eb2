"""Shell commands in the documents: what they name must be there, and what is cheap runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from docs.blocks import ROOT, Block
from tilde.__main__ import _parser
from tilde_local import cli

__all__ = ["check_commands"]

_ASSIGNMENT = re.compile(r"([A-Z][A-Z_]*)=.*", re.DOTALL)
_SUBSHELL = re.compile(r"\$\((.*?)\)")


def check_commands(block: Block) -> None:
    """Raise `AssertionError` for a command that cannot work. In `console` blocks, commands begin with `$ `."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        assert lines, f"{block}: no line begins with '$ '"
    for line in lines:
        for part in re.split(r"&&|\|\||[;|]", line):
            _check(part, f"{block}: {part.strip()}")


def _check(command: str, where: str) -> None:
    for inner in _SUBSHELL.findall(command):
        _check(inner, where)
    words = [word for word in shlex.split(_SUBSHELL.sub("''", command), comments=True) if word != "&"]
    while words and (assignment := _ASSIGNMENT.fullmatch(words[0])):
        _check_variable(assignment[1], where)
        words = words[1:]
    if words:
        name = Path(words[0]).name
        assert name in _CHECKS, f"{where}: the test of the documents does not know this command"
        _CHECKS[name](words, where)


def _check_variable(name: str, where: str) -> None:
    files = ("config.py", "network_config.py", "logs.py")
    known = "".join((ROOT / "tilde_core/src/tilde_core" / file).read_text(encoding="utf-8") for file in files)
    assert name in ("NO_COLOR", "PYTHON") or f'"{name}"' in known, f"{where}: {name} is read nowhere"


def _export(words: list[str], where: str) -> None:
    for word in words[1:]:
        _check_variable(word.partition("=")[0], where)


def _make(words: list[str], where: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([\w%-]+):(?!=)", makefile, re.MULTILINE)
    for word in words[1:]:
        name, is_variable, _ = word.partition("=")
        if is_variable:
            assert f"$({name})" in makefile, f"{where}: the Makefile does not use {name}"
        else:
            assert any(re.fullmatch(t.replace("%", ".+"), name) for t in targets), f"{where}: no target {name}"


def _pip(words: list[str], where: str) -> None:
    """Only what lies in this checkout is installed by name: in registries, the names belong to somebody else."""
    for word in words[2:]:
        folder = re.sub(r"\[.*\]$", "", word)
        if not word.startswith("-"):
            assert folder == "." or folder.startswith("./"), f"{where}: {word} is no path in the checkout"
            assert (ROOT / folder / "pyproject.toml").is_file(), f"{where}: there is no distribution in {folder}"


def _tilde_local(words: list[str], where: str) -> None:
    try:
        cli._parser().parse_args(words[1:])
    except SystemExit as error:
        if error.code:
            raise AssertionError(f"{where}: tilde-local refuses these arguments") from error


def _tilde(words: list[str], where: str) -> None:
    try:
        _parser().parse_args(words[1:])
    except SystemExit as error:
        if error.code:
            raise AssertionError(f"{where}: tilde refuses these arguments") from error


def _python(words: list[str], where: str) -> None:
    if words[1] != "-m":
        assert any((folder / words[1]).is_file() for folder in (Path(), ROOT)), f"{where}: there is no {words[1]}"
    elif words[2] not in ("venv", "pytest"):
        _check(shlex.join(words[2:]), where)


def _pytest(words: list[str], where: str) -> None:
    """Run tests that a block of the same document has written; the project's own have only to be there."""
    paths = [Path(word.partition("::")[0]) for word in words[1:] if not word.startswith("-")]
    if paths and all(path.is_file() for path in paths):
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words[1:]],
            capture_output=True,
            text=True,
            check=False,
            timeout=100,  # a contract suite has many tests
        )
        assert ran.returncode == 0, f"{where}\n{ran.stdout}{ran.stderr}"
    for path in paths:
        assert path.exists() or (ROOT / path).exists(), f"{where}: there is no {path}"


def _nothing(words: list[str], where: str) -> None:
    """Pass: the shell's own."""


_CHECKS: dict[str, Callable[[list[str], str], None]] = {
    "cd": _nothing,
    "eval": _nothing,
    "export": _export,
    "make": _make,
    "pip": _pip,
    "pytest": _pytest,
    "python": _python,
    "python3": _python,
    ".": _nothing,
    "source": _nothing,
    "tilde": _tilde,
    "tilde-local": _tilde_local,
}
