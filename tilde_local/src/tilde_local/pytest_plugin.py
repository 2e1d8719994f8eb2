"""The pytest fixture `tilde_server`. pytest loads this module in every run, so it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tilde_local.server import Server

__all__ = ["tilde_server"]


@pytest.fixture
def tilde_server() -> Iterator[Server]:
    """A fresh, empty Tilde server with `.endpoint_url` and `.api_key`, for one test."""
    from tilde_local.server import Server

    with Server() as server:
        yield server
