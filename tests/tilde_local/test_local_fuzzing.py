"""The whole surface of the server, driven by its own description: with data that it allows, and with data it does not.

No answer is a 5xx or lies outside the description; the watch of conftest.py sees to the latter.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from tilde_local import Server
from tilde_local.api.routes import ROUTES
from tilde_local.openapi import document

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Gated

_SCHEMA = schemathesis.openapi.from_dict(document(ROUTES, "test"))


class Names:
    """Things that exist, for the parameters that name them: made anew for each operation, which may remove them."""

    def __init__(self, server: Server, gated: Gated) -> None:
        self._gated = gated
        self.api: Api = gated.owner.api
        username = f"user-{uuid.uuid4().hex[:12]}"
        server.create_user(username)
        role, agent = gated.make("/roles", {"name": "loader"}), gated.make("/agents", {"name": "reader"})
        session = gated.owner.session()
        gated.owner.put(session, "staged.txt", b"x")
        nowhere = {"anonymous": True, "endpoint_url": "http://127.0.0.1:9"}
        source = {"name": "source", "type": "s3", "source_uri": "s3://bucket", "config": nowhere}
        order = {
            "source_organization": gated.organization.rpartition("/")[2],
            "source_repository": "data",
            "destination_path": "copy/",
        }
        trigger = {
            "name": "watch",
            "conditions": [{"type": "prefix", "prefix": ""}],
            "sandbox_config": {"image": "python:3.13"},
        }
        self.values = {
            "organization": gated.organization.rpartition("/")[2],
            "repository": "data",
            "commit_id": gated.owner.commit({"old.txt": b"new"}),
            "session_id": session,
            "trigger_id": gated.owner.call("POST", "/sandbox-triggers", None, trigger).json["id"],
            "group_id": gated.make("/groups", {"name": "readers"})["id"],
            "policy_id": gated.make("/policies", {"name": "read", "policy_text": "GetObject()"})["id"],
            "role_name": role["name"],
            "agent_name": agent["name"],
            "user_id": gated.make("/members", {"username": username})["user_id"],
            "secret_key": "KEY",
            "connector_id": gated.make("/connectors", source)["id"],
            "job_id": gated.owner.call("POST", "/import", None, order).json["job_id"],
            "sandbox_id": gated.owner.sandbox("true").id,
        }
        for owner in (f"{gated.organization}/agents/reader", gated.owner.root):
            assert self.api.call("PUT", f"{owner}/secrets/KEY", None, {"value": "v"}).status == 200

    def of(self, path: str) -> dict[str, str]:
        """The values of the parameters in a path."""
        found = {name: value for name, value in self.values.items() if f"{{{name}}}" in path}
        if path.endswith("/approve"):
            found["session_id"] = self._gated.submit()
        if "{key_id}" in path:
            owner = path.format_map({**found, "key_id": ""}).rstrip("/")
            created = self.api.call("POST", owner, None, {"name": "k"})
            assert created.status == 201, created
            found["key_id"] = created.json["id"]
        return found


@pytest.fixture
def names(shared_server: Server, gate: Callable[[Server], Gated]) -> Iterator[Names]:
    gated = gate(shared_server)
    yield Names(shared_server, gated)
    # What waits for commands that never come would take the places of others. The repository itself may be gone.
    while (listed := gated.owner.call("GET", "/sandboxes", {"amount": 1000})).status == 200:
        active = [each for each in listed.results if each["status"] in ("starting", "running")]
        for each in active:
            gated.owner.call("DELETE", f"/sandboxes/{each['id']}")
        if not active:
            break


@_SCHEMA.parametrize()
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
def test_operation(case: schemathesis.Case[Any], names: Names) -> None:
    known = names.of(case.operation.path)
    if case.meta is None or case.meta.generation.mode is schemathesis.GenerationMode.POSITIVE:
        case.path_parameters = {**(case.path_parameters or {}), **known}
        if "session_id" in (case.query or {}):
            case.query["session_id"] = names.values["session_id"]
    response = case.call(
        base_url=f"{names.api.endpoint_url}/api/v1",
        headers={"Authorization": f"Bearer {names.api.api_key}"},
        allow_redirects=False,
    )
    # That something outside cannot be reached is no failure of the server.
    expected = response.status_code in (502, 503) and str(response.status_code) in _described(case)
    assert response.status_code < 500 or expected


def _described(case: schemathesis.Case[Any]) -> Any:
    return case.operation.definition.raw["responses"]
