"""Keeps secrets out of the log: httpcore logs the answer's headers, and so each `Location`; httpx logs URLs; and what
HTTP/2 is made of logs every header, the API key too."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["secrets_hidden"]

_QUERY = re.compile(r"\?[^\s\"']*")


class _HideSecrets(logging.Filter, threading.local):
    """Cuts headers and queries from records while this thread sends for the SDK; other users keep theirs."""

    sending = False

    def filter(self, record: logging.LogRecord) -> bool:
        if self.sending and record.name.startswith("hpack."):
            return False
        if self.sending and record.name == "httpx":
            record.msg, record.args = _QUERY.sub("", record.getMessage()), ()
        elif self.sending and record.getMessage().startswith("receive_response_headers."):
            record.msg, record.args = record.getMessage().partition(" ")[0], ()
        return True


_FILTER = _HideSecrets()
for _name in ("httpcore.http11", "httpcore.http2", "httpx", "hpack.hpack", "hpack.table"):
    logging.getLogger(_name).addFilter(_FILTER)


@contextmanager
def secrets_hidden() -> Iterator[None]:
    """Hide the answer's headers and all queries from the log for as long as the context lasts, on this thread."""
    _FILTER.sending = True
    try:
        yield
    finally:
        _FILTER.sending = False
