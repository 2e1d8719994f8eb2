"""`repo.execute` with real processes in the embedded server."""

from __future__ import annotations

import _thread
import pickle
import threading

import pytest

from support import eventually
from tilde import Client
from tilde.exceptions import CommandError, CommandTimeoutError, SandboxError
from tilde.models import Agent, Repository
from tilde.plugins import Request, Response, Transport, hookimpl
from tilde_local import Server

AGENT = "GetRepository()\nListObjects()\nGetObject()\n"
WRITER = AGENT + "PutObject()\nDeleteObject()\nCommitSession()\n"


@pytest.fixture
def repo(repo: Repository) -> Repository:
    with repo.session() as session:
        session.objects.put("data/numbers.txt", b"3\n1\n2\n")
        session.commit("Add numbers")
    return repo


def agent_of(client: Client, repo: Repository, policy: str) -> Agent:
    return client.organizations.get(repo.organization).agents.create("runner", inline_policy=policy)


def test_what_it_changes_is_committed(repo: Repository) -> None:
    result = repo.execute("cat data/numbers.txt; echo seen >&2; sort data/numbers.txt > data/sorted.txt")
    assert (result.stdout.text(), result.stderr.read(), result.exit_code) == ("3\n1\n2\nseen\n", b"", 0)
    latest = repo.latest()
    assert latest is not None
    assert result.commit_id == latest.id
    assert [(each.status, each.path) for each in latest.diff()] == [("added", "data/sorted.txt")]
    assert latest.objects.get("data/sorted.txt").read() == b"1\n2\n3\n"
    assert result.status is not None
    assert result.status.is_committed
    assert result.duration > 0


def test_nothing_changed(repo: Repository) -> None:
    result = repo.execute(["cat", "data/numbers.txt"], timeout=60)
    assert (result.stdout.read(), result.commit_id) == (b"3\n1\n2\n", "")
    assert result.status is not None
    assert result.status.has_no_changes


def test_a_list_is_not_for_the_shell(repo: Repository) -> None:
    assert repo.execute(["echo", "$HOME; exit 3"]).stdout.text() == "$HOME; exit 3\n"
    assert repo.execute('printf %s "$A"', env={"A": "ä\n$B"}).stdout.text() == "ä\n$B"


def test_only_a_part_is_mounted_where_it_is_asked_for(repo: Repository) -> None:
    result = repo.execute("pwd; ls", mountpoint="/data/", path_prefix="data/")
    assert result.stdout.text() == "/data\nnumbers.txt\n"


def test_another_exit_code_drops_the_changes(repo: Repository) -> None:
    with pytest.raises(CommandError, match=r"exit code 7 of .*; its last output was:\nsorry") as caught:
        repo.execute("echo x > data/new.txt; echo sorry >&2; exit 7")
    assert (caught.value.exit_code, caught.value.result.stdout.text()) == (7, "sorry\n")
    assert len(list(repo.commits.list())) == 1
    result = repo.execute("exit 7", check=False)
    assert result.exit_code == 7
    assert result.status is not None
    assert (result.status.state, result.status.status_reason) == ("errored", "exit_non_zero")


def test_an_error_pickles_with_its_result(repo: Repository) -> None:
    with pytest.raises(CommandError) as caught:
        repo.execute("echo sorry; exit 7")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert copy.result.stdout.text() == "sorry\n"
    assert copy.result.status == caught.value.result.status


def test_a_command_that_is_not_there(repo: Repository) -> None:
    with pytest.raises(CommandError, match="no-such-program") as caught:
        repo.execute(["no-such-program"])
    assert caught.value.exit_code == 127


@pytest.mark.usefixtures("over_once_it_has_printed")
def test_one_that_takes_too_long_is_ended(repo: Repository) -> None:
    with pytest.raises(CommandTimeoutError, match=r"took longer than 0\.5 seconds") as caught:
        repo.execute("echo begun; echo x > new.txt; sleep 600", timeout=0.5)
    error = caught.value
    assert (error.state, error.status_reason, error.result.stdout.text()) == ("failed", "timeout", "begun\n")
    assert repo.sandboxes.get(error.sandbox_id).state == "failed"
    assert len(list(repo.commits.list())) == 1


