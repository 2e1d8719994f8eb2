"""The policies that every organization has from the start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from tilde_local.policy.actions import ACTIONS

__all__ = ["BUILT_IN", "BuiltIn"]

_READS = (
    *("ListRepositories", "GetRepository", "LogCommits", "DiffCommits", "ListObjects", "GetObject"),
    *("ListRepositoryConnectors", "GetImport", "ListSecrets", "ListSandboxes", "GetSandbox"),
    *("ListSandboxTriggers", "GetSandboxTrigger", "ListSandboxTriggerRuns"),
)
_DEVELOPMENT = (
    *("CreateRepository", "UpdateRepository", "CreateSession", "CommitSession", "RollbackSession", "RevertCommit"),
    *("PutObject", "DeleteObject", "ListConnectors", "GetConnector", "AttachConnector", "DetachConnector"),
    *("StartImport", "PutSecret", "CreateSandbox", "GetSandboxLogs", "ExecSandbox", "FinishSandbox", "CancelSandbox"),
    *("CreateSandboxTrigger", "UpdateSandboxTrigger", "DeleteSandboxTrigger"),
)
_REVIEW = ("ApproveSession", "RollbackSession")


class BuiltIn(NamedTuple):
    """A policy that comes with the server."""

    name: str
    description: str
    text: str


def _policy(name: str, description: str, actions: Iterable[str]) -> BuiltIn:
    """The policy that allows `actions` without conditions, in the order of the catalogue."""
    allowed = set(actions)
    return BuiltIn(name, description, "".join(f"{action}()\n" for action in ACTIONS if action in allowed))


_POLICIES = (
    _policy("Administrator", "Everything.", ACTIONS),
    _policy(
        "Developer",
        "Work in repositories: no people, policies, keys or approvals, no deleting of repositories, and no reading of"
        " secret values but in sandboxes.",
        (*_READS, *_DEVELOPMENT),
    ),
    _policy("Approver", "Read repositories, and approve or roll back what waits for a review.", (*_READS, *_REVIEW)),
    _policy("Viewer", "Read repositories, except for the values of secrets.", _READS),
)

BUILT_IN: Mapping[str, BuiltIn] = MappingProxyType({policy.name: policy for policy in _POLICIES})
