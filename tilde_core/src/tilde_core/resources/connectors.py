"""Connectors: where data is imported from, of an organization and of its repositories."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tilde_core.models.connectors import ConnectionTestResult, ConnectorData, ConnectorType
from tilde_core.operation import Operation, checked_segment
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.base import Entity, OrganizationResource, RepositoryResource
from tilde_core.serialization import encode_json

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["Connector", "Connectors", "RepositoryConnectors"]


class Connector(OrganizationResource, Entity):
    """A connection to a store outside. Its configuration stays with the service and is never told.

    All but the id is fetched when it is first asked for, unless that has happened already.
    """

    def __init__(self, client: Client, organization: str, connector_id: str, data: ConnectorData | None = None) -> None:
        super().__init__(client, organization)
        self._id = checked_segment("connector_id", connector_id)
        self._data = data

    @property
    def id(self) -> str:
        """The connector's UUID."""
        return self._id

    @property
    def name(self) -> str:
        """The name, of which there is one in the organization."""
        return self._loaded().name

    @property
    def type(self) -> str:
        """`"s3"`, `"gcs"`, `"git"` or `"google_drive"`."""
        return self._loaded().type

    @property
    def source_uri(self) -> str:
        """Where it reads, such as `s3://bucket/prefix/`."""
        return self._loaded().source_uri

    @property
    def display_source(self) -> str:
        """Where it reads, for people: the source URI, or the path of a folder."""
        return self._loaded().display_source

    @property
    def disabled(self) -> bool:
        """Whether it is switched off: imports from it raise `LockedError`."""
        return self._loaded().disabled

    @property
    def public_key(self) -> str | None:
        """The SSH public key to add to a git repository as a deploy key; `None` for the other types."""
        return self._loaded().public_key

    @property
    def created_at(self) -> datetime | None:
        """When it was created."""
        return self._loaded().created_at

    def test(self) -> ConnectionTestResult:
        """Let the service try the connection.

        Raises `ServerError` with the service's reason if it does not work, `NotFoundError`.
        """
        path = self._path("connectors", self.id, "test")
        return self._fetch(Operation(name="connectors.test", method="POST", path=path), ConnectionTestResult)

    def delete(self) -> None:
        """Delete the connector (a soft delete). Raises `NotFoundError`."""
        self._execute(Operation(name="connectors.delete", method="DELETE", path=self._path("connectors", self.id)))

    @property
    def _identity(self) -> tuple[str, ...]:
        return (self._organization, self.id)

    def _loaded(self) -> ConnectorData:
        if self._data is None:
            operation = Operation(name="connectors.get", method="GET", path=self._path("connectors", self.id))
            self._data = self._fetch(operation, ConnectorData)
        return self._data

    def __repr__(self) -> str:
        return f"Connector({self.id!r}{f', {self._data.name!r}' if self._data else ''})"


class Connectors(OrganizationResource):
    """The connectors of one organization."""

    def create(self, *, name: str, type: ConnectorType | str, source_uri: str, config: Mapping[str, Any]) -> Connector:
        """Create a connector; `test` tells beforehand whether it will work.

        `config` has what the type needs, such as `access_key_id`, `secret_access_key` and `region` for `"s3"`. It goes
        nowhere but to the service. Raises `BadRequestError`, `ConflictError` if the name is taken.
        """
        body = {"name": name, "type": type, "source_uri": source_uri, "config": _checked_config(config)}
        operation = Operation(name="connectors.create", method="POST", path=self._path("connectors"), body=body)
        return self._entity(self._fetch(operation, ConnectorData))

    def get(self, connector_id: str) -> Connector:
        """Return the connector with that id, loaded. Raises `NotFoundError`."""
        connector = Connector(self._client, self._organization, connector_id)
        connector._loaded()
        return connector

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[Connector]:
        """Walk the connectors, in the order of their names. `after` is a name."""
        return self._list_whole(
            Operation(name="connectors.list", method="GET", path=self._path("connectors")),
            ConnectorData,
            self._entity,
            key=lambda connector: connector.name,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def delete(self, connector_id: str) -> None:
        """Delete the connector with that id (a soft delete). Raises `NotFoundError`."""
        Connector(self._client, self._organization, connector_id).delete()

    def test(self, *, type: ConnectorType | str, source_uri: str, config: Mapping[str, Any]) -> ConnectionTestResult:
        """Let the service try a connection before a connector is created for it.

        Raises `ServerError` with the service's reason if it does not work, `BadRequestError`.
        """
        body = {"type": type, "source_uri": source_uri, "config": _checked_config(config)}
        path = self._path("connectors") + ":test"
        return self._fetch(Operation(name="connectors.test", method="POST", path=path, body=body), ConnectionTestResult)

    def _entity(self, data: ConnectorData) -> Connector:
        return Connector(self._client, self._organization, data.id, data)

    def __repr__(self) -> str:
        return f"Connectors({self._organization!r})"


class RepositoryConnectors(RepositoryResource):
    """The connectors that one repository may import from."""

    def attach(self, connector_id: str) -> Connector:
        """Let the repository import from a connector of the organization, and return that, not loaded yet.

        Raises `BadRequestError`, `ConflictError` if it is attached already.
        """
        connector = Connector(self._client, self._organization, connector_id)
        body = {"connector_id": connector_id}
        path = self._path("connectors")
        self._execute(Operation(name="repository_connectors.attach", method="POST", path=path, body=body))
        return connector

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[Connector]:
        """Walk the connectors that are attached, in the order of their names. `after` is a name."""
        return self._list_whole(
            Operation(name="repository_connectors.list", method="GET", path=self._path("connectors")),
            ConnectorData,
            lambda data: Connector(self._client, self._organization, data.id, data),
            key=lambda connector: connector.name,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def detach(self, connector_id: str) -> None:
        """Stop the repository from importing from a connector. What was imported stays."""
        path = self._path("connectors", checked_segment("connector_id", connector_id))
        self._execute(Operation(name="repository_connectors.detach", method="DELETE", path=path))

    def __repr__(self) -> str:
        return f"RepositoryConnectors({self._organization}/{self._repository})"


def _checked_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config that can be sent. What is raised for another does not show its values."""
    if not isinstance(config, Mapping):
        raise TypeError(f"config must be a mapping, not a {type(config).__name__}")
    for name, value in config.items():
        if isinstance(value, (bytes, bytearray)):
            raise TypeError(f"config[{name!r}] must be text or another JSON value, not {type(value).__name__}")
    try:
        encode_json(dict(config))
    except UnicodeEncodeError:  # its repr has the whole text
        raise ValueError("config holds a lone surrogate, which UTF-8 cannot express") from None
    return dict(config)
