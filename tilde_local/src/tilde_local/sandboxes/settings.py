"""What the operator of the server decides about sandboxes."""

from __future__ import annotations

from dataclasses import dataclass, field

from tilde_local.runner.base import Limits
from tilde_local.sandboxes.hosts import AllowedHosts

__all__ = ["Settings"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`limits` are those of each sandbox. The others:

    `at_once`: how many run at the same time; more of them wait. `max_seconds`: how long one may run. `output_bytes`:
    how much it may print. `token_seconds`: how long its access tokens live. `hosts`: what it may reach through the
    proxy, each `name`, `*.name` or an address, with `:port` if it is neither 80 nor 443; `*` is everything. Raises
    ValueError for numbers below 1, and for what is no host.
    """

    limits: Limits = field(default_factory=Limits)
    at_once: int = 16
    max_seconds: int = 24 * 60 * 60
    output_bytes: int = 2 << 30
    token_seconds: int = 15 * 60
    hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("at_once", "max_seconds", "output_bytes", "token_seconds"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        AllowedHosts(self.hosts)
