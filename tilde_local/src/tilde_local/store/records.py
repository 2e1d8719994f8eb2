"""The rows that the modules of the store hand to each other and to the API."""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "Agent",
    "ApiKey",
    "Commit",
    "Connector",
    "Entry",
    "Group",
    "ImportJob",
    "Organization",
    "Policy",
    "Principal",
    "Repository",
    "Review",
    "Role",
    "Sandbox",
    "Session",
    "Trigger",
    "TriggerRun",
    "User",
    "View",
]


class Principal(NamedTuple):
    """Who calls, or whom a policy is for: a `user`, `role`, `agent` or `group`. Users belong to no one organization.

    Who calls from a sandbox that a trigger started, has the `trigger_run_id` of that.
    """

    type: str
    id: str
    name: str
    organization_id: str | None
    trigger_run_id: str | None = None


class User(NamedTuple):
    """A person."""

    id: str
    username: str
    email: str
    full_name: str
    created_at: str

    @property
    def principal(self) -> Principal:
        """The user as a caller."""
        return Principal("user", self.id, self.username, None)


class ApiKey(NamedTuple):
    """What may be shown of an API key. `hint` is the end of the token."""

    id: str
    principal_id: str
    name: str
    description: str
    hint: str
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


class Organization(NamedTuple):
    """An organization that is not deleted."""

    id: str
    name: str
    display_name: str
    created_at: str


class Group(NamedTuple):
    """A group of principals."""

    id: str
    organization_id: str
    name: str
    description: str
    created_by_type: str
    created_by: str
    created_at: str

    @property
    def principal(self) -> Principal:
        """The group as a subject of policies and of other groups."""
        return Principal("group", self.id, self.name, self.organization_id)


class Policy(NamedTuple):
    """A policy. Built-in ones have no text of their own here."""

    id: str
    organization_id: str
    name: str
    description: str
    policy_text: str
    is_builtin: int
    created_by_type: str
    created_by: str
    created_at: str
    updated_at: str


class Role(NamedTuple):
    """A role."""

    id: str
    organization_id: str
    name: str
    description: str
    created_by_type: str
    created_by: str
    created_at: str

    @property
    def principal(self) -> Principal:
        """The role as a caller."""
        return Principal("role", self.id, self.name, self.organization_id)


class Agent(NamedTuple):
    """An agent. `metadata` is a JSON object as text."""

    id: str
    organization_id: str
    name: str
    description: str
    metadata: str
    inline_policy: str
    inline_policy_updated_at: str | None
    created_by_type: str
    created_by: str
    created_at: str

    @property
    def principal(self) -> Principal:
        """The agent as a caller."""
        return Principal("agent", self.id, self.name, self.organization_id)


class Connector(NamedTuple):
    """What may be shown of a connector; also of one that is deleted."""

    id: str
    organization_id: str
    name: str
    type: str
    source_uri: str
    disabled: int
    created_at: str
    deleted_at: str | None


class ImportJob(NamedTuple):
    """An import from a connector or from a repository, whose names are empty if it is from a connector.

    `status` is `pending`, `running`, `completed` or `failed`, and `session_id` that of the session it stages in.
    """

    id: str
    repository: int
    repository_id: str
    connector_id: str | None
    source_repository: int | None
    source_repository_id: str | None
    source_names: tuple[str, str]
    destination_path: str
    source_prefix: str
    commit_message: str
    status: str
    objects_imported: int
    session_id: str | None
    commit_id: str | None
    error: str
    created_by_type: str
    created_by: str
    created_at: str
    updated_at: str


class Repository(NamedTuple):
    """A repository that is not deleted. `head` is the number of its newest commit, 0 if there is none.

    `requires_approval`: commits of agents wait for a review.
    """

    key: int
    id: str
    organization_id: str
    name: str
    description: str
    retention_days: int
    created_by_type: str
    created_by: str
    created_at: str
    head: int
    requires_approval: int


class Session(NamedTuple):
    """A session that is not over. `base` is the number of the commit it sees below its own changes.

    `state` is `open`, or `pending`: submitted, and not reviewed yet.
    """

    key: int
    id: str
    repository: int
    base: int
    state: str


class Sandbox(NamedTuple):
    """A sandbox. Its `id` is that of its session, too; what it does, it does as `runs_as`.

    `command` is a JSON array as text and `env_vars` a JSON object. `isolation` is the name of the runner, empty as long
    as there is none.
    """

    id: str
    repository: int
    repository_id: str
    image: str
    command: str
    mountpoint: str
    path_prefix: str
    timeout_seconds: int | None
    mode: str
    env_vars: str
    runs_as_type: str
    runs_as: str
    trigger_run_id: str | None
    isolation: str
    status: str
    status_reason: str
    error_message: str
    exit_code: int | None
    commit_id: str
    web_url: str
    created_by_type: str
    created_by: str
    created_at: str
    updated_at: str
    finished_at: str | None

    @property
    def is_active(self) -> bool:
        """Whether it has not come to its end."""
        return self.status in ("starting", "running")


class Review(NamedTuple):
    """A session that waits for a review, with the text of the commit that it would be."""

    session: Session
    author: Principal
    message: str
    metadata: dict[str, str]
    submitted_at: str


class Commit(NamedTuple):
    """A commit. `seq` counts from 1 in its repository; `metadata` is a JSON object as text, or empty."""

    seq: int
    id: str
    parent: str | None
    committer_type: str
    committer: str
    committer_id: str
    message: str
    metadata: str
    created_at: str


class Trigger(NamedTuple):
    """What starts a sandbox when a commit meets one of its conditions.

    `conditions` and `sandbox_config` are JSON as text. `run_as` is an agent or a role; without one, its sandboxes are
    those of its creator.
    """

    id: str
    repository: int
    repository_id: str
    name: str
    description: str
    enabled: int
    conditions: str
    sandbox_config: str
    run_as_type: str | None
    run_as_id: str | None
    created_by_type: str
    created_by: str
    created_at: str
    updated_at: str


class TriggerRun(NamedTuple):
    """A commit that met a condition of a trigger. `matched_paths` is a JSON array as text.

    `status` is `pending`, `created`, `skipped` or `failed`; `reason` says why for programs, `message` for people.
    """

    id: str
    trigger_id: str
    repository: int
    repository_id: str
    seq: int
    commit_id: str
    status: str
    reason: str
    message: str
    sandbox_id: str | None
    matched_paths: str
    created_at: str
    updated_at: str


class Entry(NamedTuple):
    """What a path holds. `etag` has its double quotes.

    `metadata`, and `source` of what was imported, are JSON objects as text, or empty.
    """

    blob: bytes
    size: int
    etag: str
    content_type: str
    metadata: str
    modified: str
    source: str = ""

    def same_content(self, other: Entry | None) -> bool:
        """Whether a reader could tell the two apart by anything but their age."""
        return other is not None and self[:1] + self[3:5] == other[:1] + other[3:5]


class View(NamedTuple):
    """What a read sees: commit number `seq` of a repository, below the changes of `session` if there is one."""

    repository: int
    seq: int
    head: int
    session: int | None = None
