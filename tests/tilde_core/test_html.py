"""Tables for notebooks: what they show, what they never show, and that looking changes nothing."""

from __future__ import annotations

import re
from typing import Any

from support import answer, fake_client
from tilde.models import Commit, Connector, CreatedAPIKey, Repository, Secret
from tilde_core.html import table
from tilde_core.http import Request, Response
from tilde_core.models.commits import CommitData
from tilde_core.models.secrets import SecretData

NOON = "2026-01-01T12:00:00Z"
ENTRY = {"size": 3, "e_tag": "e1", "content_type": "text/csv", "last_modified": NOON, "metadata": {"a": "b"}}


def lines(html: str) -> list[list[str]]:
    """The cells of a table, line by line."""
    assert html.startswith("<table>")
    assert html.endswith("</table>")
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def shown(repo: Repository) -> dict[str, list[list[str]]]:
    commit = repo.latest()
    assert commit is not None
    return {
        "log": lines(repo.commits.list()._repr_html_()),
        "commit": lines(commit._repr_html_()),
        "listing": lines(commit.objects.list(delimiter="/")._repr_html_()),
        "diff": lines(commit.diff()._repr_html_()),
        "staged": lines(repo.attach("s1").uncommitted()._repr_html_()),
    }


def service(request: Request) -> Response:
    path = request.url.partition("?")[0].rpartition("/")[2]
    commit = {"id": "c1", "message": "<b>add</b>", "committer": "ann", "creation_date": NOON, "metadata": {"k": "<i>"}}
    results: dict[str, list[dict[str, Any]]] = {
        "log": [commit],
        "objects": [{"path": "a.csv", "type": "object", "entry": ENTRY}, {"path": "d/", "type": "prefix"}],
        "diff": [{"path": "a.csv", "type": "object", "status": "added", "entry": ENTRY}],
        "changes": [{"path": "a&b.csv", "entry": ENTRY}],
    }
    return answer(200, {"results": results[path]})


def test_logs_commits_listings_and_changes() -> None:
    at = "2026-01-01 12:00:00+00:00"
    assert shown(fake_client(service)[0].repository("o/r")) == {
        "log": [["id", "message", "committer", "date"], ["c1", "&lt;b&gt;add&lt;/b&gt;", "ann", at]],
        "commit": [
            ["id", "c1"],
            ["message", "&lt;b&gt;add&lt;/b&gt;"],
            ["committer", "ann"],
            ["date", at],
            ["parents", ""],
            ["metadata", "k: &lt;i&gt;"],
        ],
        "listing": [
            ["path", "type", "size", "content type", "last modified"],
            ["a.csv", "object", "3", "text/csv", at],
            ["d/", "prefix", "0", "", ""],
        ],
        "diff": [["status", "path", "size"], ["added", "a.csv", "3"]],
        "staged": [["path", "size", "content type", "last modified"], ["a&amp;b.csv", "3", "text/csv", at]],
    }


def test_looking_at_a_list_takes_nothing_out_of_it() -> None:
    ids = [f"c{number}" for number in range(25)]
    client, transport, _ = fake_client([answer(200, {"results": [{"id": each} for each in ids]})])
    log = client.repository("o/r").commits.list()
    heading, *looked, last = lines(log._repr_html_())
    assert (heading[0], last) == ("id", ["…"])
    assert [line[0] for line in looked] == ids[:20]
    assert [commit.id for commit in log] == ids
    assert log._repr_html_() == "<p>no items</p>"
    assert len(transport.requests) == 1


def test_no_more_is_fetched_than_is_shown() -> None:
    more = {"pagination": {"has_more": True, "next_offset": "x"}}
    page = answer(200, {"results": [{"id": str(number), "message": "m"} for number in range(30)], **more})
    client, transport, _ = fake_client([page])
    assert lines(client.repository("o/r").commits.list()._repr_html_())[-1] == ["…"]
    assert len(transport.requests) == 1


def test_no_secret_is_shown() -> None:
    client, transport, _ = fake_client([])
    created = CreatedAPIKey(token="tuk-secret", id="k1", name="laptop")
    secret = Secret(client, "/secrets", SecretData(name="KEY", value="s3cret"))
    assert lines(table([created])) == [["id", "name", "description"], ["k1", "laptop", ""]]
    assert lines(table([secret])) == [["name"], ["KEY"]]
    assert transport.requests == []


def test_what_is_not_loaded_is_not_asked_for() -> None:
    client, transport, _ = fake_client([])
    commit = Commit(client, "o", "r", CommitData(id="c1"))
    told = table([client.repository("o/r"), Connector(client, "o", "c9"), commit])
    assert lines(told)[1] == ["o/r", "", "", "", ""]
    assert lines(told)[0] == ["path", "id", "message", "committer", "date"]
    assert transport.requests == []
