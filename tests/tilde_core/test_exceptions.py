"""The tree of errors."""

from __future__ import annotations

import inspect
import pickle

import pytest

import tilde.exceptions
import tilde_core.exceptions
from tilde.exceptions import APIError, TildeError, TransportError

ALL = [getattr(tilde.exceptions, name) for name in tilde.exceptions.__all__]


def test_tilde_exceptions_exports_every_error() -> None:
    defined = {
        name
        for name, value in vars(tilde_core.exceptions).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    }
    assert set(tilde.exceptions.__all__) == defined


@pytest.mark.parametrize("kind", ALL)
def test_every_error_is_a_tilde_error_and_stands_in_the_tree(kind: type[TildeError]) -> None:
    assert issubclass(kind, TildeError)
    assert tilde_core.exceptions.__doc__ is not None
    assert kind.__name__ in tilde_core.exceptions.__doc__


@pytest.mark.parametrize("kind", ALL)
def test_every_error_pickles_with_its_attributes(kind: type[TildeError]) -> None:
    error = kind("what happened", operation="things.get", request_id="req-1")
    error.gave_up = "gave up after 4 attempts"
    if isinstance(error, APIError):
        error.status_code, error.code = 418, "teapot"
    if isinstance(error, TransportError):
        error.method, error.url = "GET", "https://x/y"
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)
