"""Text that the caller gives, checked before anything is sent."""

from __future__ import annotations

import unicodedata

__all__ = ["checked_text", "repository_names"]


def checked_text(name: str, value: str) -> str:
    """Return `value` if a URL can hold it. Raises `TypeError`, and `ValueError` for control characters and lone
    surrogates, which call it `name`."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if any(unicodedata.category(character) == "Cc" for character in value):
        raise ValueError(f"{name} {value!r} holds a control character")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{name} {value!r} holds a lone surrogate, which UTF-8 cannot express")
    return value


def repository_names(name: str, path: str) -> tuple[str, str]:
    """Return organization and repository of `"organization/repository"`. Raises `TypeError`, and `ValueError` for
    another form, which call it `name`."""
    organization, slash, repository = checked_text(name, path).partition("/")
    if not slash or not organization or not repository or "/" in repository:
        raise ValueError(f'{name} {path!r} must have the form "organization/repository"')
    return organization, repository
