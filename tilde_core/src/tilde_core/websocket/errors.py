"""What each error of websocket-client, and of what lies beneath it, says about the request."""

from __future__ import annotations

import http.client
import ssl

from websocket import _exceptions as exceptions

from tilde_core.error_table import ErrorTable
from tilde_core.exceptions import NotSentError, OutcomeUnknownError

__all__ = ["ERRORS", "ConnectionLost", "PeerSilent"]

_NO_HTTP = "{host} answered something that is not HTTP, or stopped halfway{detail}"
_NO_WEBSOCKET = "{host} sent something that breaks the rules of WebSockets"


class ConnectionLost(OSError):
    """The connection ended, here or there, without a word."""


class PeerSilent(OSError):
    """No sign of life came, not even an answer to a ping."""


# One row for each class, so that a test can tell a class that is new in a release.
ERRORS: ErrorTable = ErrorTable(
    {
        # Nothing left this machine.
        exceptions.WebSocketAddressException: (NotSentError, ""),
        exceptions.WebSocketProxyException: (NotSentError, ""),
        # Something may have left it.
        ConnectionLost: (OutcomeUnknownError, "the connection to {host} was lost"),
        PeerSilent: (OutcomeUnknownError, "{host} sent nothing for {read} seconds, not even an answer to a ping"),
        ssl.SSLEOFError: (OutcomeUnknownError, "the connection to {host} was lost"),
        ConnectionResetError: (OutcomeUnknownError, "the connection to {host} was lost{detail}"),
        BrokenPipeError: (OutcomeUnknownError, "the connection to {host} was lost{detail}"),
        TimeoutError: (OutcomeUnknownError, "{host} sent nothing for {read} seconds"),
        exceptions.WebSocketTimeoutException: (OutcomeUnknownError, "{host} sent nothing for {read} seconds"),
        exceptions.WebSocketConnectionClosedException: (OutcomeUnknownError, "the connection to {host} was lost"),
        exceptions.WebSocketProtocolException: (OutcomeUnknownError, _NO_WEBSOCKET),
        exceptions.WebSocketPayloadException: (OutcomeUnknownError, _NO_WEBSOCKET),
        exceptions.WebSocketBadStatusException: (OutcomeUnknownError, _NO_HTTP),
        exceptions.WebSocketException: (OutcomeUnknownError, ""),
        http.client.RemoteDisconnected: (OutcomeUnknownError, ""),
        http.client.HTTPException: (OutcomeUnknownError, _NO_HTTP),
    }
)
