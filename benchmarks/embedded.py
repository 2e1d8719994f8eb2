"""An embedded server in a process of its own, so that it does not share the interpreter with what is measured."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tilde
from tilde_local import Server
from tilde_local.schema import ENTRY_COLUMNS

REPOSITORY = "bench/many"
SIZE = 48 * 1024 * 1024


@dataclass(frozen=True)
class Place:
    """Where the server is, how to get in, and the commit that holds everything."""

    endpoint_url: str
    api_key: str
    commit_id: str
    process: int

    def url(self, rest: str, repository: str = REPOSITORY) -> str:
        organization, name = repository.split("/")
        return f"{self.endpoint_url}/api/v1/organizations/{organization}/repositories/{name}{rest}"

    def client(self, *plugins: object) -> tilde.Client:
        return tilde.Client(self.api_key, endpoint_url=self.endpoint_url, transport="httpx", plugins=plugins)

    def peak_memory(self) -> float:
        """The most memory that the server has had, in MiB. Linux only."""
        status = Path(f"/proc/{self.process}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def seed(server: Server, entries: int) -> str:
    """Fill a repository: one large object, and `entries` copies, staged below the API as uploads would take minutes.

    There is an empty one too.
    """
    with tilde.Client(api_key=server.api_key, endpoint_url=server.endpoint_url) as client:
        organization = client.organizations.create(REPOSITORY.split("/")[0])
        organization.repositories.create("small")
        repo = organization.repositories.create(REPOSITORY.split("/")[1])
        with repo.session() as session:
            session.objects.put("large.bin", bytes(SIZE))
            stage_copies(server, session.session_id, entries)
            commit_id = session.commit("everything")
    assert commit_id
    return commit_id


STAGE_COPIES = f"""
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :entries)
    INSERT INTO staged (session, path, {ENTRY_COLUMNS})
    SELECT session, printf('data/part-%08d.csv', n), {ENTRY_COLUMNS}
    FROM staged JOIN sessions ON sessions.key = staged.session, numbers WHERE sessions.id = :session
"""


def stage_copies(server: Server, session_id: str, entries: int) -> None:
    """Stage copies of what is staged already, in one transaction."""
    with server.services.database.write() as db:
        db.execute(STAGE_COPIES, {"entries": entries, "session": session_id})


@contextmanager
def embedded_server(fill: Callable[[Server], str]) -> Iterator[Place]:
    """Fill a data directory in this process, then serve it from another."""
    with tempfile.TemporaryDirectory() as folder:
        with Server(folder) as server:
            commit_id = fill(server)
        command = [sys.executable, "-m", "tilde_local", "serve", "--port", "0", "--data-dir", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield Place(*read_exports(process), commit_id, process.pid)
            finally:
                process.terminate()


def read_exports(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Read the two `export` lines that the server prints when it is ready."""
    assert process.stdout is not None
    values = {}
    for text in process.stdout:
        name, _, value = text.removeprefix("export ").strip().partition("=")
        values[name] = value.strip("'\"")
        if "TILDE_ENDPOINT_URL" in values and "TILDE_API_KEY" in values:
            return values["TILDE_ENDPOINT_URL"], values["TILDE_API_KEY"]
    raise RuntimeError("the server did not start")
