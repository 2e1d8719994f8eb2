"""Runs `python -m tilde doctor` in a process of its own, and reads what it printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Examined", "examine", "run"]


@dataclass(frozen=True, slots=True)
class Examined:
    """The exit code, the report, and all that was printed."""

    code: int
    report: dict[str, Any]
    printed: str

    @property
    def verdicts(self) -> dict[str, str]:
        return {check["name"]: check["verdict"] for check in self.report["checks"]}

    @property
    def settings(self) -> dict[str, tuple[str | None, str]]:
        return {row["name"]: (row["value"], row["source"]) for row in self.report["settings"]}

    def told(self, name: str) -> str:
        """What is said of a check: what was found, and the advice."""
        return "\n".join(
            f"{check['detail']} -> {check['advice']}" for check in self.report["checks"] if check["name"] == name
        )


def run(*arguments: str, path: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it; `path` goes to the front of the module path. Its end is waited for without a limit of its own."""
    environ = {**os.environ, **variables, **({"PYTHONPATH": str(path)} if path is not None else {})}
    command = [sys.executable, "-W", "error", "-m", "tilde", "doctor", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def examine(*arguments: str, path: Path | None = None, **variables: str) -> Examined:
    """Run it with `--json`; it must print nothing else."""
    result = run("--json", *arguments, path=path, **variables)
    assert result.stderr == ""
    return Examined(result.returncode, json.loads(result.stdout), result.stdout)
