"""Where settings come from, and what was found there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tilde_core.exceptions import ConfigurationError
from tilde_core.logs import logger

__all__ = ["CONFIG_FILE", "Setting", "Sources"]

CONFIG_FILE = "~/.tilde/config.yaml"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """A value and its `source`: an argument, an environment variable, the config file, or the default.

    The repr of a `secret` one does not show the value.
    """

    value: T
    source: str
    secret: bool = field(default=False, compare=False)

    def __repr__(self) -> str:
        shown = "***" if self.secret and self.value is not None else self.value
        return f"Setting({shown!r}, source={self.source!r})"


class Sources:
    """The environment and the config file."""

    def __init__(self, environ: Mapping[str, str], file: Mapping[str, Any]) -> None:
        self._environ = environ
        self._file = file

    def find(self, name: str, argument: str | None, *variables: str, in_file: bool = False) -> Setting[str | None]:
        """Return a text: the argument, else the first variable that is not empty, else what the file has."""
        if argument is not None:
            return Setting(_checked_argument(name, argument), f"argument {name}")
        found = self.find_variable(*variables)
        if found.value is not None:
            return found
        if in_file and name in self._file:
            value = self._file[name]
            if isinstance(value, str) and value.strip():
                return Setting(value.strip(), CONFIG_FILE)
            if value is not None and value != "":
                logger.warning("%s: %s is not text; it is treated as absent", CONFIG_FILE, name)
        return Setting(None, "default")

    def find_any(self, name: str, argument: Any, variable: str) -> Setting[Any]:
        """Return a value of any type, as `find` does; from the environment it is a text. It is yet to be checked."""
        if argument is not None:
            if isinstance(argument, str):
                argument = _checked_argument(name, argument)
            return Setting(argument, f"argument {name}")
        found = self.find_variable(variable)
        if found.value is not None:
            return found
        value = self._file.get(name)
        if isinstance(value, str):
            value = value.strip() or None
        return Setting(None, "default") if value is None else Setting(value, f"{name} in {CONFIG_FILE}")

    def find_variable(self, *variables: str) -> Setting[str | None]:
        """Return the first of these environment variables that is not empty."""
        for variable in variables:
            value = self._environ.get(variable, "").strip()
            if value:
                return Setting(value, f"environment variable {variable}")
        return Setting(None, "default")

    def has_variable(self, variable: str) -> bool:
        """Return whether the environment has this variable, were it empty."""
        return variable in self._environ


def _checked_argument(name: str, value: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a str, not {type(value).__name__}")
    if not value.strip():
        raise ConfigurationError(f"{name} is empty; leave it out to use the environment or the config file")
    return value.strip()
