"""What a plugin author imports. See `docs/plugins.md`."""

from tilde_core.access_token import AccessToken, parse_expiry
from tilde_core.clock import Clock
from tilde_core.error_table import ErrorTable, error_about
from tilde_core.exceptions import (
    ConfigurationError,
    CredentialsError,
    NotSentError,
    OutcomeUnknownError,
    PluginError,
    TransportError,
)
from tilde_core.hooks.events import (
    CredentialsRefreshed,
    Event,
    RequestFinished,
    RequestStarted,
    RetryScheduled,
    TransferProgress,
)
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
from tilde_core.refreshable_credentials import RefreshableCredentials

__all__ = [
    "AccessToken",
    "Attempt",
    "ByteStream",
    "Clock",
    "ConfigurationError",
    "CredentialOffer",
    "CredentialProvider",
    "CredentialSettings",
    "CredentialsError",
    "CredentialsRefreshed",
    "ErrorTable",
    "Event",
    "Headers",
    "NotSentError",
    "OutcomeUnknownError",
    "PluginError",
    "RefreshableCredentials",
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
    "parse_expiry",
    "split_url",
    "split_websocket_url",
]
