"""Which endpoint answers what, and the steps around each: authenticate, map errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from tilde_local.api import (
    accounts,
    agents,
    approvals,
    attachments,
    commits,
    connectors,
    groups,
    imports,
    invitations,
    keys,
    members,
    objects,
    organizations,
    policies,
    repositories,
    roles,
    sandbox_logs,
    sandbox_sockets,
    sandbox_triggers,
    sandboxes,
    secrets,
    sessions,
    uploads,
)
from tilde_local.api.authentication import authenticate
from tilde_local.api.call import Call, Query, origins
from tilde_local.api.description import describe
from tilde_local.api.endpoint import Endpoint
from tilde_local.api.sockets import Socket
from tilde_local.errors import ApiError, MethodNotAllowed, NotFound, error_response
from tilde_local.guard import request_id_of
from tilde_local.routing import ThreadedRoute, raw_path
from tilde_local.services import Services

__all__ = ["API_ROOT", "ROUTES", "SOCKETS", "ApiRoute"]

API_ROOT = "/api/v1"

_REPOSITORY = "/organizations/{organization}/repositories/{repository}"
_SANDBOX = f"{_REPOSITORY}/sandboxes/{{sandbox_id}}"

ROUTES: Mapping[str, Mapping[str, Endpoint]] = {
    "/openapi.json": {"GET": describe(lambda: ROUTES)},
    "/auth/me": {"GET": accounts.me},
    "/auth/check-username": {"GET": accounts.check_username},
    "/auth/search-users": {"GET": accounts.search},
    "/auth/keys": {"GET": keys.list_all, "POST": keys.create},
    "/auth/keys/{key_id}": {"DELETE": keys.revoke},
    "/invitations": {"GET": invitations.list_mine},
    "/invitations/{invitation_id}/accept": {"POST": invitations.accept},
    "/invitations/{invitation_id}/decline": {"POST": invitations.decline},
    "/organizations": {"GET": organizations.list_all, "POST": organizations.create},
    "/organizations/check-name": {"GET": organizations.check_name},
    "/organizations/{organization}": {"GET": organizations.get, "DELETE": organizations.delete},
    "/organizations/{organization}/members": {"GET": members.list_all, "POST": members.create},
    "/organizations/{organization}/members/{user_id}": {"DELETE": members.delete},
    "/organizations/{organization}/invitations": {
        "GET": invitations.list_in_organization,
        "POST": invitations.create,
    },
    "/organizations/{organization}/invitations/{invitation_id}": {"DELETE": invitations.revoke},
    "/organizations/{organization}/groups": {"GET": groups.list_all, "POST": groups.create},
    "/organizations/{organization}/groups/{group_id}": {
        "GET": groups.get,
        "PUT": groups.update,
        "DELETE": groups.delete,
    },
    "/organizations/{organization}/groups/{group_id}/members": {
        "POST": groups.add_member,
        "DELETE": groups.remove_member,
    },
    "/organizations/{organization}/policies": {"GET": policies.list_all, "POST": policies.create},
    "/organizations/{organization}/policies:validate": {"POST": policies.validate},
    "/organizations/{organization}/policies:generate": {"POST": policies.generate},
    "/organizations/{organization}/policies/{policy_id}": {
        "GET": policies.get,
        "PUT": policies.update,
        "DELETE": policies.delete,
    },
    "/organizations/{organization}/policies/{policy_id}/attachments": {
        "POST": attachments.attach,
        "DELETE": attachments.detach,
    },
    "/organizations/{organization}/attachments": {"GET": attachments.list_all},
    "/organizations/{organization}/effective-policies": {"GET": attachments.effective},
    "/organizations/{organization}/effective-groups": {"GET": groups.effective},
    "/organizations/{organization}/roles": {"GET": roles.list_all, "POST": roles.create},
    "/organizations/{organization}/roles/{role_name}": {"GET": roles.get, "DELETE": roles.delete},
    "/organizations/{organization}/roles/{role_name}/auth/keys": {
        "GET": keys.list_of_role,
        "POST": keys.create_of_role,
    },
    "/organizations/{organization}/roles/{role_name}/auth/keys/{key_id}": {"DELETE": keys.revoke_of_role},
    "/organizations/{organization}/agents": {"GET": agents.list_all, "POST": agents.create},
    "/organizations/{organization}/agents/{agent_name}": {
        "GET": agents.get,
        "PUT": agents.update,
        "DELETE": agents.delete,
    },
    "/organizations/{organization}/agents/{agent_name}/auth/keys": {
        "GET": keys.list_of_agent,
        "POST": keys.create_of_agent,
    },
    "/organizations/{organization}/agents/{agent_name}/auth/keys/{key_id}": {"DELETE": keys.revoke_of_agent},
    "/organizations/{organization}/agents/{agent_name}/secrets": {"GET": secrets.list_of_agent},
    "/organizations/{organization}/agents/{agent_name}/secrets/{secret_key}": {
        "GET": secrets.get_of_agent,
        "PUT": secrets.put_of_agent,
        "DELETE": secrets.delete_of_agent,
    },
    "/organizations/{organization}/connectors": {"GET": connectors.list_all, "POST": connectors.create},
    "/organizations/{organization}/connectors:test": {"POST": connectors.test_config},
    "/organizations/{organization}/connectors/{connector_id}": {"GET": connectors.get, "DELETE": connectors.delete},
    "/organizations/{organization}/connectors/{connector_id}/test": {"POST": connectors.test},
    "/organizations/{organization}/repositories": {
        "GET": repositories.list_in_organization,
        "POST": repositories.create,
    },
    "/repositories": {"GET": repositories.list_all},
    _REPOSITORY: {"GET": repositories.get, "PUT": repositories.update, "DELETE": repositories.delete},
    f"{_REPOSITORY}/connectors": {"GET": connectors.list_attached, "POST": connectors.attach},
    f"{_REPOSITORY}/connectors/{{connector_id}}": {"DELETE": connectors.detach},
    f"{_REPOSITORY}/import": {"POST": imports.start},
    f"{_REPOSITORY}/import/{{job_id}}": {"GET": imports.get},
    f"{_REPOSITORY}/sandbox-triggers": {"GET": sandbox_triggers.list_all, "POST": sandbox_triggers.create},
    f"{_REPOSITORY}/sandbox-triggers/{{trigger_id}}": {
        "GET": sandbox_triggers.get,
        "PUT": sandbox_triggers.update,
        "PATCH": sandbox_triggers.toggle,
        "DELETE": sandbox_triggers.delete,
    },
    f"{_REPOSITORY}/sandbox-triggers/{{trigger_id}}/runs": {"GET": sandbox_triggers.list_runs},
    f"{_REPOSITORY}/secrets": {"GET": secrets.list_all},
    f"{_REPOSITORY}/secrets/{{secret_key}}": {"GET": secrets.get, "PUT": secrets.put, "DELETE": secrets.delete},
    f"{_REPOSITORY}/sessions": {"POST": sessions.create},
    f"{_REPOSITORY}/sessions/{{session_id}}": {"POST": sessions.commit, "DELETE": sessions.rollback},
    f"{_REPOSITORY}/sessions/{{session_id}}/approve": {
        "HEAD": approvals.check,
        "GET": approvals.list_changes,
        "POST": approvals.approve,
    },
    f"{_REPOSITORY}/changes": {"GET": sessions.list_changes},
    f"{_REPOSITORY}/commits/{{commit_id}}": {"GET": commits.get},
    f"{_REPOSITORY}/commits/{{commit_id}}/revert": {"POST": commits.revert},
    f"{_REPOSITORY}/log": {"GET": commits.log},
    f"{_REPOSITORY}/diff": {"GET": commits.diff},
    f"{_REPOSITORY}/object": {
        "GET": objects.get,
        "HEAD": objects.head,
        "PUT": uploads.begin,
        "DELETE": objects.delete,
    },
    f"{_REPOSITORY}/object/copy": {"POST": objects.copy},
    f"{_REPOSITORY}/object/finalize": {"POST": uploads.finalize},
    f"{_REPOSITORY}/object/multipart": {"POST": uploads.begin_multipart, "DELETE": uploads.abort_multipart},
    f"{_REPOSITORY}/object/multipart/part": {"GET": uploads.get_part_url},
    f"{_REPOSITORY}/object/multipart/complete": {"POST": uploads.complete_multipart},
    f"{_REPOSITORY}/objects": {"GET": objects.list_all},
    f"{_REPOSITORY}/objects/delete": {"POST": objects.delete_many},
    f"{_REPOSITORY}/sandboxes": {"GET": sandboxes.list_all, "POST": sandboxes.create},
    _SANDBOX: {"GET": sandboxes.get, "DELETE": sandboxes.cancel},
    f"{_SANDBOX}/status": {"GET": sandboxes.status},
    f"{_SANDBOX}/finish": {"POST": sandboxes.finish},
    f"{_SANDBOX}/logs/stdout": {"GET": sandbox_logs.output},
    f"{_SANDBOX}/logs/network": {"GET": sandbox_logs.network},
    f"{_SANDBOX}/exec": {"GET": sandbox_sockets.execute.over_http},
    f"{_SANDBOX}/terminal": {"GET": sandbox_sockets.terminal.over_http},
}

SOCKETS: Mapping[str, Socket[Any]] = {
    f"{_SANDBOX}/exec": sandbox_sockets.execute,
    f"{_SANDBOX}/terminal": sandbox_sockets.terminal,
}


class ApiRoute(ThreadedRoute):
    """One path of the API with its methods. Without methods it is the answer for unknown paths."""

    def __init__(self, services: Services, methods: Mapping[str, Endpoint]) -> None:
        self._services = services
        self._methods = methods

    def refuse(self, error: ApiError, scope: Scope) -> Response:
        """The error as JSON."""
        return error_response(error, request_id_of(scope))

    def answer(self, request: Request, body: bytes) -> Response:
        """Authenticate, and ask the endpoint."""
        # Before anything else: what exists here is not for strangers to find out.
        caller = authenticate(self._services, request.headers)
        endpoint = self._endpoint(request)
        query = Query(request.scope["query_string"], endpoint.parameters)
        return endpoint(Call(self._services, caller, request.path_params, query, body, *origins(request)))

    def _endpoint(self, request: Request) -> Endpoint:
        if not self._methods:
            raise NotFound(f"no such path: {raw_path(request.scope)}")
        if request.method not in self._methods:
            allowed = ", ".join(sorted(self._methods))
            raise MethodNotAllowed(
                f"{request.method} is not possible on {raw_path(request.scope)}, only {allowed}",
                headers={"Allow": allowed},
            )
        return self._methods[request.method]
