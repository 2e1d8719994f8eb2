"""Groups of principals."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tilde_core.models.groups import EffectiveGroup, GroupData, GroupDetails
from tilde_core.models.policies import PolicyAttachment
from tilde_core.operation import Operation, checked_segment
from tilde_core.pagination import PaginatedIterator
from tilde_core.principals import PrincipalType, checked_principal
from tilde_core.resources.base import Entity, OrganizationResource, as_it_is
from tilde_core.resources.changes import changes, named
from tilde_core.resources.group_members import GroupMembers

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["Group", "Groups"]


class Group(OrganizationResource, Entity):
    """A group of users, roles, agents and other groups, as it was when it was fetched.

    `groups.get` loads its members and attachments; else they are fetched when they are first asked for.
    """

    def __init__(self, client: Client, organization: str, data: GroupData, details: GroupDetails | None = None) -> None:
        super().__init__(client, organization)
        self._data = data
        self._details = details

    @property
    def id(self) -> str:
        """The group's UUID."""
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
    def created_at(self) -> datetime | None:
        """When it was created."""
        return self._data.created_at

    @property
    def members(self) -> GroupMembers:
        """Who is in the group."""
        return GroupMembers(self._client, self._path("groups", self.id, "members"), self._detailed, self._forget)

    @property
    def attachments(self) -> list[PolicyAttachment]:
        """The policies that are attached to the group. Fetched on first access, unless `groups.get` has."""
        return list(self._detailed().attachments)

    def update(self, *, name: str | None = None, description: str | None = None) -> Group:
        """Change what is named and leave the rest; return this group with its new values.

        Raises `NotFoundError`, `ConflictError` if the name is taken, and `ValueError` if nothing is named.
        """
        body = changes(name=name, description=description)
        operation = Operation(name="groups.update", method="PUT", path=self._path("groups", self.id), body=body)
        self._data = self._fetch(operation, GroupData)
        self._forget()  # the attachments have the group's name in them
        return self

    def delete(self) -> None:
        """Delete the group. Raises `NotFoundError`."""
        Groups(self._client, self._organization).delete(self.id)

    def _detailed(self) -> GroupDetails:
        if self._details is None:
            self._details = Groups(self._client, self._organization)._read(self.id)
            self._data = self._details.group
        return self._details

    def _forget(self) -> None:
        self._details = None

    @property
    def _identity(self) -> tuple[str, ...]:
        return (self._organization, self.id)

    def _loaded(self) -> GroupData:
        return self._data

    def __repr__(self) -> str:
        return f"Group({self.id!r}, {self.name!r})"


class Groups(OrganizationResource):
    """The groups of one organization."""

    def create(self, name: str, *, description: str | None = None) -> Group:
        """Create a group. Raises `BadRequestError`, `ConflictError` if the name is taken."""
        body = named(name=name, description=description)
        operation = Operation(name="groups.create", method="POST", path=self._path("groups"), body=body)
        return self._entity(self._fetch(operation, GroupData))

    def get(self, group_id: str) -> Group:
        """Return the group with that id, with members and attachments loaded. Raises `NotFoundError`."""
        details = self._read(group_id)
        return Group(self._client, self._organization, details.group, details)

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[Group]:
        """Walk the groups, in the order of their names. `after` is a name. The service sets the size of the pages."""
        return self._list(
            Operation(name="groups.list", method="GET", path=self._path("groups")),
            GroupData,
            self._entity,
            key=lambda group: group.name,
            amount=amount,
            page_size=page_size,
            after=after,
            sized=False,
        )

    def delete(self, group_id: str) -> None:
        """Delete the group with that id. Raises `NotFoundError`."""
        path = self._path("groups", checked_segment("group_id", group_id))
        self._execute(Operation(name="groups.delete", method="DELETE", path=path))

    def effective(
        self,
        *,
        principal_type: PrincipalType | str,
        principal_id: str,
        amount: int | None = None,
        page_size: int | None = None,
        after: str | None = None,
    ) -> PaginatedIterator[EffectiveGroup]:
        """Walk the groups that a principal is in, directly or through other groups, in the order of their names.

        `after` is a name. Raises `ValueError` for another type than user, group, role and agent.
        """
        query = checked_principal("principal", principal_type, principal_id)
        return self._list_whole(
            Operation(name="groups.effective", method="GET", path=self._path("effective-groups"), query=query),
            EffectiveGroup,
            as_it_is,
            key=lambda group: group.group_name,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def _read(self, group_id: str) -> GroupDetails:
        path = self._path("groups", checked_segment("group_id", group_id))
        return self._fetch(Operation(name="groups.get", method="GET", path=path), GroupDetails)

    def _entity(self, data: GroupData) -> Group:
        return Group(self._client, self._organization, data)

    def __repr__(self) -> str:
        return f"Groups({self._organization!r})"
