"""What each error of requests, and of what lies beneath it, says about the request."""

from __future__ import annotations

import http.client

import urllib3.exceptions
from requests import exceptions

from tilde.plugins import ErrorTable, NotSentError, OutcomeUnknownError

__all__ = ["ERRORS"]

_NO_HTTP = "{host} answered something that is not HTTP, or stopped halfway{detail}"
_BAD_REQUEST = "the request cannot be put into HTTP{detail}"

# One row for each class, so that a test can tell a class that is new in a release.
ERRORS = ErrorTable(
    {
        # Nothing left this machine.
        urllib3.exceptions.NewConnectionError: (NotSentError, ""),
        urllib3.exceptions.NameResolutionError: (NotSentError, ""),
        urllib3.exceptions.ConnectTimeoutError: (
            NotSentError,
            "{host} took no connection within {connect} seconds: is it reachable?",
        ),
        urllib3.exceptions.EmptyPoolError: (
            NotSentError,
            "all connections stayed busy for {pool} seconds: close or read answers sooner",
        ),
        urllib3.exceptions.ClosedPoolError: (NotSentError, "the client is closed"),
        urllib3.exceptions.HostChangedError: (NotSentError, _BAD_REQUEST),
        urllib3.exceptions.LocationParseError: (NotSentError, "{host} is not a valid host and port"),
        urllib3.exceptions.LocationValueError: (NotSentError, "{host} is not a valid host and port"),
        urllib3.exceptions.URLSchemeUnknown: (NotSentError, "the URL must begin with http:// or https://"),
        urllib3.exceptions.ProxyError: (NotSentError, ""),
        urllib3.exceptions.ProxySchemeUnknown: (NotSentError, ""),
        urllib3.exceptions.ProxySchemeUnsupported: (NotSentError, ""),
        urllib3.exceptions.TimeoutStateError: (NotSentError, _BAD_REQUEST),
        exceptions.ConnectTimeout: (NotSentError, ""),
        exceptions.ProxyError: (NotSentError, ""),
        exceptions.URLRequired: (NotSentError, _BAD_REQUEST),
        exceptions.MissingSchema: (NotSentError, _BAD_REQUEST),
        exceptions.InvalidSchema: (NotSentError, _BAD_REQUEST),
        exceptions.InvalidURL: (NotSentError, "{host} is not a valid host and port"),
        exceptions.InvalidProxyURL: (NotSentError, _BAD_REQUEST),
        exceptions.InvalidHeader: (NotSentError, _BAD_REQUEST),
        # Something may have left it.
        urllib3.exceptions.ReadTimeoutError: (OutcomeUnknownError, "{host} sent nothing for {read} seconds"),
        urllib3.exceptions.TimeoutError: (OutcomeUnknownError, ""),
        urllib3.exceptions.ProtocolError: (OutcomeUnknownError, ""),
        urllib3.exceptions.ResponseNotChunked: (OutcomeUnknownError, _NO_HTTP),
        urllib3.exceptions.IncompleteRead: (OutcomeUnknownError, "{host} broke off in the middle of its answer"),
        urllib3.exceptions.InvalidChunkLength: (OutcomeUnknownError, _NO_HTTP),
        urllib3.exceptions.InvalidHeader: (OutcomeUnknownError, _NO_HTTP),
        urllib3.exceptions.HeaderParsingError: (OutcomeUnknownError, _NO_HTTP),
        urllib3.exceptions.BodyNotHttplibCompatible: (OutcomeUnknownError, _NO_HTTP),
        urllib3.exceptions.DecodeError: (OutcomeUnknownError, _NO_HTTP),
        urllib3.exceptions.SSLError: (OutcomeUnknownError, ""),
        urllib3.exceptions.UnrewindableBodyError: (OutcomeUnknownError, ""),
        urllib3.exceptions.FullPoolError: (OutcomeUnknownError, ""),
        urllib3.exceptions.MaxRetryError: (OutcomeUnknownError, ""),
        urllib3.exceptions.ResponseError: (OutcomeUnknownError, ""),
        urllib3.exceptions.RequestError: (OutcomeUnknownError, ""),
        urllib3.exceptions.PoolError: (OutcomeUnknownError, ""),
        urllib3.exceptions.HTTPError: (OutcomeUnknownError, ""),
        exceptions.ReadTimeout: (OutcomeUnknownError, ""),
        exceptions.Timeout: (OutcomeUnknownError, ""),
        exceptions.SSLError: (OutcomeUnknownError, ""),
        exceptions.ConnectionError: (OutcomeUnknownError, ""),
        exceptions.ChunkedEncodingError: (OutcomeUnknownError, ""),
        exceptions.ContentDecodingError: (OutcomeUnknownError, ""),
        exceptions.StreamConsumedError: (OutcomeUnknownError, ""),
        exceptions.RetryError: (OutcomeUnknownError, ""),
        exceptions.TooManyRedirects: (OutcomeUnknownError, ""),
        exceptions.UnrewindableBodyError: (OutcomeUnknownError, ""),
        exceptions.InvalidJSONError: (OutcomeUnknownError, ""),
        exceptions.JSONDecodeError: (OutcomeUnknownError, ""),
        exceptions.HTTPError: (OutcomeUnknownError, ""),
        exceptions.RequestException: (OutcomeUnknownError, ""),
        http.client.BadStatusLine: (OutcomeUnknownError, _NO_HTTP),
        http.client.LineTooLong: (OutcomeUnknownError, _NO_HTTP),
        http.client.RemoteDisconnected: (OutcomeUnknownError, ""),
        http.client.IncompleteRead: (OutcomeUnknownError, _NO_HTTP),
        http.client.HTTPException: (OutcomeUnknownError, ""),
        TimeoutError: (OutcomeUnknownError, "{host} took nothing for {write} seconds"),
    }
)
