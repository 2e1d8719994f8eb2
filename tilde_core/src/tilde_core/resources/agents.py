"""Agents: identities with metadata and a policy of their own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from tilde_core.models.agents import AgentData
from tilde_core.operation import Operation, checked_segment
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.api_keys import APIKeys
from tilde_core.resources.base import Entity, OrganizationResource
from tilde_core.resources.changes import changes, named
from tilde_core.resources.secrets import Secrets
from tilde_core.transfer.paths import checked_metadata

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["Agent", "Agents"]


class Agent(OrganizationResource, Entity):
    """An identity for a tool or an assistant, as it was when it was fetched.

    It may do what its inline policy allows, and never more than who has created it.
    """

    def __init__(self, client: Client, organization: str, data: AgentData) -> None:
        super().__init__(client, organization)
        self._data = data

    @property
    def id(self) -> str:
        """The agent's UUID: what sandboxes and groups know it by."""
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
    def metadata(self) -> dict[str, str]:
        """What is noted down about it."""
        return dict(self._data.metadata)

    @property
    def inline_policy(self) -> str:
        """The text of its own policy; `""` if it has none."""
        return self._data.inline_policy

    @property
    def inline_policy_updated_at(self) -> datetime | None:
        """When its own policy was last changed; `None` if it never had one."""
        return self._data.inline_policy_updated_at

    @property
    def organization_id(self) -> str:
        """The UUID of the organization."""
        return self._data.organization_id

    @property
    def created_by_type(self) -> str:
        """`"user"` or `"role"`."""
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
        """The keys that programs use to act as this agent; their tokens begin with `tak-`."""
        return APIKeys(self._client, self._path("agents", self.name, "auth"))

    @property
    def secrets(self) -> Secrets:
        """The secrets that sandboxes get which run as this agent."""
        return Secrets(self._client, self._path("agents", self.name, "secrets"))

    def update(
        self,
        *,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        inline_policy: str | None = None,
    ) -> Agent:
        """Change what is named and leave the rest; return this agent with its new values.

        `metadata` replaces all of it, and `{}` clears it; an `inline_policy` of `""` takes the policy away. Raises
        `BadRequestError` for a policy that is not valid, `NotFoundError`, and `ValueError` if nothing is named.
        """
        body = changes(description=description, metadata=_checked(metadata), inline_policy=inline_policy)
        operation = Operation(name="agents.update", method="PUT", path=self._path("agents", self.name), body=body)
        self._data = self._fetch(operation, AgentData)
        return self

    def delete(self) -> None:
        """Delete the agent: its keys become invalid, and it leaves groups and policies. Raises `NotFoundError`."""
        Agents(self._client, self._organization).delete(self.name)

    @property
    def _identity(self) -> tuple[str, ...]:
        return (self._organization, self.name)

    def _loaded(self) -> AgentData:
        return self._data

    def __repr__(self) -> str:
        return f"Agent({self.name!r})"


class Agents(OrganizationResource):
    """The agents of one organization."""

    def create(
        self,
        name: str,
        *,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        inline_policy: str | None = None,
    ) -> Agent:
        """Create an agent. `name`: 2 to 63 lower-case letters, digits and hyphens.

        Raises `BadRequestError` for another name or a policy that is not valid, `ConflictError` if the name is taken.
        """
        checked_segment("name", name)
        body = named(name=name, description=description, metadata=_checked(metadata), inline_policy=inline_policy)
        operation = Operation(name="agents.create", method="POST", path=self._path("agents"), body=body)
        return self._entity(self._fetch(operation, AgentData))

    def get(self, name: str) -> Agent:
        """Return the agent of that name. Raises `NotFoundError`."""
        path = self._path("agents", checked_segment("name", name))
        return self._entity(self._fetch(Operation(name="agents.get", method="GET", path=path), AgentData))

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[Agent]:
        """Walk the agents, in the order of their names. `after` is a name."""
        return self._list(
            Operation(name="agents.list", method="GET", path=self._path("agents")),
            AgentData,
            self._entity,
            key=lambda agent: agent.name,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def delete(self, name: str) -> None:
        """Delete the agent of that name: its keys become invalid, and it leaves groups and policies.

        Raises `NotFoundError`.
        """
        path = self._path("agents", checked_segment("name", name))
        self._execute(Operation(name="agents.delete", method="DELETE", path=path))

    def _entity(self, data: AgentData) -> Agent:
        return Agent(self._client, self._organization, data)

    def __repr__(self) -> str:
        return f"Agents({self._organization!r})"


def _checked(metadata: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if metadata is None else checked_metadata(metadata)
