"""`PaginatedIterator`: what every `.list()` returns."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from operator import length_hint
from typing import Generic, TypeVar

from tilde_core.completion import PublicNames
from tilde_core.exceptions import SerializationError

__all__ = ["DEFAULT_PAGE_SIZE", "MAX_PAGE_SIZE", "Page", "PaginatedIterator", "whole_answer"]

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000
_SHOWN = 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page: its items, whether there are more, and the cursor that the service gave for the next page."""

    items: list[T]
    has_more: bool = False
    cursor: str | None = None


FetchPage = Callable[["str | None", int], Page[T]]


class PaginatedIterator(PublicNames, Iterator[T]):
    """Yields the items of a collection, fetching pages as they are needed. It can be walked once.

    `amount` caps the number of items in all, `page_size` (1 to 1000, default 100) is the number asked for per
    request, and `after` is the key of the last item already seen. Raises `ValueError` for figures outside, and while
    it is walked whatever the requests raise.
    """

    def __init__(
        self,
        fetch: FetchPage[T],
        *,
        key: Callable[[T], str],
        amount: int | None = None,
        page_size: int | None = None,
        after: str | None = None,
        operation: str = "",
    ) -> None:
        self._fetch = fetch
        self._operation = operation
        self._key = key
        self._page_size = _checked("page_size", page_size, 1, MAX_PAGE_SIZE) or DEFAULT_PAGE_SIZE
        self._left = _checked("amount", amount, 0, None)
        self._cursor = _checked_after(after)
        self._seen = {self._cursor}
        self._finished = self._left == 0
        self._buffer: Iterator[T] = iter(())
        self._looked_at: deque[list[T]] = deque()

    def __iter__(self) -> PaginatedIterator[T]:
        return self

    def __next__(self) -> T:
        while True:
            for item in self._buffer:
                return item
            if self._is_at_end():
                raise StopIteration
            self._buffer = iter(self._following())

    def pages(self) -> Iterator[list[T]]:
        """Yield what is left page by page, each a list as the service answered it; empty pages are passed over."""
        while True:
            page = list(self._buffer)
            if not page and self._is_at_end():
                return
            page = page or self._following()
            if page:
                yield page

    def first(self) -> T | None:
        """Return the next item, or `None` if there is none."""
        return next(self, None)

    def _following(self) -> list[T]:
        """The page after the current one: one that was looked at before, or the next to fetch."""
        return self._looked_at.popleft() if self._looked_at else self._next_page()

    def _is_at_end(self) -> bool:
        return self._finished and not self._looked_at and not length_hint(self._buffer)

    def _ahead(self, count: int) -> list[T]:
        """The next items, `count` or a few more if there are so many; they stay. What fetching raises, this does."""
        items = [*copy(self._buffer), *(item for page in self._looked_at for item in page)]
        while len(items) < count and not self._finished:
            page = self._next_page()
            self._looked_at.append(page)
            items.extend(page)
        return items

    def _repr_html_(self) -> str:
        """A table of the next 20 items, for notebooks. They stay in the iterator."""
        from tilde_core.html import table

        items = self._ahead(_SHOWN)
        return table(items[:_SHOWN], goes_on=len(items) > _SHOWN or not self._finished)

    def _next_page(self) -> list[T]:
        """Fetch one page. If that fails nothing is changed, so that the walk can go on where it stopped."""
        page = self._fetch(self._cursor, self._page_size)
        items = page.items if self._left is None else page.items[: self._left]
        left = None if self._left is None else self._left - len(items)
        if page.has_more and left != 0:
            self._cursor = self._next_cursor(page)
            self._seen.add(self._cursor)
        else:
            self._finished = True
        self._left = left
        return items

    def _next_cursor(self, page: Page[T]) -> str:
        """The service's cursor, or the last item's key if that is missing or stands still."""
        candidates = [page.cursor, self._key(page.items[-1]) if page.items else None]
        for candidate in candidates:
            if candidate and candidate not in self._seen:
                return candidate
        raise SerializationError(
            "the service says that the list goes on, but its cursor does not move; stopped rather than lose items or "
            "repeat them",
            operation=self._operation,
        )

    def __repr__(self) -> str:
        state = "walked to its end" if self._is_at_end() else f"at {self._cursor!r}" if self._cursor else "at its start"
        return f"PaginatedIterator({self._operation or 'items'}, {state})"


def whole_answer(fetch_all: Callable[[], list[T]], key: Callable[[T], str]) -> FetchPage[T]:
    """Return pages of a list that the service answers in one piece, for one walk.

    The items are put in the order of their keys: so `after` goes on at the right place even if that item is gone.
    """
    rest: list[T] | None = None
    done = 0

    def fetch(after: str | None, page_size: int) -> Page[T]:
        nonlocal rest, done
        if rest is None:
            rest = sorted((item for item in fetch_all() if after is None or key(item) > after), key=key)
        page = rest[done : done + page_size]
        done += len(page)
        # By number, not by key: keys need not differ.
        return Page(page, has_more=done < len(rest), cursor=str(done))

    return fetch


def _checked(name: str, value: int | None, least: int, most: int | None) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {type(value).__name__}")
    if value < least or (most is not None and value > most):
        bounds = f"from {least} to {most}" if most is not None else f"{least} or more"
        raise ValueError(f"{name}={value}: must be {bounds}")
    return value


def _checked_after(after: str | None) -> str | None:
    if after is not None and not isinstance(after, str):
        raise TypeError(f"after must be a str, the key of the last item seen, not {type(after).__name__}")
    return after or None
