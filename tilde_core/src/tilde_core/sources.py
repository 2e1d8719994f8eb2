"""Where settings come from, and what was found there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


_ABSENT: Setting[Any] = Setting(None, "default")


class Sources:
    """The environment, and the config file or one of its profiles, whose name is `label`.

    `problem` says why the file cannot be used, if it cannot. With `file_first`, what stands in the file comes before
    the environment.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        file: Mapping[str, Any],
        label: str = CONFIG_FILE,
        *,
        problem: str = "",
        file_first: bool = False,
    ) -> None:
        self._environ = environ
        self._file = file
        self._label = label
        self.problem = problem
        self.file_first = file_first
        self._known: set[str] = set()  # every name and variable that was asked for

    def find(self, name: str, argument: str | None, *variables: str, in_file: bool = False) -> Setting[str | None]:
        """Return a text: the argument, else the first variable that is not empty, else what the file has."""
        if argument is not None:
            return Setting(_checked_argument(name, argument), f"argument {name}")
        found = self.find_variable(*variables)
        if not in_file:
            return found
        self._known.add(name)
        return self._with_file(found, lambda: self._text_in_file(name))

    def find_any(self, name: str, argument: Any, variable: str) -> Setting[Any]:
        """Return a value of any type, as `find` does; from the environment it is a text. It is yet to be checked."""
        if argument is not None:
            if isinstance(argument, str):
                argument = _checked_argument(name, argument)
            return Setting(argument, f"argument {name}")
        self._known.add(name)
        return self._with_file(self.find_variable(variable), lambda: self.find_in_file(name))

    def find_in_file(self, name: str) -> Setting[Any]:
        """Return a value of any type from the file alone. It is yet to be checked."""
        self._known.add(name)
        value = self._file.get(name)
        if isinstance(value, str):
            value = value.strip() or None
        return _ABSENT if value is None else Setting(value, f"{name} in {self._label}")

    def find_variable(self, *variables: str) -> Setting[str | None]:
        """Return the first of these environment variables that is not empty."""
        self._known.update(variables)
        for variable in variables:
            value = self._environ.get(variable, "").strip()
            if value:
                return Setting(value, f"environment variable {variable}")
        return _ABSENT

    def has_variable(self, variable: str) -> bool:
        """Return whether the environment has this variable, were it empty."""
        return variable in self._environ

    def warn_of_misspelled(self) -> None:
        """Warn of what is there and nobody has asked for, if it is nearly the name of a setting."""
        for name in self._file:
            self._warn_if_misspelled(str(name), f"{name} in {self._label}")
        for variable in self._environ:
            if _is_variable(variable):
                self._warn_if_misspelled(variable, f"environment variable {variable}")

    def _warn_if_misspelled(self, name: str, source: str) -> None:
        if name in self._known:
            return
        from difflib import get_close_matches

        known = {
            other.removeprefix("TILDE_"): other for other in self._known if _is_variable(other) == _is_variable(name)
        }
        for near in get_close_matches(name.removeprefix("TILDE_"), known, n=1, cutoff=0.8):
            logger.warning("%s is not used: there is no such setting. Is it meant to be %s?", source, known[near])

    def _with_file(self, found: Setting[Any], look: Callable[[], Setting[Any]]) -> Setting[Any]:
        """What was found in the environment, or what a look into the file finds, whichever counts."""
        if found.value is not None and not self.file_first:
            return found
        in_file = look()
        return found if in_file.value is None else in_file

    def _text_in_file(self, name: str) -> Setting[str | None]:
        value = self._file.get(name)
        if isinstance(value, str) and value.strip():
            return Setting(value.strip(), self._label)
        if value is not None and not isinstance(value, str):
            logger.warning("%s: %s is not text; it is treated as absent", self._label, name)
        return _ABSENT


def _is_variable(name: str) -> bool:
    return name.startswith("TILDE_")


def _checked_argument(name: str, value: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a str, not {type(value).__name__}")
    if not value.strip():
        raise ConfigurationError(f"{name} is empty; leave it out to use the environment or the config file")
    return value.strip()
