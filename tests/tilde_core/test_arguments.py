"""Names, ids and paths that could change the URL are refused before anything is sent, by the name of the argument."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tilde.models
from support import answer, fake_client
from tilde import Client
from tilde_core.operation import api_path
from tilde_core.resources.base import Resource

REFUSED = ("", ".", "..", "a\nb", "a\x00", "\x7f", "\x85", "a\ud800")
# These go out in the body, where they can do no harm.
IN_THE_BODY = {
    "Groups.create",
    "Policies.create",
    "Connectors.create",
    "Imports.create_from_connector",
    "SandboxTriggers.create",
}


def naming_calls() -> Iterator[tuple[type[Resource], str, str]]:
    """The methods of collections whose first argument names something, each with that argument's name."""
    for kind in vars(tilde.models).values():
        if not (inspect.isclass(kind) and issubclass(kind, Resource)) or not _can_be_made(kind):
            continue
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            first = [parameter.name for parameter in inspect.signature(method).parameters.values()][1:2]
            is_naming = first and (first[0] == "name" or first[0].endswith("_id"))
            in_the_url = is_naming and name != "check_name" and f"{kind.__name__}.{name}" not in IN_THE_BODY
            if in_the_url and not name.startswith("_"):
                yield kind, name, first[0]


def _can_be_made(kind: type[Resource]) -> bool:
    return set(inspect.signature(kind).parameters) <= {"client", "organization", "repository"}


CALLS = list(naming_calls())


IDS = [f"{kind.__name__}.{name}" for kind, name, _ in CALLS]


@pytest.mark.parametrize(("kind", "method", "argument"), CALLS, ids=IDS)
@pytest.mark.parametrize("bad", REFUSED, ids=ascii)
def test_collections(kind: type[Any], method: str, argument: str, bad: str) -> None:
    client, transport, _ = fake_client([])
    handle = kind(client, *["x"] * (len(inspect.signature(kind).parameters) - 1))
    call = getattr(handle, method)
    more = ["x" for each in list(inspect.signature(call).parameters.values())[1:] if each.default is each.empty]
    with pytest.raises(ValueError, match=rf"^{argument} '"):
        call(bad, *more)
    assert transport.requests == []


def test_there_are_collections_to_test() -> None:
    assert {(kind.__name__, name) for kind, name, _ in CALLS} >= {
        ("Organizations", "create"),
        ("Organizations", "get"),
        ("Organizations", "delete"),
        ("Repositories", "create"),
        ("Repositories", "get"),
        ("Repositories", "delete"),
        ("Commits", "get"),
        ("Invitations", "revoke"),
        ("MyInvitations", "accept"),
        ("MyInvitations", "decline"),
    }


HANDLES: dict[str, Callable[[Client, str], object]] = {
    "session_id": lambda client, bad: client.repository("o/r").attach(bad),
    "organization": lambda client, bad: tilde.models.Repositories(client, bad),
    "repository": lambda client, bad: tilde.models.Commits(client, "o", bad),
    "commit_id": lambda client, bad: tilde.models.CommitObjects(client, "o", "r", bad),
    "object": lambda client, bad: client.repository("o/r").commits.list(object="a\n" + bad),
}


@pytest.mark.parametrize("argument", HANDLES)
@pytest.mark.parametrize("bad", REFUSED, ids=ascii)
def test_handles(argument: str, bad: str) -> None:
    client, transport, _ = fake_client([])
    with pytest.raises(ValueError, match=f"^{argument}"):
        HANDLES[argument](client, bad)
    assert transport.requests == []


def test_what_is_no_text_is_a_type_error_of_that_name() -> None:
    client, _, _ = fake_client([])
    with pytest.raises(TypeError, match="commit_id must be a str, not int"):
        client.repository("o/r").commits.get(5)  # type: ignore[arg-type]


def test_slashes_and_other_letters_are_encoded() -> None:
    assert api_path("a/b", "ä ö", "%2e%2e") == "/a%2Fb/%C3%A4%20%C3%B6/%252e%252e"
    client, transport, _ = fake_client([answer(200, {"id": "c"})])
    client.repository("o/r").commits.get("../x")
    assert transport.requests[0].url.endswith("/commits/..%2Fx")
