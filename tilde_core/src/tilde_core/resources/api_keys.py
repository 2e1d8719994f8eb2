"""API keys: of the caller, of a role, of an agent."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tilde_core.models.api_keys import APIKeyData, CreatedAPIKey
from tilde_core.operation import Operation, api_path, checked_segment
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.base import Entity, Resource
from tilde_core.resources.changes import named
from tilde_core.resources.picking import picked

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["APIKey", "APIKeys"]


class APIKey(Entity):
    """An API key, as it was when it was fetched. The token itself is told only when it is created."""

    def __init__(self, client: Client, owner: str, data: APIKeyData) -> None:
        super().__init__(client)
        self._owner = owner
        self._data = data

    @property
    def id(self) -> str:
        """What names the key; it is not the token."""
        return self._data.id

    @property
    def user_id(self) -> str:
        """The UUID of the user, role or agent that the key belongs to."""
        return self._data.user_id

    @property
    def name(self) -> str:
        """What it is called."""
        return self._data.name

    @property
    def description(self) -> str:
        """What it is for."""
        return self._data.description

    @property
    def token_hint(self) -> str:
        """The last four characters of the token."""
        return self._data.token_hint

    @property
    def created_at(self) -> datetime | None:
        """When it was created."""
        return self._data.created_at

    @property
    def last_used_at(self) -> datetime | None:
        """When it was last used; `None` if never."""
        return self._data.last_used_at

    @property
    def revoked_at(self) -> datetime | None:
        """When it was revoked; `None` if it was not by the time it was fetched."""
        return self._data.revoked_at

    def revoke(self) -> None:
        """Make the key invalid, for good. Raises `NotFoundError`."""
        APIKeys(self._client, self._owner).revoke(self.id)

    @property
    def _identity(self) -> tuple[str, ...]:
        return (self._owner, self.id)

    def _loaded(self) -> APIKeyData:
        return self._data

    def __repr__(self) -> str:
        return f"APIKey({self.id!r}, {self.name!r})"


class APIKeys(Resource):
    """The API keys of one owner, whose API path is `owner`."""

    def __init__(self, client: Client, owner: str) -> None:
        super().__init__(client)
        self._owner = owner

    def create(self, name: str, *, description: str | None = None) -> CreatedAPIKey:
        """Create a key. Its `token` is told only here: keep it. Raises `BadRequestError`, `ForbiddenError`."""
        body = named(name=name, description=description)
        operation = Operation(name="api_keys.create", method="POST", path=f"{self._owner}/keys", body=body)
        return self._fetch(operation, CreatedAPIKey)

    def get(self, key_id: str) -> APIKey:
        """Return the key with that id, from the list of all. Raises `NotFoundError`."""
        checked_segment("key_id", key_id)
        return picked(
            self.list(), lambda key: key.id == key_id, missing=f"no API key {key_id!r}", operation="api_keys.get"
        )

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[APIKey]:
        """Walk the keys, in the order of their ids. `after` is an id."""
        return self._list_whole(
            Operation(name="api_keys.list", method="GET", path=f"{self._owner}/keys"),
            APIKeyData,
            lambda data: APIKey(self._client, self._owner, data),
            key=lambda key: key.id,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def revoke(self, key_id: str) -> None:
        """Make the key with that id invalid, for good. Raises `NotFoundError`."""
        path = f"{self._owner}/keys{api_path(checked_segment('key_id', key_id))}"
        self._execute(Operation(name="api_keys.revoke", method="DELETE", path=path))

    def __repr__(self) -> str:
        return f"APIKeys({self._owner!r})"