class Waits:
    """Notices that a call waits for the end of its sandbox."""

    def __init__(self) -> None:
        self.has_begun = threading.Event()

    @hookimpl
    def tilde_send(self, request: Request, transport: Transport) -> Response | None:
        if request.url.endswith("/status"):
            self.has_begun.set()
        return None


@pytest.mark.usefixtures("ctrl_c")
def test_an_interruption_leaves_nothing_running(server: Server, transport: str, repo: Repository) -> None:
    waits = Waits()

    def interrupt() -> None:
        assert waits.has_begun.wait(60)  # while it is created, nobody knows yet what to cancel
        with Client(server.api_key, endpoint_url=server.endpoint_url) as other:
            sandboxes = other.repository(repo.path).sandboxes
            eventually(lambda: [each for each in sandboxes.list() if each.state == "running"])
        _thread.interrupt_main()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with Client(server.api_key, endpoint_url=server.endpoint_url, transport=transport, plugins=[waits]) as client:
        try:
            with pytest.raises(KeyboardInterrupt):
                client.repository(repo.path).execute("echo x > new.txt; sleep 600")
        finally:
            thread.join()
    (sandbox,) = repo.sandboxes.list()
    assert sandbox.wait(timeout=60).state == "cancelled"
    assert len(list(repo.commits.list())) == 1


def test_much_output(repo: Repository) -> None:
    stdout = repo.execute("head -c 20000000 /dev/zero | tr '\\0' 'x'").stdout
    assert len(stdout) == 20_000_000
    assert all(set(chunk) == {ord("x")} for chunk in stdout.iter_bytes(1 << 20))


class TestVariables:
    @pytest.fixture
    def agent(self, client: Client, repo: Repository) -> Agent:
        for name in ("A", "B", "C"):
            repo.secrets.create(name, "repository")
        agent = agent_of(client, repo, AGENT)
        for name in ("A", "B"):
            agent.secrets.create(name, "agent")
        return agent

    def test_the_request_comes_first_then_the_agent_then_the_repository(self, repo: Repository, agent: Agent) -> None:
        result = repo.execute("echo $A $B $C $D", env={"A": "request", "D": "request"}, run_as=agent)
        assert result.stdout.text() == "request agent repository request\n"

    def test_without_the_agent_its_secrets_do_not_count(self, repo: Repository, agent: Agent) -> None:
        assert repo.execute("echo $A $B $C").stdout.text() == "repository repository repository\n"


class TestPrincipals:
    def test_it_may_do_no_more_than_whom_it_runs_as(self, client: Client, repo: Repository) -> None:
        agent = agent_of(client, repo, AGENT)
        assert repo.execute("cat data/numbers.txt", run_as=agent).stdout.text() == "3\n1\n2\n"
        with pytest.raises(SandboxError, match="policy_violation") as caught:
            repo.execute("echo 4 >> data/numbers.txt", check=False, run_as={"type": "agent", "id": agent.id})
        assert (caught.value.state, caught.value.status_reason) == ("failed", "policy_violation")
        assert len(list(repo.commits.list())) == 1

    def test_a_review_that_is_needed_is_a_warning(self, server: Server, client: Client, repo: Repository) -> None:
        server.require_approval(repo.path)
        agent = agent_of(client, repo, WRITER)
        with pytest.warns(UserWarning, match="Approval required - review and approve at: http") as caught:
            result = repo.execute("echo 4 > data/four.txt; echo written", run_as=agent)
        assert result.status is not None
        assert result.status.is_awaiting_approval
        assert str(caught[0].message).endswith(result.status.web_url)
        assert (result.commit_id, result.stdout.text()) == ("", "written\n")
        (sandbox,) = repo.sandboxes.list()
        assert repo.attach(sandbox.id).approve("Looks good")
        latest = repo.latest()
        assert latest is not None
        assert latest.objects.exists("data/four.txt")
