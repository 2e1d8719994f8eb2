"""The caller's own account, and other users."""

from __future__ import annotations

from tilde_core.models.account import CurrentUser, NameCheck, UserSummary
from tilde_core.models.base import ListAnswer
from tilde_core.operation import Operation
from tilde_core.resources.base import Resource

__all__ = ["Account"]


class Account(Resource):
    """What the service says of the caller and of users."""

    def whoami(self) -> CurrentUser:
        """Return who the caller is. Raises `AuthenticationError`."""
        return self._fetch(Operation(name="whoami", method="GET", path="/auth/me"), CurrentUser)

    def check_username(self, username: str) -> NameCheck:
        """Return whether nobody has that username yet."""
        query = {"username": username}
        return self._fetch(
            Operation(name="check_username", method="GET", path="/auth/check-username", query=query), NameCheck
        )

    def search_users(self, prefix: str) -> list[UserSummary]:
        """Return users whose username begins with `prefix`, as many as the service cares to tell."""
        operation = Operation(name="search_users", method="GET", path="/auth/search-users", query={"q": prefix})
        return self._fetch(operation, ListAnswer[UserSummary]).results or []
