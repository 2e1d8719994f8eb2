"""Members of an organization."""

from __future__ import annotations

from tilde_core.http import Response
from tilde_core.models.organizations import Member
from tilde_core.operation import Operation, checked_segment
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.base import OrganizationResource, as_it_is
from tilde_core.resources.picking import picked
from tilde_core.serialization import decode_json

__all__ = ["Members"]


class Members(OrganizationResource):
    """The members of one organization."""

    def create(self, username: str) -> Member:
        """Add the user of that name to the organization.

        Raises `NotFoundError` if there is no such user, `ConflictError` for one who belongs to it already.
        """
        operation = Operation(
            name="members.create", method="POST", path=self._path("members"), body={"username": username}
        )
        told = _told(self._execute(operation), operation.name)
        return told if told.user_id and told.username else self._added(username, told.user_id)

    def get(self, user_id: str) -> Member:
        """Return the member with that user id, from the list of all. Raises `NotFoundError`."""
        checked_segment("user_id", user_id)
        return picked(
            self.list(),
            lambda member: member.user_id == user_id,
            missing=f"no member {user_id!r} in {self._organization!r}",
            operation="members.get",
        )

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[Member]:
        """Walk the members, in the order of their user ids. `after` is a user id."""
        return self._list_whole(
            Operation(name="members.list", method="GET", path=self._path("members")),
            Member,
            as_it_is,
            key=lambda member: member.user_id,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def delete(self, user_id: str) -> None:
        """Remove a member from the organization. Raises `NotFoundError`."""
        path = self._path("members", checked_segment("user_id", user_id))
        self._execute(Operation(name="members.delete", method="DELETE", path=path))

    def _added(self, username: str, user_id: str) -> Member:
        """Who was added, from the list: the answer has not told, or not all. Names are not told apart by case."""
        return picked(
            self.list(),
            lambda member: user_id == member.user_id or member.username.casefold() == username.casefold(),
            missing=f"{username!r} was added to {self._organization!r}, but is not in the list of members",
            operation="members.create",
        )

    def __repr__(self) -> str:
        return f"Members({self._organization!r})"


def _told(response: Response, operation: str) -> Member:
    return decode_json(response, Member, operation) if response.read() else Member()
