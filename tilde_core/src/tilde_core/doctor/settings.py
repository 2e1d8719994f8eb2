"""The settings as people may see them: each with its source, and none of the secrets among them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from tilde_core.config import Config, Setting
from tilde_core.http import Timeout
from tilde_core.network.proxy import Proxy
from tilde_core.network.tls import ClientCert

__all__ = ["SettingRow", "setting_rows"]


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting, its value (`None` if there is none, a secret as `***`), and where it came from."""

    name: str
    value: str | None
    source: str


def setting_rows(config: Config) -> list[SettingRow]:
    """Return every setting, in the order in which they are documented."""
    return [*_rows(config), *_rows(config.network)]


def _rows(settings: Any) -> list[SettingRow]:
    found = [(field.name, getattr(settings, field.name)) for field in fields(settings)]
    return [SettingRow(name, _shown(value), value.source) for name, value in found if isinstance(value, Setting)]


def _shown(setting: Setting[Any]) -> str | None:
    value = setting.value
    if value is None or value == ():
        return None
    if setting.secret:
        return "***"
    return _in_words(value) or None


def _in_words(value: Any) -> str:
    if isinstance(value, Proxy):
        return str(value).replace("://", "://***@") if value.username else str(value)
    if isinstance(value, ClientCert):
        return value.certificate if value.key is None else f"{value.certificate}, key in {value.key}"
    if isinstance(value, Timeout):
        return ", ".join(f"{field.name} {getattr(value, field.name)}" for field in fields(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
