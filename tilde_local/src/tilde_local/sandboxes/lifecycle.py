"""One sandbox from its beginning to its end, in a thread of its own."""

from __future__ import annotations

import logging
from contextlib import ExitStack

import msgspec

from tilde_local.errors import ApiError
from tilde_local.runner.base import Container, ContainerSpec, RunnerError
from tilde_local.sandboxes import control, environment
from tilde_local.sandboxes.conclusion import conclude
from tilde_local.sandboxes.intake import Intake
from tilde_local.sandboxes.main_command import MainCommand
from tilde_local.sandboxes.mount import Mount
from tilde_local.sandboxes.outside import Outside
from tilde_local.sandboxes.refusals import Failed
from tilde_local.services import Services
from tilde_local.serving import Serving
from tilde_local.store import sandboxes
from tilde_local.store.records import Sandbox
from tilde_local.store.sandboxes import Outcome

__all__ = ["Lifecycle"]

_log = logging.getLogger("tilde_local")
_SHELL = ["/bin/sh"]


class Lifecycle:
    """Runs `sandbox`, which was taken up. `serving` has the event loop in which its network is served."""

    def __init__(self, services: Services, serving: Serving, sandbox: Sandbox) -> None:
        self._services = services
        self._serving = serving
        self._sandbox = sandbox
        self._active = services.sandboxes.active_of(sandbox.id)

    def run(self) -> None:
        """From the files to the outcome, which is written down whatever happens."""
        try:
            self._live()
            return
        except RunnerError as error:
            outcome = Outcome("failed", error.reason, error.message)
        except Failed as error:
            outcome = error.outcome
        except ApiError as error:
            outcome = Outcome("failed", "internal_error", error.message)
        except Exception:  # noqa: BLE001 - logged, and told to who asks for the sandbox
            _log.exception("sandbox %s failed", self._sandbox.id)
            outcome = Outcome("failed", "internal_error", "the server failed on this sandbox; its log says why")
        # Cancelling comes first: what fails then, fails because of it.
        known = self._active.wait(0)
        control.end(self._services, self._sandbox, known if known and known.status == "cancelled" else outcome)

    def _live(self) -> None:
        with ExitStack() as stack:
            with self._services.database.read() as db:
                mount = Mount.of(db, self._sandbox)
            container = self._open(stack, mount)
            if container is not None:
                self._work(mount, container)
                self._take_changes(mount, container)
            conclude(self._services, self._sandbox, self._active)

    def _open(self, stack: ExitStack, mount: Mount) -> Container | None:
        """Somewhere to work; None if nobody wants it any more."""
        sandbox, engine = self._sandbox, self._services.sandboxes.engine()
        tree = engine.trees.use(mount.key(), lambda: mount.files(self._services))
        stack.callback(tree.release)
        if self._active.is_over:
            return None
        spec = ContainerSpec(
            id=sandbox.id,
            tree=tree.path,
            mountpoint=sandbox.mountpoint,
            image=sandbox.image,
            limits=self._services.sandboxes.settings.limits,
        )
        container = engine.runner.start(spec)
        stack.callback(container.close)
        return container

    def _work(self, mount: Mount, container: Container) -> None:
        """Let it run until it has to end. When this returns, nothing in it runs any more."""
        active, services = self._active, self._services
        try:
            with Outside(services, self._serving, mount, active, container) as outside:
                active.fixed = outside.variables
                with services.database.read() as db:
                    active.variables = environment.variables(db, services.encryption, self._sandbox)
                command = self._start(container)
                try:
                    self._await_end()
                finally:
                    container.kill()
                    if command is not None:
                        command.finish()
        finally:
            services.sandboxes.tokens.revoke(self._sandbox.id)

    def _start(self, container: Container) -> MainCommand | None:
        """Start what it is for, if that is a command, and say that it runs."""
        active, sandbox = self._active, self._sandbox
        is_interactive = sandbox.mode == "interactive"
        argv = msgspec.json.decode(sandbox.command, type=list[str]) or (_SHELL if is_interactive else [])
        command = None
        if argv and sandbox.mode != "service":
            command = MainCommand(active, container, argv, in_terminal=is_interactive)
        active.open(container)
        with self._services.database.write() as db:
            sandboxes.start_running(db, sandbox, self._services.now())
        self._services.sandboxes.announce()
        if command is None and sandbox.mode != "service":
            active.end(Outcome("done", "", exit_code=0))
        return command

    def _await_end(self) -> None:
        seconds = self._sandbox.timeout_seconds or self._services.sandboxes.settings.max_seconds
        if self._active.wait(seconds) is None:
            self._active.end(Outcome("failed", "timeout", f"it ran for more than {seconds} seconds"))

    def _take_changes(self, mount: Mount, container: Container) -> None:
        active = self._active
        if not _is_done(active.wait(0)):
            return

        def note(line: str) -> None:
            active.output.append(f"tilde: {line}\n".encode())

        Intake(self._services, mount, note, lambda: _is_done(active.wait(0))).take(container.changes())


def _is_done(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.status == "done"
