"""The built-in retry policy as a plugin. The rules are in `tilde_core.retry`."""

from __future__ import annotations

from tilde_core.hooks.offers import RetryOffer, RetryPolicy, RetrySettings
from tilde_core.hooks.spec import hookimpl

__all__ = ["tilde_retry_policy"]


def _open(settings: RetrySettings) -> RetryPolicy:
    from tilde_core.retry import DefaultRetryPolicy  # tenacity is not needed before the first request

    return DefaultRetryPolicy(settings)


@hookimpl
def tilde_retry_policy() -> RetryOffer:
    """Offer the default policy."""
    return RetryOffer("default", 0, _open)
