"""Sends a request over a connection of its own: what stands in for the transport where a plugin only gets `send`."""

from __future__ import annotations

import http.client

from tilde_core.error_table import ErrorTable
from tilde_core.exceptions import OutcomeUnknownError
from tilde_core.hooks.offers import TransportSettings
from tilde_core.http import Request, Response
from tilde_core.network.dial import Dialer
from tilde_core.network.route import Route
from tilde_core.outgoing import header_lines, split_url

__all__ = ["plain_send"]

_ERRORS = ErrorTable(
    {
        http.client.HTTPException: (OutcomeUnknownError, "{host} gave an answer that is not whole HTTP"),
        TimeoutError: (OutcomeUnknownError, "{host} sent nothing for {read} seconds"),
    }
)


def plain_send(request: Request) -> Response:
    """Send `request` as it is, and return the answer with its body read. Raises `TransportError`."""
    try:
        return _exchange(request)
    except http.client.HTTPException as error:
        failure = _ERRORS.translate(error, request)  # raised below: what it comes from may quote the answer
    except OSError as error:
        raise _ERRORS.translate(error, request) from error
    raise failure


def _exchange(request: Request) -> Response:
    origin, target = split_url(request)
    assert isinstance(request.content, bytes), "a request for a token has its body in one piece"
    route = Route.to(origin)
    with Dialer(TransportSettings()).open(route, request.timeout.connect) as sock:
        sock.settimeout(request.timeout.read)
        connection = http.client.HTTPConnection(route.host, route.port)
        connection.sock = sock
        connection.putrequest(request.method, target, skip_accept_encoding=True)
        for name, value in header_lines(request):
            connection.putheader(name, value)
        connection.endheaders(request.content or None)
        with connection.getresponse() as answer:
            return Response(answer.status, answer.getheaders(), answer.read())
