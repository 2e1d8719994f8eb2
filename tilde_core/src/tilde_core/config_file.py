"""The config file and its profiles."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tilde_core.exceptions import ConfigurationError
from tilde_core.logs import logger
from tilde_core.sources import CONFIG_FILE, Setting, Sources

__all__ = ["open_sources"]

_DEFAULT = "default"


def open_sources(profile: str | None) -> tuple[Sources, Setting[str | None]]:
    """Return where settings come from, and the profile that was chosen; `None` is for the keys at the top level.

    A profile that is named in code was meant more than what happens to be in the environment, so it comes first; one
    that the environment names comes after the other variables, as the file always does. Raises `ConfigurationError` if
    it is not there.
    """
    chosen = Sources(os.environ, {}).find("profile", profile, "TILDE_PROFILE")
    file, problem = _read_config_file()
    if chosen.value is None:
        return Sources(os.environ, file or {}, problem=problem), chosen
    settings, label = _profile(file, problem, chosen)
    return Sources(os.environ, settings, label, problem=problem, file_first=profile is not None), chosen


def _profile(
    file: Mapping[str, Any] | None, problem: str, chosen: Setting[str | None]
) -> tuple[Mapping[str, Any], str]:
    """The settings of that profile and nothing else: none of the top level, lest a key goes to the wrong service."""
    name = chosen.value or _DEFAULT
    found = (file or {}).get("profiles")
    profiles = {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}
    if name == _DEFAULT and name not in profiles:
        return file or {}, CONFIG_FILE
    if name not in profiles:
        there_is = f"{CONFIG_FILE} is not used: {problem}" if problem else _there_is(file, profiles)
        raise ConfigurationError(f"there is no profile {name!r}, which the {chosen.source} names: {there_is}")
    label = f"profile {name!r} of {CONFIG_FILE}"
    if name == _DEFAULT:
        raise ConfigurationError(f"{label}: that is what the keys at the top level are called; give it another name")
    settings = profiles[name]
    if not isinstance(settings, dict):
        raise ConfigurationError(f"{label} must hold `name: value` lines, indented more than its own name")
    return settings, label


def _there_is(file: Mapping[str, Any] | None, profiles: Mapping[str, Any]) -> str:
    if file is None:
        return f"{CONFIG_FILE} is not there"
    if not profiles:
        return f"{CONFIG_FILE} has none; they stand below the key `profiles`, each by its name"
    return f"{CONFIG_FILE} has {', '.join(map(repr, profiles))}"


def _read_config_file() -> tuple[Mapping[str, Any] | None, str]:
    """Return the config file as a mapping, and why it cannot be used; of that, a warning in the log tells too. `None`
    is for one that is not there, or cannot be used."""
    try:
        text = Path(CONFIG_FILE).expanduser().read_text(encoding="utf-8")
        return _parse_config(text), ""
    except FileNotFoundError:
        return None, ""
    except _Unusable as error:
        problem = str(error)
    except (OSError, RuntimeError, UnicodeDecodeError) as error:  # RuntimeError: there is no home directory
        problem = f"it cannot be read ({type(error).__name__})"
    logger.warning("%s is not used: %s", CONFIG_FILE, problem)
    return None, problem


class _Unusable(Exception):
    """The text of a config file is not what it must be."""


def _parse_config(text: str) -> Mapping[str, Any]:
    import yaml  # only where there is a file

    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # Not the error's text: it quotes the file, and with it the key.
        raise _Unusable(f"it is not valid YAML ({_where(error)})") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise _Unusable("it must hold `name: value` lines")
    return content


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return type(error).__name__ if mark is None else f"line {mark.line + 1}, column {mark.column + 1}"
