"""Text that the caller gives, checked before anything is sent."""

from __future__ import annotations

import re

__all__ = ["checked_text", "repository_names"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


def checked_text(name: str, value: str) -> str:
    """Return `value` if a URL can hold it. Raises `TypeError`, and `ValueError` for control characters and lone
    surrogates, which call it `name`."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if _CONTROL.search(value):
        raise ValueError(f"{name} {value!r} holds a control character")
    if _LONE_SURROGATE.search(value):
        raise ValueError(f"{name} {value!r} holds a lone surrogate, which UTF-8 cannot express")
    return value


def repository_names(name: str, path: str) -> tuple[str, str]:
    """Return organization and repository of `"organization/repository"`. Raises `TypeError`, and `ValueError` for
    another form, which call it `name`."""
    organization, slash, repository = checked_text(name, path).partition("/")
    if not slash or not organization or not repository or "/" in repository:
        raise ValueError(f'{name} {path!r} must have the form "organization/repository"')
    return organization, repository
