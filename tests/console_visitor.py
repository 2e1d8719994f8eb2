"""Visits to the console over plain HTTP."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from tilde_local.conftest import Answer, Gated, Repo

__all__ = ["Visitor", "as_member", "text"]


class Visitor:
    """A browser, as far as it matters here: it keeps cookies and sends forms with their hidden fields."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self.cookies: SimpleCookie = SimpleCookie()
        self.form_token = ""

    def send(self, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        body = urlencode(form).encode() if form is not None else None
        answer = self.repo.api.wire.send(method, path, body, {"Cookie": cookie, **headers})
        self.cookies.load(answer.headers.get("Set-Cookie", ""))
        found = re.search(rb'name="form_token" value="([^"]+)"', answer.body)
        self.form_token = found[1].decode() if found else self.form_token
        return answer

    def get(self, path: str = "") -> Answer:
        return self.send("GET", f"/console{path}")

    def post(self, path: str, **form: str) -> Answer:
        return self.send("POST", f"/console{path}", {"form_token": self.form_token, **form})

    def log_in(self, api_key: str, target: str = "/console") -> Answer:
        return self.send("POST", "/console/login", {"api_key": api_key, "next": target})


def text(answer: Answer) -> str:
    """What the page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.body.decode()))


def as_member(gated: Gated, policy: str) -> Visitor:
    """Somebody else of the organization, who may do what `policy` says."""
    username = f"m-{gated.organization.rsplit('/')[-1]}"
    key = gated.server.create_user(username)
    member = gated.make("/members", {"username": username})
    made = gated.make("/policies", {"name": "theirs", "policy_text": policy})
    attach = {"principal_type": "user", "principal_id": member["user_id"]}
    path = f"{gated.organization}/policies/{made['id']}/attachments"
    assert gated.owner.api.call("POST", path, None, attach).status == 201
    visitor = Visitor(gated.as_owner(key))
    assert visitor.log_in(key).status == 303
    return visitor
