"""What the errors of an HTTP library say about a request: a table, and the one guard that applies it."""

from __future__ import annotations

import re
import socket
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from tilde_core.exceptions import NotSentError, OutcomeUnknownError, TransportError
from tilde_core.http import Request
from tilde_core.network.failures import (
    CLIENT_CERT_ADVICE,
    DialFailed,
    certificate_failure,
    dial_failure,
    wants_client_cert,
)
from tilde_core.network.route import Route

__all__ = ["ErrorTable", "error_about"]

Row = tuple[type[TransportError], str]

_GENERAL: dict[type[TransportError], str] = {
    NotSentError: "no connection to {host}{detail}",
    OutcomeUnknownError: "the connection to {host} broke before the whole answer was there{detail}",
}
# What http.client and httpcore say of a proxy that answers CONNECT with an error.
_REFUSED_TUNNEL = re.compile(r"(?:Tunnel connection failed: )?(?P<status>[3-5]\d\d) ?(?P<reason>[A-Za-z -]{0,60})")


def _standard_library() -> dict[type[Exception], Row]:
    """Return the rows for what lies beneath every HTTP library. `ssl` is loaded with the first of them, and not with
    the plugins."""
    import ssl

    return {
        socket.gaierror: (NotSentError, "the host {host} is not known{detail}: check the name, and this machine's DNS"),
        ConnectionRefusedError: (NotSentError, "{host} refused the connection: is the server running on that port?"),
        ssl.SSLCertVerificationError: (NotSentError, ""),  # see _told_by_network
        UnicodeError: (NotSentError, "{host} is not a valid host name"),
        ssl.SSLError: (OutcomeUnknownError, ""),
        OSError: (OutcomeUnknownError, ""),
    }


def error_about(request: Request, kind: type[TransportError], message: str) -> TransportError:
    """Return an error of that kind that says which request it was."""
    return kind(message, method=request.method, url=request.safe_url, operation=request.operation)


class ErrorTable:
    """Maps the exceptions of one HTTP library, and those of the standard library beneath it, to `TransportError`.

    A row holds `NotSentError` or `OutcomeUnknownError`, and a text with the places `{host}`, `{detail}`, `{connect}`,
    `{read}`, `{write}` and `{pool}`; it serves for subclasses too. With an empty text, that of the cause is taken, or
    else a general one. `classes` has every class that has a row.
    """

    def __init__(self, rows: Mapping[type[Exception], Row]) -> None:
        self._rows: dict[type[Exception], Row] = {**_standard_library(), **rows}
        self.classes: tuple[type[Exception], ...] = (DialFailed, *self._rows)

    @contextmanager
    def guard(self, request: Request, *, quotes_urls: bool = False) -> Iterator[None]:
        """Turn every error of the library into a `TransportError` about `request`.

        If the library `quotes_urls` in its errors, only what lies behind them is kept as the cause.
        """
        try:
            yield
        except self.classes as error:
            raise self.translate(error, request) from (list(_causes(error))[-1] if quotes_urls else error)

    def translate(self, error: BaseException, request: Request) -> TransportError:
        """Return what `error` means for `request`. Nothing was sent if any link of the chain of causes proves that."""
        causes = list(_causes(error))
        failed = next(filter(None, (_told_by_network(cause, request) for cause in causes)), None)
        if failed is not None:
            return _about(failed, request)
        rows = [row for row in map(self._row, causes) if row]
        kind = NotSentError if any(row[0] is NotSentError for row in rows) else OutcomeUnknownError
        text = next((text for row_kind, text in rows if row_kind is kind and text), _GENERAL[kind])
        return error_about(request, kind, text.format(**_facts(error, request)))

    def _row(self, error: BaseException) -> Row | None:
        return next((self._rows[base] for base in type(error).__mro__ if base in self._rows), None)


def _told_by_network(error: BaseException, request: Request) -> DialFailed | None:
    """Return what is known better than by the classes of a library: how the connection failed."""
    import ssl

    if isinstance(error, DialFailed):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        return certificate_failure(error, urlsplit(request.safe_url).netloc)
    if wants_client_cert(error):
        host = urlsplit(request.safe_url).netloc
        return DialFailed(f"{host} ended the TLS handshake: {CLIENT_CERT_ADVICE}", is_permanent=True)
    if isinstance(error, OSError) and _is_of_handshake(error):
        return dial_failure(error, Route.to(request.url), request.timeout.connect)
    refusal = _REFUSED_TUNNEL.fullmatch(str(error)) if type(error).__name__ in ("ProxyError", "OSError") else None
    return None if refusal is None else _refused_by_proxy(refusal, urlsplit(request.safe_url).netloc)


def _is_of_handshake(error: BaseException) -> bool:
    """Whether it was raised before TLS stood: a library that connects by itself, as one does for a session of the
    user's own, calls it the same as what is met later."""
    return any(frame.f_code.co_name == "do_handshake" for frame, _ in traceback.walk_tb(error.__traceback__))


def _refused_by_proxy(refusal: re.Match[str], host: str) -> DialFailed:
    """Return the error for a proxy that a library has spoken to, which it does for a session of the user's own."""
    is_unknown = refusal["status"] == "407"
    advice = "it wants to know who is calling" if is_unknown else "is that host allowed there?"
    what = f"{refusal['status']} {refusal['reason']}".strip()
    return DialFailed(
        f"the proxy on the way to {host} did not connect, it answered {what}: {advice}", is_permanent=is_unknown
    )


def _about(failed: DialFailed, request: Request) -> TransportError:
    error = error_about(request, NotSentError, failed.message)
    error.is_permanent = failed.is_permanent
    return error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and what it came from, which some libraries keep in `args` or `reason` and not as the cause."""
    while error is not None:
        yield error
        error = error.__cause__ or next(filter(_is_error, (*error.args, getattr(error, "reason", None))), None)


def _is_error(value: object) -> bool:
    return isinstance(value, BaseException)


def _facts(error: BaseException, request: Request) -> dict[str, object]:
    waits = {name: getattr(request.timeout, name) for name in ("connect", "read", "write", "pool")}
    host = urlsplit(request.safe_url).netloc
    is_of_proxy = any(type(cause).__name__ == "ProxyError" for cause in _causes(error))
    who = f"the proxy on the way to {host}" if is_of_proxy else host
    return {"host": who, "detail": _detail(error), **waits}


def _detail(error: BaseException) -> str:
    """Return the words of the operating system or of OpenSSL, which know no URL; never those of the library."""
    innermost = list(_causes(error))[-1]
    words = getattr(innermost, "verify_message", None) or getattr(innermost, "strerror", None)
    return f" ({words})" if isinstance(innermost, OSError) and words else ""
