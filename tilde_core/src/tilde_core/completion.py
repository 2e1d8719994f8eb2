"""What tab completion offers."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["PublicNames"]


class PublicNames:
    """Offers the public names alone."""

    def __dir__(self) -> Iterable[str]:
        return [name for name in super().__dir__() if not name.startswith("_")]
