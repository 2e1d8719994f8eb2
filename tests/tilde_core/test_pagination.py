"""`PaginatedIterator` against well-behaved and odd services."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import answer, fake_client
from tilde.exceptions import SerializationError, ServerError
from tilde.models import Repositories
from tilde_core.pagination import Page, PaginatedIterator, whole_answer


class Service:
    """A sorted collection in pages, as the service answers it; counts the requests."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = sorted(keys)
        self.requests: list[tuple[str | None, int]] = []

    def fetch(self, after: str | None, size: int) -> Page[str]:
        self.requests.append((after, size))
        rest = [key for key in self.keys if after is None or key > after]
        return Page(rest[:size], has_more=len(rest) > size, cursor=rest[:size][-1] if rest else None)


def walk(fetch: object, **options: object) -> PaginatedIterator[str]:
    return PaginatedIterator(fetch, key=lambda item: item, **options)  # type: ignore[arg-type]


def in_one_piece(keys: Iterable[str]) -> Callable[[str | None, int], Page[str]]:
    return whole_answer(lambda: list(keys), lambda key: key)


ORG = {"id": "1", "name": "x"}
KEYS = [f"k{n:03}" for n in range(250)]


def test_it_walks_everything_in_pages_of_100() -> None:
    service = Service(KEYS)
    assert list(walk(service.fetch)) == KEYS
    assert service.requests == [(None, 100), ("k099", 100), ("k199", 100)]


def test_it_is_lazy() -> None:
    service = Service(KEYS)
    iterator = walk(service.fetch)
    assert service.requests == []
    assert next(iterator) == "k000"
    assert len(service.requests) == 1


def test_amount_and_page_size_are_independent() -> None:
    service = Service(KEYS)
    assert list(walk(service.fetch, amount=10, page_size=500)) == KEYS[:10]
    assert service.requests == [(None, 500)]


def test_amount_zero_asks_for_nothing() -> None:
    service = Service(KEYS)
    assert list(walk(service.fetch, amount=0)) == []
    assert service.requests == []


@given(
    st.sets(st.text(min_size=1, max_size=3), max_size=40),
    st.integers(1, 7),
    st.none() | st.integers(0, 50),
    st.none() | st.text(min_size=1, max_size=3),
)
def test_every_walk_equals_the_slice(keys: set[str], page_size: int, amount: int | None, after: str | None) -> None:
    expected = [key for key in sorted(keys) if after is None or key > after][:amount]
    fetch = Service(sorted(keys)).fetch
    for one, another in ((fetch, fetch), (in_one_piece(keys), in_one_piece(keys))):
        assert list(walk(one, page_size=page_size, amount=amount, after=after)) == expected
        pages = walk(another, page_size=page_size, amount=amount, after=after).pages()
        assert [item for page in pages for item in page] == expected


@pytest.mark.parametrize("size", [0, -1, 1001])
def test_page_sizes_outside_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="page_size"):
        walk(Service(KEYS).fetch, page_size=size)


def test_other_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="amount"):
        walk(Service(KEYS).fetch, amount=-1)
    with pytest.raises(TypeError, match="page_size"):
        walk(Service(KEYS).fetch, page_size=True)
    with pytest.raises(TypeError, match="amount"):
        walk(Service(KEYS).fetch, amount=2.5)
    with pytest.raises(TypeError, match="after"):
        walk(Service(KEYS).fetch, after=7)


def test_empty_pages_are_passed_over() -> None:
    pages = iter([Page([], True, "a"), Page(["b"], True, "b"), Page([], True, "c"), Page(["d"])])
    assert list(walk(lambda after, size: next(pages))) == ["b", "d"]


def test_a_missing_cursor_goes_on_from_the_last_key() -> None:
    service = Service(KEYS)

    def without_cursor(after: str | None, size: int) -> Page[str]:
        page = service.fetch(after, size)
        return Page(page.items, page.has_more, None)

    assert list(walk(without_cursor)) == KEYS


