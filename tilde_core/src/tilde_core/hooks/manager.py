"""Finds and registers plugins: built-in ones, installed distributions, and objects given to one client."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

import pluggy

from tilde_core.exceptions import PluginError
from tilde_core.hooks import spec
from tilde_core.logs import logger
from tilde_core.version import __version__

__all__ = ["CORE_SEND", "PluginInfo", "PluginRegistry", "installed_plugins"]

CORE_SEND = "core-send"  # the core's own answer to tilde_send
_PREFIX = "tilde_"
_CORE = "tilde-core"
_GIVEN = "given to the client"
_NAMELESS = "a distribution without a name"  # what is left of one that was not removed as a whole
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
    """What is known of one plugin: `status` is `"active"` (perhaps with a `", but …"`), `"disabled"` or
    `"failed: <why>"`. `needs` is what a distribution that failed asks of the SDK, as its metadata have it.
    """

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...]
    status: str
    needs: str = ""

    @property
    def way_out(self) -> str:
        """What to do about a plugin that is not in use, or not all of it; `""` for one that is."""
        if self.status == "active":
            return ""
        if self.status == "disabled":
            return f"take {self.name} out of TILDE_DISABLE_PLUGINS to use it"
        return self.remedy

    @property
    def remedy(self) -> str:
        """What to do about a plugin that is at fault; `""` for one of the SDK's own."""
        if self.distribution in (_CORE, _GIVEN):
            return "correct it" if self.distribution == _GIVEN else ""
        asks = f" (which asks for {self.needs}; installed is {__version__})" if self.needs else ""
        return f"upgrade or uninstall {self.distribution}{asks}, or set TILDE_DISABLE_PLUGINS={self.name}"

    @property
    def label(self) -> str:
        """The name and where it comes from, for messages."""
        return f"{self.name} ({f'{self.distribution} {self.version}'.strip()})"

    def __str__(self) -> str:
        return "; ".join(part for part in (f"{self.label}: {self.status}", self.way_out) if part)


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """An entry point of the group `tilde`, not loaded yet."""

    name: str
    distribution: str
    version: str
    entry_point: importlib.metadata.EntryPoint

    @property
    def needs(self) -> str:
        """What it asks of the SDK, in the words of its metadata; `""` if that cannot be found out."""
        requirements = [] if self.entry_point.dist is None else _fields(self.entry_point.dist, "Requires-Dist")
        return next((text for text in requirements if re.match(r"tilde[-_.](core|sdk)\b", text)), "")


@cache
def installed_plugins() -> tuple[InstalledPlugin, ...]:
    """Read the entry points, once per process. Raises `PluginError` for a name that is taken."""
    found: dict[str, InstalledPlugin] = {}
    for distribution in importlib.metadata.distributions():
        for entry_point in distribution.entry_points:
            if entry_point.group != spec.PROJECT:
                continue
            name, version = ("".join(_fields(distribution, field)[:1]) for field in ("Name", "Version"))
            plugin = InstalledPlugin(entry_point.name, name or _NAMELESS, version, entry_point)
            if plugin.name in (*_BUILT_IN, CORE_SEND):
                raise PluginError(
                    f"the plugin {plugin.name!r} of {plugin.distribution} {version} has the name of one of the SDK's "
                    f"own; upgrade or uninstall {plugin.distribution}"
                )
            known = found.setdefault(plugin.name, plugin)
            if known.distribution != plugin.distribution:
                raise PluginError(
                    f"two distributions have a plugin named {plugin.name!r}: {known.distribution} {known.version} and "
                    f"{plugin.distribution} {plugin.version}; uninstall one of them"
                )
    return tuple(found.values())


