"""Invitations: those that an organization sends, and those that the caller gets."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from tilde_core.arguments import checked_text
from tilde_core.models.invitations import InvitationData
from tilde_core.operation import Operation, api_path, checked_segment
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.base import Entity, OrganizationResource, Resource
from tilde_core.resources.changes import named

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["Invitation", "Invitations", "MyInvitations"]


class Invitation(Entity):
    """An invitation to an organization, as it was when it was fetched.

    Who was invited may `accept` or `decline` it, and who may invite to the organization may `revoke` it.
    """

    def __init__(self, client: Client, data: InvitationData) -> None:
        super().__init__(client)
        self._data = data

    @property
    def id(self) -> str:
        """The invitation's UUID."""
        return self._data.id

    @property
    def organization_id(self) -> str:
        """The UUID of the organization that invites."""
        return self._data.organization_id

    @property
    def organization_name(self) -> str | None:
        """The name of the organization that invites; `None` if the service does not tell."""
        return self._data.organization_name

    @property
    def organization_display_name(self) -> str | None:
        """The organization's name for people; `None` if the service does not tell: it tells the invitee."""
        return self._data.organization_display_name

    @property
    def email(self) -> str:
        """The address that was invited, also if it was by a username."""
        return self._data.email

    @property
    def invited_by(self) -> str:
        """The UUID of who invited."""
        return self._data.invited_by

    @property
    def inviter_name(self) -> str | None:
        """The name of who invited; `None` if the service does not tell: it tells the invitee."""
        return self._data.inviter_name

    @property
    def status(self) -> str:
        """`"pending"`, `"accepted"`, `"declined"`, `"revoked"` or `"expired"`."""
        return self._data.status

    @property
    def created_at(self) -> datetime | None:
        """When it was sent."""
        return self._data.created_at

    @property
    def expires_at(self) -> datetime | None:
        """When it ends, if nobody has answered by then."""
        return self._data.expires_at

    def accept(self) -> None:
        """Join the organization. Raises `NotFoundError`, and `GoneError` if it has expired or was revoked."""
        MyInvitations(self._client).accept(self.id)
        self._data = msgspec.structs.replace(self._data, status="accepted")

    def decline(self) -> None:
        """Refuse to join. Raises `NotFoundError`."""
        MyInvitations(self._client).decline(self.id)
        self._data = msgspec.structs.replace(self._data, status="declined")

    def revoke(self) -> None:
        """Take it back, on the side of the organization. Raises `NotFoundError`, and `ConflictError` if it is not
        pending any more."""
        Invitations(self._client, self.organization_name or "").revoke(self.id)
        self._data = msgspec.structs.replace(self._data, status="revoked")

    @property
    def _identity(self) -> tuple[str, ...]:
        return (self.id,)

    def _loaded(self) -> InvitationData:
        return self._data

    def __repr__(self) -> str:
        return f"Invitation({self.email!r} to {self.organization_name or self.organization_id!r}, {self.status})"


class MyInvitations(Resource):
    """The invitations that the caller has got."""

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[Invitation]:
        """Walk those that wait for an answer, in the order of their ids. `after` is an id."""
        return self._list_whole(
            Operation(name="invitations.list", method="GET", path="/invitations"),
            InvitationData,
            lambda data: Invitation(self._client, data),
            key=lambda invitation: invitation.id,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def accept(self, invitation_id: str) -> None:
        """Join the organization that invites. Raises `NotFoundError`, and `GoneError` if the invitation has expired or
        was revoked."""
        self._answer(invitation_id, "accept")

    def decline(self, invitation_id: str) -> None:
        """Refuse to join. Raises `NotFoundError`."""
        self._answer(invitation_id, "decline")

    def _answer(self, invitation_id: str, answer: str) -> None:
        path = api_path("invitations", checked_segment("invitation_id", invitation_id), answer)
        self._execute(Operation(name=f"invitations.{answer}", method="POST", path=path))

    def __repr__(self) -> str:
        return "MyInvitations()"


class Invitations(OrganizationResource):
    """The invitations that one organization has sent."""

    def create(
        self,
        email: str | None = None,
        *,
        username: str | None = None,
        group_ids: Iterable[str] | None = None,
        policy_ids: Iterable[str] | None = None,
    ) -> Invitation:
        """Invite somebody by `email` or by `username`; who accepts is added to the groups and gets the policies.

        Raises `ValueError` unless there is exactly one of `email` and `username`, `NotFoundError` if there is no such
        user, `ConflictError` if they belong to the organization or were invited before.
        """
        if bool(email) == bool(username):
            raise ValueError("invite by email or by username: exactly one of them")
        body = named(
            email=email or None,
            username=username or None,
            group_ids=_ids("group_ids", group_ids) or None,
            policy_ids=_ids("policy_ids", policy_ids) or None,
        )
        operation = Operation(name="invitations.create", method="POST", path=self._path("invitations"), body=body)
        return self._entity(self._fetch(operation, InvitationData))

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[Invitation]:
        """Walk those that wait for an answer, in the order of their ids. `after` is an id."""
        return self._list_whole(
            Operation(name="invitations.list", method="GET", path=self._path("invitations")),
            InvitationData,
            self._entity,
            key=lambda invitation: invitation.id,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def revoke(self, invitation_id: str) -> None:
        """Take an invitation back. Raises `NotFoundError`, and `ConflictError` if it is not pending any more."""
        path = self._path("invitations", checked_segment("invitation_id", invitation_id))
        self._execute(Operation(name="invitations.revoke", method="DELETE", path=path))

    def _entity(self, data: InvitationData) -> Invitation:
        return Invitation(self._client, msgspec.structs.replace(data, organization_name=self._organization))

    def __repr__(self) -> str:
        return f"Invitations({self._organization!r})"


def _ids(name: str, ids: Iterable[str] | None) -> list[str]:
    """The ids as a list. A single str is refused: it would be taken letter by letter."""
    if isinstance(ids, (str, bytes)):
        raise TypeError(f"{name} must be an iterable of str, not one {type(ids).__name__}; put it into a list")
    return [checked_text(f"{name}[{index}]", value) for index, value in enumerate(ids or ())]
