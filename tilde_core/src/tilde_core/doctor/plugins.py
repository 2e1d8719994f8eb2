"""Whether the plugins are usable, and which transport is in use."""

from __future__ import annotations

from collections.abc import Iterator

from tilde_core.client import Client
from tilde_core.doctor.verdicts import Check, failed, ok, warning
from tilde_core.exceptions import PluginError, TildeError
from tilde_core.hooks.manager import PluginInfo

__all__ = ["check_plugins", "check_transport"]

_INSTALL = (
    "Install a transport: tilde-transport-httpx (it comes with tilde-sdk) or tilde-transport-requests. If one is "
    "installed, see what the plugins above say."
)

_CORRECT_NAME = "Correct the name, or take it out. Those that there are stand above."
_AT_FAULT = "Every client will fail on that plugin. Do one of these, and tell its author."


def check_plugins(client: Client) -> Iterator[Check]:
    """Yield one check for each plugin that is not as it should be, or one for all of them."""
    plugins = client.describe_plugins()
    wrong = [check for info in plugins if (check := _check_plugin(info)) is not None]
    wrong += [warning("plugins", name, _CORRECT_NAME) for name in client._runtime.hooks.unknown_disabled()]
    if wrong:
        yield from wrong
        return
    disabled = [info.label for info in plugins if info.status == "disabled"]
    note = f"; disabled by TILDE_DISABLE_PLUGINS: {', '.join(disabled)}" if disabled else ""
    yield ok("plugins", f"{len(plugins) - len(disabled)} are active{note}")


def _check_plugin(info: PluginInfo) -> Check | None:
    if info.status in ("active", "disabled"):
        return None
    return warning("plugins", f"{info.label}: {info.status}", f"{info.way_out[:1].upper()}{info.way_out[1:]}.")


def check_transport(client: Client) -> Check:
    """Open the transport, which opens no connection."""
    try:
        runtime = client._runtime
        name = runtime.hooks.name_transport(client.config.transport.value)
        runtime.transport()
    except PluginError as error:
        return failed("transport", str(error), _AT_FAULT)
    except TildeError as error:
        return failed("transport", str(error), _INSTALL)
    return ok("transport", f"{name} ({client.config.transport.source})")
