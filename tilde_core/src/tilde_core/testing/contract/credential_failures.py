"""A source that fails says so with an error of ours, which shows nothing of what it was told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tilde_core.exceptions import TildeError
from tilde_core.hooks.offers import CredentialProvider
from tilde_core.testing import behaviors
from tilde_core.testing.behaviors import answer
from tilde_core.testing.clock import FakeClock
from tilde_core.testing.contract.secrecy import shown_by
from tilde_core.testing.contract.source import LIFE, SECRET, CredentialRules, CredentialSource, Issuer, together
from tilde_core.testing.exchange import Behavior
from tilde_core.testing.loopback import LoopbackServer

__all__ = ["CredentialFailureRules"]

_JSON = [("Content-Type", "application/json")]
_FAILURES: dict[str, Behavior] = {
    "400": answer(400, f'{{"error": "invalid_grant", "error_description": "{SECRET}"}}'.encode(), _JSON),
    "401": answer(401, SECRET.encode()),
    "403": answer(403, SECRET.encode()),
    "404": answer(404, SECRET.encode()),
    "429": answer(429, SECRET.encode()),
    "500": answer(500, SECRET.encode()),
    "503": answer(503, SECRET.encode()),
    "204": answer(204),
    "hang up": behaviors.hang_up(),
    "reset": behaviors.reset_after_request(),
    "no HTTP": behaviors.garbage(f"{SECRET}\r\n\r\n".encode()),
    "half an answer": behaviors.truncated(f'{{"access_token": "{SECRET}'.encode(), 500),
    "empty": answer(200, b"", _JSON),
    "HTML": answer(200, f"<html>{SECRET}</html>".encode(), [("Content-Type", "text/html")]),
    "half of the JSON": answer(200, f'{{"access_token": "{SECRET}'.encode(), _JSON),
    "no UTF-8": answer(200, b'{"access_token": "\xff\xfe' + SECRET.encode() + b'"}', _JSON),
    "a list": answer(200, f'["{SECRET}"]'.encode(), _JSON),
    "null": answer(200, b"null", _JSON),
    "no token": answer(200, f'{{"other": "{SECRET}"}}'.encode(), _JSON),
    "token of another type": answer(200, f'{{"access_token": ["{SECRET}"]}}'.encode(), _JSON),
    "no end": answer(
        200, f'{{"access_token": "a b", "expires_in": "{SECRET}", "expires_at": "{SECRET}"}}'.encode(), _JSON
    ),
    "deep": answer(200, b"[" * 100_000, _JSON),
}
_BAD_TOKENS = {"empty": "", "line break": f"{SECRET}\r\nX: y", "space": f"a {SECRET}", "not ASCII": f"{SECRET}\u20ac"}


class CredentialFailureRules(CredentialRules):
    """Rules about failures."""

    @pytest.mark.parametrize("trouble", _FAILURES.values(), ids=_FAILURES.keys())
    def test_failure_is_an_error_of_ours(self, provider: CredentialProvider, issuer: Issuer, trouble: Behavior) -> None:
        """Whatever the issuer does; and what it said shows nowhere, as a token may be in it."""
        issuer.trouble = trouble
        self.fail(provider.token)

    @pytest.mark.parametrize("token", _BAD_TOKENS.values(), ids=_BAD_TOKENS.keys())
    def test_unusable_token_is_an_error(self, provider: CredentialProvider, issuer: Issuer, token: str) -> None:
        """What no header can carry is not given out."""
        issuer.trouble = issuer.grant(token, LIFE)
        self.fail(provider.token)

    def test_token_that_has_ended_is_an_error(self, provider: CredentialProvider, issuer: Issuer) -> None:
        """A clock is wrong, here or there; to send it would end in a 401 that says nothing of that."""
        issuer.trouble = issuer.grant(f"old-{SECRET}", -60.0)
        self.fail(provider.token)

    def test_redirect_is_not_followed(
        self, provider: CredentialProvider, issuer: Issuer, server: LoopbackServer
    ) -> None:
        """Credentials are for the issuer that was named, and for nobody whom it names."""
        issuer.trouble = behaviors.redirect(server.url(f"/elsewhere?sig={SECRET}"))
        self.fail(provider.token)
        assert [request for request in server.requests if request.target.startswith("/elsewhere")] == []

    def test_issuer_is_not_asked_without_end(
        self, source: CredentialSource, provider: CredentialProvider, issuer: Issuer
    ) -> None:
        """Whoever needs a token is waiting for the answer."""
        issuer.trouble = answer(503)
        self.fail(provider.token)
        assert issuer.requests <= source.tries

    def test_refusal_is_not_repeated(self, provider: CredentialProvider, issuer: Issuer) -> None:
        """To ask once more with the same is of no use, and some issuers lock an account for it."""
        issuer.trouble = answer(403)
        self.fail(provider.token)
        assert issuer.requests == 1

    def test_failure_is_not_for_ever(self, provider: CredentialProvider, issuer: Issuer, clock: FakeClock) -> None:
        """The next one who asks gets what the issuer then says."""
        issuer.trouble = answer(503)
        self.fail(provider.token)
        issuer.trouble = None
        clock.now += 60
        assert [provider.token()] == issuer.tokens

    def test_each_thread_gets_the_error(self, provider: CredentialProvider, issuer: Issuer) -> None:
        """And none waits for a token that will not come."""
        issuer.trouble = answer(403)
        outcomes = together(8, lambda: self.outcome(provider))
        assert set(outcomes) == {"TildeError"}

    def outcome(self, provider: CredentialProvider) -> str:
        """Say whether there was a token."""
        try:
            return provider.token()
        except TildeError:
            return "TildeError"

    def fail(self, call: Callable[[], str]) -> None:
        """Ask for a token that is not to be had, and check everything that the error shows."""
        with pytest.raises(TildeError) as caught:
            call()
        assert SECRET not in shown_by(caught.value)
