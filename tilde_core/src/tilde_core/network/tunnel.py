"""What is said to a proxy before it passes bytes on: CONNECT, or SOCKS 5."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator

from tilde_core.http import Headers
from tilde_core.network.failures import DialFailed
from tilde_core.network.proxy import Proxy
from tilde_core.network.route import Route, refused_by_proxy

__all__ = ["open_tunnel", "silent_proxy"]

_MAX_HEAD = 64 * 1024
_NO_AUTHENTICATION, _USER_AND_PASSWORD, _NONE_OF_THEM = 0, 2, 0xFF
_IPV4, _NAME, _IPV6 = 1, 3, 4
_REPLIES = {
    1: "it failed",
    2: "its rules do not allow that",
    3: "it cannot reach that network",
    4: "it cannot reach or find that host",
    5: "the host refused the connection",
    6: "that took too long",
    7: "it cannot do that",
    8: "it does not know that kind of address",
}


def open_tunnel(sock: socket.socket, proxy: Proxy, route: Route) -> None:
    """Have the proxy at the other end of `sock` connect to the server. Raises `DialFailed` and `OSError`."""
    (_socks if proxy.is_socks else _connect)(sock, proxy, route)


def _connect(sock: socket.socket, proxy: Proxy, route: Route) -> None:
    host = f"[{route.host}]" if ":" in route.host else route.host
    lines = [f"CONNECT {host}:{route.port} HTTP/1.1", f"Host: {host}:{route.port}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    status, reason, headers = _answer(sock, proxy)
    if status == 407:
        raise DialFailed(refused_by_proxy(proxy, headers), is_permanent=True)
    if not 200 <= status < 300:
        raise DialFailed(
            f"the proxy {proxy} did not connect to {route.name}: it answered {status} {reason}. Is that host allowed "
            "there? If it can be reached without a proxy, name it in no_proxy"
        )


def _answer(sock: socket.socket, proxy: Proxy) -> tuple[int, str, Headers]:
    line, *lines = _head(sock, proxy)
    version, _, rest = line.partition(" ")
    status, _, reason = rest.partition(" ")
    if not version.startswith("HTTP/1.") or not (len(status) == 3 and status.isdigit()):
        raise _not_a_proxy(proxy)
    pairs = (line.partition(":") for line in lines)
    try:
        return int(status), reason.strip()[:100], Headers([(name, value.strip()) for name, _, value in pairs])
    except ValueError:  # a malformed header
        raise _not_a_proxy(proxy) from None


def _head(sock: socket.socket, proxy: Proxy) -> list[str]:
    """Read the head byte by byte: what comes behind it is for somebody else."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        head += byte
        if not byte or len(head) > _MAX_HEAD:
            raise _not_a_proxy(proxy)
    return head[:-4].decode("latin-1").split("\r\n")


def _socks(sock: socket.socket, proxy: Proxy, route: Route) -> None:
    """Speak SOCKS 5 (RFC 1928), with user and password (RFC 1929) if there are any."""
    methods = [_NO_AUTHENTICATION, _USER_AND_PASSWORD] if proxy.username else [_NO_AUTHENTICATION]
    sock.sendall(bytes([5, len(methods), *methods]))
    version, method = _exactly(sock, 2, proxy)
    if version != 5:
        raise _not_a_proxy(proxy)
    if method == _USER_AND_PASSWORD and proxy.username:
        _say_who(sock, proxy)
    elif method != _NO_AUTHENTICATION:
        raise DialFailed(
            f"the proxy {proxy} wants to know who is calling: give it as proxy={proxy.scheme}://user:password@host:port",
            is_permanent=True,
        )
    sock.sendall(bytes([5, 1, 0]) + _destination(proxy, route))
    _, reply, _, kind = _exactly(sock, 4, proxy)
    if reply != 0:
        raise DialFailed(f"the proxy {proxy} did not connect to {route.name}: {_REPLIES.get(reply, f'error {reply}')}")
    size = {_IPV4: 4, _IPV6: 16}.get(kind) or _exactly(sock, 1, proxy)[0]
    _exactly(sock, size + 2, proxy)  # from where it has connected, which is of no use here


def _say_who(sock: socket.socket, proxy: Proxy) -> None:
    user, password = proxy.username.encode(), proxy.password.encode()
    if len(user) > 255 or len(password) > 255:
        raise DialFailed(f"the user or the password for {proxy} is longer than SOCKS can carry", is_permanent=True)
    sock.sendall(bytes([1, len(user)]) + user + bytes([len(password)]) + password)
    if _exactly(sock, 2, proxy)[1] != 0:
        source = proxy.source or "its URL"
        raise DialFailed(
            f"the proxy {proxy} does not accept the user and the password from {source}", is_permanent=True
        )


def _destination(proxy: Proxy, route: Route) -> bytes:
    """Return address and port as SOCKS writes them. With `socks5`, a name is looked up here."""
    port = route.port.to_bytes(2, "big")
    host = route.host if proxy.scheme == "socks5h" or _is_address(route.host) else _looked_up(route)
    if _is_address(host):
        address = ipaddress.ip_address(host)
        return bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed + port
    name = host.encode("ascii")
    return bytes([_NAME, len(name)]) + name + port


def _looked_up(route: Route) -> str:
    return str(next(_addresses(route)))


def _addresses(route: Route) -> Iterator[str]:
    try:
        found = socket.getaddrinfo(route.host, route.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise DialFailed(
            f"the host {route.name} is not known here ({error.strerror}); with socks5h:// in place of socks5://, the "
            "proxy looks it up"
        ) from error
    return (str(address[0]) for *_, address in found)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _exactly(sock: socket.socket, size: int, proxy: Proxy) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise _not_a_proxy(proxy)
        data += piece
    return data


def _not_a_proxy(proxy: Proxy) -> DialFailed:
    return DialFailed(
        f"{proxy} hung up, or answered something that is not {_protocol(proxy)}: is that the proxy and its port?"
    )


def silent_proxy(proxy: Proxy, route: Route, timeout: float | None) -> DialFailed:
    """Return the error for one that took the connection and then did not say whether it goes on."""
    limit = "" if timeout is None else f" within {timeout} seconds"
    return DialFailed(
        f"the proxy {proxy} did not answer{limit}: is it {_protocol(proxy)}, and does it reach {route.name}?"
    )


def _protocol(proxy: Proxy) -> str:
    return "SOCKS 5" if proxy.is_socks else "an HTTP proxy"
