"""One trigger: what makes it fire, what it runs, and when it has fired."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tilde_core.models.sandbox_triggers import (
    SandboxTriggerCondition,
    SandboxTriggerConfig,
    SandboxTriggerData,
    SandboxTriggerRun,
)
from tilde_core.operation import Operation
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.base import Entity, RepositoryResource, as_it_is
from tilde_core.resources.changes import changes
from tilde_core.resources.sandbox_request import RunAs, checked_run_as
from tilde_core.resources.trigger_request import (
    TriggerCondition,
    TriggerConfig,
    as_conditions,
    as_config,
    checked_conditions,
    checked_config,
    checked_name,
)

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["SandboxTrigger", "SandboxTriggerRuns"]


class SandboxTrigger(RepositoryResource, Entity):
    """Creates a sandbox whenever a commit changes certain files; as it was when it was fetched."""

    def __init__(self, client: Client, organization: str, repository: str, data: SandboxTriggerData) -> None:
        super().__init__(client, organization, repository)
        self._data = data

    @property
    def id(self) -> str:
        """The trigger's UUID."""
        return self._data.id

    @property
    def name(self) -> str:
        """What it is called, in up to 100 characters."""
        return self._data.name

    @property
    def description(self) -> str:
        """What it is for."""
        return self._data.description

    @property
    def enabled(self) -> bool:
        """Whether it fires at all."""
        return self._data.enabled

    @property
    def conditions(self) -> list[SandboxTriggerCondition]:
        """What a commit must change for it to fire; one of them is enough."""
        return as_conditions(self._data.conditions)

    @property
    def sandbox_config(self) -> SandboxTriggerConfig:
        """The sandbox that it creates. Variables are `env_vars`."""
        return as_config(self._data.sandbox_config)

    @property
    def run_as(self) -> dict[str, str] | None:
        """The agent or role that its sandboxes run as, by `type` and `id`; `None` if none was chosen."""
        return dict(self._data.run_as) or None

    @property
    def repository_id(self) -> str:
        """The UUID of the repository."""
        return self._data.repository_id

    @property
    def created_by(self) -> str:
        """The UUID of the principal that created it."""
        return self._data.created_by

    @property
    def created_at(self) -> datetime | None:
        """When it was created."""
        return self._data.created_at

    @property
    def updated_at(self) -> datetime | None:
        """When it was last changed."""
        return self._data.updated_at

    @property
    def runs(self) -> SandboxTriggerRuns:
        """The commits on which it has fired."""
        return SandboxTriggerRuns(self._client, self._organization, self._repository, self.id)

    def refresh(self) -> SandboxTrigger:
        """Fetch it anew, and return this trigger. Raises `NotFoundError`."""
        return self._become(Operation(name="sandbox_triggers.get", method="GET", path=self._own_path()))

    def update(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        conditions: Sequence[TriggerCondition] | None = None,
        sandbox_config: TriggerConfig | None = None,
        run_as: RunAs | None = None,
    ) -> SandboxTrigger:
        """Change what is named and leave the rest; return this trigger with its new values.

        What is named is replaced whole; `run_as={}` takes the agent or role away. The service replaces triggers whole
        too: so what is not named is fetched first, and a change that somebody makes in between is lost. `toggle`
        switches it on and off.

        Raises `BadRequestError`, `NotFoundError`, `ConflictError` if the name is taken, and `ValueError` or
        `TypeError` for what cannot be used or if nothing is named; then nothing was sent.
        """
        config = self._client.config
        named = changes(
            name=None if name is None else checked_name(name),
            description=description,
            conditions=None if conditions is None else checked_conditions(conditions),
            sandbox_config=None if sandbox_config is None else checked_config(config, sandbox_config),
            run_as=run_as if run_as is None or run_as == {} else checked_run_as(run_as),
        )
        if len(named) < len(self._replaced()):
            self.refresh()
        body = {**self._replaced(), **named}
        if not body["run_as"]:
            del body["run_as"]
        return self._become(
            Operation(name="sandbox_triggers.update", method="PUT", path=self._own_path(), body=body),
        )

    def toggle(self, *, enabled: bool) -> SandboxTrigger:
        """Switch it on or off, and return this trigger. Raises `NotFoundError`."""
        if not isinstance(enabled, bool):
            raise TypeError(f"enabled must be a bool, not {type(enabled).__name__}")
        return self._become(
            Operation(
                name="sandbox_triggers.toggle",
                method="PATCH",
                path=self._own_path(),
                body={"enabled": enabled},
                repeatable=True,
            )
        )

    def delete(self) -> None:
        """Delete it. The sandboxes that it has created stay. Raises `NotFoundError`."""
        self._execute(Operation(name="sandbox_triggers.delete", method="DELETE", path=self._own_path()))

    def _replaced(self) -> dict[str, Any]:
        """What an update replaces, as it is now."""
        return {
            "name": self.name,
            "description": self.description,
            "conditions": self.conditions,
            "sandbox_config": self.sandbox_config,
            "run_as": self.run_as,
        }

    def _become(self, operation: Operation) -> SandboxTrigger:
        self._data = self._fetch(operation, SandboxTriggerData)
        return self

    def _own_path(self) -> str:
        return self._path("sandbox-triggers", self.id)

    @property
    def _identity(self) -> tuple[str, ...]:
        return (self._organization, self._repository, self.id)

    def _loaded(self) -> SandboxTriggerData:
        return self._data

    def __repr__(self) -> str:
        return f"SandboxTrigger({self.id!r}, {self.name!r}{'' if self.enabled else ', disabled'})"


class SandboxTriggerRuns(RepositoryResource):
    """The commits on which one trigger has fired."""

    def __init__(self, client: Client, organization: str, repository: str, trigger_id: str) -> None:
        super().__init__(client, organization, repository)
        self._trigger_id = trigger_id

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[SandboxTriggerRun]:
        """Walk the runs, the newest first. `after` is an id."""
        path = self._path("sandbox-triggers", self._trigger_id, "runs")
        return self._list(
            Operation(name="sandbox_triggers.runs", method="GET", path=path),
            SandboxTriggerRun,
            as_it_is,
            key=lambda run: run.id,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def __repr__(self) -> str:
        return f"SandboxTriggerRuns({self._trigger_id!r})"
