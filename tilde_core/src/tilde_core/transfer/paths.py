"""What the caller names an object and notes down about it, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tilde_core.arguments import checked_text

__all__ = ["checked_metadata", "checked_path", "checked_paths"]


def checked_path(path: str, name: str = "path") -> str:
    """Return `path` if it can name an object. Raises `TypeError` and `ValueError`, which call it `name`."""
    if not checked_text(name, path):
        raise ValueError(f"{name} is empty; it must name an object")
    if path.startswith("/"):
        raise ValueError(f"{name} {path!r} begins with a slash; object paths are relative, such as 'data/train.csv'")
    return path


def checked_paths(paths: Iterable[str]) -> list[str]:
    """Return `paths` as a list, each checked. A single str is refused: it would be taken letter by letter."""
    if isinstance(paths, (str, bytes)):
        raise TypeError(f"paths must be an iterable of str, not one {type(paths).__name__}; put it into a list")
    return [checked_path(path, f"paths[{index}]") for index, path in enumerate(paths)]


def checked_metadata(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """Return a copy of `metadata`, empty for `None`. Raises `TypeError` unless it maps str to str."""
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata must be a mapping of str to str, not {type(metadata).__name__}")
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"metadata must map str to str; {key!r} maps to {type(value).__name__}")
    return dict(metadata)
