"""/organizations/{organization}/repositories/{repository}/sandboxes/{sandbox_id}/logs"""

from __future__ import annotations

from starlette.responses import Response, StreamingResponse

from tilde_local.api.call import Call
from tilde_local.api.endpoint import Answer, endpoint
from tilde_local.sandboxes.logs import NETWORK, OUTPUT
from tilde_local.sandboxes.reading import log_of
from tilde_local.store import sandboxes

__all__ = ["network", "output"]

_STREAM = Answer(str, media_type="text/plain")


def _stream(call: Call, name: str) -> Response:
    with call.services.database.read() as db:
        sandbox = sandboxes.find(db, call.repository(db, "GetSandboxLogs"), call.params["sandbox_id"])
    # As it is, and not with the charset that Starlette would add: what a program prints need not be UTF-8.
    headers = {"Content-Type": "text/plain", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return StreamingResponse(log_of(call.services, sandbox, name), headers=headers)


@endpoint("getSandboxStdout", {200: _STREAM}, errors=(403, 404, 410))
def output(call: Call) -> Response:
    """GET …/logs/stdout: what its command prints, to both streams, as it comes; ends when the sandbox has ended."""
    return _stream(call, OUTPUT)


@endpoint("getSandboxNetwork", {200: _STREAM}, errors=(403, 404, 410))
def network(call: Call) -> Response:
    """GET …/logs/network: what it tries to reach, one line of JSON each, as it comes."""
    return _stream(call, NETWORK)
