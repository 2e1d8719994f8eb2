"""What each error of httpx, and of what lies beneath it, says about the request."""

from __future__ import annotations

import h11
import httpcore
import httpx

from tilde.plugins import ErrorTable, NotSentError, OutcomeUnknownError

__all__ = ["ERRORS"]

_NO_HTTP = "{host} answered something that is not HTTP, or stopped halfway{detail}"
_BAD_REQUEST = "the request cannot be put into HTTP{detail}"

# One row for each class, so that a test can tell a class that is new in a release.
ERRORS = ErrorTable(
    {
        # Nothing left this machine.
        httpx.ConnectError: (NotSentError, ""),
        httpx.ConnectTimeout: (
            NotSentError,
            "{host} took no connection within {connect} seconds: is it reachable?",
        ),
        httpx.PoolTimeout: (
            NotSentError,
            "all connections stayed busy for {pool} seconds: close or read answers sooner",
        ),
        httpx.ProxyError: (NotSentError, ""),
        httpx.UnsupportedProtocol: (NotSentError, "the URL must begin with http:// or https://"),
        httpx.InvalidURL: (NotSentError, "{host} is not a valid host and port"),
        httpx.LocalProtocolError: (NotSentError, _BAD_REQUEST),
        httpcore.ConnectError: (NotSentError, ""),
        httpcore.ConnectTimeout: (NotSentError, ""),
        httpcore.PoolTimeout: (NotSentError, ""),
        httpcore.ProxyError: (NotSentError, ""),
        httpcore.UnsupportedProtocol: (NotSentError, ""),
        httpcore.ConnectionNotAvailable: (NotSentError, ""),
        httpcore.LocalProtocolError: (NotSentError, _BAD_REQUEST),
        # Something may have left it.
        httpx.ReadTimeout: (OutcomeUnknownError, "{host} sent nothing for {read} seconds"),
        httpx.WriteTimeout: (OutcomeUnknownError, "{host} took nothing for {write} seconds"),
        httpx.TimeoutException: (OutcomeUnknownError, ""),
        httpx.ReadError: (OutcomeUnknownError, ""),
        httpx.WriteError: (OutcomeUnknownError, ""),
        httpx.CloseError: (OutcomeUnknownError, ""),
        httpx.NetworkError: (OutcomeUnknownError, ""),
        httpx.RemoteProtocolError: (OutcomeUnknownError, _NO_HTTP),
        httpx.ProtocolError: (OutcomeUnknownError, _NO_HTTP),
        httpx.DecodingError: (OutcomeUnknownError, _NO_HTTP),
        httpx.TooManyRedirects: (OutcomeUnknownError, _NO_HTTP),
        httpx.TransportError: (OutcomeUnknownError, ""),
        httpx.RequestError: (OutcomeUnknownError, ""),
        httpx.HTTPStatusError: (OutcomeUnknownError, ""),
        httpx.HTTPError: (OutcomeUnknownError, ""),
        httpx.CookieConflict: (OutcomeUnknownError, ""),
        httpx.ResponseNotRead: (OutcomeUnknownError, ""),
        httpx.RequestNotRead: (OutcomeUnknownError, ""),
        httpx.StreamConsumed: (OutcomeUnknownError, ""),
        httpx.StreamClosed: (OutcomeUnknownError, ""),
        httpx.StreamError: (OutcomeUnknownError, ""),
        httpcore.ReadTimeout: (OutcomeUnknownError, ""),
        httpcore.WriteTimeout: (OutcomeUnknownError, ""),
        httpcore.TimeoutException: (OutcomeUnknownError, ""),
        httpcore.ReadError: (OutcomeUnknownError, ""),
        httpcore.WriteError: (OutcomeUnknownError, ""),
        httpcore.NetworkError: (OutcomeUnknownError, ""),
        httpcore.RemoteProtocolError: (OutcomeUnknownError, _NO_HTTP),
        httpcore.ProtocolError: (OutcomeUnknownError, _NO_HTTP),
        h11.RemoteProtocolError: (OutcomeUnknownError, _NO_HTTP),
        h11.LocalProtocolError: (OutcomeUnknownError, ""),
        h11.ProtocolError: (OutcomeUnknownError, _NO_HTTP),
    }
)
