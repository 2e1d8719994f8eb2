"""Request, response, headers and timeouts as the hook layer and every transport see them.

Standard library only: no type of an HTTP library appears here or in anything that is built on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit, urlunsplit

__all__ = ["ByteStream", "Headers", "Request", "Response", "Timeout", "redact_url"]

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_FORBIDDEN_IN_VALUE = re.compile(r"[\r\n\0]")
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_URL_HEADERS = frozenset({"location", "content-location", "referer"})


def redact_url(url: str) -> str:
    """Return `url` without user info, query and fragment: what may stand in a log or an error.

    A presigned URL is a credential, and its signature lies in the query.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "<unreadable URL>"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


@dataclass(frozen=True, slots=True)
class Timeout:
    """How long one attempt may wait, in seconds; `None` waits without end.

    Each figure bounds one wait, not the whole transfer: `connect` to open a connection, `read` between two pieces
    of the answer, `write` to hand over a piece of the body, `pool` for a free connection.
    """

    connect: float | None = 10.0
    read: float | None = 60.0
    write: float | None = 60.0
    pool: float | None = 60.0

    def __post_init__(self) -> None:
        for name in ("connect", "read", "write", "pool"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
                raise TypeError(f"timeout {name} must be a number of seconds or None, not {type(value).__name__}")
            if value is not None and not value > 0:
                raise ValueError(f"timeout {name}={value!r}: must be a number of seconds above 0, or None")

    @classmethod
    def of(cls, value: Timeout | float) -> Timeout:
        """Return `value` itself, or a timeout with all four figures set to that many seconds."""
        return value if isinstance(value, Timeout) else cls(value, value, value, value)

    def at_most(self, seconds: float) -> Timeout:
        """Return a timeout with no figure above `seconds`, which must be above 0."""
        figures = (self.connect, self.read, self.write, self.pool)
        return Timeout(*(seconds if figure is None else min(figure, seconds) for figure in figures))


class Headers(Mapping[str, str]):
    """HTTP headers: names without regard to case, in order, repeats kept. Immutable.

    As a mapping, a repeated header is one value joined by `", "`; `multi_items()` gives each line as it came.
    Raises `ValueError` for a name that is not an HTTP token and for a value with a line break or NUL.
    """

    __slots__ = ("_lines",)

    def __init__(self, lines: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        if isinstance(lines, Headers):
            self._lines: tuple[tuple[str, str], ...] = lines._lines
            return
        pairs = lines.items() if isinstance(lines, Mapping) else lines
        self._lines = tuple((_checked_name(name), _checked_value(name, value)) for name, value in pairs)

    def __getitem__(self, name: str) -> str:
        values = self.get_all(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name, _ in self._lines))

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._lines})

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(known.lower() == name.lower() for known, _ in self._lines)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return [(n.lower(), v) for n, v in self._lines] == [(n.lower(), v) for n, v in other._lines]

    def __hash__(self) -> int:
        return hash(tuple((name.lower(), value) for name, value in self._lines))

    def __repr__(self) -> str:
        shown = [(name, _shown_value(name, value)) for name, value in self._lines]
        return f"Headers({shown!r})"

    @property
    def request_id(self) -> str:
        """What the sender of an answer calls the request; `""` if it does not say."""
        return self.get("X-Request-Id", "")

    def get_all(self, name: str) -> list[str]:
        """Return every value of the header, in order; an empty list if it is not there."""
        lower = name.lower()
        return [value for known, value in self._lines if known.lower() == lower]

    def multi_items(self) -> tuple[tuple[str, str], ...]:
        """Return each header line as `(name, value)`, case and repeats kept."""
        return self._lines

    def set(self, name: str, value: str) -> Headers:
        """Return a copy in which the header has this one value, whatever it had before."""
        return self._of(*self.without(name)._lines, (_checked_name(name), _checked_value(name, value)))

    def without(self, name: str) -> Headers:
        """Return a copy in which the header is not there."""
        lower = name.lower()
        return self._of(*(line for line in self._lines if line[0].lower() != lower))

    @classmethod
    def _of(cls, *lines: tuple[str, str]) -> Headers:
        """From lines that were checked."""
        headers = cls.__new__(cls)
        headers._lines = lines
        return headers


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or not _HEADER_NAME.match(name):
        raise ValueError(f"header name {name!r} is not a valid HTTP token")
    return name


