"""Sandboxes on the wire, and their status as users see it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from tilde_core.completion import PublicNames
from tilde_core.models.base import Model, OrDefault

if TYPE_CHECKING:
    from tilde_core.resources.sandbox import Sandbox
    from tilde_core.sandbox_io.log_stream import LogStream

__all__ = ["ACTIVE", "TERMINAL", "SandboxData", "SandboxStatus", "StatusData"]

ACTIVE = frozenset({"starting", "running"})
TERMINAL = frozenset({"done", "errored", "failed", "cancelled"})


class StatusData(Model, frozen=True, kw_only=True):
    """How far a sandbox is, or how it ended. The service calls the state `status`."""

    state: OrDefault[str] = msgspec.field(default="", name="status")
    status_reason: OrDefault[str] = ""
    exit_code: int | None = None
    commit_id: OrDefault[str] = ""
    web_url: OrDefault[str] = ""
    error_message: OrDefault[str] = ""


class SandboxData(StatusData, frozen=True, kw_only=True):
    """A sandbox as the service describes it."""

    id: str
    repository_id: OrDefault[str] = ""
    image: OrDefault[str] = ""
    command: OrDefault[list[str]] = msgspec.field(default_factory=list)
    mountpoint: OrDefault[str] = ""
    path_prefix: OrDefault[str] = ""
    timeout_seconds: int | None = None
    mode: OrDefault[str] = ""
    env: OrDefault[dict[str, str]] = msgspec.field(default_factory=dict, name="env_vars")
    volume_name: OrDefault[str] = ""
    container_id: OrDefault[str] = ""
    created_by_type: OrDefault[str] = ""
    created_by: OrDefault[str] = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    finished_at: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields under the names that they have here; times stay `datetime`."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return {"id": fields.pop("id"), **fields}


class SandboxStatus(PublicNames):
    """The status of a sandbox at one moment: `sandbox.status()` asks anew.

    `state` and `status_reason` together are the whole outcome. They are text, not an enumeration: a service may learn
    new ones.
    """

    def __init__(self, sandbox: Sandbox, data: StatusData) -> None:
        self._sandbox = sandbox
        self._data = data

    @property
    def state(self) -> str:
        """`"starting"`, `"running"`, `"done"`, `"errored"`, `"failed"` or `"cancelled"`."""
        return self._data.state

    @property
    def status_reason(self) -> str:
        """What qualifies the state, such as `"committed"` or `"image_not_found"`; `""` while it runs."""
        return self._data.status_reason

    @property
    def exit_code(self) -> int | None:
        """The exit code of its command, once that has ended."""
        return self._data.exit_code

    @property
    def commit_id(self) -> str:
        """The commit of what it changed; `""` if there is none."""
        return self._data.commit_id

    @property
    def web_url(self) -> str:
        """Where its changes are reviewed, if they await an approval; else `""`."""
        return self._data.web_url

    @property
    def error_message(self) -> str:
        """What went wrong, if it failed or errored; else `""`."""
        return self._data.error_message

    @property
    def is_active(self) -> bool:
        """Whether it is starting or running."""
        return self.state in ACTIVE

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended: done, errored, failed or cancelled."""
        return self.state in TERMINAL

    @property
    def is_committed(self) -> bool:
        """Whether it is done and its changes are committed; see `commit_id`."""
        return (self.state, self.status_reason) == ("done", "committed")

    @property
    def is_awaiting_approval(self) -> bool:
        """Whether it is done and its changes wait for somebody to approve them; see `web_url`."""
        return (self.state, self.status_reason) == ("done", "awaiting_approval")

    @property
    def has_no_changes(self) -> bool:
        """Whether it is done and has changed nothing."""
        return (self.state, self.status_reason) == ("done", "no_changes")

    def stdout(self) -> LogStream:
        """Return the output of its command, both streams in one, to be read line by line; see `Sandbox.stdout`."""
        return self._sandbox._log("stdout", has_ended=self.is_terminal)

    def network(self) -> LogStream:
        """Return the log of its network requests, a line of JSON each; see `Sandbox.network`."""
        return self._sandbox._log("network", has_ended=self.is_terminal)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {name: getattr(self._data, name) for name in StatusData.__struct_fields__}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SandboxStatus):
            return NotImplemented
        return (self._sandbox, self.to_dict()) == (other._sandbox, other.to_dict())

    def __hash__(self) -> int:
        return hash((self._sandbox, self.state, self.status_reason))

    def __str__(self) -> str:
        return f"{self.state} ({self.status_reason})" if self.status_reason else self.state

    def __repr__(self) -> str:
        return f"SandboxStatus({self})"
