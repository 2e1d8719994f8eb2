"""Arguments that many calls have, checked before anything is sent."""

from __future__ import annotations

import inspect
import re

__all__ = ["check_callback", "checked_text", "repository_names"]

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


def check_callback(name: str, callback: object) -> None:
    """Raise `TypeError` for what is neither `None` nor a plain function; the message calls it `name`."""
    if callback is None:
        return
    if not callable(callback):
        raise TypeError(f"{name} must be a function, not {type(callback).__name__}")
    if inspect.iscoroutinefunction(callback):
        raise TypeError(f"{name} must be a plain function: nobody would await what an async one returns")
