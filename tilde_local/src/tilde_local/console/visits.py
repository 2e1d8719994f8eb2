"""The steps around a page: find out who looks, and that a form comes from a page of his."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import Response

from tilde_local.api.call import Call, Query
from tilde_local.console.cookies import visitor_of
from tilde_local.console.rendering import ALONE, redirect, render
from tilde_local.errors import BadRequest, Forbidden
from tilde_local.services import Services

__all__ = ["LOGIN", "Handler", "Page", "Visit", "form_of", "origin_of", "visited"]

LOGIN = "/console/login"
# What the page says on which a form has led.
_NOTICES = {
    "approved": "Approved and committed.",
    "cancelled": "It has been told to end.",
    "rolled-back": "Rolled back.",
    "saved": "Saved.",
}
Handler = Callable[[Services, Request, bytes], Response]


class Visit(NamedTuple):
    """What a page gets: the call as the API would see it, the form if one was sent, and the token for the next one."""

    call: Call
    form: Mapping[str, str]
    form_token: str

    def render(self, template: str, status: int = 200, policy: str = ALONE, **values: object) -> Response:
        """A page for this visitor."""
        own = {"user": self.call.caller.name, "form_token": self.form_token}
        notice = _NOTICES.get(self.call.query.text("done"), "")
        return render(template, status, policy, **own, notice=notice, **values)


Page = Callable[[Visit], Response]


def origin_of(request: Request) -> str:
    """The server's own address as the browser knows it."""
    return f"http://{request.headers['host']}"


def form_of(body: bytes) -> dict[str, str]:
    """The fields of a form. Raises BadRequest for what is none."""
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict"))
    except ValueError as error:
        raise BadRequest("the form is not percent-encoded UTF-8") from error


def visited(page: Page) -> Handler:
    """The handler that shows `page` to who has logged in, and the login page to others."""

    def answer(services: Services, request: Request, body: bytes) -> Response:
        origin = origin_of(request)
        visitor = visitor_of(services, request, origin)
        if visitor is None:
            return redirect(f"{LOGIN}?next={quote(_place(request), safe='/')}")
        token = services.signer.token("form", {"nonce": visitor.nonce})
        form = form_of(body) if request.method == "POST" else {}
        if request.method == "POST":
            _check(form, token)
        query = Query(request.scope["query_string"], frozenset({"after", "done"}))
        return page(Visit(Call(services, visitor.user, request.path_params, query, body, origin, origin), form, token))

    return answer


def _place(request: Request) -> str:
    path, query = str(request.scope["raw_path"].decode("latin-1")), request.url.query
    return f"{path}?{query}" if query else path


def _check(form: Mapping[str, str], expected: str) -> None:
    """Raise Forbidden if the form was made by any other page, or in an earlier visit."""
    if not hmac.compare_digest(form.get("form_token", "").encode(), expected.encode()):
        raise Forbidden("this form comes from another visit: go back, reload the page and try again", code="stale_form")
