"""The whole contract of a source of credentials."""

from __future__ import annotations

import contextlib
import gc
import re
import threading
import warnings
from dataclasses import replace

import pytest

from tilde_core.client import Client
from tilde_core.exceptions import TildeError
from tilde_core.hooks.offers import CredentialProvider, CredentialSettings
from tilde_core.http import Request, Response
from tilde_core.testing.behaviors import answer
from tilde_core.testing.contract.connections import ended_well, in_child, needs_fork, start_child
from tilde_core.testing.contract.credential_failures import CredentialFailureRules
from tilde_core.testing.contract.expiry import ExpiryRules
from tilde_core.testing.contract.plain_send import plain_send
from tilde_core.testing.contract.source import SECRET, CredentialSource, Issuer, together
from tilde_core.testing.loopback import LoopbackServer

__all__ = ["CredentialContract"]


class CredentialContract(ExpiryRules, CredentialFailureRules):
    """Every rule for a source of credentials. A subclass defines the fixture `source`, a `CredentialSource`."""

    def test_elsewhere_it_is_not_mine(
        self, source: CredentialSource, elsewhere: CredentialSettings, server: LoopbackServer
    ) -> None:
        """`None` leaves it to the next source; an error would stop everybody who has this plugin installed."""
        assert source.open(elsewhere) is None
        assert server.connections == 0

    def test_at_home_it_is_a_provider(self, provider: CredentialProvider) -> None:
        """With `token()` and `invalidate(token)`."""
        assert isinstance(provider, CredentialProvider)

    def test_opening_asks_nobody(self, provider: CredentialProvider, server: LoopbackServer) -> None:
        """A token is fetched when one is needed. To open must not take long, and must not fail for a network."""
        assert server.connections == 0

    def test_token_can_be_sent(self, provider: CredentialProvider) -> None:
        """Printable ASCII, with no space and no line break: it becomes a header."""
        token = provider.token()
        assert isinstance(token, str)
        assert re.fullmatch(r"[\x21-\x7e]+", token)

    def test_token_is_the_issuers(self, provider: CredentialProvider, issuer: Issuer) -> None:
        """To the letter."""
        assert [provider.token()] == issuer.tokens

    def test_token_is_kept(self, provider: CredentialProvider, any_issuer: Issuer | None) -> None:
        """Each request asks for one; the issuer would not like to hear of all of them."""
        assert len({provider.token() for _ in range(20)}) == 1
        assert any_issuer is None or any_issuer.requests == 1

    def test_many_threads_share_a_token(self, provider: CredentialProvider, any_issuer: Issuer | None) -> None:
        """Sixteen threads that need the first token at one time fetch it once."""
        assert len(set(together(16, provider.token))) == 1
        assert any_issuer is None or any_issuer.requests == 1

    def test_many_threads_wait_for_one_fetch(self, provider: CredentialProvider, issuer: Issuer) -> None:
        """Also if they come while it is under way."""
        issuer.gate.clear()
        first = threading.Thread(target=provider.token)
        first.start()
        assert issuer.asked.wait(self.guard)
        assert set(together(8, provider.token, then=issuer.gate.set)) == {issuer.tokens[0]}
        first.join()
        assert issuer.requests == 1

    def test_two_providers_share_nothing(
        self, source: CredentialSource, at_home: CredentialSettings, issuer: Issuer
    ) -> None:
        """Two clients may be of two accounts."""
        one, two = self.opened(source, at_home), self.opened(source, at_home)
        assert [one.token(), two.token(), one.token()] == [*issuer.tokens, issuer.tokens[0]]

    def test_invalidate_answers_whether_to_ask_again(self, provider: CredentialProvider) -> None:
        """`True` promises another token, and `False` says that there is none: then the refusal stands."""
        token = provider.token()
        again = provider.invalidate(token)
        assert isinstance(again, bool)
        assert (provider.token() != token) is again

    def test_repr_shows_no_token(self, provider: CredentialProvider, at_home: CredentialSettings) -> None:
        """Reprs end up in logs and bug reports."""
        token = provider.token()
        assert token not in repr(provider)
        assert SECRET not in repr(provider)
        assert token not in repr(at_home)

    def test_client_is_never_used(
        self, source: CredentialSource, at_home: CredentialSettings, any_issuer: Issuer | None
    ) -> None:
        """A client would need a token to ask for a token. What there is to ask with is `settings.send`."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Client, "__init__", _no_client)
            assert self.opened(source, at_home).token()

    def test_nothing_is_left_open(
        self, source: CredentialSource, at_home: CredentialSettings, any_issuer: Issuer | None
    ) -> None:
        """A provider has no `close`: when a token is there, its connection is closed and its threads have ended."""
        before = set(threading.enumerate())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.opened(source, at_home).token()
            self.settle(before)
            gc.collect()  # what was not closed warns now
        assert [str(warning.message) for warning in caught if warning.category is ResourceWarning] == []

    @pytest.mark.parametrize("status", [200, 403])
    def test_answers_are_closed(
        self, source: CredentialSource, at_home: CredentialSettings, issuer: Issuer, status: int
    ) -> None:
        """Or read to the end: one that is neither holds a connection, and a client has only so many."""
        answers: list[Response] = []

        def send(request: Request) -> Response:
            answers.append(plain_send(request))
            return answers[-1]

        issuer.trouble = None if status == 200 else answer(status, b"no")
        provider = self.opened(source, replace(at_home, send=send))
        with contextlib.suppress(TildeError):
            provider.token()
        assert issuer.requests > 0
        assert [answer for answer in answers if not answer.is_closed] == []

    @needs_fork
    def test_forked_process_has_a_token(self, provider: CredentialProvider) -> None:
        """The one in use is as good there as here."""
        token = provider.token()
        assert in_child(lambda: provider.token() == token)
        assert provider.token() == token

    @needs_fork
    def test_forked_process_fetches_for_itself(self, provider: CredentialProvider, issuer: Issuer) -> None:
        """Also if the parent was just fetching, and held whatever it holds then: it is not there to let go of it."""
        issuer.gate.clear()
        fetching = threading.Thread(target=provider.token)
        fetching.start()
        assert issuer.asked.wait(self.guard)
        child = start_child(lambda: bool(provider.token()))
        issuer.gate.set()
        fetching.join()
        assert ended_well(child)


def _no_client(*args: object, **options: object) -> None:
    raise AssertionError("a source of credentials makes no client")
