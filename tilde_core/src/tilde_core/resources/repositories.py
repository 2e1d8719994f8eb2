"""Repositories."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tilde_core.arguments import repository_names
from tilde_core.models.repositories import ListedRepository, RepositoryData
from tilde_core.operation import Operation, checked_segment
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.base import Entity, OrganizationResource, RepositoryResource, Resource
from tilde_core.resources.changes import changes, named
from tilde_core.resources.commits import Commit, Commits
from tilde_core.resources.connectors import RepositoryConnectors
from tilde_core.resources.imports import Imports
from tilde_core.resources.sandbox_request import Command, RunAs, checked_command, checked_timeout, sandbox_request
from tilde_core.resources.sandbox_run import SandboxRun
from tilde_core.resources.sandbox_start import started
from tilde_core.resources.sandbox_triggers import SandboxTriggers
from tilde_core.resources.sandboxes import Sandboxes
from tilde_core.resources.secrets import Secrets
from tilde_core.resources.sessions import OpenedSession, Session
from tilde_core.resources.shell import Shell
from tilde_core.retry_after import http_date
from tilde_core.sandbox_io.output import RunResult
from tilde_core.serialization import decode_json

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["AllRepositories", "Repositories", "Repository"]

T = TypeVar("T")


class Repository(RepositoryResource, Entity):
    """A repository: `organization` and `name`. Everything else is fetched when it is first asked for."""

    def __init__(
        self,
        client: Client,
        organization: str,
        name: str,
        data: RepositoryData | None = None,
        *,
        listed: ListedRepository | None = None,
    ) -> None:
        super().__init__(client, organization, name)
        self._data = data
        self._listed = listed  # what is known as long as there is no data

    @classmethod
    def from_path(cls, client: Client, path: str) -> Repository:
        """Return a handle for `"organization/repository"`. Raises `ValueError` for a path of another form."""
        return cls(client, *repository_names("repository path", path))

    @property
    def organization(self) -> str:
        """The name of the organization that it belongs to."""
        return self._organization

    @property
    def name(self) -> str:
        """The repository's name within its organization."""
        return self._repository

    @property
    def path(self) -> str:
        """`"organization/repository"`."""
        return f"{self._organization}/{self._repository}"

    @property
    def id(self) -> str:
        """The repository's UUID. Fetched on first access."""
        return self._known(lambda known: known.id)

    @property
    def description(self) -> str:
        """Fetched on first access."""
        return self._known(lambda known: known.description)

    @property
    def retention_days(self) -> int | None:
        """How many days of history are kept. Fetched on first access."""
        return self._loaded().retention_days

    @property
    def visibility(self) -> str:
        """Fetched on first access."""
        return self._known(lambda known: known.visibility)

    @property
    def created_by_type(self) -> str:
        """`"user"`, `"role"` or `"agent"`. Fetched on first access."""
        return self._loaded().created_by_type

    @property
    def created_by(self) -> str:
        """The UUID of the principal that created it. Fetched on first access."""
        return self._loaded().created_by

    @property
    def created_at(self) -> datetime | None:
        """When it was created. Fetched on first access."""
        return self._known(lambda known: known.created_at)

    @property
    def commits(self) -> Commits:
        """The commits, newest first."""
        return Commits(self._client, self._organization, self._repository)

    @property
    def connectors(self) -> RepositoryConnectors:
        """The connectors that this repository may import from."""
        return RepositoryConnectors(self._client, self._organization, self._repository)

    @property
    def imports(self) -> Imports:
        """Imports into this repository."""
        return Imports(self._client, self._organization, self._repository)

    @property
    def sandboxes(self) -> Sandboxes:
        """The sandboxes of this repository: programs that run on its files."""
        return Sandboxes(self._client, self._organization, self._repository)

    @property
    def sandbox_triggers(self) -> SandboxTriggers:
        """What creates sandboxes when commits change certain files."""
        return SandboxTriggers(self._client, self._organization, self._repository)

    @property
    def secrets(self) -> Secrets:
        """The secrets that sandboxes of this repository get as environment variables."""
        return Secrets(self._client, self._path("secrets"))

    def latest(self) -> Commit | None:
        """Return the newest commit, or `None` if there is none yet."""
        return self.commits.list(amount=1, page_size=1).first()

    def session(self) -> Session:
        """Open a session: a transaction on this repository. Raises `NotFoundError`, `ForbiddenError`."""
        # A session that was opened twice and never used does no harm, so this POST may be repeated.
        operation = Operation(name="sessions.create", method="POST", path=self._path("sessions"), repeatable=True)
        response = self._execute(operation)
        answer = decode_json(response, OpenedSession, operation.name)
        opened = http_date(response.headers.get("Date", ""))
        return Session(self._client, self._organization, self._repository, answer.session_id, opened)

    def attach(self, session_id: str) -> Session:
        """Return a handle for a session that is already open, without a request."""
        return Session(self._client, self._organization, self._repository, session_id)

    def execute(
        self,
        command: Command,
        *,
        image: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        check: bool = True,
        mountpoint: str | None = None,
        path_prefix: str | None = None,
        run_as: RunAs | None = None,
    ) -> RunResult:
        """Run a command on the files of this repository, wait until it has ended, and commit what it has changed.

        What it changed is committed if its exit code is 0, and dropped else. Its output is in `stdout`, both streams
        in one. Where a review is needed first, warn with the URL (`UserWarning`): `result.status` tells of it too.

        Args:
            command: a str for the shell, or a list with the program and its arguments.
            image: what it runs in; the client's `default_sandbox_image` if left out.
            env: environment variables. Those of the agent's secrets and of the repository's come after them.
            timeout: in seconds, which the service counts in whole ones; `None` for as long as the service lets it run.
            check: whether another exit code than 0 is an error.
            mountpoint: where the files are, an absolute path; `/sandbox` if left out.
            path_prefix: mount only what begins so.
            run_as: the agent or role to run it as, `{"type": "agent", "id": "…"}` or the entity itself.

        Whatever else is raised while it runs, Ctrl-C too, cancels the sandbox.

        Raises:
            CommandError: the exit code is not 0; `error.result` has the whole result.
            SandboxError: the sandbox failed or was cancelled, and nothing is committed, whatever `check` says.
            CommandTimeoutError: it took longer than `timeout`; this is a `SandboxError` and a `TimeoutError`.
            OutcomeUnknownError: the answer to its creation was lost. It may run: `sandboxes.list()` tells.
            GoneError, TransportError: it has ended, as the message tells, but its output could not be fetched.
            ValueError, TypeError: an argument cannot be used; nothing was sent.
        """
        request = sandbox_request(
            self._client.config,
            image=image,
            command=checked_command(command),
            env=env,
            mountpoint=mountpoint,
            path_prefix=path_prefix,
            timeout_seconds=checked_timeout(timeout),
            run_as=run_as,
            mode=None,
        )
        result = SandboxRun(self.sandboxes, request, command, timeout).result(check=check)
        if result.status is not None and result.status.is_awaiting_approval:
            url = result.status.web_url
            warnings.warn(f"Approval required - review and approve at: {url}", UserWarning, stacklevel=2)
        return result

    def shell(
        self,
        *,
        image: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        mountpoint: str | None = None,
        path_prefix: str | None = None,
        run_as: RunAs | None = None,
    ) -> Shell:
        """Return a sandbox for several commands: `with repo.shell() as sh: sh.run("ls")`.

        It is started at the beginning of the block. At its end, what the commands changed is committed; after an
        exception it is dropped. Where a review is needed first, warn with the URL (`UserWarning`). Nothing is sent
        before the block begins.

        Args:
            image: what it runs in; the client's `default_sandbox_image` if left out.
            env: environment variables. Those of the agent's secrets and of the repository's come after them.
            timeout: in seconds, for all of it; `None` for as long as the service lets it run.
            mountpoint: where the files are, an absolute path; `/sandbox` if left out.
            path_prefix: mount only what begins so.
            run_as: the agent or role to run it as, `{"type": "agent", "id": "…"}` or the entity itself.

        The block raises `SandboxError` if the sandbox cannot be started, or its changes cannot be committed, and what
        `sandboxes.create` raises.
        """
        request = sandbox_request(
            self._client.config,
            image=image,
            command=None,
            env=env,
            mountpoint=mountpoint,
            path_prefix=path_prefix,
            timeout_seconds=checked_timeout(timeout),
            run_as=run_as,
            mode="service",
        )
        return Shell(lambda: started(self.sandboxes, request, operation="repositories.shell"))

    def update(self, *, description: str | None = None, retention_days: int | None = None) -> Repository:
        """Change what is named and leave the rest; return this repository with its new values.

        Raises `BadRequestError`, `ForbiddenError`, and `ValueError` if nothing is named.
        """
        body = changes(description=description, retention_days=retention_days)
        self._data = self._fetch(
            Operation(name="repositories.update", method="PUT", path=self._path(), body=body), RepositoryData
        )
        return self

    def delete(self) -> None:
        """Delete this repository (a soft delete). Raises `NotFoundError`."""
        self._execute(Operation(name="repositories.delete", method="DELETE", path=self._path()))

    def _loaded(self) -> RepositoryData:
        if self._data is None:
            operation = Operation(name="repositories.get", method="GET", path=self._path())
            self._data = self._fetch(operation, RepositoryData)
        return self._data

    def _known(self, field: Callable[[RepositoryData | ListedRepository], T | None]) -> T:
        """A field that the list of all repositories tells; fetched if it did not."""
        told = field(self._listed) if self._data is None and self._listed is not None else None
        return told if told is not None else cast("T", field(self._loaded()))

    @property
    def _identity(self) -> tuple[str, ...]:
        return (self._organization, self._repository)

    def _cells(self) -> dict[str, Any]:
        known = self._data or self._listed
        if known is None:
            return {"path": self.path}
        return {
            "path": self.path,
            "description": known.description,
            "visibility": known.visibility,
            "created": known.created_at,
        }

    def __repr__(self) -> str:
        return f"Repository({self.path!r})"


