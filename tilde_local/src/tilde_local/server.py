"""The server as an object: start it, use it, stop it."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from tilde_local.clock import Clock, utc_now
from tilde_local.console.cookies import HOME
from tilde_local.data_directory import DataDirectory, explained
from tilde_local.database import Database
from tilde_local.encryption import Encryption
from tilde_local.errors import StartError
from tilde_local.imports.worker import Worker
from tilde_local.policy.generate import generate
from tilde_local.runner.base import Runner
from tilde_local.sandboxes.engines import AUTO, RUNNERS, open_engine, remove_leftovers
from tilde_local.sandboxes.registry import Registry, RunnerUnavailable
from tilde_local.sandboxes.settings import Settings
from tilde_local.sandboxes.supervisor import Supervisor, recover
from tilde_local.services import Services
from tilde_local.serving import HOST, Serving, listen
from tilde_local.signing import Signer
from tilde_local.store import cleanup, keys, organizations, policies, repositories, users
from tilde_local.triggers.worker import Worker as TriggerWorker

__all__ = ["Server"]

ADMIN = "local"


class Server:
    """A Tilde server on a loopback port, in a thread of this process.

        with tilde_local.Server() as server:
            client = tilde.Client(endpoint_url=server.endpoint_url, api_key=server.api_key)

    `data_dir` is created if missing and keeps everything across restarts; without it the data lives in a temporary
    directory until `stop()`. `port` 0 takes a free one. `clock` tells the time, for tests. `policy_generator` makes a
    policy from what somebody asked for, by a model of yours for instance; the default goes by fixed rules.

    `runner` is what sandboxes run in: `auto` is `namespaces` where the machine can, and elsewhere none, so that they
    are refused; `plain` isolates nothing; an object is used as it is. `sandboxes` are the limits for them.
    """

    def __init__(
        self,
        data_dir: str | os.PathLike[str] | None = None,
        port: int = 0,
        *,
        clock: Clock = utc_now,
        policy_generator: Callable[[str], str] = generate,
        runner: str | Runner = AUTO,
        sandboxes: Settings | None = None,
    ) -> None:
        if isinstance(runner, str) and runner not in RUNNERS:
            raise ValueError(f"runner: one of {', '.join(RUNNERS)}, or a Runner, got {runner!r}")
        self._data_dir = data_dir
        self._port = port
        self._options = _Options(clock, policy_generator, runner, sandboxes or Settings())
        self._running: ExitStack | None = None
        self._services: Services | None = None
        self._endpoint_url = ""
        self._api_key = ""

    def __repr__(self) -> str:
        return f"<tilde_local.Server {self._endpoint_url if self._running else '(stopped)'}>"

    @property
    def endpoint_url(self) -> str:
        """What `TILDE_ENDPOINT_URL` should be. Raises RuntimeError while the server is stopped."""
        self._require_services()
        return self._endpoint_url

    @property
    def console_url(self) -> str:
        """Where people look at repositories and review commits. Raises RuntimeError while the server is stopped."""
        return f"{self.endpoint_url}{HOME}"

    @property
    def api_key(self) -> str:
        """An API key of the user `local`, new at every start; earlier ones stay valid with the data directory."""
        self._require_services()
        return self._api_key

    @property
    def services(self) -> Services:
        """The database and the blobs below the API, for tests and benchmarks that fill them directly."""
        return self._require_services()

    def _require_services(self) -> Services:
        if self._services is None:
            raise RuntimeError("the server is not running: use `with Server() as server:` or call start()")
        return self._services

    @property
    def isolation(self) -> str:
        """What keeps sandboxes away from this machine, for people; why there are none, if so. It may take a moment."""
        try:
            runner = self._require_services().sandboxes.engine().runner
        except RunnerUnavailable as error:
            return f"none can be run: {error}"
        return f"{runner.name}: {runner.isolation}"

    def create_user(self, username: str) -> str:
        """Add a user; his API key, which is shown only now. Raises Conflict if the name is taken."""
        services = self._require_services()
        with services.database.write() as db:
            return keys.create(db, users.create(db, username, services.now()).principal, "first", "", services.now())[0]

    def require_approval(self, repository: str, required: bool = True) -> None:
        """Let commits of agents to "organization/repository" wait for a review, or no longer.

        Raises NotFound, and ValueError for a name that is none.
        """
        organization, slash, name = repository.partition("/")
        if not slash:
            raise ValueError(f'expected "organization/repository", got {repository!r}')
        with self._require_services().database.write() as db:
            found = repositories.find(db, organizations.find_any(db, organization), name)
            repositories.require_approval(db, found, required)

    def start(self) -> Server:
        """Open the data, bind the port and serve. Returns once requests are answered.

        Raises DataDirectoryError if the data directory cannot be used, OSError if the port cannot, StartError for the
        rest.
        """
        if self._running is not None:
            raise RuntimeError("the server is running already")
        with ExitStack() as stack:
            listener = stack.enter_context(listen(self._port))
            opened = stack.enter_context(_Opened(self._data_dir, self._options))
            services, self._api_key = opened.services, opened.api_key
            self._endpoint_url = services.sandboxes.endpoint_url = f"http://{HOST}:{listener.getsockname()[1]}"
            stack.enter_context(Worker(services))
            serving = stack.enter_context(Serving(services, listener))
            stack.enter_context(Supervisor(services, serving))
            stack.enter_context(TriggerWorker(services))
            self._services = services
            self._running = stack.pop_all()
        return self

    def stop(self) -> None:
        """Answer what was asked, then stop; a temporary data directory is removed. Twice is fine.

        A request that is still being sent is dropped, and an answer that nobody reads is waited for 3 seconds.
        Sandboxes are cancelled. An import is interrupted; with a data directory, the next server begins it anew.
        """
        running, self._running, self._services = self._running, None, None
        if running is not None:
            running.close()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _admin_key(services: Services) -> str:
    with services.database.write() as db:
        admin = users.find_by_name(db, ADMIN) or users.create(db, ADMIN, services.now())
        return keys.create(db, admin.principal, "start", "made when the server started", services.now())[0]


class _Options(NamedTuple):
    """How a server works, beside where."""

    clock: Clock
    policy_generator: Callable[[str], str]
    runner: str | Runner
    sandboxes: Settings


def _registry(directory: DataDirectory, options: _Options) -> Registry:
    remove_leftovers(directory.path)
    registry = Registry(
        directory.path / "sandboxes" / "logs",
        options.clock,
        options.sandboxes,
        lambda: open_engine(options.runner, directory.path, directory.blobs),
    )
    if options.runner != AUTO:
        # What was asked for is there, or the server does not start.
        try:
            registry.engine()
        except RunnerUnavailable as error:
            raise StartError(f"cannot run sandboxes: {error}") from error
    return registry


class _Opened:
    """A context in which a data directory, given or temporary, is open, tidied up, and has a fresh API key."""

    def __init__(self, path: str | os.PathLike[str] | None, options: _Options) -> None:
        self._stack = ExitStack()
        with self._stack as stack:
            if path is None:
                path = stack.enter_context(tempfile.TemporaryDirectory(prefix="tilde-local-"))
            with explained(Path(path)):
                directory = DataDirectory(Path(path))
                stack.callback(directory.close)
                database = Database(directory.database)
                stack.callback(database.close)
                clock, registry = options.clock, _registry(directory, options)
                stack.callback(registry.close)
                self.services = Services(
                    database,
                    directory.blobs,
                    Signer(directory.secret(), clock),
                    Encryption(directory.encryption_key()),
                    clock,
                    options.policy_generator,
                    threading.Event(),
                    threading.Event(),
                    registry,
                )
                cleanup.remove_abandoned(database, directory.blobs, clock())
                recover(self.services)
                with database.write() as db:
                    policies.add_missing_built_in(db, self.services.now())
                self.api_key = _admin_key(self.services)
            self._stack = stack.pop_all()

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
