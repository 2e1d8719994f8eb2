"""What users configure in the place of a key: a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from tilde_core.access_token import AccessToken
from tilde_core.exceptions import ConfigurationError

__all__ = ["ApiKeyFunction", "check_function"]

ApiKeyFunction: TypeAlias = Callable[[], str | AccessToken]


def check_function(function: Any) -> ApiKeyFunction:
    """Return what was given in the place of a key. Raises `ConfigurationError` for what cannot be one."""
    if not callable(function):
        raise ConfigurationError(
            f"api_key must be a str, or a function that returns a str or an AccessToken, not {type(function).__name__}"
        )
    if inspect.iscoroutinefunction(function):
        raise ConfigurationError("api_key must be a plain function: nobody would await what an async one returns")
    checked: ApiKeyFunction = function
    return checked
