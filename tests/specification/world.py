"""What a snippet of the specification finds when it runs, and the record of which snippets have a test.

The snippets are read from the specification's folder beside this checkout and run as they stand: only placeholders (a
token, an id, a URL) get real values. What the page takes for granted around a snippet is provided by its case.
"""

from __future__ import annotations

import contextlib
import gc
import io
import warnings
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tilde
import tilde_core.default_client
from tilde import Client
from tilde.models import Commit, Organization, Repository
from tilde.plugins import Request, Response, Transport, hookimpl
from tilde_local import Server
from tilde_local.store import keys, users

__all__ = ["CASES", "SNIPPETS", "Case", "Outcome", "Recorder", "World", "close_default_client", "snippet", "text_of"]

SNIPPETS = Path(__file__).parents[3] / "shared" / "spec" / "snippets"


@dataclass
class Case:
    """A test of one snippet, or of a few that belong together: the last of `numbers` is the one that is run."""

    numbers: tuple[str, ...]
    check: Callable[[World], None]


CASES: list[Case] = []


def snippet(*numbers: str) -> Callable[[Callable[[World], None]], Callable[[World], None]]:
    """Make a function the test of the snippets with these numbers."""

    def register(check: Callable[[World], None]) -> Callable[[World], None]:
        CASES.append(Case(numbers, check))
        return check

    return register


def text_of(number: str) -> str:
    (file,) = SNIPPETS.glob(f"{number}-*")
    return file.read_text(encoding="utf-8")


class Recorder:
    """A plugin that notes what is asked of the service: the name of the call, the URL."""

    def __init__(self) -> None:
        self.operations: list[str] = []
        self.urls: list[str] = []

    @hookimpl(wrapper=True)
    def tilde_send(self, request: Request, transport: Transport) -> Generator[None, Response, Response]:
        self.operations.append(request.operation)
        self.urls.append(request.url)
        return (yield)


@dataclass
class Outcome:
    """What a snippet left: its names, and the lines it printed."""

    names: dict[str, Any]
    lines: list[str]


@dataclass
class World:
    """An embedded server with the repository my-team/my-data, environment variables for it, an empty directory.

    `client` is for preparing and checking; the snippets make their own.
    """

    case: Case
    server: Server
    client: Client
    directory: Path
    home: Path
    monkeypatch: pytest.MonkeyPatch
    request: pytest.FixtureRequest

    @property
    def wheels(self) -> Path:
        """A folder with the wheels of what users install."""
        folder: Path = self.request.getfixturevalue("wheels")
        return folder

    @property
    def organization(self) -> Organization:
        return self.client.organizations.get("my-team")

    @property
    def repository(self) -> Repository:
        return self.client.repository("my-team/my-data")

    @property
    def latest(self) -> Commit:
        commit = self.repository.latest()
        assert commit is not None
        return commit

    @property
    def log(self) -> list[str]:
        return [commit.message for commit in self.repository.commits.list()]

    @property
    def paths(self) -> list[str]:
        return [entry.path for entry in self.latest.objects.list()]

    def content(self, path: str) -> bytes:
        with self.latest.objects.get(path) as file:
            return file.read()

    def commit(self, message: str = "Earlier", **contents: bytes) -> Commit:
        """Commit objects before the snippet runs: `data_old_csv=b"..."` is `data/old.csv`."""
        return self.commit_all({_path(name): content for name, content in contents.items()}, message)

    def commit_all(self, contents: Mapping[str, bytes], message: str = "Earlier") -> Commit:
        with self.repository.session() as session:
            for path, content in contents.items():
                session.objects.put(path, content)
            session.commit(message)
        return self.latest

    def user_key(self, username: str) -> str:
        """An API key of a user, who is created if need be."""
        services = self.server.services
        with services.database.write() as db:
            user = users.find_by_name(db, username) or users.create(db, username, services.now())
            return keys.create(db, user.principal, "test", "", services.now())[0]

    def unset(self, *variables: str) -> None:
        for variable in variables:
            self.monkeypatch.delenv(variable)

    def configure(self, **settings: Any) -> None:
        """Configure the default client anew, before the snippet runs."""
        close_default_client()
        tilde.configure(**settings)

    def run(self, replace: Mapping[str, str] | None = None, **names: Any) -> Outcome:
        """Run the snippet with real values for its placeholders and with the names that it takes for granted."""
        text = text_of(self.case.numbers[-1]).replace("YOUR_API_TOKEN", self.server.api_key)
        for placeholder, value in (replace or {}).items():
            assert placeholder in text
            text = text.replace(placeholder, value)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(text, f"snippet {self.case.numbers[-1]}", "exec"), names)
        return Outcome(names, printed.getvalue().splitlines())

    def run_in_repo(self, replace: Mapping[str, str] | None = None) -> Outcome:
        """Run a snippet that takes no more than `tilde` and the repository for granted."""
        return self.run(replace, tilde=tilde, repo=tilde.repository("my-team/my-data"))

    def run_leaving_files_open(self, replace: Mapping[str, str] | None = None) -> Outcome:
        """Run a snippet in which the page itself leaves a file for the garbage collector to close.

        Python warns of such a file, and rightly. That one warning is let pass, and no other.
        """
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"unclosed file <_io\.(BufferedReader|TextIOWrapper)", ResourceWarning)
            outcome = self.run_in_repo(replace)
            gc.collect()
        return outcome


def close_default_client() -> None:
    """Close it, if it was used: a client that nobody holds any more leaves its sockets to the garbage collector."""
    if tilde_core.default_client._client is not None:
        tilde_core.default_client._client.close()


def _path(name: str) -> str:
    folder, *stem, suffix = name.split("_")
    return f"{folder}/{'_'.join(stem)}.{suffix}"
