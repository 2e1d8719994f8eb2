"""Routes that take a path apart before they decode it."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.routing import Match, Route
from starlette.types import Scope

__all__ = ["SegmentRoute", "raw_path"]


def raw_path(scope: Scope) -> str:
    """The path as the client sent it, still percent-encoded."""
    return str(scope["raw_path"].decode("latin-1"))


class SegmentRoute(Route):
    """Clients encode a path segment by segment. Decoded as a whole, as Starlette gets it, `a%2Fb` would be two."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the raw path; the parameters are decoded one by one."""
        match, found = super().matches({**scope, "path": raw_path(scope)})
        if match is not Match.NONE:
            found["path_params"] = {name: unquote(value) for name, value in found["path_params"].items()}
        return match, found
