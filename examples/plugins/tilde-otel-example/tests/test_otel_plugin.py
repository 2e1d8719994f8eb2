"""Spans and metrics as the SDK of OpenTelemetry gets them, and what never leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from tilde import Client
from tilde.exceptions import NotSentError
from tilde.plugins import Clock, RequestFinished, Response
from tilde_core.testing import FakeTransport
from tilde_core.testing.contract import PluginContract
from tilde_otel_example import Telemetry, TraceHeaders, headers, plugin

ORGANIZATION = Response(200, {"X-Request-Id": "req-1"}, b'{"id": "1", "name": "my-team"}')
URL = "https://tilde.test/api/v1/organizations/my-team"
SIGNED = "https://store.test/o?X-Signature=s3cret"


class World:
    """A client with the plugins, and what they have told."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.traces = TracerProvider(shutdown_on_exit=False)
        self.traces.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.telemetry = Telemetry(self.traces, self.meters)
        self.transport = FakeTransport()

    def ask(self, *answers: Response | Exception) -> None:
        """Get an organization, with these answers to the attempts."""
        self.transport = FakeTransport(answers)
        clock = Clock(sleep=lambda seconds: None)
        plugins = [self.telemetry, TraceHeaders()]
        settings: dict[str, Any] = {"endpoint_url": "https://tilde.test", "clock": clock, "plugins": plugins}
        with Client("tuk-s3cret", transport=self.transport, **settings) as client:
            client.organizations.get("my-team")

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def points(self, name: str) -> list[HistogramDataPoint | NumberDataPoint]:
        data = self.reader.get_metrics_data()
        assert data is not None
        found = [metric for scope in data.resource_metrics[0].scope_metrics for metric in scope.metrics]
        return [point for metric in found if metric.name == name for point in metric.data.data_points]  # type: ignore[misc]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("TILDE_DISABLE_PLUGINS", "otel-example,otel-example-headers")  # those that are installed
    made = World()
    yield made
    made.traces.shutdown()
    made.meters.shutdown()


class TestPlugin(PluginContract):
    def plugin(self) -> object:
        return plugin


class TestHeaders(PluginContract):
    def plugin(self) -> object:
        return headers


def test_entry_points_lead_to_the_plugins() -> None:
    found = {point.name: point.load() for point in entry_points(group="tilde") if point.name.startswith("otel-")}
    assert found == {"otel-example": plugin, "otel-example-headers": headers}


def test_a_span_for_each_attempt(world: World) -> None:
    world.ask(Response(503), NotSentError("refused"), ORGANIZATION)
    common = {
        "http.request.method": "GET",
        "server.address": "tilde.test",
        "server.port": 443,
        "url.scheme": "https",
        "url.full": URL,
        "tilde.operation": "organizations.get",
    }
    assert [(span.name, span.kind) for span in world.spans] == [("GET", SpanKind.CLIENT)] * 3
    assert [dict(span.attributes or {}) for span in world.spans] == [
        {**common, "http.response.status_code": 503, "error.type": "503"},
        {**common, "http.request.resend_count": 1, "error.type": "NotSentError"},
        {
            **common,
            "http.request.resend_count": 2,
            "http.response.status_code": 200,
            "tilde.request_id": "req-1",
        },
    ]
    assert [span.status.status_code for span in world.spans] == [StatusCode.ERROR, StatusCode.ERROR, StatusCode.UNSET]


def test_spans_are_children_of_the_applications_own(world: World) -> None:
    with world.traces.get_tracer("app").start_as_current_span("job") as job:
        world.ask(ORGANIZATION)
    first = world.spans[0]
    assert first.parent is not None
    assert first.parent.span_id == job.get_span_context().span_id


def test_the_service_can_continue_the_trace(world: World) -> None:
    world.ask(Response(503), ORGANIZATION)
    sent = [request.headers["traceparent"].split("-") for request in world.transport.requests]
    contexts = [span.get_span_context() for span in world.spans]
    assert [(trace, span) for _, trace, span, _ in sent] == [
        (f"{context.trace_id:032x}", f"{context.span_id:016x}") for context in contexts if context is not None
    ]


def test_an_object_store_is_told_nothing(world: World) -> None:
    world.ask(Response(302, {"Location": SIGNED}), ORGANIZATION)
    to_service, to_store = world.transport.requests
    assert "traceparent" in to_service.headers
    assert to_store.url == SIGNED
    assert not {"traceparent", "tracestate", "baggage"} & {name.lower() for name in to_store.headers}
    assert (world.spans[1].attributes or {})["url.full"] == "https://store.test/o"


def test_no_secret_is_told(world: World) -> None:
    world.ask(Response(302, {"Location": SIGNED}), ORGANIZATION)
    told = [json.loads(span.to_json()) for span in world.spans]
    data = world.reader.get_metrics_data()
    assert data is not None
    assert "s3cret" not in json.dumps(told) + data.to_json()


def test_metrics(world: World) -> None:
    world.ask(Response(503), ORGANIZATION)
    points = [point for point in world.points("http.client.request.duration") if point.attributes]
    durations = {(point.attributes or {})["http.response.status_code"]: point for point in points}
    assert set(durations) == {200, 503}
    assert (durations[503].attributes or {})["error.type"] == "503"
    assert "url.full" not in (durations[200].attributes or {})  # one series for each URL would be too many
    (retries,) = world.points("tilde.client.retries")
    assert isinstance(retries, NumberDataPoint)
    assert (retries.value, dict(retries.attributes or {})) == (1, {"tilde.operation": "organizations.get"})


def test_websockets_are_known_by_their_events(world: World) -> None:
    url = "wss://tilde.test/api/v1/x/exec"
    event = RequestFinished(operation="shell.run", method="GET", url=url, attempt=1, elapsed=0.25, status=101)
    world.telemetry.tilde_event(event)
    (span,) = world.spans
    assert (span.attributes or {})["http.response.status_code"] == 101
    assert span.start_time is not None
    assert span.end_time is not None
    assert 0.25 <= (span.end_time - span.start_time) / 1e9 < 60


def test_without_a_trace_nothing_is_added(world: World) -> None:
    transport = FakeTransport([ORGANIZATION])
    with Client("key", transport=transport, plugins=[plugin, headers]) as client:  # nobody has set a provider
        client.organizations.get("my-team")
    assert "traceparent" not in transport.requests[0].headers
