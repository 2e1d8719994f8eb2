"""What the doctor found, as text and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

from tilde_core.doctor.settings import SettingRow
from tilde_core.doctor.verdicts import Check
from tilde_core.hooks.manager import PluginInfo

__all__ = ["Report"]

_WIDTH = 110


@dataclass(slots=True)
class Report:
    """Versions, settings, plugins and checks."""

    versions: dict[str, str]
    settings: list[SettingRow] = field(default_factory=list)
    plugins: list[PluginInfo] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    @property
    def is_ok(self) -> bool:
        """Whether no check has failed."""
        return all(check.verdict != "failed" for check in self.checks)

    def as_json(self) -> str:
        """Return all of it as one object."""
        return json.dumps({"ok": self.is_ok, **asdict(self)}, indent=2)

    def as_text(self) -> str:
        """Return all of it as lines for people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield ", ".join(f"{name} {version}" for name, version in self.versions.items())
        if self.settings:
            yield from ("", "Settings")
            yield from _table([(row.name, row.value or "-", row.source) for row in self.settings])
        if self.plugins:
            yield from ("", "Plugins")
            yield from (f"  {plugin}" for plugin in self.plugins)
        yield from ("", "Checks")
        for check in self.checks:
            yield from _check_lines(check)
        yield from ("", self._summary())

    def _summary(self) -> str:
        counts = Counter(check.verdict for check in self.checks)
        return ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("ok", "warning", "failed", "skipped"))


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield ("  " + "  ".join(cells)).rstrip()


def _check_lines(check: Check) -> Iterator[str]:
    head, indent = f"  {check.verdict:8} {check.name:10} ", " " * 22
    yield from _wrapped(head + check.detail, indent)
    if check.advice:
        yield from _wrapped(f"{indent}-> {check.advice}", indent + "   ")


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
