"""Finds and registers plugins: built-in ones, installed distributions, and objects given to one client."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import pluggy

from tilde_core.exceptions import PluginError
from tilde_core.hooks import spec
from tilde_core.logs import logger

__all__ = ["PluginInfo", "PluginRegistry", "installed_plugins"]

_BUILT_IN = {
    "static-credentials": "tilde_core.plugins.static_credentials",
    "function-credentials": "tilde_core.plugins.function_credentials",
    "keyring-credentials": "tilde_core.plugins.keyring_credentials",
    "credential-process": "tilde_core.plugins.credential_process",
    "default-retry": "tilde_core.plugins.default_retry",
    "websocket-connector": "tilde_core.plugins.websocket_connector",
    "log": "tilde_core.plugins.log_events",
}


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """What is known of one plugin: `status` is `"active"`, `"disabled"` or `"failed: <why>"`."""

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...]
    status: str

    @property
    def label(self) -> str:
        """The name and where it comes from, for messages."""
        return f"{self.name} ({f'{self.distribution} {self.version}'.strip()})"

    def __str__(self) -> str:
        return f"{self.label}: {self.status}"


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """An entry point of the group `tilde`, not loaded yet."""

    name: str
    distribution: str
    version: str
    entry_point: importlib.metadata.EntryPoint


@cache
def installed_plugins() -> tuple[InstalledPlugin, ...]:
    """Read the entry points, once per process. Raises `PluginError` if two distributions use one plugin name."""
    found: dict[str, InstalledPlugin] = {}
    for distribution in importlib.metadata.distributions():
        for entry_point in distribution.entry_points:
            if entry_point.group != spec.PROJECT:
                continue
            plugin = InstalledPlugin(entry_point.name, distribution.metadata["Name"], distribution.version, entry_point)
            known = found.setdefault(plugin.name, plugin)
            if known.distribution != plugin.distribution:
                raise PluginError(
                    f"two distributions have a plugin named {plugin.name!r}: {known.distribution} {known.version} and "
                    f"{plugin.distribution} {plugin.version}; uninstall one of them"
                )
    return tuple(found.values())


class PluginRegistry:
    """The plugins of one client, in a plugin manager of its own. Never a global one."""

    def __init__(self, plugins: Sequence[object] = (), disabled: Iterable[str] = ()) -> None:
        self._disabled = frozenset(disabled)
        self._infos: dict[str, PluginInfo] = {}
        self.manager = pluggy.PluginManager(spec.PROJECT)
        self.manager.add_hookspecs(spec)
        self._register_built_in()
        for installed in installed_plugins():
            self._register_installed(installed)
        for plugin in plugins:
            self._register_object(plugin)

    def _register_built_in(self) -> None:
        version = importlib.metadata.version("tilde-core")
        for name, module in _BUILT_IN.items():
            self._register(importlib.import_module(module), name, "tilde-core", version)

    def _register_installed(self, installed: InstalledPlugin) -> None:
        if installed.name in self._disabled:
            self._remember(installed.name, installed.distribution, installed.version, (), "disabled")
            return
        try:
            plugin = installed.entry_point.load()
        except Exception as error:  # noqa: BLE001 - a third party's import may fail in any way; it is remembered, not lost
            self._remember(
                installed.name,
                installed.distribution,
                installed.version,
                (),
                f"failed: {type(error).__name__}: {error}",
            )
            logger.warning("plugin %s", self._infos[installed.name])
            return
        self._register(plugin, installed.name, installed.distribution, installed.version)

    def _register_object(self, plugin: object) -> None:
        name = getattr(plugin, "__name__", None) or type(plugin).__name__
        while name in self._infos:  # two objects of one class are two plugins
            name += "'"
        self._register(plugin, name, "given to the client", "")

    def _register(self, plugin: object, name: str, distribution: str, version: str) -> None:
        if name in self._disabled:
            self._remember(name, distribution, version, (), "disabled")
            return
        self.manager.register(plugin, name)
        hooks = tuple(sorted(caller.name for caller in self.manager.get_hookcallers(plugin) or ()))
        self._remember(name, distribution, version, hooks, self._status(plugin))

    def _status(self, plugin: object) -> str:
        callers = self.manager.get_hookcallers(plugin) or ()
        unknown = sorted(caller.name for caller in callers if not caller.has_spec())
        return f"active, but there is no hook named {', '.join(unknown)}" if unknown else "active"

    def _remember(self, name: str, distribution: str, version: str, hooks: tuple[str, ...], status: str) -> None:
        self._infos[name] = PluginInfo(name, distribution, version, hooks, status)

    def describe(self) -> list[PluginInfo]:
        """Return what is known of every plugin, in the order in which they were registered."""
        return list(self._infos.values())

    def info(self, name: str) -> PluginInfo:
        """Return what is known of the plugin of that name."""
        return self._infos[name]
