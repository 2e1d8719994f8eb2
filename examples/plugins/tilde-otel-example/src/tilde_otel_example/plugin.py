"""What one entry point leads to: a span for each attempt, and metrics. It only watches, and changes nothing."""

from __future__ import annotations

import time
from collections.abc import Generator

from opentelemetry import metrics, trace
from opentelemetry.trace import Span, SpanKind, StatusCode

from tilde.plugins import Event, Request, RequestFinished, Response, RetryScheduled, hookimpl
from tilde_otel_example.attributes import attributes_of_attempt, attributes_of_outcome, attributes_of_server

__all__ = ["Telemetry", "tilde_event", "tilde_send"]

_NAME = "tilde-otel-example"
# Those that the conventions recommend for this histogram, in seconds.
_BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]


class Telemetry:
    """A plugin for one client, with these providers in place of the global ones."""

    def __init__(
        self, tracer_provider: trace.TracerProvider | None = None, meter_provider: metrics.MeterProvider | None = None
    ) -> None:
        self._tracer = trace.get_tracer(_NAME, tracer_provider=tracer_provider)
        meter = metrics.get_meter(_NAME, meter_provider=meter_provider)
        self._duration = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_BOUNDARIES,
        )
        self._retries = meter.create_counter(
            "tilde.client.retries", unit="{retry}", description="Attempts that failed and were repeated."
        )

    @hookimpl(wrapper=True)
    def tilde_send(self, request: Request) -> Generator[None, Response, Response]:
        """Put a span around one attempt. It ends with the headers of the answer, as the body may be read for hours."""
        attributes = attributes_of_attempt(request.operation, request.method, request.safe_url, request.attempt)
        with self._tracer.start_as_current_span(
            request.method,
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,  # the traceback of every caller is none of the span's business
            set_status_on_exception=False,
        ) as span:
            try:
                response = yield
            except BaseException as error:
                _finish(span, None, error)
                raise
            if isinstance(response, Response):  # else another plugin is broken, and the SDK will say which
                _finish(span, response.status, None)
                if request_id := response.headers.request_id:
                    span.set_attribute("tilde.request_id", request_id)
            return response

    @hookimpl
    def tilde_event(self, event: Event) -> None:
        """Count, and make a span of each WebSocket: those do not go through `tilde_send`."""
        if isinstance(event, RequestFinished):
            server = attributes_of_server(event.method, event.url)
            self._duration.record(event.elapsed, {**server, **attributes_of_outcome(event.status, event.error)})
            if event.url.startswith(("ws:", "wss:")):
                self._write_span(event)
        elif isinstance(event, RetryScheduled):
            self._retries.add(1, {"tilde.operation": event.operation})

    def _write_span(self, event: RequestFinished) -> None:
        """Write down a handshake that is over."""
        span = self._tracer.start_span(
            event.method,
            kind=SpanKind.CLIENT,
            attributes=attributes_of_attempt(event.operation, event.method, event.url, event.attempt),
            start_time=time.time_ns() - int(event.elapsed * 1e9),
        )
        _finish(span, event.status, event.error)
        span.end()


def _finish(span: Span, status: int | None, error: BaseException | None) -> None:
    outcome = attributes_of_outcome(status, error)
    span.set_attributes(outcome)
    if "error.type" in outcome:
        span.set_status(StatusCode.ERROR)


# The hooks of this module: the same, with the providers that the application has set by the time of a request.
_telemetry = Telemetry()
tilde_send = _telemetry.tilde_send
tilde_event = _telemetry.tilde_event
