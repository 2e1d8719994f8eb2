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
    file = _read_config_file()
    if chosen.value is None:
        return Sources(os.environ, file or {}), chosen
    settings, label = _profile(file, chosen.value, chosen.source)
    return Sources(os.environ, settings, label, file_first=profile is not None), chosen


def _profile(file: Mapping[str, Any] | None, name: str, source: str) -> tuple[Mapping[str, Any], str]:
    """The settings of that profile and nothing else: none of the top level, lest a key goes to the wrong service."""
    found = (file or {}).get("profiles")
    profiles = {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}
    if name == _DEFAULT and name not in profiles:
        return file or {}, CONFIG_FILE
    if name not in profiles:
        raise ConfigurationError(f"there is no profile {name!r}, which the {source} names: {_there_is(file, profiles)}")
    label = f"profile {name!r} of {CONFIG_FILE}"
    if name == _DEFAULT:
        raise ConfigurationError(f"{label}: that is what the keys at the top level are called; give it another name")
    settings = profiles[name]
    if not isinstance(settings, dict):
        raise ConfigurationError(f"{label} must hold `name: value` lines, indented more than its own name")
    return settings, label


def _there_is(file: Mapping[str, Any] | None, profiles: Mapping[str, Any]) -> str:
    if file is None:
        return f"{CONFIG_FILE} is not there, or cannot be used, of which the log `tilde` would tell"
    if not profiles:
        return f"{CONFIG_FILE} has none; they stand below the key `profiles`, each by its name"
    return f"{CONFIG_FILE} has {', '.join(map(repr, profiles))}"


def _read_config_file() -> Mapping[str, Any] | None:
    """Return the config file as a mapping. `None` is for one that is not there, or cannot be used; of that a warning in
    the log tells."""
    try:
        text = Path(CONFIG_FILE).expanduser().read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError, UnicodeDecodeError) as error:  # RuntimeError: there is no home directory
        logger.warning("%s is not used: %s", CONFIG_FILE, type(error).__name__)
        return None
    return _parse_config(text)


def _parse_config(text: str) -> Mapping[str, Any] | None:
    import yaml  # only where there is a file

    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # Not the error's text: it quotes the file, and with it the key.
        logger.warning("%s is not used: it is not valid YAML (%s)", CONFIG_FILE, type(error).__name__)
        return None
    if content is None:
        return {}
    if not isinstance(content, dict):
        logger.warning("%s is not used: it must hold `name: value` lines", CONFIG_FILE)
        return None
    return content
