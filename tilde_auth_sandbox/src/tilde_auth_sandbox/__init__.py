"""Lets the Tilde SDK act as the principal of the sandbox that it runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tilde_auth_sandbox.credentials import SandboxCredentials

__all__ = ["SandboxCredentials"]


def __getattr__(name: str) -> Any:
    """Import what is needed only when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tilde_auth_sandbox.credentials import SandboxCredentials

    return SandboxCredentials
