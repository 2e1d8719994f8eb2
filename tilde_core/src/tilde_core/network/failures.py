"""Why no connection was made, in words that say what to look at. Nothing was sent, whatever it was."""

from __future__ import annotations

import math
import socket
from typing import TYPE_CHECKING

from tilde_core.exceptions import NotSentError

if TYPE_CHECKING:
    from tilde_core.network.route import Route

__all__ = ["CLIENT_CERT_ADVICE", "DialFailed", "certificate_failure", "dial_failure", "wants_client_cert"]

_CA_ADVICE = (
    "was it issued by a CA that this machine trusts? A company's own CA, or that of a proxy which looks into TLS, is "
    "given as ca_bundle= (or TILDE_CA_BUNDLE)"
)
CLIENT_CERT_ADVICE = "is it a client certificate that it wants, or another one? It is given as client_cert="
_WRONG_NAME = (62, 63, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, EMAIL_MISMATCH, IP_ADDRESS_MISMATCH
_CERTIFICATE_ALERTS = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "UNSUPPORTED_CERTIFICATE",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_UNKNOWN",
    "UNKNOWN_CA",
)


class DialFailed(Exception):
    """No connection was made. Transports let it pass; `ErrorTable` makes a `NotSentError` of it.

    `is_permanent` tells that it would only fail again, or do harm: an account may be locked by a third wrong password.
    """

    message: str = "no connection was made"
    is_permanent: bool = False

    def __init__(self, message: str, *, is_permanent: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.is_permanent = is_permanent

    def as_not_sent(self) -> NotSentError:
        """Return the error that users see."""
        error = NotSentError(self.message)
        error.is_permanent = self.is_permanent
        return error


def dial_failure(error: Exception, route: Route, timeout: float | None, *, at_proxy: bool = False) -> DialFailed:
    """Return what `error`, met on the way to the server or (if `at_proxy`) to its proxy, means."""
    import ssl

    who = f"the proxy {route.proxy}" if at_proxy else route.name
    if isinstance(error, ssl.SSLCertVerificationError):
        return certificate_failure(error, who)
    if isinstance(error, ssl.SSLError):
        return _tls_failure(error, who)
    return DialFailed(_in_words(error, who) or _general(error, who, timeout), is_permanent=False)


def certificate_failure(error: Exception, who: str) -> DialFailed:
    """Return what it means that the certificate of `who` does not hold."""
    words = getattr(error, "verify_message", None)
    detail = f" ({words})" if words else ""
    is_wrong_name = getattr(error, "verify_code", None) in _WRONG_NAME
    advice = "is that the name that it was issued for?" if is_wrong_name else _CA_ADVICE
    return DialFailed(f"the certificate of {who} cannot be verified{detail}: {advice}", is_permanent=True)


def wants_client_cert(error: BaseException) -> bool:
    """Whether this is the other side's word, in the handshake, that it does not like our certificate or lacks one.

    With TLS 1.3 that comes when the handshake seems to be over already; what was sent by then is never looked at.
    """
    reason = getattr(error, "reason", None)
    return isinstance(reason, str) and "ALERT" in reason and reason.endswith(_CERTIFICATE_ALERTS)


def _tls_failure(error: Exception, who: str) -> DialFailed:
    if wants_client_cert(error):
        return DialFailed(f"{who} ended the TLS handshake ({_reason(error)}): {CLIENT_CERT_ADVICE}", is_permanent=True)
    return DialFailed(f"no TLS with {who} ({_reason(error)}): does it speak TLS on that port?")


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(reason).lower().replace("_", " ") if reason else type(error).__name__


def _in_words(error: Exception, who: str) -> str | None:
    detail = _detail(error)
    if isinstance(error, socket.gaierror):
        return f"the host of {who} is not known{detail}: check the name, and this machine's DNS"
    if isinstance(error, ConnectionRefusedError):
        return f"{who} refused the connection: is the server running on that port?"
    return f"{who} is not a valid host name" if isinstance(error, UnicodeError) else None


def _general(error: Exception, who: str, timeout: float | None) -> str:
    if isinstance(error, TimeoutError):
        # Of a limit for all of it, what was left for this step is a number that nobody has set.
        limit = "" if timeout is None else f" within {math.ceil(timeout * 10) / 10} seconds"
        return f"{who} took no connection{limit}: is it reachable?"
    return f"no connection to {who}{_detail(error)}"


def _detail(error: Exception) -> str:
    words = getattr(error, "strerror", None)
    return f" ({words})" if words else ""
