"""Which page is where. Errors are pages, too."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from tilde_local.console import login, outputs, pages, sandboxes, triggers
from tilde_local.console.cookies import HOME
from tilde_local.console.rendering import redirect, render, stylesheet
from tilde_local.console.visits import LOGIN, Handler, visited
from tilde_local.errors import ApiError, MethodNotAllowed
from tilde_local.routing import ThreadedRoute
from tilde_local.services import Services

__all__ = ["CONSOLE", "ConsoleRoute"]

_REPOSITORY = f"{HOME}/organizations/{{organization}}/repositories/{{repository}}"

CONSOLE: Mapping[str, Mapping[str, Handler]] = {
    HOME: {"GET": visited(pages.home)},
    LOGIN: {"GET": login.show, "POST": login.log_in},
    f"{HOME}/logout": {"POST": visited(login.log_out)},
    f"{HOME}/style.css": {"GET": lambda services, request, body: stylesheet()},
    _REPOSITORY: {"GET": visited(pages.repository), "POST": visited(pages.set_approval)},
    f"{_REPOSITORY}/commits/{{commit_id}}": {"GET": visited(pages.commit)},
    f"{_REPOSITORY}/sessions/{{session_id}}/approve": {"GET": visited(pages.review), "POST": visited(pages.decide)},
    f"{_REPOSITORY}/sandboxes": {"GET": visited(sandboxes.list_all)},
    f"{_REPOSITORY}/sandboxes/{{sandbox_id}}": {"GET": visited(sandboxes.show), "POST": visited(sandboxes.cancel)},
    f"{_REPOSITORY}/sandboxes/{{sandbox_id}}/log": {"GET": visited(outputs.frame)},
    f"{_REPOSITORY}/sandboxes/{{sandbox_id}}/output": {"GET": visited(outputs.download)},
    f"{_REPOSITORY}/sandbox-triggers": {"GET": visited(triggers.list_all)},
    f"{_REPOSITORY}/sandbox-triggers/{{trigger_id}}": {"GET": visited(triggers.show)},
    f"{HOME}/{{rest:path}}": {"GET": visited(pages.none)},
    "/": {"GET": lambda services, request, body: redirect(HOME)},
}


class ConsoleRoute(ThreadedRoute):
    """One path of the console with its methods."""

    def __init__(self, services: Services, methods: Mapping[str, Handler]) -> None:
        self._services = services
        self._methods = methods

    def answer(self, request: Request, body: bytes) -> Response:
        """Ask the handler of the method."""
        if request.method not in self._methods:
            raise MethodNotAllowed(
                f"{request.method} is not possible here", headers={"Allow": ", ".join(self._methods)}
            )
        return self._methods[request.method](self._services, request, body)

    def refuse(self, error: ApiError, scope: Scope) -> Response:
        """The error as a page."""
        return render("error", error.status, user=None, error=error)
