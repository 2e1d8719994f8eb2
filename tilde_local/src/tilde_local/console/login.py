"""Logging in with the API key of a user, and out."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from tilde_local.console.cookies import HOME, forget, remember
from tilde_local.console.rendering import redirect, render
from tilde_local.console.visits import LOGIN, Visit, form_of, origin_of
from tilde_local.services import Services
from tilde_local.store import keys

__all__ = ["log_in", "log_out", "show"]


def show(services: Services, request: Request, body: bytes) -> Response:
    """GET /console/login"""
    return _page(request.query_params.get("next", ""))


def _page(target: str, error: str = "") -> Response:
    return render("login", 403 if error else 200, user=None, next=_inside(target), error=error)


def _inside(target: str) -> str:
    """Where to go on: `target` if it is a page of the console. Browsers take two slashes for another host."""
    return target if target.startswith(f"{HOME}/") and target.isprintable() else HOME


def log_in(services: Services, request: Request, body: bytes) -> Response:
    """POST /console/login: on with the page that was asked for."""
    form, now = form_of(body), services.clock()
    target = form.get("next", "")
    with services.database.read() as db:
        found = keys.find_caller(db, form.get("api_key", "").strip(), now)
    if found is None:
        return _page(target, "This API key was not issued by this server, or was revoked.")
    if found.owner.type != "user":
        return _page(target, f"This is the API key of a program ({found.owner.type} {found.owner.name}), not a person.")
    with services.database.write() as db:
        keys.note_use(db, found.key_id, now)
    response = redirect(_inside(target))
    remember(response, services, origin_of(request), found.key_id)
    return response


def log_out(visit: Visit) -> Response:
    """POST /console/logout"""
    response = redirect(LOGIN)
    forget(response, visit.call.origin)
    return response
