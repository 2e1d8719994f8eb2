"""What the rules for networks share: servers that only a proxy can find, a private CA, and short-hands."""

from __future__ import annotations

import logging
import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tilde_core.exceptions import NotSentError
from tilde_core.hooks.offers import Transport, TransportSettings
from tilde_core.network.no_proxy import NoProxy
from tilde_core.network.proxy import Proxy
from tilde_core.testing.behaviors import answer
from tilde_core.testing.certificates import CertificateAuthority
from tilde_core.testing.contract.base import TransportRules
from tilde_core.testing.contract.secrecy import logged
from tilde_core.testing.loopback import LoopbackServer

__all__ = ["HOST", "WHO", "NetworkBase", "has_ipv6", "needs_ipv6", "through"]

HOST = "service.test"
"""A name that no DNS knows. A proxy of the testing kit takes it for this machine."""
WHO = ("someone", "s3cret-of-the-proxy")

Open = Callable[..., Transport]


def has_ipv6() -> bool:
    """Return whether this machine can listen on `::1`."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address")


def through(url: str, **more: Any) -> TransportSettings:
    """Return settings with that proxy for every URL."""
    proxy = Proxy.parse(url, "argument proxy")
    no_proxy = NoProxy.parse(more.pop("no_proxy", ""))
    return TransportSettings(http_proxy=proxy, https_proxy=proxy, no_proxy=no_proxy, **more)


class NetworkBase(TransportRules):
    """Fixtures and short-hands."""

    @pytest.fixture
    def ca(self, tmp_path: Path) -> CertificateAuthority:
        """Make a CA that no system trusts."""
        return CertificateAuthority(tmp_path)

    @pytest.fixture
    def secure(self, ca: CertificateAuthority) -> Iterator[LoopbackServer]:
        """Run a server with TLS for one test; its certificate is of that CA."""
        with LoopbackServer(tls=ca.server_context(HOST, "localhost", "127.0.0.1")) as server:
            server.script("/", answer(body=b"secure"))
            yield server

    @pytest.fixture
    def opened(self, server: LoopbackServer) -> Iterator[Open]:
        """Open transports with such settings, and close them before the servers are."""
        with ExitStack() as stack:

            def opened(settings: TransportSettings) -> Transport:
                transport = self.open_transport(settings)
                stack.callback(transport.close)
                return transport

            yield opened

    @pytest.fixture(autouse=True)
    def _no_secret_is_shown(self, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        caplog.set_level(logging.DEBUG)
        yield
        assert WHO[1] not in logged(caplog)

    def not_sent(self, transport: Transport, url: str, match: str, **fields: Any) -> NotSentError:
        """Send a request that cannot be sent. The error says `match`, and no secret."""
        with pytest.raises(NotSentError, match=match) as caught:
            self.get(transport, url, **fields)
        error = caught.value
        shown = [str(error), repr(error), str(vars(error)), *traceback.format_exception(type(error), error, None)]
        assert WHO[1] not in "\n".join(shown)
        assert (error.url, error.operation) == (url.partition("?")[0], "contract.test")
        return error
