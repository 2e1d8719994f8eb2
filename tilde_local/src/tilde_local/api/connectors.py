"""/organizations/{organization}/connectors and …/repositories/{repository}/connectors"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response, no_content
from tilde_local.api.endpoint import Listed, Time, Uuid, endpoint
from tilde_local.imports import settings, sources
from tilde_local.imports.settings import Settings
from tilde_local.store import connectors
from tilde_local.store.records import Connector

__all__ = ["attach", "create", "delete", "detach", "get", "list_all", "list_attached", "test", "test_config"]

# Only described, not checked by msgspec: the message of the settings says more.
ConnectorType = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["s3", "gcs", "git", "google_drive"]})]


class TestConfig(msgspec.Struct):
    """The body of POST /connectors:test."""

    type: ConnectorType
    source_uri: str
    config: dict[str, Any]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.type!r}, {self.source_uri!r}, '***')"

    def settings(self) -> Settings:
        """What is in it, checked. Raises BadRequest, also if the library for it is missing."""
        checked = settings.check(self.type, self.source_uri, self.config)
        sources.check_installed(checked.type)
        return checked


class CreateConnector(TestConfig, kw_only=True):
    """The body of POST /connectors."""

    name: str


class AttachConnector(msgspec.Struct):
    """The body of POST …/repositories/{repository}/connectors."""

    connector_id: Uuid


class ConnectorAnswer(msgspec.Struct):
    """A connector, without its config."""

    id: Uuid
    name: str
    type: ConnectorType
    source_uri: str
    display_source: str
    disabled: bool
    created_at: Time

    @classmethod
    def of(cls, found: Connector) -> ConnectorAnswer:
        """The answer for a connector."""
        uri = found.source_uri
        return cls(found.id, found.name, found.type, uri, uri, bool(found.disabled), found.created_at)


class Works(msgspec.Struct):
    """That a connection works."""

    status: Literal["ok"] = "ok"


@endpoint("createConnector", {201: ConnectorAnswer}, body=CreateConnector, errors=(400, 403, 404, 409))
def create(call: Call) -> Response:
    """POST /connectors: nothing is connected to yet."""
    body, services = call.json(CreateConnector), call.services
    checked = body.settings()
    with services.database.write() as db:
        organization = call.organization(db, "CreateConnector")
        made = connectors.create(db, services.encryption, organization, body.name, checked, call.caller, services.now())
    return json_response(ConnectorAnswer.of(made), 201)


@endpoint("listConnectors", {200: Listed[ConnectorAnswer]}, errors=(403, 404))
def list_all(call: Call) -> Response:
    """GET /connectors: all at once."""
    with call.services.database.read() as db:
        found = connectors.list_in(db, call.organization(db, "ListConnectors"))
    return json_response(Listed([ConnectorAnswer.of(each) for each in found]))


@endpoint("getConnector", {200: ConnectorAnswer}, errors=(403, 404))
def get(call: Call) -> Response:
    """GET /connectors/{connector_id}"""
    with call.services.database.read() as db:
        organization = call.organization(db, "GetConnector")
        return json_response(ConnectorAnswer.of(connectors.find(db, organization.id, call.params["connector_id"])))


@endpoint("deleteConnector", {204: None}, errors=(403, 404))
def delete(call: Call) -> Response:
    """DELETE /connectors/{connector_id}: softly, but for its credentials."""
    with call.services.database.write() as db:
        organization = call.organization(db, "DeleteConnector")
        connectors.delete(db, connectors.find(db, organization.id, call.params["connector_id"]), call.services.now())
    return no_content()


@endpoint("testConnectorConfig", {200: Works}, body=TestConfig, errors=(400, 403, 404, 502))
def test_config(call: Call) -> Response:
    """POST /connectors:test: nothing is stored."""
    with call.services.database.read() as db:
        call.organization(db, "TestConnector")
    sources.probe(call.json(TestConfig).settings())
    return json_response(Works())


@endpoint("testConnector", {200: Works}, errors=(400, 403, 404, 500, 502))
def test(call: Call) -> Response:
    """POST /connectors/{connector_id}/test"""
    with call.services.database.read() as db:
        organization = call.organization(db, "TestConnector")
        found = connectors.find(db, organization.id, call.params["connector_id"])
        stored = connectors.settings_of(db, call.services.encryption, found)
    sources.probe(stored)
    return json_response(Works())


@endpoint("attachConnector", {201: None}, body=AttachConnector, errors=(400, 403, 404, 409))
def attach(call: Call) -> Response:
    """POST …/repositories/{repository}/connectors"""
    connector_id = call.json(AttachConnector).connector_id
    with call.services.database.write() as db:
        repository = call.repository(db, "AttachConnector")
        found = connectors.find(db, repository.organization_id, connector_id)
        connectors.attach(db, repository, found, call.services.now())
    return Response(status_code=201)


@endpoint("listRepoConnectors", {200: Listed[ConnectorAnswer]}, errors=(403, 404))
def list_attached(call: Call) -> Response:
    """GET …/repositories/{repository}/connectors: all at once."""
    with call.services.database.read() as db:
        found = connectors.list_attached(db, call.repository(db, "ListRepositoryConnectors"))
    return json_response(Listed([ConnectorAnswer.of(each) for each in found]))


@endpoint("detachConnector", {204: None}, errors=(403, 404))
def detach(call: Call) -> Response:
    """DELETE …/repositories/{repository}/connectors/{connector_id}"""
    with call.services.database.write() as db:
        connectors.detach(db, call.repository(db, "DetachConnector"), call.params["connector_id"])
    return no_content()
