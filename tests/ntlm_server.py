"""A server, or a proxy, that wants to know its users by NTLM: the real thing, with a password that it verifies."""

from __future__ import annotations

import base64
import socket
from pathlib import Path
from weakref import WeakKeyDictionary

import spnego

from tilde_core.testing import Exchange, LoopbackServer, RecordedRequest, behaviors
from tilde_core.testing.exchange import Behavior

__all__ = ["NtlmServer"]

_NAMES = {401: ("Authorization", "WWW-Authenticate"), 407: ("Proxy-Authorization", "Proxy-Authenticate")}


class NtlmServer(LoopbackServer):
    """Does what `script` says on connections whose user has proved who they are; asks with `status` on others.

    `users` has whom each of those connections belongs to. Its file of users is at `folder`; the test sets
    `NTLM_USER_FILE` to `users_file`.
    """

    def __init__(self, folder: Path, user: str, password: str, status: int = 401) -> None:
        self.users_file = folder / "ntlm-users"
        self.users_file.write_text(f"CORP:{user}:{password}\n")
        self.users: list[str] = []
        self._answers, self._asks = _NAMES[status]
        self._status = status
        self._contexts: WeakKeyDictionary[socket.socket, spnego.ContextProxy] = WeakKeyDictionary()
        super().__init__()

    def _behavior(self, request: RecordedRequest) -> Behavior:
        scripted = super()._behavior(request)

        def guarded(exchange: Exchange) -> None:
            if not self._is_known(exchange):
                self._ask(exchange)
            if self._is_known(exchange):
                scripted(exchange)

        return guarded

    def _is_known(self, exchange: Exchange) -> bool:
        context = self._contexts.get(exchange.connection)
        return context is not None and context.complete

    def _ask(self, exchange: Exchange) -> None:
        """Take one of the three steps of NTLM."""
        token = self._token(exchange.request)
        if not token:
            return self._refuse(exchange, "NTLM")
        context = self._contexts.setdefault(exchange.connection, spnego.server(protocol="ntlm"))
        try:
            challenge = context.step(token)
        except spnego.exceptions.SpnegoError:  # a wrong password
            del self._contexts[exchange.connection]
            return self._refuse(exchange, "NTLM")
        if context.complete:
            self.users.append(str(context.client_principal))
            return None
        return self._refuse(exchange, f"NTLM {base64.b64encode(challenge or b'').decode()}")

    def _token(self, request: RecordedRequest) -> bytes:
        scheme, _, token = "".join(request.header(self._answers)).partition(" ")
        return base64.b64decode(token) if scheme == "NTLM" else b""

    def _refuse(self, exchange: Exchange, challenge: str) -> None:
        behaviors.answer(self._status, b"who is calling?", [(self._asks, challenge)])(exchange)
