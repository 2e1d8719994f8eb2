"""One client across threads, forks and pickles, over real connections."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from array import array
from concurrent.futures import ThreadPoolExecutor

import pytest

from tilde import Client
from tilde.models import Repository
from tilde_local import Server

FORK = """
import os, sys
from tilde import Client

client = Client(transport=sys.argv[1])
repo = client.repository(sys.argv[2])
commit = repo.latest()
reader = commit.objects.get("a", cache=False)  # a connection that is in use while forking
assert reader.read(1) == b"0"
child = os.fork()
if child == 0:
    os._exit(0 if commit.objects.get("a").read() == b'0' * 48 * 65536 and repo.latest().id == commit.id else 1)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert len(reader.read()) == 48 * 65536 - 1
assert repo.latest().id == commit.id
"""

FORK_WHILE_READING = """
import os, sys
from array import array
from tilde import Client
from tilde_core.transfer import limits

limits.SPOOL_MEMORY = 100_000  # what is read goes to a file, the position in which a fork shares too
data = array("I", range(4 * 1024 * 1024)).tobytes()
commit = Client(transport=sys.argv[1]).repository(sys.argv[2]).latest()
reader = commit.objects.get("a", cache=sys.argv[3] == "cache")
small = commit.objects.get("small")
assert reader.read(1_000_003) == data[:1_000_003]
child = os.fork()
assert reader.read() == data[1_000_003:], "the rest"  # parent and child at the same time
for position in (500_000, 0):
    reader.seek(position)
    assert reader.read() == data[position:], "once more"
assert small.read() == b"small"
if child:
    reader.seek(10)
    assert reader.read(20) == data[10:30]
    _, status = os.waitpid(child, 0)
    assert status == 0, status
    assert reader.read() == data[30:], "after the end of the child"
"""

SPAWN = """
import pickle, sys
repo = pickle.loads(sys.stdin.buffer.read())
with repo.session() as session:
    session.objects.put("from-worker", b"1")
    print(session.commit("worker"))
"""


def run(code: str, server: Server, *arguments: str, given: bytes = b"", settings: bool = True) -> str:
    environment = dict(os.environ)
    if settings:
        environment |= {"TILDE_ENDPOINT_URL": server.endpoint_url, "TILDE_API_KEY": server.api_key}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        input=given,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
def test_a_fork_while_a_connection_is_in_use(server: Server, transport: str, repo: Repository) -> None:
    with repo.session() as session:
        session.objects.put("a", b"0" * 48 * 65536)
        session.commit("one")
    run(FORK, server, transport, repo.path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
@pytest.mark.parametrize("cache", ["cache", "no cache"])
def test_a_reader_that_two_processes_read(server: Server, transport: str, repo: Repository, cache: str) -> None:
    with repo.session() as session:
        session.objects.put("a", array("I", range(4 * 1024 * 1024)).tobytes())
        session.objects.put("small", b"small")
        session.commit("one")
    run(FORK_WHILE_READING, server, transport, repo.path, cache)


def test_a_handle_that_travels_to_another_process(server: Server, repo: Repository) -> None:
    """It takes its settings along: the other process has none of its own."""
    commit_id = run(SPAWN, server, given=pickle.dumps(repo), settings=False)
    latest = repo.latest()
    assert latest is not None
    assert (latest.id, latest.message) == (commit_id, "worker")


def test_threads_share_a_client(client: Client, repo: Repository) -> None:
    def work(number: int) -> bytes:
        with repo.session() as session:
            session.objects.put(f"dir/{number}", str(number).encode())
            session.commit(f"commit {number}")
        commit = repo.latest()
        assert commit is not None
        return commit.objects.get(f"dir/{number}").read()

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(work, range(48))) == [str(n).encode() for n in range(48)]
    assert len(list(repo.commits.list())) == 48
