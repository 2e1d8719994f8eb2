"""The example plugins are what a stranger could write: with public names alone, whole, and installed from wheels."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tilde.exceptions
import tilde.models
import tilde.plugins
import tilde_core.testing.contract

PLUGINS = sorted(path for path in (Path(__file__).parents[2] / "examples/plugins").iterdir() if path.is_dir())
PUBLIC = ("tilde", "tilde.exceptions", "tilde.models", "tilde.plugins")
FOR_TESTS = ("tilde_core.testing", "tilde_core.testing.contract")


def imports_of(file: Path) -> Iterator[tuple[str, str]]:
    """Each module of ours that a file imports, and the name from it; `""` for the module itself."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def ours(file: Path, own: str) -> list[tuple[str, str]]:
    return [(module, name) for module, name in imports_of(file) if re.match(rf"tilde(?!\w*{own[5:]}\b)", module)]


@pytest.fixture(params=PLUGINS, ids=lambda path: path.name)
def plugin(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def package_of(plugin: Path) -> str:
    return plugin.name.replace("-", "_")


def test_there_are_three() -> None:
    names = ["tilde-auth-oidc-example", "tilde-otel-example", "tilde-transport-urllib3-example"]
    assert [path.name for path in PLUGINS] == names


def test_public_names_are_enough(plugin: Path) -> None:
    allowed = {(module, name) for module in PUBLIC for name in ("", *getattr(_module(module), "__all__", ()))}
    found = {pair for file in (plugin / "src").rglob("*.py") for pair in ours(file, package_of(plugin))}
    assert found - allowed == set()
    assert ("tilde.plugins", "hookimpl") in found


def test_the_kit_is_enough_for_tests(plugin: Path) -> None:
    modules = (*PUBLIC, *FOR_TESTS)
    allowed = {(module, name) for module in modules for name in ("", *getattr(_module(module), "__all__", ()))}
    found = {pair for file in (plugin / "tests").rglob("*.py") for pair in ours(file, package_of(plugin))}
    assert found - allowed == set()


def test_no_private_name_is_used(plugin: Path) -> None:
    """Neither of a module nor of an object: what begins with `_` is its owner's, but for `self`."""
    for file in plugin.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                assert isinstance(node.value, ast.Name), f"{file}:{node.lineno}"
                assert node.value.id == "self", f"{file}:{node.lineno}: {node.value.id}.{node.attr}"


def test_package_is_whole(plugin: Path) -> None:
    package = plugin / "src" / package_of(plugin)
    for path in (plugin / "README.md", plugin / "pyproject.toml", package / "py.typed", package / "plugin.py"):
        assert path.is_file(), path
    assert [*(plugin / "tests").glob("test_*.py")] != []


def test_it_is_installed_from_its_wheel(plugin: Path) -> None:
    """Not from the folder in place, and from no registry."""
    installed = importlib.metadata.distribution(plugin.name)
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    assert origin["url"].startswith("file://")
    assert origin["url"].endswith(".whl")
    files = {str(file) for file in installed.files or ()}
    assert f"{package_of(plugin)}/py.typed" in files
    assert not any(file.startswith("tests") for file in files)


def test_what_is_installed_is_what_is_here(plugin: Path) -> None:
    """A wheel of yesterday would pass the tests of yesterday."""
    installed = importlib.metadata.distribution(plugin.name)
    for file in (plugin / "src").rglob("*.py"):
        there = Path(str(installed.locate_file(file.relative_to(plugin / "src"))))
        assert there.read_bytes() == file.read_bytes(), f"{file} is newer than what is installed: run make test-quick"


def test_its_metadata_say_what_it_is(plugin: Path) -> None:
    installed = importlib.metadata.distribution(plugin.name)
    assert installed.metadata["License-Expression"] == "Apache-2.0"
    assert "Typing :: Typed" in (installed.metadata.get_all("Classifier") or [])
    assert "tilde-core<0.2,>=0.1.0" in (installed.requires or [])
    assert {entry.group for entry in installed.entry_points} == {"tilde"}


def test_it_can_be_uploaded_nowhere(plugin: Path) -> None:
    """Registries refuse what is classified so."""
    classifiers = importlib.metadata.distribution(plugin.name).metadata.get_all("Classifier") or []
    assert "Private :: Do Not Upload" in classifiers


def _module(name: str) -> object:
    modules = {module.__name__: module for module in (tilde, tilde.exceptions, tilde.models, tilde.plugins)}
    return {**modules, "tilde_core.testing": tilde_core.testing, FOR_TESTS[1]: tilde_core.testing.contract}[name]
