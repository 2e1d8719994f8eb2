"""Wire types that hold a secret."""

from __future__ import annotations

from typing import Any, ClassVar

from tilde_core.models.base import Model

__all__ = ["Confidential"]


class Confidential(Model, frozen=True, kw_only=True):
    """A wire type whose `secret` field is shown nowhere. `to_dict` has it: that is asked for explicitly."""

    secret: ClassVar[str]

    def _cells(self) -> dict[str, Any]:
        return {name: value for name, value in super()._cells().items() if name != self.secret}

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        shown = ((name, "***" if name == self.secret else getattr(self, name)) for name in self.__struct_fields__)
        return list(shown)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"
