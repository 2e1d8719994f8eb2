"""Access tokens of sandboxes, without a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tilde_local.sandboxes.tokens import Tokens

if TYPE_CHECKING:
    from tilde_local.conftest import Clock


def test_who_asks_for_ever_fills_no_memory(clock: Clock) -> None:
    tokens = Tokens(clock, 900)
    mine, other = tokens.of("mine"), tokens.of("other")
    issued = [mine(), other(), *(mine() for _ in range(1000))]
    found = [each and tokens.find(each.token) for each in issued]
    assert found == [None, "other", *["mine"] * 1000]
    tokens.revoke("mine")
    assert [each and tokens.find(each.token) for each in issued] == [None, "other", *[None] * 1000]
    assert mine() is None
