"""Tables for notebooks. Every value is escaped, and no secret is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

__all__ = ["details", "table"]

_SECRETS = frozenset({"password", "secret", "token", "value"})
_SCALARS = (str, int, float, datetime)


def table(items: Sequence[object], *, goes_on: bool = False) -> str:
    """Return a table with one line for each item; the last one has an ellipsis if the list `goes_on`."""
    rows = [_cells(item) for item in items]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [_line("th", columns), *(_line("td", (row.get(name) for name in columns)) for row in rows)]
    if goes_on:
        lines.append(f'<tr><td colspan="{len(columns)}">…</td></tr>')
    return f"<table>{''.join(lines)}</table>" if rows else "<p>no items</p>"


def details(cells: Mapping[str, Any]) -> str:
    """Return a table with one line for each name and its value."""
    lines = (f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in cells.items())
    return f"<table>{''.join(lines)}</table>"


def _cells(item: object) -> dict[str, Any]:
    """What the item itself says that a table shows of it, without what is secret or fits into no cell."""
    cells = getattr(item, "_cells", None)
    if cells is None:
        return {"item": str(item)}
    return {name: value for name, value in cells().items() if name not in _SECRETS and _fits(value)}


def _fits(value: object) -> bool:
    return value is None or isinstance(value, _SCALARS)


def _line(tag: str, values: Iterable[object]) -> str:
    return f"<tr>{''.join(f'<{tag}>{_text(value)}</{tag}>' for value in values)}</tr>"


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return escape(value.isoformat(sep=" ", timespec="seconds"))
    return "" if value is None else escape(str(value))
