"""One sandbox: how far it is, what it prints, and how it ended."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from tilde_core.arguments import check_callback
from tilde_core.exceptions import ConflictError, WaitTimeoutError
from tilde_core.models.sandboxes import SandboxData, SandboxStatus, StatusData
from tilde_core.operation import Operation, checked_segment
from tilde_core.resources.base import Entity, RepositoryResource
from tilde_core.sandbox_io.log_stream import LogStream
from tilde_core.sandbox_io.terminal import Terminal, open_terminal
from tilde_core.waiting import wait_until

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["FIRST_INTERVAL", "Sandbox"]

FIRST_INTERVAL = 0.02  # seconds; what is quick is not held up
_TO_END = 5.0  # seconds that a sandbox of which it is said that it has ended may take to do so


class Sandbox(RepositoryResource, Entity):
    """A sandbox, as it was when it was last looked at. All but the id is fetched on first access, if it was not."""

    def __init__(
        self,
        client: Client,
        organization: str,
        repository: str,
        sandbox_id: str,
        data: SandboxData | None = None,
    ) -> None:
        super().__init__(client, organization, repository)
        self._id = checked_segment("sandbox_id", sandbox_id)
        self._data = data

    @property
    def id(self) -> str:
        """The sandbox's UUID, which is that of its session too."""
        return self._id

    @property
    def state(self) -> str:
        """The state when it was last looked at; `status()` asks anew."""
        return self._loaded().state

    @property
    def status_reason(self) -> str:
        """What qualifies the state; `""` while it runs."""
        return self._loaded().status_reason

    @property
    def exit_code(self) -> int | None:
        """The exit code of its command, once that has ended."""
        return self._loaded().exit_code

    @property
    def commit_id(self) -> str:
        """The commit of what it changed; `""` if there is none."""
        return self._loaded().commit_id

    @property
    def web_url(self) -> str:
        """Where its changes are reviewed, if they await an approval; else `""`."""
        return self._loaded().web_url

    @property
    def error_message(self) -> str:
        """What went wrong, if it failed or errored; else `""`."""
        return self._loaded().error_message

    @property
    def image(self) -> str:
        """The image that it runs from."""
        return self._loaded().image

    @property
    def command(self) -> list[str]:
        """The program and its arguments; empty for what the image runs, and in the mode `"service"`."""
        return list(self._loaded().command)

    @property
    def mode(self) -> str:
        """`"one-shot"`, `"interactive"` or `"service"`."""
        return self._loaded().mode

    @property
    def env(self) -> dict[str, str]:
        """The environment variables that it was created with; those of secrets are not among them."""
        return dict(self._loaded().env)

    @property
    def mountpoint(self) -> str:
        """Where the files of the repository are in the sandbox."""
        return self._loaded().mountpoint

    @property
    def path_prefix(self) -> str:
        """What the paths of these files begin with in the repository."""
        return self._loaded().path_prefix

    @property
    def timeout_seconds(self) -> int | None:
        """How long it may run, in seconds; `None` for as long as the service lets it."""
        return self._loaded().timeout_seconds

    @property
    def repository_id(self) -> str:
        """The UUID of the repository."""
        return self._loaded().repository_id

    @property
    def volume_name(self) -> str:
        """What the service calls the volume with the files."""
        return self._loaded().volume_name

    @property
    def container_id(self) -> str:
        """What the service calls the container."""
        return self._loaded().container_id

    @property
    def created_by_type(self) -> str:
        """`"user"`, `"role"` or `"agent"`."""
        return self._loaded().created_by_type

    @property
    def created_by(self) -> str:
        """The UUID of the principal that created it."""
        return self._loaded().created_by

    @property
    def created_at(self) -> datetime | None:
        """When it was created."""
        return self._loaded().created_at

    @property
    def updated_at(self) -> datetime | None:
        """When its state last changed."""
        return self._loaded().updated_at

    @property
    def finished_at(self) -> datetime | None:
        """When it ended; `None` while it runs."""
        return self._loaded().finished_at

    def refresh(self) -> Sandbox:
        """Fetch it anew, and return this sandbox. Raises `NotFoundError`."""
        operation = Operation(name="sandboxes.get", method="GET", path=self._path("sandboxes", self.id))
        self._data = self._fetch(operation, SandboxData)
        return self

    def status(self) -> SandboxStatus:
        """Ask how far it is. Raises `NotFoundError`."""
        path = self._path("sandboxes", self.id, "status")
        told = self._fetch(Operation(name="sandboxes.status", method="GET", path=path), StatusData)
        if self._data is not None:
            news = {name: getattr(told, name) for name in StatusData.__struct_fields__}
            self._data = msgspec.structs.replace(self._data, **news)
        return SandboxStatus(self, told)

    def stdout(self) -> LogStream:
        """Return the output of its command, both streams in one and in the order in which they were written.

        It is read from the start, line by line, and followed while the sandbox runs. Nothing is sent before the first
        line is asked for. Reading raises `NotFoundError`, and `GoneError` if the log is kept no longer.
        """
        return self._log("stdout")

    def network(self) -> LogStream:
        """Return the log of its requests to the outside: a line of JSON for each, whether it was let through or not.

        It is read as `stdout` is; its lines come without their ends, as `json.loads` takes them.
        """
        return self._log("network")

    def terminal(self) -> Terminal:
        """Return the terminal of a sandbox of the mode `"interactive"`, open: what is typed goes in, what is shown
        comes out. Waits until it has started.

        Raises `BadRequestError` for another mode, `ConflictError`, `NotFoundError`, and `GoneError` if it has ended.
        """
        self._wait(
            lambda status: status.state == "running" or status.is_terminal,
            None,
            None,
            f"sandbox {self.id} to start",
            operation="sandboxes.terminal",
        )
        return open_terminal(self._client.pipeline, self._path("sandboxes", self.id, "terminal"))

    def cancel(self) -> None:
        """End it, and drop what it has changed. It may take a moment: `wait()` returns once it is over.

        One that has ended already stays as it is, and keeps what it has committed: `status()` tells which it is.
        Raises `NotFoundError`.
        """
        self._end(Operation(name="sandboxes.cancel", method="DELETE", path=self._path("sandboxes", self.id)))

    def finish(self) -> None:
        """End a sandbox of the mode `"service"` and commit what it has changed: `wait()` returns once that is done.

        One that has ended already stays as it is. Raises `BadRequestError` for another mode, `NotFoundError`.
        """
        path = self._path("sandboxes", self.id, "finish")
        self._end(Operation(name="sandboxes.finish", method="POST", path=path, repeatable=True))

    def wait(
        self, timeout: float | None = None, *, on_update: Callable[[SandboxStatus], object] | None = None
    ) -> SandboxStatus:
        """Wait until it has ended, and return its status: also if it failed. `timeout` is in seconds; `None` waits
        without end.

        It is asked at once, after 0.02 seconds, and less and less often down to every 2 seconds; `on_update` is called
        with the status each time that something has changed.

        Raises `WaitTimeoutError` if it has not ended in time. It goes on, and may be waited for again.
        """
        check_callback("on_update", on_update)
        return self._wait(
            lambda status: status.is_terminal, timeout, on_update, f"sandbox {self.id}", operation="sandboxes.wait"
        )

    def _wait(
        self,
        is_over: Callable[[SandboxStatus], bool],
        timeout: float | None,
        on_update: Callable[[SandboxStatus], object] | None,
        waited_for: str,
        *,
        operation: str,
    ) -> SandboxStatus:
        last: SandboxStatus | None = None

        def ask() -> bool:
            nonlocal last
            before, last = last, self.status()
            if on_update is not None and last != before:
                on_update(last)
            return is_over(last)

        wait_until(
            ask,
            self._client.pipeline.clock,
            waited_for=waited_for,
            timeout=timeout,
            operation=operation,
            first_interval=FIRST_INTERVAL,
        )
        assert last is not None
        return last

    def _log(self, kind: str, *, has_ended: bool = False) -> LogStream:
        """The log of that kind; if the sandbox is known to have ended, all of it is there."""
        operation = Operation(
            name=f"sandboxes.{kind}", method="GET", path=self._path("sandboxes", self.id, "logs", kind), stream=True
        )
        return LogStream(
            self._client.pipeline,
            operation,
            is_over=lambda: self.status().is_terminal,
            has_ended=has_ended,
            keep_ends=kind == "stdout",
        )

    def _end(self, operation: Operation) -> None:
        try:
            self._execute(operation)
        except ConflictError as error:  # how the service says that it has ended, perhaps just before that is told
            with suppress(WaitTimeoutError):
                self.wait(_TO_END)
                return
            raise error from None

    def _loaded(self) -> SandboxData:
        if self._data is None:
            self.refresh()
        assert self._data is not None
        return self._data

    @property
    def _identity(self) -> tuple[str, ...]:
        return (self._organization, self._repository, self.id)

    def _cells(self) -> dict[str, Any]:
        if self._data is None:
            return {"id": self.id}
        shown = {name: getattr(self._data, name) for name in ("state", "status_reason", "exit_code", "image", "mode")}
        return {"id": self.id, **shown, "command": shlex.join(self._data.command), "created": self._data.created_at}

    def __repr__(self) -> str:
        return f"Sandbox({self.id!r}{f', {self._data.state}' if self._data else ''})"
