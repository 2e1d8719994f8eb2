"""What a certificate says of itself, whoever issued it. `ssl` tells that of one that it has verified only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

__all__ = ["Certificate", "read_certificate"]

_VERSION, _UTC_TIME, _BMP_STRING = 0xA0, 0x17, 0x1E  # tags
_COMMON_NAME, _ORGANIZATION = b"\x55\x04\x03", b"\x55\x04\x0a"


@dataclass(frozen=True, slots=True)
class Certificate:
    """Whom it is for, who issued it, and how long it is good."""

    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime


def read_certificate(der: bytes) -> Certificate:
    """Read a certificate of X.509 in DER. Verifies nothing. Raises `ValueError`."""
    try:
        (_, outer), *_ = _elements(der)
        (_, inner), *_ = _elements(outer)
        parts = [content for tag, content in _elements(inner) if tag != _VERSION]
        _serial, _algorithm, issuer, validity, subject, *_ = parts
        not_before, not_after = (_time(tag, content) for tag, content in _elements(validity))
        return Certificate(_name(subject), _name(issuer), not_before, not_after)
    except (IndexError, ValueError) as error:
        raise ValueError("it is not a certificate of X.509 in DER") from error


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the tag and the content of each element."""
    start = 0
    while start < len(data):
        tag, length, start = data[start], data[start + 1], start + 2
        if length & 0x80:
            size = length & 0x7F
            length, start = int.from_bytes(data[start : start + size], "big"), start + size
        if start + length > len(data):
            raise ValueError("it is cut off")
        yield tag, data[start : start + length]
        start += length


def _name(content: bytes) -> str:
    """Return a name as people know it: the common name and the organization, or what else there is."""
    found: dict[bytes, str] = {}
    for _, attributes in _elements(content):
        for _, attribute in _elements(attributes):
            (_, kind), (tag, value) = _elements(attribute)
            found[kind] = value.decode("utf-16-be" if tag == _BMP_STRING else "utf-8", "replace")
    known = [found[kind] for kind in (_COMMON_NAME, _ORGANIZATION) if kind in found]
    return ", ".join(known or found.values())


def _time(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == _UTC_TIME:  # two digits of the year
        text = ("20" if text[:2] < "50" else "19") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)
