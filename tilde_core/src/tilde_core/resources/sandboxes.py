"""The sandboxes of a repository."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from tilde_core.exceptions import TildeError
from tilde_core.models.sandboxes import SandboxData
from tilde_core.operation import Operation
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.base import RepositoryResource
from tilde_core.resources.sandbox import Sandbox
from tilde_core.resources.sandbox_request import Command, RunAs, SandboxMode, sandbox_request
from tilde_core.resources.sandbox_start import cancelled_on_error, created

__all__ = ["Sandboxes"]


class Sandboxes(RepositoryResource):
    """The sandboxes of one repository: each runs a program on its files, and commits what that changes.

    `repo.execute` and `repo.shell` do it all in one call; here, each step is one of its own.
    """

    def create(
        self,
        *,
        image: str | None = None,
        command: Command | None = None,
        env: Mapping[str, str] | None = None,
        mountpoint: str | None = None,
        path_prefix: str | None = None,
        timeout_seconds: int | None = None,
        run_as: RunAs | None = None,
        mode: SandboxMode | str | None = None,
    ) -> Sandbox:
        """Create a sandbox, and return it while it starts: `wait()` returns once it has ended.

        Args:
            image: what it runs from; the client's `default_sandbox_image` if left out.
            command: a str for the shell, or the program and its arguments; what the image runs if left out.
            env: environment variables. Those of the agent's secrets and of the repository's come after them.
            mountpoint: where the files are, an absolute path; `/sandbox` if left out.
            path_prefix: mount only what begins so.
            timeout_seconds: how long it may run, 1 or more; then it has failed.
            run_as: the agent or role to run it as, `{"type": "agent", "id": "…"}` or the entity itself.
            mode: `"one-shot"` (run the command, if left out), `"interactive"` (in a terminal) or `"service"` (wait for
                commands until `finish()`).

        Raises:
            BadRequestError: the service refuses it.
            OutcomeUnknownError: the answer was lost. It may run: `list()` tells. It is not created a second time.
            ValueError, TypeError: an argument cannot be used; nothing was sent.
        """
        request = sandbox_request(
            self._client.config,
            image=image,
            command=command,
            env=env,
            mountpoint=mountpoint,
            path_prefix=path_prefix,
            timeout_seconds=timeout_seconds,
            run_as=run_as,
            mode=mode,
        )
        sandbox = created(self, request)
        # It runs, and its id must not get lost; what is missing is fetched on access.
        with cancelled_on_error(sandbox), suppress(TildeError):
            sandbox.refresh()
        return sandbox

    def get(self, sandbox_id: str) -> Sandbox:
        """Return the sandbox with that id, loaded. Raises `NotFoundError`."""
        return self._sandbox(sandbox_id).refresh()

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[Sandbox]:
        """Walk the sandboxes, the newest first, as they are now. `after` is an id."""
        return self._list(
            Operation(name="sandboxes.list", method="GET", path=self._path("sandboxes")),
            SandboxData,
            lambda data: self._sandbox(data.id, data),
            key=lambda sandbox: sandbox.id,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def _sandbox(self, sandbox_id: str, data: SandboxData | None = None) -> Sandbox:
        return Sandbox(self._client, self._organization, self._repository, sandbox_id, data)

    def __repr__(self) -> str:
        return f"Sandboxes({self._organization}/{self._repository})"
