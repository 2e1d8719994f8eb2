"""What a plugin author imports. See `docs/plugins.md`."""

from tilde_core.exceptions import NotSentError, OutcomeUnknownError, PluginError, TransportError
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
)
from tilde_core.hooks.spec import hookimpl
from tilde_core.http import ByteStream, Headers, Request, Response, Timeout

__all__ = [
    "Attempt",
    "ByteStream",
    "CredentialOffer",
    "CredentialProvider",
    "CredentialSettings",
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
    "Timeout",
    "TransferProgress",
    "Transport",
    "TransportError",
    "TransportOffer",
    "TransportSettings",
    "hookimpl",
]
