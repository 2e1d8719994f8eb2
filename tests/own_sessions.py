"""The same sessions for each library, as users bring them to a transport."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from tilde.plugins import Transport

__all__ = ["LIBRARIES", "Library"]


class Library(Protocol):
    """One library. A session has these settings of the user's, which each library spells in its own way."""

    name: str
    session_word: str

    def session(
        self,
        *,
        headers: dict[str, str] | None = None,
        proxy: str | None = None,
        ca_bundle: Path | None = None,
        client_cert: tuple[Path, Path] | None = None,
        verify: bool = True,
        trust_env: bool = False,
        on_answer: Callable[[Any], object] | None = None,
        auth: Any = None,
        params: dict[str, str] | None = None,
    ) -> Any: ...

    def transport(self, session: Any, *, close: bool = False) -> Transport: ...

    def is_closed(self, session: Any) -> bool: ...


class Requests:
    name = "requests"
    session_word = "session"

    def session(self, **given: Any) -> Any:
        import requests

        session: Any = requests.Session()
        session.trust_env = given.get("trust_env", False)
        session.headers.update(given.get("headers") or {})
        if given.get("proxy"):
            session.proxies = {"http": given["proxy"], "https": given["proxy"]}
        session.verify = str(given["ca_bundle"]) if given.get("ca_bundle") else given.get("verify", True)
        if given.get("client_cert"):
            session.cert = tuple(map(str, given["client_cert"]))
        if given.get("on_answer"):
            session.hooks["response"].append(lambda answer, **_: (given["on_answer"](answer), None)[1])
        session.auth = given.get("auth")
        session.params = given.get("params") or {}
        close = session.close

        def noted() -> None:
            session.was_closed = True
            close()

        session.was_closed = False
        session.close = noted
        return session

    def transport(self, session: Any, *, close: bool = False) -> Transport:
        from tilde_transport_requests import RequestsTransport

        return RequestsTransport(session=session, close_session=close)

    def is_closed(self, session: Any) -> bool:
        return bool(session.was_closed)


class Httpx:
    name = "httpx"
    session_word = "client"

    def session(self, **given: Any) -> Any:
        import ssl

        import httpx

        verify: Any = given.get("verify", True)
        if given.get("ca_bundle"):
            verify = ssl.create_default_context(cafile=given["ca_bundle"])
            if given.get("client_cert"):
                verify.load_cert_chain(*given["client_cert"])
        return httpx.Client(
            headers=given.get("headers"),
            proxy=given.get("proxy"),
            verify=verify,
            trust_env=given.get("trust_env", False),
            event_hooks={"response": [given["on_answer"]] if given.get("on_answer") else []},
            auth=given.get("auth"),
            params=given.get("params"),
            follow_redirects=True,
        )

    def transport(self, session: Any, *, close: bool = False) -> Transport:
        from tilde_transport_httpx import HttpxTransport

        return HttpxTransport(client=session, close_client=close)

    def is_closed(self, session: Any) -> bool:
        return bool(session.is_closed)


LIBRARIES: dict[str, Library] = {"httpx": Httpx(), "requests": Requests()}
