"""What a sandbox sees of the world: the API, an address for tokens, and a proxy, on listeners of its own."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

from tilde_local.runner.base import Container
from tilde_local.sandboxes.active import Active
from tilde_local.sandboxes.environment import fixed
from tilde_local.sandboxes.gateway import Gateway
from tilde_local.sandboxes.hosts import AllowedHosts
from tilde_local.sandboxes.mount import Mount
from tilde_local.sandboxes.netlog import NetworkLog
from tilde_local.sandboxes.proxy import Proxy
from tilde_local.services import Services
from tilde_local.serving import Serving

__all__ = ["CONNECTIONS", "Outside"]

# Of the API, and of the proxy. Each takes a descriptor of the server, which has to do for all sandboxes.
CONNECTIONS = 128


class Outside:
    """A context in which a sandbox can reach it. `variables` say where. Raises RunnerError if the container is gone."""

    def __init__(
        self, services: Services, serving: Serving, mount: Mount, active: Active, container: Container
    ) -> None:
        registry = services.sandboxes
        log = NetworkLog(active.network, services.now)
        self._serving = serving
        self._proxy = Proxy(AllowedHosts(registry.settings.hosts), log, CONNECTIONS)
        with ExitStack() as stack:
            listeners = [stack.enter_context(container.listen()) for _ in range(2)]
            api, out = (f"127.0.0.1:{listener.getsockname()[1]}" for listener in listeners)
            self._gateway = Gateway(
                serving.app,
                registry.tokens.of(active.id),
                mount.caller.principal,
                mount.organization.id,
                log,
                outer_origin=registry.endpoint_url,
                address=api,
            )
            self._servers = serving.wait_for(self._open(*listeners))
            stack.pop_all()  # the event loop closes them from here on
        credentials = f"{self._gateway.api_url}{self._gateway.credentials_path}"
        self.variables = fixed(active.id, self._gateway.api_url, credentials, f"http://{out}")

    async def _open(self, api: socket.socket, out: socket.socket) -> list[asyncio.Server]:
        first = await self._serving.open(api, self._gateway, CONNECTIONS)
        return [first, await asyncio.start_server(self._proxy.serve, sock=out)]

    def __enter__(self) -> Outside:
        return self

    def __exit__(self, *_: object) -> None:
        self._serving.wait_for(self._close())

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        self._proxy.hang_up()
