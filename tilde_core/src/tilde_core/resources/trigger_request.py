"""What a trigger is asked to be, checked before anything is sent: a misspelled key must not be passed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast, get_args

from tilde_core.arguments import checked_text
from tilde_core.config import Config
from tilde_core.models.sandbox_triggers import DiffType, SandboxTriggerCondition, SandboxTriggerConfig
from tilde_core.resources.sandbox_request import sandbox_request

__all__ = [
    "TriggerCondition",
    "TriggerConfig",
    "as_conditions",
    "as_config",
    "checked_conditions",
    "checked_config",
    "checked_name",
]

TriggerCondition: TypeAlias = SandboxTriggerCondition | Mapping[str, Any]
TriggerConfig: TypeAlias = SandboxTriggerConfig | Mapping[str, Any]

_MAX_NAME = 100
_MAX_CONDITIONS = 10
_MATCHED = {"prefix": "prefix", "path_exact": "path"}  # by the type of a condition: the key that has what is matched
_CONDITION_KEYS = ("type", "prefix", "path", "diff_type")
_CONFIG_KEYS = ("image", "command", "mountpoint", "path_prefix", "timeout_seconds", "env_vars", "env")


def checked_name(name: str) -> str:
    """Return a name of 1 to 100 characters. Raises `ValueError`, `TypeError`."""
    if not checked_text("name", name).strip():
        raise ValueError("name is empty; it must say what the trigger is for")
    if len(name) > _MAX_NAME:
        raise ValueError(f"name has {len(name)} characters; at most {_MAX_NAME} are possible")
    return name


def checked_conditions(conditions: Sequence[TriggerCondition]) -> list[dict[str, Any]]:
    """Return 1 to 10 conditions. Raises `ValueError`, `TypeError`."""
    if isinstance(conditions, (str, Mapping)) or not isinstance(conditions, Sequence):
        raise TypeError(f"conditions must be a list of mappings, not {type(conditions).__name__}")
    if not 1 <= len(conditions) <= _MAX_CONDITIONS:
        raise ValueError(f"conditions: there must be 1 to {_MAX_CONDITIONS}, not {len(conditions)}")
    return [_checked_condition(f"conditions[{index}]", each) for index, each in enumerate(conditions)]


def checked_config(config: Config, sandbox_config: TriggerConfig) -> dict[str, Any]:
    """Return what the sandboxes are to be; the image is the client's default if left out.

    Raises `ValueError`, `TypeError`.
    """
    given = _fields("sandbox_config", sandbox_config, _CONFIG_KEYS)
    if "env" in given and "env_vars" in given:
        raise ValueError("sandbox_config has both 'env' and 'env_vars', which are the same; leave one out")
    try:
        return sandbox_request(
            config,
            image=given.get("image"),
            command=given.get("command"),
            env=given.get("env", given.get("env_vars")),
            mountpoint=given.get("mountpoint"),
            path_prefix=given.get("path_prefix"),
            timeout_seconds=given.get("timeout_seconds"),
            run_as=None,
            mode=None,
        )
    except (ValueError, TypeError) as error:
        raise type(error)(f"sandbox_config: {error}") from None


def as_conditions(told: Sequence[Mapping[str, Any]]) -> list[SandboxTriggerCondition]:
    """Return conditions as the service tells them, without what says nothing: they may be sent back so."""
    return [cast("SandboxTriggerCondition", _without_nothing(each, _matched_key(each))) for each in told]


def as_config(told: Mapping[str, Any]) -> SandboxTriggerConfig:
    """Return a configuration as the service tells it, without what says nothing: it may be sent back so."""
    return cast("SandboxTriggerConfig", _without_nothing(told))


def _checked_condition(name: str, condition: TriggerCondition) -> dict[str, Any]:
    given = _fields(name, condition, _CONDITION_KEYS)
    if given.get("type") not in _MATCHED:
        raise ValueError(f"{name}: type {given.get('type')!r} must be one of {', '.join(_MATCHED)}")
    key = _MATCHED[given["type"]]
    if key not in given:
        raise ValueError(f"{name}: a condition of the type {given['type']!r} needs {key!r}")
    meaningless = {"prefix", "path"} - {key}
    if key == "prefix" and given.get("diff_type") != "any":  # "any" is what the service may have put there itself
        meaningless.add("diff_type")
    if unfit := next((each for each in given if each in meaningless), None):
        raise ValueError(f"{name}: {unfit!r} means nothing in a condition of the type {given['type']!r}")
    if not checked_text(f"{name}: {key}", given[key]) and key == "path":
        raise ValueError(f"{name}: path is empty; it must name an object")
    if given[key].startswith("/"):
        raise ValueError(f"{name}: {key} {given[key]!r} begins with a slash; paths are relative")
    if given.get("diff_type", "any") not in get_args(DiffType):
        raise ValueError(f"{name}: diff_type {given['diff_type']!r} must be one of {', '.join(get_args(DiffType))}")
    return given


def _fields(name: str, given: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """What is named, and is not `None`."""
    if not isinstance(given, Mapping):
        raise TypeError(f"{name} must be a mapping, not {type(given).__name__}")
    for key in given:
        if key not in known:
            raise ValueError(f"{name} has the key {key!r}, which is none of {', '.join(known)}")
    return {key: value for key, value in given.items() if value is not None}


def _matched_key(condition: Mapping[str, Any]) -> str:
    return _MATCHED.get(str(condition.get("type")), "")


def _without_nothing(told: Mapping[str, Any], kept: str = "") -> dict[str, Any]:
    return {key: value for key, value in told.items() if value not in (None, "", [], {}) or key == kept}
