"""What each error of urllib3, and of http.client beneath it, says about the request."""

from __future__ import annotations

import http.client

from urllib3 import exceptions

from tilde.plugins import ErrorTable, NotSentError, OutcomeUnknownError

__all__ = ["ERRORS"]

_NO_HTTP = "{host} answered something that is not HTTP, or stopped halfway{detail}"

# A row serves for subclasses too; where the text is empty, that of the cause is taken, or else a general one.
ERRORS = ErrorTable(
    {
        # Nothing left this machine.
        exceptions.NewConnectionError: (NotSentError, ""),
        exceptions.ConnectTimeoutError: (NotSentError, "{host} took no connection within {connect} seconds"),
        exceptions.PoolError: (NotSentError, ""),
        exceptions.LocationValueError: (NotSentError, "{host} is not a valid host and port"),
        exceptions.ProxyError: (NotSentError, ""),
        exceptions.ProxySchemeUnsupported: (NotSentError, ""),  # the one that is no HTTPError
        # Something may have left it.
        exceptions.ReadTimeoutError: (OutcomeUnknownError, "{host} sent nothing for {read} seconds"),
        exceptions.IncompleteRead: (OutcomeUnknownError, "{host} broke off in the middle of its answer"),
        exceptions.InvalidChunkLength: (OutcomeUnknownError, _NO_HTTP),
        exceptions.HTTPError: (OutcomeUnknownError, ""),
        http.client.BadStatusLine: (OutcomeUnknownError, _NO_HTTP),
        http.client.LineTooLong: (OutcomeUnknownError, _NO_HTTP),
        http.client.RemoteDisconnected: (OutcomeUnknownError, ""),
        http.client.HTTPException: (OutcomeUnknownError, ""),
        TimeoutError: (OutcomeUnknownError, "{host} took nothing for {write} seconds"),
    }
)
