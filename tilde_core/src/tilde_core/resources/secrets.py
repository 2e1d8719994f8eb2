"""Secrets: environment variables for sandboxes, of a repository or of an agent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tilde_core.models.secrets import SecretData, SecretEntry
from tilde_core.operation import Operation, api_path
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.base import Entity, Resource, as_it_is

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["Secret", "Secrets"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,255}")


class Secret(Entity):
    """A secret with its value, which is not shown in a `repr`."""

    def __init__(self, client: Client, path: str, data: SecretData) -> None:
        super().__init__(client)
        self._path = path
        self._data = data

    @property
    def name(self) -> str:
        """The name of the environment variable."""
        return self._data.name

    @property
    def value(self) -> str:
        """The value itself: keep it out of logs."""
        return self._data.value

    def delete(self) -> None:
        """Delete the secret. Raises `NotFoundError`."""
        Secrets(self._client, self._path).delete(self.name)

    @property
    def _identity(self) -> tuple[str, ...]:
        return (self._path, self.name)

    def _loaded(self) -> SecretData:
        return self._data

    def __repr__(self) -> str:
        return f"Secret({self.name!r})"


class Secrets(Resource):
    """The secrets of a repository or of an agent, at the API path `path`.

    A name is a letter or `_`, then up to 255 letters, digits, `_` and `-`; any other is a `ValueError`.
    """

    def __init__(self, client: Client, path: str) -> None:
        super().__init__(client)
        self._path = path

    def create(self, name: str, value: str) -> Secret:
        """Create a secret, or give an existing one another value. The value goes nowhere but to the service.

        Raises `APIError` if the service finds it too large (the request with it may have 64 KiB), `ForbiddenError`,
        and `ValueError` for an empty value.
        """
        path = self._path_of(name)
        body = {"value": _checked_value(name, value)}
        self._execute(Operation(name="secrets.create", method="PUT", path=path, body=body))
        return Secret(self._client, self._path, SecretData(name=name, value=value))

    def get(self, name: str) -> Secret:
        """Return the secret of that name with its value. Raises `NotFoundError`, `ForbiddenError`."""
        data = self._fetch(Operation(name="secrets.get", method="GET", path=self._path_of(name)), SecretData)
        return Secret(self._client, self._path, data)

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[SecretEntry]:
        """Walk the secrets, in the order of their names, without their values. `after` is a name."""
        return self._list_whole(
            Operation(name="secrets.list", method="GET", path=self._path),
            SecretEntry,
            as_it_is,
            key=lambda entry: entry.name,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def delete(self, name: str) -> None:
        """Delete the secret of that name. Raises `NotFoundError`."""
        self._execute(Operation(name="secrets.delete", method="DELETE", path=self._path_of(name)))

    def _path_of(self, name: str) -> str:
        if not isinstance(name, str):
            raise TypeError(f"name must be a str, not {type(name).__name__}")
        if not _NAME.fullmatch(name):
            raise ValueError(f"name {name!r} must be a letter or _, then up to 255 letters, digits, _ and -")
        return self._path + api_path(name)

    def __repr__(self) -> str:
        return f"Secrets({self._path!r})"


def _checked_value(name: str, value: str) -> str:
    """Return a value that can be sent. What is raised for another does not show it."""
    if not isinstance(value, str):
        raise TypeError(f"the value of {name} must be a str, not {type(value).__name__}")
    if not value:
        raise ValueError(f"the value of {name} is empty; secrets.delete removes a secret")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"the value of {name} holds a lone surrogate, which UTF-8 cannot express")
    return value
