"""What all resources share: the client, one call for an answer, one for a list; and what all entities share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from tilde_core.completion import PublicNames
from tilde_core.http import Response
from tilde_core.models.base import ListAnswer, Model
from tilde_core.operation import Operation, api_path, checked_segment
from tilde_core.pagination import Page, PaginatedIterator, whole_answer
from tilde_core.serialization import decode_json

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["Entity", "OrganizationResource", "RepositoryResource", "Resource", "as_it_is"]

T = TypeVar("T")
WireT = TypeVar("WireT")


def as_it_is(item: T) -> T:
    """Make nothing of a wire type that is public itself: listings and diffs yield it unchanged."""
    return item


class Resource(PublicNames):
    """A handle: ids and a client. Making one does no I/O."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def _execute(self, operation: Operation) -> Response:
        return self._client.pipeline.execute(operation)

    def _fetch(self, operation: Operation, kind: type[T]) -> T:
        return decode_json(self._execute(operation), kind, operation.name)

    def _list(
        self,
        operation: Operation,
        kind: type[WireT],
        make: Callable[[WireT], T],
        *,
        key: Callable[[T], str],
        amount: int | None,
        page_size: int | None,
        after: str | None,
        sized: bool = True,
    ) -> PaginatedIterator[T]:
        """Walk a collection that the service answers in pages, of the size asked for or (not `sized`) its own."""
        return PaginatedIterator(
            self._pages(operation, kind, make, sized=sized),
            key=key,
            amount=amount,
            page_size=page_size,
            after=after,
            operation=operation.name,
        )

    def _list_whole(
        self,
        operation: Operation,
        kind: type[WireT],
        make: Callable[[WireT], T],
        *,
        key: Callable[[T], str],
        amount: int | None,
        page_size: int | None,
        after: str | None,
    ) -> PaginatedIterator[T]:
        """Walk a collection that the service answers in one piece; the arguments work all the same."""
        pages = self._pages(operation, kind, make, sized=False)

        def fetch_all() -> list[T]:
            # In one piece as a rule; a service that begins to answer it in pages loses nothing here.
            return list(PaginatedIterator(pages, key=key, operation=operation.name))

        return PaginatedIterator(
            whole_answer(fetch_all, key),
            key=key,
            amount=amount,
            page_size=page_size,
            after=after,
            operation=operation.name,
        )

    def _pages(
        self, operation: Operation, kind: type[WireT], make: Callable[[WireT], T], *, sized: bool
    ) -> Callable[[str | None, int], Page[T]]:
        """Return what fetches one page; it names the size only where the service lets it be chosen."""

        def fetch(cursor: str | None, size: int) -> Page[T]:
            query = {**operation.query, "after": cursor, "amount": size if sized else None}
            answer: ListAnswer[Any] = self._fetch(replace(operation, query=query), ListAnswer[kind])  # type: ignore[valid-type]
            info = answer.pagination
            return Page(
                _made(answer.results, make),
                has_more=bool(info and info.has_more),
                cursor=info.next_offset if info else None,
            )

        return fetch


def _made(results: list[WireT] | None, make: Callable[[WireT], T]) -> list[T]:
    return [make(item) for item in results or ()]


class OrganizationResource(Resource):
    """A handle for something in one organization."""

    def __init__(self, client: Client, organization: str) -> None:
        super().__init__(client)
        self._organization = checked_segment("organization", organization)

    def _path(self, *segments: str) -> str:
        """The API path of what `segments` name below the organization."""
        return api_path("organizations", self._organization, *segments)


class RepositoryResource(Resource):
    """A handle for something in one repository, or for the repository itself."""

    def __init__(self, client: Client, organization: str, repository: str) -> None:
        super().__init__(client)
        self._organization = checked_segment("organization", organization)
        self._repository = checked_segment("repository name", repository)

    def _path(self, *segments: str) -> str:
        """The API path of what `segments` name below the repository."""
        return api_path("organizations", self._organization, "repositories", self._repository, *segments)


class Entity(Resource, ABC):
    """One thing that has a name or an id. Two are equal if they name the same thing on the same endpoint."""

    @property
    @abstractmethod
    def _identity(self) -> tuple[str, ...]:
        """What names it among the entities of its type: known without a request."""

    @abstractmethod
    def _loaded(self) -> Model:
        """What the service says of it, fetched if that has not happened yet."""

    def to_dict(self) -> dict[str, Any]:
        """Return what the service says of it as plain values, with times as `datetime`. Fetched on first access."""
        return self._loaded().to_dict()

    def _cells(self) -> dict[str, Any]:
        """What its line of a table shows: what is known, so that showing a list asks for nothing."""
        known: Model | None = getattr(self, "_data", None)
        return {} if known is None else known.to_dict()

    def _key(self) -> tuple[type, str, tuple[str, ...]]:
        return (type(self), self._client.config.endpoint_url.value, self._identity)

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Entity) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())
