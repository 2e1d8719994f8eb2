from __future__ import annotations

import http.client
import socket
import ssl

import pytest
import websocket._exceptions

from tilde.plugins import NotSentError, OutcomeUnknownError, Request
from tilde_core.websocket.errors import ERRORS

REQUEST = Request(method="GET", url="wss://tilde.example:1/exec?token=s3cret", operation="shell.run")
STANDARD: list[type[Exception]] = [
    OSError,
    TimeoutError,
    ConnectionResetError,
    BrokenPipeError,
    socket.gaierror,
    ssl.SSLError,
    UnicodeError,
]
STANDARD += [ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLWantReadError, ssl.SSLCertVerificationError]
STANDARD += [http.client.BadStatusLine, http.client.LineTooLong, http.client.IncompleteRead]
OF_THE_LIBRARY = [value for value in vars(websocket._exceptions).values() if isinstance(value, type)]


@pytest.mark.parametrize("error", [kind for kind in OF_THE_LIBRARY if issubclass(kind, Exception)])
def test_every_error_of_the_library_has_a_row(error: type[Exception]) -> None:
    assert error in ERRORS.classes


def test_the_library_keeps_its_errors_where_we_look() -> None:
    exported = {value for value in vars(websocket).values() if isinstance(value, type) and issubclass(value, Exception)}
    assert {error for error in exported if error.__module__.startswith("websocket")} <= set(OF_THE_LIBRARY)


@pytest.mark.parametrize("error", [*ERRORS.classes, *STANDARD])
def test_every_error_becomes_one_of_ours(error: type[Exception]) -> None:
    with (
        pytest.raises((NotSentError, OutcomeUnknownError), match=r"shell\.run: .") as caught,
        ERRORS.guard(REQUEST),
    ):
        raise error.__new__(error)
    assert type(caught.value) in (NotSentError, OutcomeUnknownError)
    assert type(caught.value.__cause__) is error
    assert (caught.value.method, caught.value.url) == ("GET", "wss://tilde.example:1/exec")
    assert "{" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
