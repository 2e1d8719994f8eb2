"""Count the lines of each file below this directory, into `summary.csv`. The quickstart runs this in a sandbox."""

from __future__ import annotations

import csv
from pathlib import Path

files = sorted(path for path in Path().rglob("*") if path.is_file())
with Path("summary.csv").open("w", newline="", encoding="utf-8") as summary:
    table = csv.writer(summary)
    table.writerow(["path", "bytes", "lines"])
    for file in files:
        content = file.read_bytes()
        size, lines = len(content), content.count(b"\n")
        table.writerow([file.as_posix(), size, lines])
        print(f"    {file.as_posix()}: {lines} lines", flush=True)
