"""What a plugin author imports. See `docs/plugins/index.md`."""

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
from tilde_core.network.dial import Dialer
from tilde_core.network.failures import DialFailed
from tilde_core.network.no_proxy import NoProxy
from tilde_core.network.proxy import Proxy
from tilde_core.network.route import Route, check_forwarded
from tilde_core.network.tls import ClientCert
from tilde_core.outgoing import (
    SourceFailed,
    body_pieces,
    header_lines,
    key_gives_way,
    lines_with_own,
    split_url,
    split_websocket_url,
)
from tilde_core.refreshable_credentials import RefreshableCredentials
from tilde_core.retry_after import retry_after

__all__ = [
    "AccessToken",
    "Attempt",
    "ByteStream",
    "ClientCert",
    "Clock",
    "ConfigurationError",
    "CredentialOffer",
    "CredentialProvider",
    "CredentialSettings",
    "CredentialsError",
    "CredentialsRefreshed",
    "DialFailed",
    "Dialer",
    "ErrorTable",
    "Event",
    "Headers",
    "NoProxy",
    "NotSentError",
    "OutcomeUnknownError",
    "PluginError",
    "Proxy",
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
    "Route",
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
    "check_forwarded",
    "error_about",
    "header_lines",
    "hookimpl",
    "key_gives_way",
    "lines_with_own",
    "parse_expiry",
    "retry_after",
    "split_url",
    "split_websocket_url",
]
