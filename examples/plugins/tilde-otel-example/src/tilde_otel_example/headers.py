"""What the other entry point leads to: headers that let the service continue the trace (`traceparent`)."""

from __future__ import annotations

from opentelemetry import propagate

from tilde.plugins import Request, Response, Transport, hookimpl

__all__ = ["TraceHeaders", "tilde_send"]


class TraceHeaders:
    """A plugin that adds them to what goes to the service, and to nothing that goes to an object store.

    A presigned URL leads to another company's server, which must not be told of traces; and to add a header may break
    its signature. A plugin for one client as it is, or with an entry point for all.
    """

    @hookimpl(trylast=True)
    def tilde_send(self, request: Request, transport: Transport) -> Response | None:
        """Send the request with the headers, or leave it to the next if there are none to add."""
        if request.presigned:
            return None
        headers: dict[str, str] = {}
        propagate.inject(headers)
        if not headers:  # there is no trace
            return None
        for name, value in headers.items():
            request = request.with_header(name, value)
        return transport.send(request)


tilde_send = TraceHeaders().tilde_send
