"""Presigned URLs are good for one method, one target and a short time, and for nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tilde_local import Server

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Clock, Repo


def test_upload_urls_expire(timed_repo: Repo, clock: Clock, refused: Callable[..., None]) -> None:
    url, _ = timed_repo.begin(timed_repo.session(), "a")
    clock.advance(seconds=15 * 60 - 1)
    assert timed_repo.api.store("PUT", url, b"1").status == 200
    clock.advance(seconds=1)
    refused(timed_repo.api.store("PUT", url, b"1"), 403, "expired", code="expired_url")


def test_download_urls_expire(timed_repo: Repo, clock: Clock, refused: Callable[..., None]) -> None:
    timed_repo.commit({"a": b"1"})
    url = timed_repo.get("/object", path="a").headers["Location"]
    clock.advance(seconds=5 * 60 - 1)
    assert timed_repo.api.store("GET", url).body == b"1"
    clock.advance(seconds=1)
    refused(timed_repo.api.store("GET", url), 403, "expired", code="expired_url")


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"expires=\d+", "expires=99999999999"),
        (r"uploads/.", "uploads/_"),
        (r"session=.", "session=_"),
        (r"signature=.", "signature=_"),
        (r"signature=", "signature=%C3%A9"),
        (r"&signature=.*", ""),
        (r"$", "&extra=1"),
        (r"$", "&signature=0"),
        (r"\?.*", ""),
    ],
)
def test_altered_urls_are_refused(repo: Repo, refused: Callable[..., None], pattern: str, replacement: str) -> None:
    url, _ = repo.begin(repo.session(), "a")
    altered = re.sub(pattern, replacement, url, count=1)
    assert altered != url
    refused(repo.api.store("PUT", altered, b"1"), 403, code="invalid_signature")


def test_a_url_is_for_one_method(repo: Repo, refused: Callable[..., None]) -> None:
    repo.commit({"a": b"1"})
    upload, _ = repo.begin(repo.session(), "a")
    download = repo.get("/object", path="a").headers["Location"]
    refused(repo.api.store("GET", upload), 405)
    assert repo.api.store("DELETE", download).headers["Allow"] == "GET"
    # A PUT signature on a download path, and the other way round, do not match either.
    refused(repo.api.store("GET", download.partition("?")[0] + "?" + upload.partition("?")[2]), 403)


def test_presigned_urls_come_without_the_token(repo: Repo, refused: Callable[..., None]) -> None:
    repo.commit({"a": b"1"})
    headers = {"Authorization": f"Bearer {repo.api.api_key}"}
    upload, _ = repo.begin(repo.session(), "a")
    # The body is larger than socket buffers: the client must get to read the answer all the same.
    refused(repo.api.store("PUT", upload, b"x" * 8_000_000, headers), 400, code="unexpected_authorization")
    download = repo.get("/object", path="a").headers["Location"]
    refused(repo.api.store("GET", download, None, headers), 400, code="unexpected_authorization")


def test_urls_of_another_server_are_refused(
    repo: Repo, connect: Callable[[str, str], Api], refused: Callable[..., None]
) -> None:
    with Server() as server:
        other = connect(server.endpoint_url, server.api_key)
        url, _ = repo.begin(repo.session(), "a")
        foreign = url.replace(repo.api.endpoint_url, server.endpoint_url)
        refused(other.store("PUT", foreign, b"1"), 403, code="invalid_signature")


def test_a_download_url_shows_what_was_asked_for(repo: Repo) -> None:
    session = repo.session()
    repo.put(session, "a", b"then")
    url = repo.get("/object", path="a", session_id=session).headers["Location"]
    repo.put(session, "a", b"now")
    repo.try_commit(session)
    assert repo.api.store("GET", url).body == b"then"


@pytest.mark.parametrize("path", ["/store", "/store/", "/store/objects/x/y", "/favicon.ico"])
def test_other_paths_want_a_token(api: Api, refused: Callable[..., None], path: str) -> None:
    refused(api.wire.send("GET", path, None, {}), 401)
