"""Who looks at the console: a cookie that stands for an API key without holding it."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from tilde_local.clock import stamp
from tilde_local.services import Services
from tilde_local.store import keys
from tilde_local.store.records import Principal

__all__ = ["HOME", "Visitor", "forget", "remember", "visitor_of"]

HOME = "/console"
_LIFETIME = timedelta(hours=12)
_PURPOSE = "console"


class Visitor(NamedTuple):
    """A user who has logged in. `nonce` is new with every login."""

    user: Principal
    nonce: str


def _name(origin: str) -> str:
    # Cookies do not tell ports apart, and several servers may run on this machine.
    return f"tilde_console_{urlsplit(origin).port or 80}"


def visitor_of(services: Services, request: Request, origin: str) -> Visitor | None:
    """Who has logged in; None if nobody has, it is too long ago, or the key was revoked since."""
    claims = services.signer.claims(_PURPOSE, request.cookies.get(_name(origin), ""))
    if claims is None or claims["expires"] <= services.now():
        return None
    with services.database.read() as db:
        user = keys.find_owner(db, claims["key"])
    return user and Visitor(user, claims["nonce"])


def remember(response: Response, services: Services, origin: str, key_id: str) -> None:
    """Log in with a key, for 12 hours."""
    expires = stamp(services.clock() + _LIFETIME)
    claims = {"key": key_id, "expires": expires, "nonce": secrets.token_urlsafe(16)}
    token, seconds = services.signer.token(_PURPOSE, claims), int(_LIFETIME.total_seconds())
    response.set_cookie(_name(origin), token, max_age=seconds, path=HOME, httponly=True, samesite="lax")


def forget(response: Response, origin: str) -> None:
    """Log out."""
    response.delete_cookie(_name(origin), path=HOME, httponly=True, samesite="lax")
