"""Writes down attempts, retries and new tokens, as a plugin. Events hold no secrets, and so neither does the log."""

from __future__ import annotations

import logging

from tilde_core.hooks.events import CredentialsRefreshed, Event, RequestFinished, RetryScheduled
from tilde_core.hooks.spec import hookimpl
from tilde_core.logs import logger

__all__ = ["is_listening", "tilde_event"]

_MAX_LENGTH = 500


def is_listening() -> bool:
    """Return whether anybody would read what is written here. If not, no event need be made for it."""
    return logger.isEnabledFor(logging.INFO)


@hookimpl
def tilde_event(event: Event) -> None:
    """Write one line for each attempt (at the level DEBUG), for each retry and each token (at INFO)."""
    if isinstance(event, RequestFinished):
        _log_attempt(event)
    elif isinstance(event, RetryScheduled):
        logger.info(
            "%s: attempt %d failed and is repeated in %.2f s: %s",
            event.operation,
            event.attempt,
            event.delay,
            _one_line(event.reason),
        )
    elif isinstance(event, CredentialsRefreshed):
        logger.info("a new token from %s, good until %s", event.credentials, event.expires_at.isoformat())


def _log_attempt(event: RequestFinished) -> None:
    if not logger.isEnabledFor(logging.DEBUG):
        return
    logger.debug(
        "%s: %s %s, attempt %d: %s in %.3f s%s",
        event.operation,
        event.method,
        event.url,
        event.attempt,
        _outcome(event),
        event.elapsed,
        f" (request id {event.request_id})" if event.request_id else "",
    )


def _outcome(event: RequestFinished) -> str:
    if event.error is None:
        return str(event.status)
    return f"{type(event.error).__name__}: {_one_line(event.error.message)}"


def _one_line(text: str) -> str:
    """Return `text` without line ends or control characters, which could pass for lines of their own."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown if len(shown) <= _MAX_LENGTH else shown[:_MAX_LENGTH] + "…"
