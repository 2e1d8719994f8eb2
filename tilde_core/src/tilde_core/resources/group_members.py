"""Who is in a group."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tilde_core.models.groups import GroupDetails, GroupMember
from tilde_core.operation import Operation
from tilde_core.pagination import PaginatedIterator, whole_answer
from tilde_core.principals import PrincipalType, checked_principal
from tilde_core.resources.base import Resource
from tilde_core.resources.picking import picked

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["GroupMembers"]


class GroupMembers(Resource):
    """The members of one group, loaded with it; a change through this handle makes it load them anew."""

    def __init__(
        self, client: Client, path: str, details: Callable[[], GroupDetails], forget: Callable[[], None]
    ) -> None:
        super().__init__(client)
        self._path = path
        self._details = details
        self._forget = forget

    def create(self, *, subject_type: PrincipalType | str, subject_id: str) -> GroupMember:
        """Add a user, group, role or agent to the group, and return it as the service now lists it.

        Raises `ConflictError` if it is in the group already, and `ValueError` for another type.
        """
        subject = checked_principal("subject", subject_type, subject_id)
        self._execute(Operation(name="group_members.create", method="POST", path=self._path, body=subject))
        self._forget()
        return picked(
            self._details().members,
            lambda member: (member.subject_type, member.subject_id) == (subject_type, subject_id),
            missing=f"{subject_type} {subject_id!r} was added, but is not in the list of the group's members",
            operation="group_members.create",
        )

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[GroupMember]:
        """Walk the members as of when the group was loaded, in the order of their subject ids. `after` is such an id.

        Nothing is asked if they are loaded; `groups.get` loads anew.
        """

        def key(member: GroupMember) -> str:
            return member.subject_id

        return PaginatedIterator(
            whole_answer(lambda: self._details().members, key),
            key=key,
            amount=amount,
            page_size=page_size,
            after=after,
            operation="group_members.list",
        )

    def delete(self, *, subject_type: PrincipalType | str, subject_id: str) -> None:
        """Take a user, group, role or agent out of the group.

        Raises `NotFoundError` if it is not in the group, and `ValueError` for another type.
        """
        subject = checked_principal("subject", subject_type, subject_id)
        self._execute(Operation(name="group_members.delete", method="DELETE", path=self._path, query=subject))
        self._forget()

    def __repr__(self) -> str:
        return f"GroupMembers({self._path!r})"
