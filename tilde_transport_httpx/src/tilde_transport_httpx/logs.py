"""Keeps presigned URLs out of the log: at level DEBUG httpcore logs the answer's headers, and so each `Location`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["answer_headers_hidden"]


class _HideAnswerHeaders(logging.Filter, threading.local):
    """Cuts the headers from the record while this thread sends for the SDK; other users of httpcore keep theirs."""

    sending = False

    def filter(self, record: logging.LogRecord) -> bool:
        if self.sending and record.getMessage().startswith("receive_response_headers."):
            record.msg, record.args = record.getMessage().partition(" ")[0], ()
        return True


_FILTER = _HideAnswerHeaders()
logging.getLogger("httpcore.http11").addFilter(_FILTER)


@contextmanager
def answer_headers_hidden() -> Iterator[None]:
    """Hide the answer's headers from the log for as long as the context lasts, on this thread."""
    _FILTER.sending = True
    try:
        yield
    finally:
        _FILTER.sending = False
