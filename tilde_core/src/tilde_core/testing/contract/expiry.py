"""Tokens that end: used for as long as they are good, replaced in time, and given up when the service refuses them."""

from __future__ import annotations

from datetime import datetime

from tilde_core.hooks.offers import CredentialProvider
from tilde_core.testing import behaviors
from tilde_core.testing.clock import FakeClock
from tilde_core.testing.contract.source import LIFE, CredentialRules, Issuer, together

__all__ = ["ExpiryRules"]


class ExpiryRules(CredentialRules):
    """Rules about the life of a token."""

    def test_token_is_used_for_most_of_its_life(
        self, provider: CredentialProvider, issuer: Issuer, clock: FakeClock
    ) -> None:
        """An issuer may bound how often it is asked."""
        token = provider.token()
        clock.now += LIFE / 2
        assert provider.token() == token
        assert issuer.requests == 1

    def test_expired_token_is_not_given_out(
        self, provider: CredentialProvider, issuer: Issuer, clock: FakeClock
    ) -> None:
        """Nobody has asked for a while, and the token has ended."""
        provider.token()
        clock.now += LIFE + 1
        assert provider.token() == issuer.tokens[1]

    def test_token_is_replaced_before_it_ends(
        self, provider: CredentialProvider, issuer: Issuer, clock: FakeClock
    ) -> None:
        """A request takes a while, and the clocks of two machines differ: one second is too little."""
        provider.token()
        clock.now += LIFE - 1
        assert provider.token() == issuer.tokens[1]

    def test_short_life_is_taken_into_account(
        self, provider: CredentialProvider, issuer: Issuer, clock: FakeClock
    ) -> None:
        """A token of ten seconds is no reason to fetch one for each request."""
        issuer.life = 10.0
        assert len({provider.token() for _ in range(5)}) == 1
        clock.now += 11
        provider.token()
        assert issuer.requests == 2

    def test_clock_that_is_set_does_not_revive_a_token(
        self, provider: CredentialProvider, issuer: Issuer, clock: FakeClock
    ) -> None:
        """`clock.monotonic` goes on, whatever somebody does to `clock.wall`."""
        provider.token()
        clock.now += LIFE + 1
        clock.set_back(2 * LIFE)
        assert provider.token() == issuer.tokens[1]

    def test_many_threads_share_the_next_token(
        self, provider: CredentialProvider, issuer: Issuer, clock: FakeClock
    ) -> None:
        """They all find the old one expired."""
        provider.token()
        clock.now += LIFE + 1
        assert set(together(16, provider.token)) == {issuer.tokens[1]}
        assert issuer.requests == 2

    def test_refused_token_is_replaced(self, provider: CredentialProvider, issuer: Issuer) -> None:
        """The service knows better than the issuer: somebody may have revoked it."""
        token = provider.token()
        assert provider.invalidate(token) is True
        assert provider.token() == issuer.tokens[1]
        assert issuer.requests == 2

    def test_old_refusal_does_not_spoil_the_new_token(self, provider: CredentialProvider, issuer: Issuer) -> None:
        """A slow answer may refuse what was replaced long since."""
        old = provider.token()
        provider.invalidate(old)
        new = provider.token()
        provider.invalidate(old)
        assert provider.token() == new
        assert issuer.requests == 2

    def test_many_refusals_of_one_token_are_one_fetch(self, provider: CredentialProvider, issuer: Issuer) -> None:
        """Sixteen requests went out with it, and sixteen come back."""
        old = provider.token()

        def refused() -> str:
            provider.invalidate(old)
            return provider.token()

        assert set(together(16, refused)) == {issuer.tokens[1]}
        assert issuer.requests == 2

    def test_observers_are_told(
        self, provider: CredentialProvider, issuer: Issuer, clock: FakeClock, told: list[datetime]
    ) -> None:
        """`settings.on_refresh` is called after each fetch, with the end of the new token."""
        assert told == []
        ends = []
        for _ in range(2):
            provider.token()
            ends.append(clock.time(LIFE))
            clock.now += LIFE + 1
        assert [round(end.timestamp()) for end in told] == [round(end.timestamp()) for end in ends]

    def test_failure_does_not_spoil_a_good_token(
        self, provider: CredentialProvider, issuer: Issuer, clock: FakeClock
    ) -> None:
        """While the old token is good, nobody need notice that there is no new one yet."""
        token = provider.token()
        issuer.trouble = behaviors.answer(503)
        clock.now += LIFE * 0.9
        assert provider.token() == token
