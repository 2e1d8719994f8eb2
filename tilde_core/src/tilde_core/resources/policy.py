"""One policy: what it allows, and whom it is attached to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tilde_core.models.policies import PolicyAttachment, PolicyData, PolicyDetails, PolicySummary
from tilde_core.operation import Operation
from tilde_core.principals import PrincipalType, checked_principal
from tilde_core.resources.base import Entity, OrganizationResource
from tilde_core.resources.changes import changes
from tilde_core.resources.picking import picked

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["Policy"]


class Policy(OrganizationResource, Entity):
    """A policy, as it was when it was fetched. What a list does not tell is fetched when it is first asked for."""

    def __init__(
        self,
        client: Client,
        organization: str,
        data: PolicyData | PolicySummary,
        attachments: list[PolicyAttachment] | None = None,
    ) -> None:
        super().__init__(client, organization)
        self._data = data
        self._attachments = attachments
        self._count = data.attachment_count if isinstance(data, PolicySummary) else None

    @property
    def id(self) -> str:
        """The policy's UUID."""
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
    def policy_text(self) -> str:
        """What it allows, in the language of policies. Fetched on first access."""
        return self._loaded().policy_text

    @property
    def is_builtin(self) -> bool:
        """Whether it came with the organization and cannot be changed."""
        return self._data.is_builtin

    @property
    def organization_id(self) -> str:
        """The UUID of the organization."""
        return self._data.organization_id

    @property
    def created_by_type(self) -> str:
        """`"user"`, `"role"` or `"agent"`. Fetched on first access."""
        return self._loaded().created_by_type

    @property
    def created_by(self) -> str:
        """The UUID of the principal that created it. Fetched on first access."""
        return self._loaded().created_by

    @property
    def created_at(self) -> datetime | None:
        """When it was created."""
        return self._data.created_at

    @property
    def updated_at(self) -> datetime | None:
        """When it was last changed."""
        return self._data.updated_at

    @property
    def attachments(self) -> list[PolicyAttachment]:
        """Whom it is attached to. Fetched on first access, unless `policies.get` has."""
        if self._attachments is None:
            self._attachments = self._read().attachments
        return list(self._attachments)

    @property
    def attachment_count(self) -> int:
        """How many principals it is attached to: as a list has told, else by its attachments."""
        return len(self.attachments) if self._count is None else self._count

    def attach(self, *, principal_type: PrincipalType | str, principal_id: str) -> PolicyAttachment:
        """Put the policy in force for a user, group, role or agent; return the attachment as the service now lists it.

        Raises `NotFoundError` if there is no such principal, and `ValueError` for another type.
        """
        principal = checked_principal("principal", principal_type, principal_id)
        path = self._path("policies", self.id, "attachments")
        self._execute(Operation(name="policies.attach", method="POST", path=path, body=principal))
        self._forget_attachments()
        return picked(
            self.attachments,
            lambda attachment: (attachment.principal_type, attachment.principal_id) == (principal_type, principal_id),
            missing=f"the policy was attached to {principal_type} {principal_id!r}, but that is not listed",
            operation="policies.attach",
        )

    def detach(self, *, principal_type: PrincipalType | str, principal_id: str) -> None:
        """Take the policy from a user, group, role or agent.

        Raises `NotFoundError` if it is not attached to it, and `ValueError` for another type.
        """
        principal = checked_principal("principal", principal_type, principal_id)
        path = self._path("policies", self.id, "attachments")
        self._execute(Operation(name="policies.detach", method="DELETE", path=path, query=principal))
        self._forget_attachments()

    def update(
        self, *, name: str | None = None, description: str | None = None, policy_text: str | None = None
    ) -> Policy:
        """Change what is named and leave the rest; return this policy with its new values.

        Raises `BadRequestError` for a text that is not valid, `ForbiddenError` for a built-in policy, `ConflictError`
        if the name is taken, `NotFoundError`, and `ValueError` if nothing is named.
        """
        body = changes(name=name, description=description, policy_text=policy_text)
        operation = Operation(name="policies.update", method="PUT", path=self._path("policies", self.id), body=body)
        self._data = self._fetch(operation, PolicyData)
        self._attachments = None  # they have the policy's name in them
        return self

    def delete(self) -> None:
        """Delete the policy. Raises `NotFoundError`, `BadRequestError` for one that cannot be deleted."""
        self._execute(Operation(name="policies.delete", method="DELETE", path=self._path("policies", self.id)))

    def _read(self) -> PolicyDetails:
        operation = Operation(name="policies.get", method="GET", path=self._path("policies", self.id))
        details = self._fetch(operation, PolicyDetails)
        self._data, self._attachments, self._count = details.policy, details.attachments, None
        return details

    def _forget_attachments(self) -> None:
        self._attachments = self._count = None

    @property
    def _identity(self) -> tuple[str, ...]:
        return (self._organization, self.id)

    def _loaded(self) -> PolicyData:
        return self._data if isinstance(self._data, PolicyData) else self._read().policy

    def __repr__(self) -> str:
        return f"Policy({self.id!r}, {self.name!r})"
