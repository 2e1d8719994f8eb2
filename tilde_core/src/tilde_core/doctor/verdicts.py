"""What a check comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Check", "Verdict", "failed", "ok", "one_line", "skipped", "warning"]

Verdict: TypeAlias = Literal["ok", "warning", "failed", "skipped"]
_MAX_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its `name`, the `verdict`, what was found, and what to do about it (`""` if nothing)."""

    name: str
    verdict: Verdict
    detail: str
    advice: str = ""


def ok(name: str, detail: str) -> Check:
    """Return a check that found nothing wrong."""
    return Check(name, "ok", one_line(detail))


def warning(name: str, detail: str, advice: str) -> Check:
    """Return a check that found what works, and should not be so."""
    return Check(name, "warning", one_line(detail), advice)


def failed(name: str, detail: str, advice: str) -> Check:
    """Return a check that found what does not work."""
    return Check(name, "failed", one_line(detail), advice)


def skipped(name: str, detail: str, advice: str = "") -> Check:
    """Return a check that was not made, and why."""
    return Check(name, "skipped", one_line(detail), advice)


def one_line(text: str) -> str:
    """Return `text` without line ends and control characters: servers and plugins have a say in it."""
    shown = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return shown if len(shown) <= _MAX_LENGTH else shown[:_MAX_LENGTH] + "…"
