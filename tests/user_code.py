"""Code as users write it, for the type checkers: `make types` reads it, nothing runs it."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import tilde
from tilde.exceptions import CommandError, CommandLostError, SandboxError
from tilde.models import Agent, ApprovalResult, Commit, ImportJob, Organization, Repository, SandboxStatus
from tilde_auth_sandbox import SandboxCredentials


def total_size(commit: Commit) -> int:
    return sum(entry.entry.size for entry in commit.objects.list(prefix="data/", page_size=500))


def names(organization: Organization) -> list[str]:
    return [repository.name for repository in organization.repositories.list(amount=10)]


def stage_and_commit(repo: Repository) -> str | None:
    with repo.session() as session, Path("train.csv").open("rb") as file:
        session.objects.put("a", b"bytes")
        session.objects.put("b", Path("b.bin"), content_type="text/csv", metadata={"a": "b"})
        session.objects.put("c", (bytes(3) for _ in range(3)))
        result = session.objects.put("d", file)
        print(result.path, result.etag)
        with session.objects.open("e.csv", "w", newline="") as text:
            csv.writer(text).writerow(["x"])
        for record in session.uncommitted():
            print(record.path, record.entry.size)
        return session.commit("m", metadata={"source": "test"})


def newest(repo: Repository) -> tuple[str, datetime | None, list[tuple[str, str | None]]]:
    commit = repo.latest()
    assert commit is not None
    with commit.objects.get("a", byte_range=(0, None)) as file:
        first: bytes = file.read(3)
        print(first, file.content_range, file.etag)
    with commit.objects.open("a", "r") as text:
        print(text.readline().upper())
    return commit.id, commit.creation_date, [(entry.path, entry.status) for entry in commit.diff()]


def people(organization: Organization) -> str:
    group = organization.groups.create("readers", description="d")
    policy = organization.policies.create("read", "GetObject()")
    attached = policy.attach(principal_type="group", principal_id=group.id)
    if not organization.policies.validate("x").valid:
        policy = policy.update(policy_text=organization.policies.generate("read all"))
    agent = organization.agents.create("reader", metadata={"team": "data"}, inline_policy=policy.policy_text)
    key = agent.api_keys.create("laptop")
    agent.secrets.create("KEY", "value").delete()
    names: list[str] = [member.subject_id for member in group.members.list()]
    effective = [
        each.policy_name for each in organization.policies.effective(principal_type="agent", principal_id=agent.id)
    ]
    return key.token + attached.policy_name + "".join(names + effective)


def approve(repo: Repository, session_id: str) -> ApprovalResult:
    session = repo.attach(session_id)
    commit_id: str = session.approve("Looks good")
    print(commit_id)
    return session.wait_for_approval(timeout=5)


def bring_in(repo: Repository, connector_id: str) -> tuple[int, str]:
    def show(job: ImportJob) -> None:
        print(job.status, job.objects_imported)

    repo.connectors.attach(connector_id)
    job = repo.imports.create_from_connector(connector_id=connector_id, destination_path="in/")
    done = job.wait(timeout=60, on_update=show)
    return done.objects_imported, done.commit_id


def run(repo: Repository, agent: Agent) -> tuple[int | None, str, list[str]]:
    result = repo.execute(["python", "train.py"], env={"A": "b"}, timeout=60, run_as=agent, check=False)
    sandbox = repo.sandboxes.create(command="ls", run_as={"type": "agent", "id": agent.id}, mode="one-shot")
    status: SandboxStatus = sandbox.wait(timeout=5, on_update=lambda status: print(status.state))
    with status.stdout() as stream:
        lines: list[str] = list(stream)
    repo.execute("ls", mode="service")  # type: ignore[call-arg]  # pyright: ignore
    return result.exit_code, result.stdout.text() + result.commit_id, lines


def last_words(repo: Repository) -> list[str]:
    try:
        repo.execute("ls")
    except (CommandError, CommandLostError, SandboxError) as error:
        print(error.result.stdoud)  # type: ignore[union-attr]  # pyright: ignore
        return list(error.result.stdout.iter_lines())
    return []


def talk(repo: Repository) -> tuple[int | None, list[str], bytes, str]:
    with repo.shell(image="python:3.12", timeout=60) as sh:
        first = sh.run("sort", stdin=(b"b", b"a"), env={"A": "b"}, cwd="/", check=True, timeout=5, on_stdout=print)
        sh.run("cat", stdin=first.stdout)
        sh.run("ls", stdin="text")  # type: ignore[arg-type]  # pyright: ignore
        process = sh.start(["cat"])
        process.write(b"one")
        process.close_stdin()
        lines = [f"{stream}: {data.decode()}" for stream, data in process]
        code: int | None = process.poll()
    with repo.sandboxes.create(mode="interactive").terminal() as terminal:
        terminal.resize(columns=80, rows=24)
        shown = b"".join(terminal) + first.stdout.read()
    return code, lines, shown, sh.result.commit_id


def fire(repo: Repository) -> list[str]:
    conditions = [{"type": "prefix", "prefix": "documents/"}]
    trigger = repo.sandbox_triggers.create(
        name="n", conditions=conditions, sandbox_config={"image": "i", "command": ["a"]}, enabled=False
    )
    trigger = trigger.update(conditions=trigger.conditions, sandbox_config={**trigger.sandbox_config, "image": "j"})
    return [path for run in trigger.toggle(enabled=True).runs.list() for path in run.matched_paths]


def who_am_i(client: tilde.Client) -> tuple[str, datetime | None]:
    token = client.access_token()
    name: str = SandboxCredentials.of(client).principal_name
    return name, token.expires_at if token else None


def module_level() -> list[str]:
    tilde.configure(api_key="k", timeout=tilde.Timeout(read=5))
    tilde.orgnizations.list()  # type: ignore[attr-defined]  # pyright: ignore
    tilde.configure(apikey="k")  # type: ignore[call-arg]  # pyright: ignore
    return [organization.display_name for organization in tilde.organizations.list()]
