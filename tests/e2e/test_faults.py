"""A service that fails in every way there is: what calls end in, and how often they are sent, on each transport."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import pytest

from support import FakeClock
from tilde import Client, Timeout
from tilde.exceptions import (
    ConflictError,
    NotFoundError,
    NotSentError,
    OutcomeUnknownError,
    RateLimitError,
    SerializationError,
    ServerError,
    TildeError,
)
from tilde_core.testing import Behavior, LoopbackServer, behaviors
from tilde_core.testing.behaviors import answer
from tilde_core.testing.contract.failures import unused_port

JSON = [("Content-Type", "application/json")]
GOOD = answer(200, b'{"id": "1", "name": "my-team"}', JSON)
BODY = b'{"id": "1", "name": "my-team"'
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"id"'
SILENT = Timeout(read=0.3)

# What is read again does no harm; a second organization would.
LOST: dict[str, Behavior] = {
    "hang up": behaviors.hang_up(),
    "reset": behaviors.reset(),
    "reset after the request": behaviors.reset_after_request(),
    "no HTTP": behaviors.garbage(),
    "half a head": behaviors.garbage(b"HTTP/1.1 200 OK\r\nContent-"),
    "half a body": behaviors.truncated(BODY, 500),
    "half a chunk": behaviors.garbage(CHUNKED),
}
REFUSED: dict[int, type[TildeError]] = {404: NotFoundError, 409: ConflictError, 501: ServerError}


@pytest.fixture
def faulty() -> Iterator[LoopbackServer]:
    with LoopbackServer() as server:
        yield server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def client(faulty: LoopbackServer, transport: str, clock: FakeClock) -> Iterator[Client]:
    url = faulty.url("").rstrip("/")
    with Client("key", endpoint_url=url, transport=transport, clock=clock.clock) as opened:
        yield opened


def get(client: Client) -> str:
    return client.organizations.get("my-team").name


def create(client: Client) -> str:
    return client.organizations.create("my-team").name


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST.keys())
def test_lost_answer_is_asked_for_again(client: Client, faulty: LoopbackServer, fault: Behavior) -> None:
    faulty.enqueue(fault, fault, GOOD)
    assert get(client) == "my-team"
    assert len(faulty.requests) == 3


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST.keys())
def test_lost_answer_to_a_change_is_not(client: Client, faulty: LoopbackServer, fault: Behavior) -> None:
    faulty.enqueue(fault)
    with pytest.raises(OutcomeUnknownError, match=r"^organizations\.create: "):
        create(client)
    assert len(faulty.requests) == 1


@pytest.mark.parametrize(("call", "repeats"), [(get, 3), (create, 0)])
def test_silence_is_not_waited_for_without_end(
    client: Client, faulty: LoopbackServer, clock: FakeClock, call: Callable[[Client], str], repeats: int
) -> None:
    gate = faulty.gate()
    faulty.enqueue(*[behaviors.stall(gate)] * 4)
    with pytest.raises(OutcomeUnknownError, match=r"sent nothing for 0\.3 seconds"):
        call(client.with_options(timeout=SILENT))
    assert len(clock.sleeps) == repeats  # the server may be about to read the last one


@pytest.mark.parametrize("call", [get, create])
def test_refused_connection_is_tried_again(transport: str, clock: FakeClock, call: Callable[[Client], str]) -> None:
    """Nothing was sent, so it may be, whatever it is."""
    url = f"http://127.0.0.1:{unused_port()}"
    client = Client("key", endpoint_url=url, transport=transport, clock=clock.clock)
    with client, pytest.raises(NotSentError, match="refused the connection"):
        call(client)
    assert len(clock.sleeps) == 3


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_trouble_of_the_service(client: Client, faulty: LoopbackServer, status: int) -> None:
    faulty.enqueue(answer(status), answer(status), GOOD, answer(status))
    assert get(client) == "my-team"
    with pytest.raises(TildeError) as caught:
        create(client)
    assert getattr(caught.value, "status_code", None) == status
    assert len(faulty.requests) == 4


def test_trouble_that_stays(client: Client, faulty: LoopbackServer) -> None:
    faulty.enqueue(*[answer(503)] * 4)
    with pytest.raises(ServerError, match="gave up after 4 attempts"):
        get(client)
    assert len(faulty.requests) == 4


@pytest.mark.parametrize("call", [get, create])
def test_throttled(client: Client, faulty: LoopbackServer, clock: FakeClock, call: Callable[[Client], str]) -> None:
    faulty.enqueue(answer(429, b"", [("Retry-After", "7")]), GOOD)
    assert call(client) == "my-team"
    assert clock.sleeps == [7.0]


def test_throttled_for_too_long(client: Client, faulty: LoopbackServer) -> None:
    faulty.enqueue(answer(429, b"", [("Retry-After", "3600")]))
    with pytest.raises(RateLimitError, match="asks to wait 3600 s"):
        get(client)


@pytest.mark.parametrize("status", REFUSED)
def test_refusal_is_final(client: Client, faulty: LoopbackServer, status: int) -> None:
    faulty.enqueue(answer(status, b'{"message": "no"}', JSON))
    with pytest.raises(REFUSED[status], match="no"):
        get(client)
    assert len(faulty.requests) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"id": 1, "name": []}', b"\xff"])
def test_answer_that_cannot_be_read(client: Client, faulty: LoopbackServer, body: bytes) -> None:
    faulty.enqueue(answer(200, body, JSON))
    with pytest.raises(SerializationError):
        get(client)
    assert len(faulty.requests) == 1


def test_redirect_to_another_host_takes_no_key(client: Client, faulty: LoopbackServer) -> None:
    with LoopbackServer() as other:
        other.enqueue(GOOD)
        faulty.enqueue(behaviors.redirect(other.url("/elsewhere?sig=1")))
        assert get(client) == "my-team"
        assert other.requests[0].header("Authorization") == []
    assert faulty.requests[0].header("Authorization") == ["Bearer key"]


def test_redirect_in_a_circle_ends(client: Client, faulty: LoopbackServer) -> None:
    faulty.script("/api/v1/organizations/my-team", behaviors.redirect(faulty.url("/api/v1/organizations/my-team")))
    with pytest.raises(TildeError, match="redirect"):
        get(client)


def test_faults_leave_no_connection_behind(client: Client, faulty: LoopbackServer) -> None:
    """More of them than there may be connections."""
    for fault in [*LOST.values()] * 6:
        faulty.enqueue(fault)
        with pytest.raises(OutcomeUnknownError):
            create(client)
    faulty.enqueue(GOOD)
    assert get(client) == "my-team"


def test_threads_with_faults_get_their_own_answers(client: Client, faulty: LoopbackServer) -> None:
    # As many as one request may meet and still be answered, should one thread get them all.
    faulty.enqueue(*[*LOST.values()][:3])
    for number in range(8):
        body = json.dumps({"id": str(number), "name": f"team-{number}"}).encode()
        faulty.script(f"/api/v1/organizations/team-{number}", answer(200, body, JSON))
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda n=number: found.append(client.organizations.get(f"team-{n}").name))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [f"team-{number}" for number in range(8)]
