"""What the pages below a repository have in common: their links, and who may see what on them."""

from __future__ import annotations

from typing import Any

from tilde_local.api.call import Call
from tilde_local.console.cookies import HOME
from tilde_local.store import reviews
from tilde_local.store.permissions import Caller
from tilde_local.store.records import Repository

__all__ = ["may", "names", "repository_path"]


def may(caller: Caller, action: str, found: Repository) -> bool:
    """Whether the visitor may do `action` in the repository."""
    return caller.permissions.allows(action, {"repository": found.name})


def names(call: Call) -> dict[str, Any]:
    """What the links of a page below a repository are made of."""
    return {"organization": call.params["organization"], "name": call.params["repository"]}


def repository_path(call: Call) -> str:
    """The page of the repository in the path."""
    path = reviews.path_of(call.params["organization"], call.params["repository"], "")
    return HOME + path.removesuffix("/sessions//approve")
