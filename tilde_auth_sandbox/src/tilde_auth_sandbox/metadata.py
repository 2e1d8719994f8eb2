"""Asks the metadata endpoint of the sandbox for a token: one GET, with no proxy, no redirect and little patience.

Over a connection of its own and not over the transport: a transport may send what it is given through a proxy, and
this is between the sandbox and its host.
"""

from __future__ import annotations

import http.client

from tilde import __version__
from tilde.exceptions import APIError, CredentialsError, SerializationError
from tilde.plugins import Clock, DialFailed, ErrorTable, OutcomeUnknownError, Request, Timeout, TransportSettings
from tilde_auth_sandbox.connection import Deadline, connected
from tilde_auth_sandbox.credentials import SandboxCredentials, read_credentials
from tilde_auth_sandbox.endpoint import parse_endpoint

__all__ = ["MAX_ANSWER_BYTES", "TIMEOUT", "MetadataEndpoint"]

TIMEOUT = 2.0  # seconds, from connecting to the last byte
MAX_ANSWER_BYTES = 64 * 1024

_HEADERS = {"Accept": "application/json", "User-Agent": f"tilde-python-sdk/{__version__}", "Connection": "close"}
_NO_HTTP = "{host} gave an answer that is not whole HTTP"
_ERRORS = ErrorTable(
    {
        TimeoutError: (OutcomeUnknownError, "{host} did not answer within {read} seconds"),
        http.client.HTTPException: (OutcomeUnknownError, _NO_HTTP),
    }
)


class MetadataEndpoint:
    """The endpoint at `uri`, which is verified as `network` says if it is behind TLS.

    Raises `ConfigurationError` for one that a token must not be fetched from.
    """

    def __init__(self, uri: str, clock: Clock, network: TransportSettings) -> None:
        self._endpoint = parse_endpoint(uri)
        self._clock = clock
        self._network = network
        # What errors say of the request: its path may be a secret.
        self._described = Request(method="GET", url=self._endpoint.origin, timeout=Timeout.of(TIMEOUT))

    def fetch(self) -> SandboxCredentials:
        """Return a fresh token. Raises `TransportError`, `APIError`, `CredentialsError`, `SerializationError`."""
        failure = None
        try:
            status, body = self._exchange()
        except http.client.HTTPException as error:
            failure = _ERRORS.translate(error, self._described)  # raised below: what it comes from quotes the answer
        except (DialFailed, OSError, UnicodeError) as error:
            raise _ERRORS.translate(error, self._described) from error
        if failure is not None:
            raise failure
        self._check(status)
        return read_credentials(body)

    def _exchange(self) -> tuple[int, bytes]:
        with connected(self._endpoint, self._network, Deadline(self._clock, TIMEOUT)) as connection:
            connection.request("GET", self._endpoint.target, headers=_HEADERS)
            with connection.getresponse() as answer:
                return answer.status, _body(answer) if answer.status == 200 else b""

    def _check(self, status: int) -> None:
        if status == 200:
            return
        what = f"the sandbox's metadata endpoint {self._endpoint.origin} answered"
        if status < 400:
            raise CredentialsError(
                f"{what} with status {status}, and only 200 is of use: no redirect is followed there"
            )
        hint = ": is this sandbox over, or this process not in it any more?" if status in (401, 403, 404, 410) else ""
        raise APIError(f"{what} with an error{hint}", status_code=status, method="GET", url=self._endpoint.origin)


def _body(answer: http.client.HTTPResponse) -> bytes:
    body = answer.read(MAX_ANSWER_BYTES + 1)
    if len(body) > MAX_ANSWER_BYTES:
        raise SerializationError(f"the sandbox's metadata endpoint answered with more than {MAX_ANSWER_BYTES} bytes")
    if answer.length:  # so much was announced and did not come
        raise http.client.IncompleteRead(b"", answer.length)
    return body
