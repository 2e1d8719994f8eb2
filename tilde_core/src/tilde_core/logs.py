"""The log of the SDK: the logger `tilde`, which is silent until the application or `TILDE_LOG` asks for it."""

from __future__ import annotations

import logging
import sys

__all__ = ["LOG_VARIABLE", "log_to_stderr", "logger"]

LOG_VARIABLE = "TILDE_LOG"
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}

logger: logging.Logger = logging.getLogger("tilde")
logger.addHandler(logging.NullHandler())


class _StderrHandler(logging.StreamHandler):  # type: ignore[type-arg]  # at run time it takes none before Python 3.11
    """Prints what the application's own handlers do not print there already."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether `record` is to be printed here."""
        return bool(super().filter(record)) and not any(_prints(handler, record) for handler in _of_others())


def log_to_stderr(wanted: str) -> None:
    """Print the log from level `wanted` on (`"debug"`, `"info"` or `"warning"`) to standard error.

    The first call of a process counts; all others do nothing. A level that is not known is a warning in the log, which
    is printed from that level on.
    """
    if any(isinstance(handler, _StderrHandler) for handler in logger.handlers):
        return
    level = _LEVELS.get(wanted.lower(), logging.WARNING)
    handler = _StderrHandler()
    handler.setLevel(level)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(level)
    if wanted.lower() not in _LEVELS:
        logger.warning("%s=%s is not known: it is one of %s", LOG_VARIABLE, wanted, ", ".join(_LEVELS))


def _of_others() -> list[logging.Handler]:
    """Handlers that get the same records: those of the application, on this logger and above it."""
    root = logging.getLogger()
    others = [*logger.handlers, *(root.handlers if logger.propagate else ())]
    return [handler for handler in others if not isinstance(handler, _StderrHandler)]


def _prints(handler: logging.Handler, record: logging.LogRecord) -> bool:
    is_on_stderr = isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr
    return is_on_stderr and record.levelno >= handler.level
