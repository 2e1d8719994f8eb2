"""From the endpoint URL to a TLS connection: each step by itself, so that the first one that fails is told."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from tilde_core.clock import Clock
from tilde_core.config import Config
from tilde_core.doctor.certificate import Certificate, read_certificate
from tilde_core.doctor.verdicts import Check, failed, ok, skipped, warning
from tilde_core.exceptions import ConfigurationError
from tilde_core.network.dial import Dialer
from tilde_core.network.failures import DialFailed
from tilde_core.network.tls import system_store

if TYPE_CHECKING:
    from tilde_core.network.route import Route

__all__ = ["CONNECTION_CHECKS", "check_connection", "check_endpoint"]

CONNECTION_CHECKS = ("proxy", "dns", "tcp", "tls")
_SOON = timedelta(days=14)
_CHECK_PORT = "Check scheme and port of the endpoint URL; see docs/corporate-networks.md."
_LOCAL = ("localhost", "127.0.0.1", "::1")


def check_endpoint(config: Config) -> Check:
    """Look at the endpoint URL itself."""
    url, source = config.endpoint_url.value, config.endpoint_url.source
    parts = urlsplit(url)
    if parts.path.endswith("/api/v1"):
        return failed("endpoint", f"{url} ({source})", "Leave /api/v1 out of the endpoint URL; the SDK adds it.")
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        advice = "Use https://: whoever is on the way can read the API key."
        return warning("endpoint", f"{url} ({source}) is not encrypted", advice)
    return ok("endpoint", f"{url} ({source})")


def check_connection(config: Config, timeout: float, clock: Clock) -> Iterator[Check]:
    """Check the proxy, the look-up of the name, the connection and the TLS handshake. Sends no request.

    Each takes `timeout` seconds at most. What builds on one that failed is skipped.
    """
    try:
        dialer = Dialer(config.network.for_transport())
        route = dialer.route(_origin(config.endpoint_url.value))
    except ConfigurationError as error:
        yield failed("proxy", str(error), "Correct the setting that the message names.")
        yield from _skip(CONNECTION_CHECKS[1:], "proxy")
        return
    yield _check_proxy(config, route)
    steps: list[tuple[str, Callable[[], Check]]] = [
        ("dns", lambda: _check_dns(route, timeout)),
        ("tcp", lambda: _check_tcp(dialer, route, timeout)),
        ("tls", lambda: _check_tls(config, dialer, route, timeout, clock)),
    ]
    for position, (name, step) in enumerate(steps):
        check = step()
        yield check
        if check.verdict == "failed":
            yield from _skip([later for later, _ in steps[position + 1 :]], name)
            return


def _skip(names: list[str] | tuple[str, ...], because: str) -> Iterator[Check]:
    return (skipped(name, f"{because} failed") for name in names)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _check_proxy(config: Config, route: Route) -> Check:
    setting = config.network.https_proxy if route.is_secure else config.network.http_proxy
    if route.proxy is not None:
        return ok("proxy", f"{route.proxy} for {route.name} ({setting.source})")
    if setting.value is None:
        return ok("proxy", f"none is set: {route.name} is spoken to directly")
    why = f"no_proxy, or because it is this machine ({config.network.no_proxy.source})"
    return ok("proxy", f"{setting.value} ({setting.source}) is not used for {route.name}, because of {why}")


def _check_dns(route: Route, timeout: float) -> Check:
    """Look up what this machine looks up: behind a proxy, that is the name of the proxy."""
    at_proxy = route.proxy is not None and route.proxy.scheme != "socks5"
    host = route.proxy.host if at_proxy and route.proxy is not None else route.host
    try:
        addresses = _looked_up(host, timeout)
    except (OSError, UnicodeError) as error:
        what = "The proxy's name: check the setting proxy" if at_proxy else "Check the endpoint URL"
        advice = f"{what}, whether this machine is online, and its DNS. Is a VPN needed, or a proxy (TILDE_PROXY)?"
        return failed("dns", f"{host} is not known ({getattr(error, 'strerror', None) or error})", advice)
    note = " (the proxy); the proxy looks up the rest" if at_proxy else ""
    return ok("dns", f"{host} is {', '.join(addresses)}{note}")


def _looked_up(host: str, timeout: float) -> list[str]:
    """Return the addresses of a host. The system's own time-out may be minutes, so a thread waits for that."""
    answers: list[list[str] | Exception] = []

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            answers.append(list(dict.fromkeys(str(address[4][0]) for address in found)))
        except (OSError, UnicodeError) as error:
            answers.append(error)

    thread = threading.Thread(target=look_up, name="tilde-doctor-dns", daemon=True)
    thread.start()
    thread.join(timeout)
    answer = answers[0] if answers else TimeoutError(f"no answer within {timeout} seconds")
    if isinstance(answer, Exception):
        raise answer
    return answer