def _fields(distribution: importlib.metadata.Distribution, name: str) -> list[str]:
    """Each value that its metadata have for `name`; none if they are missing."""
    try:
        return list(distribution.metadata.get_all(name) or ())
    except FileNotFoundError:  # from the package importlib_metadata, which serves everybody once it is imported
        return []


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
        for unknown in self.unknown_disabled():
            logger.warning("%s", unknown)

    def _register_built_in(self) -> None:
        version = importlib.metadata.version(_CORE)
        for name, module in _BUILT_IN.items():
            self._register(importlib.import_module(module), name, _CORE, version)

    def _register_installed(self, installed: InstalledPlugin) -> None:
        if installed.name in self._disabled:
            self._remember(installed.name, installed.distribution, installed.version, (), "disabled")
            return
        try:
            plugin = installed.entry_point.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a third party's import; it is remembered, not lost
            self._remember_failure(installed, f"{type(error).__name__}: {error}")
            return
        try:
            self._register(plugin, installed.name, installed.distribution, installed.version, installed.needs)
        except PluginError as error:
            self._remember_failure(installed, error.message)

    def _remember_failure(self, installed: InstalledPlugin, why: str) -> None:
        status = f"failed: {' '.join(why.split())}"
        info = PluginInfo(installed.name, installed.distribution, installed.version, (), status, installed.needs)
        self._infos[info.name] = info
        logger.warning("plugin %s", info)

    def _register_object(self, plugin: object) -> None:
        name = getattr(plugin, "__name__", None) or type(plugin).__name__
        while name in self._infos:  # two objects of one class are two plugins
            name += "'"
        try:
            self._register(plugin, name, _GIVEN, "")
        except PluginError as error:
            raise PluginError(f"plugin {name} ({_GIVEN}): {error.message}") from error

    def _register(self, plugin: object, name: str, distribution: str, version: str, needs: str = "") -> None:
        if name in self._disabled:
            self._remember(name, distribution, version, (), "disabled")
            return
        if isinstance(plugin, type):
            raise PluginError(f"it is a class, whose hooks nobody can call: {plugin.__name__}() would be an object")
        known = self.manager.get_name(plugin)
        if known is not None:
            raise PluginError(f"it is in use already, as {known}")
        try:
            self.manager.register(plugin, name)
        except pluggy.PluginValidationError as error:
            self.manager.unregister(plugin, name)  # a part of it may be registered
            raise PluginError(f"it is for another version of the SDK: {' '.join(str(error).split())}") from error
        hooks = tuple(sorted(caller.name for caller in self.manager.get_hookcallers(plugin) or ()))
        self._remember(name, distribution, version, hooks, self._status(plugin), needs)
        if self._infos[name].way_out:
            logger.warning("plugin %s", self._infos[name])

    def _status(self, plugin: object) -> str:
        callers = self.manager.get_hookcallers(plugin) or ()
        if not callers:
            return "active, but it has no hook: nothing in it is marked with @hookimpl of tilde.plugins"
        unknown = sorted(caller.name for caller in callers if not caller.has_spec())
        if not unknown:
            return "active"
        meant = [name for hook in unknown for name in _similar(hook)]
        advice = f"; did you mean {', '.join(meant)}?" if meant else ""
        return f"active, but there is no hook named {', '.join(unknown)}{advice}"

    def _remember(
        self, name: str, distribution: str, version: str, hooks: tuple[str, ...], status: str, needs: str = ""
    ) -> None:
        self._infos[name] = PluginInfo(name, distribution, version, hooks, status, needs)

    def describe(self) -> list[PluginInfo]:
        """Return what is known of every plugin, in the order in which they were registered."""
        return list(self._infos.values())

    def unknown_disabled(self) -> list[str]:
        """Return one sentence, without its full stop, on each name that was to be disabled and that no plugin has."""
        return [self._not_a_plugin(name) for name in sorted(self._disabled - self._infos.keys())]

    def _not_a_plugin(self, name: str) -> str:
        meant = get_close_matches(name, self._infos, 1)
        advice = f"; did you mean {meant[0]}?" if meant else ""
        return f"TILDE_DISABLE_PLUGINS names {name!r}, and there is no plugin of that name{advice}"

    def info(self, name: str) -> PluginInfo:
        """Return what is known of the plugin of that name."""
        return self._infos[name]


def _similar(hook: str) -> list[str]:
    """The hook that may have been meant. What all of them begin with makes none of them similar."""
    names = [name[len(_PREFIX) :] for name in vars(spec) if name.startswith(_PREFIX)]
    return [_PREFIX + name for name in get_close_matches(hook.removeprefix(_PREFIX), names, 1)]
