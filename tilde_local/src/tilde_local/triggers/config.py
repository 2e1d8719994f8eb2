"""The sandbox that a trigger starts, as its creator describes it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from tilde_local.sandboxes.requests import NewSandbox

__all__ = ["SandboxConfig"]

_ABSENT = msgspec.UNSET
_Text = str | msgspec.UnsetType


class SandboxConfig(msgspec.Struct, forbid_unknown_fields=True):
    """What can be said of it. What is left out is as it is for other sandboxes."""

    image: str
    command: list[str] | msgspec.UnsetType = _ABSENT
    mountpoint: _Text = _ABSENT
    path_prefix: _Text = _ABSENT
    timeout_seconds: Annotated[int, msgspec.Meta(ge=1)] | msgspec.UnsetType = _ABSENT
    env_vars: dict[str, str] | msgspec.UnsetType = _ABSENT

    def request(self) -> NewSandbox:
        """The sandbox to ask for."""
        given: dict[str, Any] = {name: getattr(self, name) for name in self.__struct_fields__}
        return NewSandbox(**{name: value for name, value in given.items() if value is not _ABSENT})
