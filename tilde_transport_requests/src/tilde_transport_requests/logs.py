"""Keeps presigned URLs out of the log: at level DEBUG urllib3 logs the target of each request, with its query."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["queries_hidden"]

_QUERY = re.compile(r"\?[^\s\"']*")


class _HideQueries(logging.Filter, threading.local):
    """Cuts queries from the record while this thread sends for the SDK; other users of urllib3 keep theirs."""

    sending = False

    def filter(self, record: logging.LogRecord) -> bool:
        if self.sending:
            record.msg, record.args = _QUERY.sub("", record.getMessage()), ()
            record.exc_info = record.exc_text = None  # the errors that urllib3 logs quote the head of the answer
        return True


_FILTER = _HideQueries()
for _name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry", "urllib3.poolmanager"):
    logging.getLogger(_name).addFilter(_FILTER)


@contextmanager
def queries_hidden() -> Iterator[None]:
    """Hide queries from the log for as long as the context lasts, on this thread."""
    _FILTER.sending = True
    try:
        yield
    finally:
        _FILTER.sending = False
