"""The page's section "Installation": in a fresh environment, from wheels, with no registry to ask."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from specification.wheels import ROOT
from specification.world import World, snippet, text_of

TRY = "import tilde, sys; print(tilde.repository('my-team/my-data').id, tilde.__file__.startswith(sys.prefix))"


def install(world: World, number: str, environment: Path, **variables: str) -> None:
    """Run the page's command, told where to find wheels, and try what it has installed in `environment`."""
    path = os.pathsep.join([os.fspath(environment / "bin"), os.fspath(ROOT / ".tools" / "bin"), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, **variables}
    for name in ("PYTHONPATH", "TILDE_TRANSPORT"):  # what is installed is used as it is, with its own transport
        env.pop(name, None)
    subprocess.run(text_of(number), shell=True, check=True, env=env, cwd=world.directory, timeout=100)
    tried = subprocess.run(
        [environment / "bin" / "python", "-c", TRY], env=env, check=True, capture_output=True, text=True, timeout=60
    )
    assert tried.stdout.split() == [world.repository.id, "True"]


@snippet("001")
def with_pip(world: World) -> None:
    environment = world.directory / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    folder = os.fspath(world.wheels)
    install(world, "001", environment, PIP_NO_INDEX="1", PIP_FIND_LINKS=folder, PIP_DISABLE_PIP_VERSION_CHECK="1")


@snippet("002")
def with_uv(world: World) -> None:
    if not shutil.which("uv", path=os.fspath(ROOT / ".tools" / "bin")):
        pytest.skip("uv is not in .tools/bin: `make test` installs it there")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    (world.directory / "pyproject.toml").write_text(
        f'[project]\nname = "mine"\nversion = "1"\nrequires-python = "=={version}.*"\n'
        f'[tool.uv]\nno-index = true\nfind-links = ["{world.wheels}"]\n'
        f"environments = [\"sys_platform == '{sys.platform}'\"]\n",  # there are no wheels here for any other
        encoding="utf-8",
    )
    install(
        world, "002", world.directory / ".venv", UV_OFFLINE="1", UV_PYTHON=sys.executable, UV_PYTHON_DOWNLOADS="never"
    )