def _check_tcp(dialer: Dialer, route: Route, timeout: float) -> Check:
    way = f"through {route.proxy}" if route.proxy is not None else "directly"
    try:
        dialer.connect(route, timeout).close()
    except DialFailed as failure:
        return failed("tcp", failure.message, _advice_for_tcp(route))
    return ok("tcp", f"{route.name} takes connections {way}")


def _advice_for_tcp(route: Route) -> str:
    if route.proxy is not None:
        return "See docs/corporate-networks.md, or leave the proxy out for this host with TILDE_NO_PROXY."
    if route.host in _LOCAL:
        return "Start the server (`tilde-local serve`), or check TILDE_ENDPOINT_URL."
    return "Is a firewall in between? In a company network, set TILDE_PROXY; see docs/corporate-networks.md."


def _check_tls(config: Config, dialer: Dialer, route: Route, timeout: float, clock: Clock) -> Check:
    if not route.is_secure:
        return skipped("tls", "the endpoint URL begins with http://")
    try:
        certificate, version = _handshake(dialer, route, timeout)
    except DialFailed as failure:
        if not isinstance(failure.__cause__, ssl.SSLCertVerificationError):
            return failed("tls", failure.message, _CHECK_PORT)
        return failed("tls", f"{failure.message} {_what_is_shown(config, route, timeout)}", _advice_for_tls(config))
    now = datetime.fromtimestamp(clock.wall(), timezone.utc)
    about = f"{version}, {_described(certificate)}, verified with {_trust(config)}"
    if not config.network.verify.value:
        advice = "Name the CA with TILDE_CA_BUNDLE instead of switching verification off."
        return warning("tls", f"not verified ({config.network.verify.source}): {about}", advice)
    if certificate is not None and certificate.not_after - now < _SOON:
        return warning("tls", about, "The certificate ends soon: whoever runs the server has to renew it.")
    return ok("tls", about)


def _handshake(dialer: Dialer, route: Route, timeout: float) -> tuple[Certificate | None, str]:
    """Return what the server shows, `None` if it cannot be read, and the version of TLS. Raises `DialFailed`."""
    sock = dialer.secure(dialer.connect(route, timeout), route, timeout)
    with closing(cast("ssl.SSLSocket", sock)) as secured:
        der, version = secured.getpeercert(True), secured.version()
    with suppress(ValueError):
        return read_certificate(der or b""), str(version)
    return None, str(version)


def _what_is_shown(config: Config, route: Route, timeout: float) -> str:
    """Look at the certificate that was refused, by a handshake that verifies nothing; nothing is sent after it."""
    settings = replace(config.network.for_transport(), verify=False, ca_bundle=None)
    try:
        certificate, _ = _handshake(Dialer(settings), route, timeout)
    except (DialFailed, ConfigurationError):
        return f"Trusted is {_trust(config)}"
    return f"What it shows is {_described(certificate)}; trusted is {_trust(config)}"


def _described(certificate: Certificate | None) -> str:
    if certificate is None:
        return "a certificate that cannot be read"
    return f"a certificate of {certificate.issuer or 'nobody'}, good until {certificate.not_after:%Y-%m-%d}"


def _trust(config: Config) -> str:
    if not config.network.verify.value:
        return "nothing"
    bundle = config.network.ca_bundle
    return _store() + (f" and {bundle.value} ({bundle.source})" if bundle.value else "")


def _store() -> str:
    if sys.platform in ("win32", "darwin"):
        return "the system's store (truststore)"
    places = [place for place in system_store() if place is not None]
    return f"the system's store ({', '.join(places)})" if places else "an empty system's store"


def _advice_for_tls(config: Config) -> str:
    if config.network.ca_bundle.value is None:
        return "If that is your company's own CA, get its certificate as a PEM file and set TILDE_CA_BUNDLE to it."
    return "Does the file of ca_bundle hold the CA named here? Is this machine's clock right?"
