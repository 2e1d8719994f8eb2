"""What a plugin author imports. See `docs/plugins.md`."""

from tilde_core.error_table import ErrorTable, error_about
from tilde_core.exceptions import ConfigurationError, NotSentError, OutcomeUnknownError, PluginError, TransportError
from tilde_core.hooks.events import Event, RequestFinished, RequestStarted, RetryScheduled, TransferProgress
from tilde_core.hooks.offers import (
    Attempt,
    CredentialOffer,
    CredentialProvider,
    CredentialSettings,
    RetryDecision,
    RetryOffer,
    RetryPolicy,
    RetrySettings,
    Transport,
    TransportOffer,
    TransportSettings,
    WebSocket,
    WebSocketConnector,
    WebSocketOffer,
)
from tilde_core.hooks.spec import hookimpl
from tilde_core.http import ByteStream, Headers, Request, Response, Timeout
from tilde_core.outgoing import SourceFailed, body_pieces, header_lines, split_url, split_websocket_url

__all__ = [
    "Attempt",
    "ByteStream",
    "ConfigurationError",
    "CredentialOffer",
    "CredentialProvider",
    "CredentialSettings",
    "ErrorTable",
    "Event",
    "Headers",
    "NotSentError",
    "OutcomeUnknownError",
    "PluginError",
    "Request",
    "RequestFinished",
    "RequestStarted",
    "Response",
    "RetryDecision",
    "RetryOffer",
    "RetryPolicy",
    "RetryScheduled",
    "RetrySettings",
    "SourceFailed",
    "Timeout",
    "TransferProgress",
    "Transport",
    "TransportError",
    "TransportOffer",
    "TransportSettings",
    "WebSocket",
    "WebSocketConnector",
    "WebSocketOffer",
    "body_pieces",
    "error_about",
    "header_lines",
    "hookimpl",
    "split_url",
    "split_websocket_url",
]
