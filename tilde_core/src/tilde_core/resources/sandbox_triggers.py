"""The triggers of a repository: sandboxes that commits create."""

from __future__ import annotations

from collections.abc import Sequence

from tilde_core.models.sandbox_triggers import SandboxTriggerData
from tilde_core.operation import Operation, checked_segment
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.base import RepositoryResource
from tilde_core.resources.changes import named
from tilde_core.resources.sandbox_request import RunAs, checked_run_as
from tilde_core.resources.sandbox_trigger import SandboxTrigger
from tilde_core.resources.trigger_request import (
    TriggerCondition,
    TriggerConfig,
    checked_conditions,
    checked_config,
    checked_name,
)

__all__ = ["SandboxTriggers"]


class SandboxTriggers(RepositoryResource):
    """The triggers of one repository. The commits of sandboxes that triggers have created fire none."""

    def create(
        self,
        *,
        name: str,
        conditions: Sequence[TriggerCondition],
        sandbox_config: TriggerConfig,
        description: str | None = None,
        run_as: RunAs | None = None,
        enabled: bool | None = None,
    ) -> SandboxTrigger:
        """Create a trigger.

        Args:
            name: what it is called, in up to 100 characters.
            conditions: 1 to 10, one of which is enough: `{"type": "prefix", "prefix": "documents/"}` or
                `{"type": "path_exact", "path": "config.json", "diff_type": "changed"}`, where `diff_type` may be
                `"any"` (if left out), `"added"`, `"removed"` or `"changed"`.
            sandbox_config: the sandbox that is created: `image` (the client's default if left out), `command`,
                `mountpoint`, `path_prefix`, `timeout_seconds` and `env`, as in `repo.sandboxes.create`.
            description: what it is for.
            run_as: the agent or role to run it as, `{"type": "agent", "id": "…"}` or the entity itself.
            enabled: whether it fires; it does if left out.

        Raises `BadRequestError`, `ConflictError` if the name is taken, and `ValueError` or `TypeError` for what cannot
        be used, a misspelled key too; then nothing was sent.
        """
        if enabled is not None and not isinstance(enabled, bool):
            raise TypeError(f"enabled must be a bool, not {type(enabled).__name__}")
        body = named(
            name=checked_name(name),
            description=description,
            conditions=checked_conditions(conditions),
            sandbox_config=checked_config(self._client.config, sandbox_config),
            run_as=None if run_as is None else checked_run_as(run_as),
            enabled=enabled,
        )
        path = self._path("sandbox-triggers")
        operation = Operation(name="sandbox_triggers.create", method="POST", path=path, body=body)
        return self._entity(self._fetch(operation, SandboxTriggerData))

    def get(self, trigger_id: str) -> SandboxTrigger:
        """Return the trigger with that id. Raises `NotFoundError`."""
        operation = Operation(name="sandbox_triggers.get", method="GET", path=self._path_of(trigger_id))
        return self._entity(self._fetch(operation, SandboxTriggerData))

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[SandboxTrigger]:
        """Walk the triggers, in the order of their names. `after` is a name."""
        return self._list(
            Operation(name="sandbox_triggers.list", method="GET", path=self._path("sandbox-triggers")),
            SandboxTriggerData,
            self._entity,
            key=lambda trigger: trigger.name,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def delete(self, trigger_id: str) -> None:
        """Delete the trigger with that id. Raises `NotFoundError`."""
        self._execute(
            Operation(name="sandbox_triggers.delete", method="DELETE", path=self._path_of(trigger_id)),
        )

    def _path_of(self, trigger_id: str) -> str:
        return self._path("sandbox-triggers", checked_segment("trigger_id", trigger_id))

    def _entity(self, data: SandboxTriggerData) -> SandboxTrigger:
        return SandboxTrigger(self._client, self._organization, self._repository, data)

    def __repr__(self) -> str:
        return f"SandboxTriggers({self._organization}/{self._repository})"
