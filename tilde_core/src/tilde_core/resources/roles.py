"""Roles: identities for programs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tilde_core.models.roles import RoleData
from tilde_core.operation import Operation, checked_segment
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.api_keys import APIKeys
from tilde_core.resources.base import Entity, OrganizationResource
from tilde_core.resources.changes import named

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["Role", "Roles"]


class Role(OrganizationResource, Entity):
    """An identity for pipelines and other programs, as it was when it was fetched."""

    def __init__(self, client: Client, organization: str, data: RoleData) -> None:
        super().__init__(client, organization)
        self._data = data

    @property
    def id(self) -> str:
        """The role's UUID: what policies and groups know it by."""
        return self._data.id

    @property
    def name(self) -> str:
        """The name, of which there is one in the organization."""
        return self._data.name

    @property
    def description(self) -> str:
        """What it is for."""
        return self._data.description

    @property
    def organization_id(self) -> str:
        """The UUID of the organization."""
        return self._data.organization_id

    @property
    def created_by_type(self) -> str:
        """`"user"`, `"role"` or `"agent"`."""
        return self._data.created_by_type

    @property
    def created_by(self) -> str:
        """The UUID of the principal that created it."""
        return self._data.created_by

    @property
    def created_by_name(self) -> str:
        """The name of the principal that created it."""
        return self._data.created_by_name

    @property
    def created_at(self) -> datetime | None:
        """When it was created."""
        return self._data.created_at

    @property
    def last_used_at(self) -> datetime | None:
        """When one of its keys was last used; `None` if never."""
        return self._data.last_used_at

    @property
    def api_keys(self) -> APIKeys:
        """The keys that programs use to act as this role; their tokens begin with `trk-`."""
        return APIKeys(self._client, self._path("roles", self.name, "auth"))

    def delete(self) -> None:
        """Delete the role: its keys become invalid, and it leaves groups and policies. Raises `NotFoundError`."""
        Roles(self._client, self._organization).delete(self.name)

    @property
    def _identity(self) -> tuple[str, ...]:
        return (self._organization, self.name)

    def _loaded(self) -> RoleData:
        return self._data

    def __repr__(self) -> str:
        return f"Role({self.name!r})"


class Roles(OrganizationResource):
    """The roles of one organization."""

    def create(self, name: str, *, description: str | None = None) -> Role:
        """Create a role. `name`: 2 to 63 lower-case letters, digits and hyphens.

        Raises `BadRequestError` for another name, `ConflictError` if it is taken.
        """
        checked_segment("name", name)
        body = named(name=name, description=description)
        operation = Operation(name="roles.create", method="POST", path=self._path("roles"), body=body)
        return self._entity(self._fetch(operation, RoleData))

    def get(self, name: str) -> Role:
        """Return the role of that name. Raises `NotFoundError`."""
        path = self._path("roles", checked_segment("name", name))
        return self._entity(self._fetch(Operation(name="roles.get", method="GET", path=path), RoleData))

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[Role]:
        """Walk the roles, in the order of their names. `after` is a name."""
        return self._list(
            Operation(name="roles.list", method="GET", path=self._path("roles")),
            RoleData,
            self._entity,
            key=lambda role: role.name,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def delete(self, name: str) -> None:
        """Delete the role of that name: its keys become invalid, and it leaves groups and policies.

        Raises `NotFoundError`.
        """
        path = self._path("roles", checked_segment("name", name))
        self._execute(Operation(name="roles.delete", method="DELETE", path=path))

    def _entity(self, data: RoleData) -> Role:
        return Role(self._client, self._organization, data)

    def __repr__(self) -> str:
        return f"Roles({self._organization!r})"
