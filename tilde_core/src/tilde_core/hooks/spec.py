"""The hooks that a plugin may implement. Mark an implementation with `tilde.plugins.hookimpl`."""

from __future__ import annotations

import pluggy

from tilde_core.hooks.events import Event
from tilde_core.hooks.offers import CredentialOffer, RetryOffer, Transport, TransportOffer, WebSocketOffer
from tilde_core.http import Request, Response

__all__ = ["PROJECT", "hookimpl", "hookspec"]

PROJECT = "tilde"
hookspec: pluggy.HookspecMarker = pluggy.HookspecMarker(PROJECT)
hookimpl: pluggy.HookimplMarker = pluggy.HookimplMarker(PROJECT)
"""Marks a function or method of a plugin as the implementation of the hook of that name."""


@hookspec
def tilde_transport() -> TransportOffer:  # type: ignore[empty-body]
    """Offer a transport.

    Example:
        @hookimpl
        def tilde_transport():
            return TransportOffer("requests", 50, open_transport)
    """


@hookspec(firstresult=True)
def tilde_send(request: Request, transport: Transport) -> Response:  # type: ignore[empty-body]
    """Send one attempt, or wrap it. The core's own answer, `transport.send(request)`, comes last.

    Example:
        @hookimpl(wrapper=True)
        def tilde_send(request, transport):
            response = yield
            print(request.operation, response.status)
            return response
    """


@hookspec
def tilde_credentials() -> CredentialOffer:  # type: ignore[empty-body]
    """Offer a source of bearer tokens.

    Example:
        @hookimpl
        def tilde_credentials():
            return CredentialOffer("vault", 10, open_provider)
    """


@hookspec
def tilde_retry_policy() -> RetryOffer:  # type: ignore[empty-body]
    """Offer a retry policy.

    Example:
        @hookimpl
        def tilde_retry_policy():
            return RetryOffer("patient", 10, PatientPolicy)
    """


@hookspec
def tilde_websocket() -> WebSocketOffer:  # type: ignore[empty-body]
    """Offer a connector of WebSockets, over which commands run in sandboxes.

    Example:
        @hookimpl
        def tilde_websocket():
            return WebSocketOffer("through-bastion", 10, open_connector)
    """


@hookspec
def tilde_event(event: Event) -> None:
    """Take note of something that happened. Called on the thread it happened on; must be quick; errors are logged.

    Example:
        @hookimpl
        def tilde_event(event):
            if isinstance(event, RetryScheduled):
                retries.inc()
    """