def _checked_value(name: str, value: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"header {name}: the value must be a str, not {type(value).__name__}")
    if _FORBIDDEN_IN_VALUE.search(value):
        raise ValueError(f"header {name}: the value holds a line break or NUL")  # never the value: may be a secret
    return value


def _shown_value(name: str, value: str) -> str:
    if name.lower() in _SECRET_HEADERS:
        return "***"
    return redact_url(value) if name.lower() in _URL_HEADERS else value


@runtime_checkable
class ByteStream(Protocol):
    """A request body that is not held in memory: `len()` bytes in all, in pieces, anew from the start at each
    `iter()`."""

    def __len__(self) -> int:
        """Return the number of bytes; it goes out as `Content-Length`."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """Start over and yield the bytes in pieces of any size."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request, ready to go out as it is.

    `url` is absolute and fully encoded. `content` is bytes or a `ByteStream`; a transport sends exactly these bytes
    with a `Content-Length`. `operation` names the SDK call it belongs to (such as `"objects.get"`), `attempt` counts
    from 1, and `presigned` tells that the URL itself is the credential: nothing may be added to it, no header that
    names the caller may go with it, and it must not be logged. `direct` forbids any proxy, whatever the settings say.
    """

    method: str
    url: str
    headers: Headers = field(default_factory=Headers)
    content: bytes | ByteStream = b""
    timeout: Timeout = field(default_factory=Timeout)
    operation: str = ""
    attempt: int = 1
    presigned: bool = False
    direct: bool = False

    @property
    def safe_url(self) -> str:
        """The URL without its query, for logs and errors."""
        return redact_url(self.url)

    def with_header(self, name: str, value: str) -> Request:
        """Return a copy that carries this header, replacing one of that name."""
        return replace(self, headers=self.headers.set(name, value))

    def __repr__(self) -> str:
        return (
            f"Request({self.method} {self.safe_url}, operation={self.operation!r}, attempt={self.attempt}, "
            f"headers={self.headers!r}, content={len(self.content)} bytes)"
        )


class Response:
    """One HTTP response: status and headers at once, the body when it is read.

    `body` is bytes, or an iterable of pieces that raises `TransportError` when the connection fails; `close` frees the
    connection and may be called more than once. Reading to the end closes. Bodies arrive as sent: a transport neither
    decompresses nor decodes them.
    """

    __slots__ = ("_body", "_close", "_closed", "_content", "headers", "status")

    def __init__(
        self,
        status: int,
        headers: Headers | Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes | Iterable[bytes] = b"",
        *,
        close: Callable[[], None] | None = None,
    ) -> None:
        self.status: int = status
        self.headers: Headers = headers if isinstance(headers, Headers) else Headers(headers)
        self._content: bytes | None = body if isinstance(body, bytes) else None
        self._body: Iterable[bytes] | None = None if isinstance(body, bytes) else body
        self._close = close
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether the body has been read to its end or given up."""
        return self._closed

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the body in pieces as they arrive, once. Raises `TransportError`, and `ValueError` when closed."""
        if self._content is not None:
            if self._content:
                yield self._content
            self.close()
            return
        if self._closed or self._body is None:
            raise ValueError("the response body was already read or closed")
        body, self._body = self._body, None
        try:
            yield from (piece for piece in body if piece)
        finally:
            self.close()

    def read(self) -> bytes:
        """Return the whole body, keeping it for the next call. Raises `TransportError`."""
        if self._content is None:
            self._content = b"".join(self.iter_bytes())
        self.close()
        return self._content

    def close(self) -> None:
        """Free the connection. What was not read is lost. Raises `TransportError`."""
        if not self._closed:
            self._closed = True
            if self._close is not None:
                self._close()

    def __enter__(self) -> Response:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Response({self.status}, headers={self.headers!r})"

    def __reduce__(self) -> Any:
        raise TypeError("a Response holds an open connection and cannot be pickled")
