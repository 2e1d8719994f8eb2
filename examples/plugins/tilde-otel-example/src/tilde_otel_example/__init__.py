"""An example of a third-party plugin: OpenTelemetry spans and metrics of the Tilde SDK's requests."""

from __future__ import annotations

from tilde_otel_example.headers import TraceHeaders
from tilde_otel_example.plugin import Telemetry

__all__ = ["Telemetry", "TraceHeaders"]
