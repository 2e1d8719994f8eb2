"""A token that ends: what it shows, and how its end is read."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tilde.plugins import AccessToken, parse_expiry

NOON = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
SECRET = "tst-very-secret"


@dataclass(frozen=True, slots=True)
class WithOwner(AccessToken):
    owner: str = ""


def test_no_repr_shows_the_token() -> None:
    token = WithOwner(SECRET, NOON, owner="me")
    assert SECRET not in repr(token) + str(token) + f"{[token]}"
    assert "owner='me'" in repr(token)


def test_it_pickles() -> None:
    assert pickle.loads(pickle.dumps(WithOwner(SECRET, NOON, "me"))) == WithOwner(SECRET, NOON, "me")


@pytest.mark.parametrize(
    ("token", "expires_at", "message"),
    [
        (b"t", NOON, "token must be a str, not bytes"),
        ("t", "2026-01-31", "expires_at must be a datetime, not str"),
        ("t", datetime(2026, 1, 31), "must have a time zone"),
    ],
)
def test_what_no_token_is_made_of(token: Any, expires_at: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        AccessToken(token, expires_at)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00z",
        "2026-01-31 12:00:00Z",
        "2026-01-31T12:00:00.000Z",
        "2026-01-31T12:00:00.000000000Z",
        "2026-01-31T12:00:00+00:00",
        "2026-01-31T13:30:00+01:30",
        "2026-01-31T13:30:00.0+0130",
    ],
)
def test_one_time_in_many_forms(text: str) -> None:
    assert parse_expiry(text) == NOON


@pytest.mark.parametrize("digits", range(1, 10))
def test_fractions_of_a_second_have_any_number_of_digits(digits: int) -> None:
    fraction = "123456789"[:digits]
    assert abs(parse_expiry(f"2026-01-31T12:00:00.{fraction}Z") - NOON - timedelta(seconds=float(f"0.{fraction}"))) < (
        timedelta(microseconds=2)
    )


@pytest.mark.parametrize(
    "text", ["", "2026-01-31", "2026-01-31T12:00:00", "tomorrow", "2026-02-30T12:00:00Z", "1790000000"]
)
def test_what_is_no_time_or_has_no_zone(text: str) -> None:
    with pytest.raises(ValueError, match="not a time as in 2026-01-31T12:00:00Z, with its zone"):
        parse_expiry(text)
