"""Members of an organization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tilde_core.models.organizations import Member
from tilde_core.operation import Operation, api_path
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.base import Resource, as_it_is

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["Members"]


class Members(Resource):
    """The members of one organization."""

    def __init__(self, client: Client, organization: str) -> None:
        super().__init__(client)
        self._organization = organization

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[Member]:
        """Walk the members, in the order of their user ids. `after` is a user id."""
        return self._list_whole(
            Operation(
                name="members.list",
                method="GET",
                path=api_path("organizations", self._organization, "members"),
            ),
            Member,
            as_it_is,
            key=lambda member: member.user_id,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def __repr__(self) -> str:
        return f"Members({self._organization!r})"
