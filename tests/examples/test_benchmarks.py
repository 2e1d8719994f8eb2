"""The benchmarks run: the figures are for people, the table is checked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tilde_local")
pytest.importorskip("tilde_transport_httpx.transport")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "run.py"


def test_a_small_run() -> None:
    command: list[str | Path] = [
        sys.executable,
        "-W",
        "error",
        BENCHMARKS,
        "--runs",
        "1",
        "--entries",
        "50",
        "call",
        "list",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    titles = [line[:44].strip() for line in done.stdout.splitlines()]
    assert titles == ["case", "one small call / httpx and json", "list all entries / httpx and json"]
