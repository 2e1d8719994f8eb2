"""Organizations."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tilde_core.models.account import NameCheck
from tilde_core.models.organizations import OrganizationData
from tilde_core.operation import Operation, api_path, checked_segment
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.agents import Agents
from tilde_core.resources.base import Entity, Resource
from tilde_core.resources.connectors import Connectors
from tilde_core.resources.groups import Groups
from tilde_core.resources.invitations import Invitations
from tilde_core.resources.members import Members
from tilde_core.resources.policies import Policies
from tilde_core.resources.repositories import Repositories
from tilde_core.resources.roles import Roles

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["Organization", "Organizations"]


class Organization(Entity):
    """An organization, as it was when it was fetched."""

    def __init__(self, client: Client, data: OrganizationData) -> None:
        super().__init__(client)
        self._data = data

    @property
    def id(self) -> str:
        """The organization's UUID."""
        return self._data.id

    @property
    def name(self) -> str:
        """The name that stands in paths, such as `my-team`."""
        return self._data.name

    @property
    def display_name(self) -> str:
        """The name for people."""
        return self._data.display_name

    @property
    def status(self) -> str:
        """`"active"` or `"suspended"`; `""` where the service does not say."""
        return self._data.status

    @property
    def created_at(self) -> datetime | None:
        """When it was created."""
        return self._data.created_at

    @property
    def repositories(self) -> Repositories:
        """The repositories of this organization."""
        return Repositories(self._client, self.name)

    @property
    def members(self) -> Members:
        """The members of this organization."""
        return Members(self._client, self.name)

    @property
    def invitations(self) -> Invitations:
        """The invitations that this organization has sent."""
        return Invitations(self._client, self.name)

    @property
    def groups(self) -> Groups:
        """The groups of this organization."""
        return Groups(self._client, self.name)

    @property
    def policies(self) -> Policies:
        """The policies of this organization, and whom they are attached to."""
        return Policies(self._client, self.name)

    @property
    def roles(self) -> Roles:
        """The roles of this organization."""
        return Roles(self._client, self.name)

    @property
    def agents(self) -> Agents:
        """The agents of this organization."""
        return Agents(self._client, self.name)

    @property
    def connectors(self) -> Connectors:
        """The connectors of this organization."""
        return Connectors(self._client, self.name)

    @property
    def _identity(self) -> tuple[str, ...]:
        return (self.name,)

    def _loaded(self) -> OrganizationData:
        return self._data

    def __repr__(self) -> str:
        return f"Organization({self.name!r})"


class Organizations(Resource):
    """The organizations that the caller belongs to."""

    def create(self, name: str, *, display_name: str | None = None) -> Organization:
        """Create an organization. `display_name` is the name itself if left out.

        Raises `BadRequestError` for a name that is not allowed, `ConflictError` if it is taken.
        """
        checked_segment("name", name)
        body = {"name": name, "display_name": name if display_name is None else display_name}
        operation = Operation(name="organizations.create", method="POST", path="/organizations", body=body)
        return Organization(self._client, self._fetch(operation, OrganizationData))

    def get(self, name: str) -> Organization:
        """Return the organization of that name. Raises `NotFoundError`, and `ValueError` for an empty name."""
        operation = Operation(name="organizations.get", method="GET", path=_path(name))
        return Organization(self._client, self._fetch(operation, OrganizationData))

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[Organization]:
        """Walk the organizations, in the order of their names. `after` is a name."""
        return self._list_whole(
            Operation(name="organizations.list", method="GET", path="/organizations"),
            OrganizationData,
            lambda data: Organization(self._client, data),
            key=lambda organization: organization.name,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def delete(self, name: str) -> None:
        """Delete an organization with all that is in it. Raises `NotFoundError`."""
        self._execute(Operation(name="organizations.delete", method="DELETE", path=_path(name)))

    def check_name(self, name: str) -> NameCheck:
        """Return whether an organization could be created under that name, and if not, why."""
        operation = Operation(
            name="organizations.check_name", method="GET", path="/organizations/check-name", query={"name": name}
        )
        return self._fetch(operation, NameCheck)

    def __repr__(self) -> str:
        return "Organizations()"


def _path(name: str) -> str:
    return api_path("organizations", checked_segment("name", name))
