from __future__ import annotations

import socket
import ssl
from types import ModuleType

import pytest

pytest.importorskip("requests")
pytest.importorskip("urllib3")
pytest.importorskip("tilde_transport_requests")

import requests
import urllib3
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

from tilde.plugins import NotSentError, OutcomeUnknownError, Request
from tilde_transport_requests.errors import ERRORS

REQUEST = Request(method="PUT", url="https://store.example:1/o?sig=s3cret", operation="objects.put")
STANDARD = [OSError, TimeoutError, ConnectionResetError, BrokenPipeError, socket.gaierror, ssl.SSLError, UnicodeError]
STANDARD += [ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLWantReadError, ssl.SSLCertVerificationError]

BACKEND = ("requests", "urllib3")


def exceptions_of(module: ModuleType) -> list[type[Exception]]:
    found = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Exception)]
    own = [error for error in found if error.__module__.partition(".")[0] in BACKEND]
    return [error for error in own if not issubclass(error, Warning)]


@pytest.mark.parametrize("error", [*exceptions_of(requests.exceptions), *exceptions_of(urllib3.exceptions)])
def test_every_error_of_the_backend_has_a_row(error: type[Exception]) -> None:
    assert error in ERRORS.classes


@pytest.mark.parametrize("error", [*ERRORS.classes, *STANDARD])
def test_every_error_becomes_one_of_ours(error: type[Exception]) -> None:
    with (
        pytest.raises((NotSentError, OutcomeUnknownError), match=r"objects\.put: .") as caught,
        ERRORS.guard(REQUEST),
    ):
        raise error.__new__(error)
    assert type(caught.value) in (NotSentError, OutcomeUnknownError)
    assert type(caught.value.__cause__) is error
    assert (caught.value.method, caught.value.url) == ("PUT", "https://store.example:1/o")
    assert "{" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_one_link_that_was_not_sent_is_enough() -> None:
    reset = urllib3.exceptions.NewConnectionError(HTTPConnection("h"), "")
    reset.__cause__ = ConnectionRefusedError(111, "Connection refused")
    error = requests.ConnectionError(urllib3.exceptions.MaxRetryError(HTTPConnectionPool("h"), "/o?sig=s3cret", reset))
    assert type(ERRORS.translate(error, REQUEST)) is NotSentError
    assert "store.example:1 refused the connection" in str(ERRORS.translate(error, REQUEST))


def test_error_of_another_kind_passes() -> None:
    with pytest.raises(ZeroDivisionError), ERRORS.guard(REQUEST):
        raise ZeroDivisionError