class Repositories(OrganizationResource):
    """The repositories of one organization."""

    def create(self, name: str, *, description: str | None = None, retention_days: int | None = None) -> Repository:
        """Create a repository. `retention_days`: how many days of history are kept, the service's default if left out.

        Raises `BadRequestError`, `ConflictError` if the name is taken.
        """
        checked_segment("name", name)
        body = named(name=name, description=description, retention_days=retention_days)
        operation = Operation(name="repositories.create", method="POST", path=self._path("repositories"), body=body)
        return self._entity(self._fetch(operation, RepositoryData))

    def get(self, name: str) -> Repository:
        """Return the repository of that name, loaded. Raises `NotFoundError`."""
        operation = Operation(
            name="repositories.get", method="GET", path=self._path("repositories", checked_segment("name", name))
        )
        return self._entity(self._fetch(operation, RepositoryData))

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[Repository]:
        """Walk the repositories, in the order of their names. `after` is a name."""
        return self._list(
            Operation(name="repositories.list", method="GET", path=self._path("repositories")),
            RepositoryData,
            self._entity,
            key=lambda repository: repository.name,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def delete(self, name: str) -> None:
        """Delete the repository of that name (a soft delete). Raises `NotFoundError`."""
        Repository(self._client, self._organization, checked_segment("name", name)).delete()

    def _entity(self, data: RepositoryData) -> Repository:
        return Repository(self._client, self._organization, data.name, data)

    def __repr__(self) -> str:
        return f"Repositories({self._organization!r})"


class AllRepositories(Resource):
    """The repositories of all organizations, as far as the caller may see them."""

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[Repository]:
        """Walk them in the order of their paths, `"organization/repository"`. `after` is such a path."""
        return self._list_whole(
            Operation(name="repositories.list", method="GET", path="/repositories"),
            ListedRepository,
            lambda data: Repository(self._client, data.organization_slug, data.name, listed=data),
            key=lambda repository: repository.path,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def __repr__(self) -> str:
        return "AllRepositories()"