def test_a_cursor_that_stands_still_goes_on_from_the_last_key() -> None:
    service = Service(KEYS)

    def same_cursor(after: str | None, size: int) -> Page[str]:
        page = service.fetch(after, size)
        return Page(page.items, page.has_more, "k099")

    assert list(walk(same_cursor)) == KEYS


@pytest.mark.parametrize("cursor", [None, "", "a"])
def test_a_list_that_does_not_move_is_an_error_not_a_loop(cursor: str | None) -> None:
    iterator = walk(lambda after, size: Page([], True, cursor), after="a")
    with pytest.raises(SerializationError, match="cursor does not move"):
        list(iterator)


def test_a_service_that_ignores_after_is_an_error_not_a_loop() -> None:
    iterator = walk(lambda after, size: Page(["a", "b"], True, "b"))
    with pytest.raises(SerializationError, match="cursor does not move"):
        list(iterator)


def test_a_walk_goes_on_after_a_failed_page() -> None:
    service = Service(KEYS)
    fails = iter([False, True, False, False])

    def flaky(after: str | None, size: int) -> Page[str]:
        if next(fails):
            raise ServerError("x", status_code=500)
        return service.fetch(after, size)

    iterator = walk(flaky)
    seen = [next(iterator) for _ in range(100)]
    with pytest.raises(ServerError):
        next(iterator)
    assert seen + list(iterator) == KEYS


def test_first_and_pages_share_one_walk() -> None:
    iterator = walk(Service(KEYS).fetch, page_size=100)
    assert iterator.first() == "k000"
    assert [len(page) for page in iterator.pages()] == [99, 100, 50]
    assert iterator.first() is None


def test_results_null_and_no_pagination() -> None:
    client, transport, _ = fake_client(
        [answer(200, {"results": None}), answer(200, {"results": None, "pagination": None})]
    )
    assert list(client.organizations.list()) == []
    assert list(client.repository("a/b").commits.list()) == []
    assert transport.requests[1].url.endswith("/log?amount=100")


def test_whole_answers_honour_the_arguments_with_one_request() -> None:
    body = {"results": [{"name": name, "id": name} for name in ("c", "a", "d", "b")]}
    client, transport, _ = fake_client(lambda request: answer(200, body))
    assert [o.name for o in client.organizations.list(after="a", amount=2, page_size=1)] == ["b", "c"]
    assert [[o.name for o in page] for page in client.organizations.list(page_size=3).pages()] == [
        ["a", "b", "c"],
        ["d"],
    ]
    assert len(transport.requests) == 2


def test_equal_and_empty_keys_are_not_lost_at_a_page_border() -> None:
    body = {"results": [{"username": name, "user_id": ""} for name in "abc"]}
    client, _, _ = fake_client(lambda request: answer(200, ORG if request.url.endswith("/x") else body))
    members = client.organizations.get("x").members.list(page_size=2)
    assert sorted(member.username for member in members) == ["a", "b", "c"]


def test_a_service_that_begins_to_answer_in_pages_loses_nothing() -> None:
    pages = {
        "": {"results": [{"name": "a"}], "pagination": {"has_more": True, "next_offset": "a"}},
        "?after=a": {"results": [{"name": "b"}], "pagination": {"has_more": False}},
    }
    client, _, _ = fake_client(lambda request: answer(200, pages[request.url.partition("/organizations")[2]]))
    assert [organization.name for organization in client.organizations.list()] == ["a", "b"]


def test_the_repr_tells_where_it_is() -> None:
    client, _, _ = fake_client([answer(200, {"results": [{"name": "a"}]})])
    iterator = client.organizations.list()
    assert repr(iterator) == "PaginatedIterator(organizations.list, at its start)"
    list(iterator)
    assert repr(iterator) == "PaginatedIterator(organizations.list, walked to its end)"


def test_a_cursor_that_does_not_move_names_the_operation() -> None:
    client, _, _ = fake_client(lambda request: answer(200, {"results": [], "pagination": {"has_more": True}}))
    with pytest.raises(SerializationError, match=r"repositories\.list: "):
        list(Repositories(client, "x").list())
