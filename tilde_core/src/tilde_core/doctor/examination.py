"""The checks in their order. What builds on a check that failed is skipped, and says so."""

from __future__ import annotations

import logging
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tilde_core.client import Client
from tilde_core.clock import Clock
from tilde_core.config import Config, resolve_config
from tilde_core.doctor.connection import CONNECTION_CHECKS, check_connection, check_endpoint
from tilde_core.doctor.plugins import check_plugins, check_transport
from tilde_core.doctor.report import Report
from tilde_core.doctor.service import SERVICE_CHECKS, check_clock, check_identity, check_service, check_websocket
from tilde_core.doctor.settings import setting_rows
from tilde_core.doctor.uploads import check_upload
from tilde_core.doctor.verdicts import Check, failed, ok, skipped, warning
from tilde_core.exceptions import TildeError
from tilde_core.logs import logger
from tilde_core.version import __version__

__all__ = ["Wishes", "examine"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to be examined: `repository` is for uploads and WebSockets, `timeout` in seconds for each step."""

    repository: str | None = None
    offline: bool = False
    timeout: float = 5.0


def examine(wishes: Wishes) -> Report:
    """Make every check with the settings of this environment. Raises nothing that a check can tell."""
    report = Report(_versions())
    config = _examine_settings(report)
    if config is None:
        return report
    report.checks.append(check_endpoint(config))
    client = _examine_plugins(report, wishes)
    if client is None:
        report.checks.extend(_connection(config, wishes, Clock()))
        return report
    with client:
        report.checks.extend(_connection(config, wishes, client.pipeline.clock))
        report.checks.extend(_service(client, wishes, report))
    return report


def _versions() -> dict[str, str]:
    import ssl

    return {
        "tilde-core": __version__,
        "Python": platform.python_version(),
        "on": platform.platform(),
        "with": ssl.OPENSSL_VERSION,
    }


def _examine_settings(report: Report) -> Config | None:
    with _recorded() as messages:
        try:
            config = resolve_config()
        except TildeError as error:
            advice = "Correct that setting. Nothing else was checked, as every client would fail on it."
            report.checks.append(failed("settings", str(error), advice))
            return None
    report.settings.extend(setting_rows(config))
    if messages:
        report.checks.extend(warning("settings", message, "Correct it, or remove it.") for message in messages)
    else:
        report.checks.append(ok("settings", "all of them can be used"))
    return config


@contextmanager
def _recorded() -> Iterator[list[str]]:
    """Keep the warnings that are logged meanwhile."""
    messages: list[str] = []

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    recorder = Recorder(logging.WARNING)
    logger.addHandler(recorder)
    try:
        yield messages
    finally:
        logger.removeHandler(recorder)


def _examine_plugins(report: Report, wishes: Wishes) -> Client | None:
    try:
        with warnings.catch_warnings():  # of what the checks tell anyway
            warnings.simplefilter("ignore")
            client = Client(timeout=wishes.timeout, max_retries=0)
    except TildeError as error:
        advice = "Do what the message says; TILDE_DISABLE_PLUGINS=name leaves a plugin out, `pip uninstall` removes it."
        report.checks.append(failed("plugins", str(error), advice))
        return None
    report.plugins.extend(client.describe_plugins())
    report.checks.extend(check_plugins(client))
    report.checks.append(check_transport(client))
    return client


def _connection(config: Config, wishes: Wishes, clock: Clock) -> Iterator[Check]:
    if wishes.offline:
        return (skipped(name, "--offline") for name in CONNECTION_CHECKS)
    return check_connection(config, wishes.timeout, clock)


def _service(client: Client, wishes: Wishes, report: Report) -> Iterator[Check]:
    if wishes.offline:
        yield from _skip(0, "--offline")
        return
    broken = next((check.name for check in report.checks if _is_needed(check)), None)
    if broken is not None:
        yield from _skip(0, f"{broken} failed")
        return
    service, headers, when = check_service(client, wishes.timeout)
    yield service
    if service.verdict == "failed":
        yield from _skip(1, "service failed")
        return
    yield check_clock(headers, when)
    identity = check_identity(client)
    yield identity
    if identity.verdict == "failed":
        yield from _skip(3, "identity failed")
        return
    yield check_websocket(client, wishes.repository)
    yield check_upload(client, wishes.repository, wishes.timeout)


def _is_needed(check: Check) -> bool:
    return check.verdict == "failed" and check.name in ("endpoint", "transport", *CONNECTION_CHECKS)


def _skip(first: int, because: str) -> Iterator[Check]:
    return (skipped(name, because) for name in (*SERVICE_CHECKS, "upload")[first:])
