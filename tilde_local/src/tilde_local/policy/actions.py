"""The catalogue: every action that a policy can allow, with the arguments that can narrow it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["ACTIONS", "Action"]


class Action(NamedTuple):
    """What a policy can allow. An `arguments` is a name that a call may give a pattern for."""

    name: str
    arguments: tuple[str, ...]
    summary: str


_REPOSITORY = ("repository",)
_PATH = ("repository", "path")
_SECRET = ("repository", "secret")
_ROLE = ("role",)
_AGENT = ("agent",)
_AGENT_SECRET = ("agent", "secret")

_CATALOGUE = (
    Action("DeleteOrganization", (), "delete the organization"),
    Action("ListMembers", (), "list the members"),
    Action("AddMember", (), "add a user to the organization"),
    Action("RemoveMember", (), "remove a member"),
    Action("CreateInvitation", (), "invite somebody by email"),
    Action("ListInvitations", (), "list the invitations"),
    Action("RevokeInvitation", (), "take an invitation back"),
    Action("CreateGroup", (), "create a group"),
    Action("ListGroups", (), "list the groups"),
    Action("GetGroup", (), "read a group, its members and policies"),
    Action("UpdateGroup", (), "rename or describe a group"),
    Action("DeleteGroup", (), "delete a group"),
    Action("AddGroupMember", (), "put somebody into a group"),
    Action("RemoveGroupMember", (), "take somebody out of a group"),
    Action("GetEffectiveGroups", (), "see which groups somebody is in"),
    Action("CreatePolicy", (), "create a policy"),
    Action("ListPolicies", (), "list the policies"),
    Action("GetPolicy", (), "read a policy and its attachments"),
    Action("UpdatePolicy", (), "change a policy"),
    Action("DeletePolicy", (), "delete a policy"),
    Action("ValidatePolicy", (), "check the text of a policy"),
    Action("GeneratePolicy", (), "have a policy written"),
    Action("AttachPolicy", (), "put a policy in force for somebody"),
    Action("DetachPolicy", (), "put a policy out of force for somebody"),
    Action("ListAttachments", (), "list which policies are in force for whom"),
    Action("GetEffectivePolicies", (), "see which policies are in force for somebody"),
    Action("CreateRole", _ROLE, "create a role"),
    Action("ListRoles", (), "list the roles"),
    Action("GetRole", _ROLE, "read a role"),
    Action("DeleteRole", _ROLE, "delete a role and its API keys"),
    Action("CreateRoleAPIKey", _ROLE, "create an API key of a role"),
    Action("ListRoleAPIKeys", _ROLE, "list the API keys of a role"),
    Action("RevokeRoleAPIKey", _ROLE, "revoke an API key of a role"),
    Action("CreateAgent", _AGENT, "create an agent"),
    Action("ListAgents", (), "list the agents"),
    Action("GetAgent", _AGENT, "read an agent and its inline policy"),
    Action("UpdateAgent", _AGENT, "change an agent and its inline policy"),
    Action("DeleteAgent", _AGENT, "delete an agent and its API keys"),
    Action("CreateAgentAPIKey", _AGENT, "create an API key of an agent"),
    Action("ListAgentAPIKeys", _AGENT, "list the API keys of an agent"),
    Action("RevokeAgentAPIKey", _AGENT, "revoke an API key of an agent"),
    Action("PutAgentSecret", _AGENT_SECRET, "set a secret of an agent"),
    Action("GetAgentSecret", _AGENT_SECRET, "read the value of an agent's secret"),
    Action("ListAgentSecrets", _AGENT, "list the names of an agent's secrets"),
    Action("DeleteAgentSecret", _AGENT_SECRET, "delete a secret of an agent"),
    Action("CreateConnector", (), "create a connector"),
    Action("ListConnectors", (), "list the connectors"),
    Action("GetConnector", (), "read a connector"),
    Action("DeleteConnector", (), "delete a connector"),
    Action("TestConnector", (), "try a connector"),
    Action("CreateRepository", _REPOSITORY, "create a repository"),
    Action("ListRepositories", _REPOSITORY, "see a repository in the list"),
    Action("GetRepository", _REPOSITORY, "read a repository's settings"),
    Action("UpdateRepository", _REPOSITORY, "change a repository's settings"),
    Action("DeleteRepository", _REPOSITORY, "delete a repository"),
    Action("CreateSession", _REPOSITORY, "open a session"),
    Action("CommitSession", _REPOSITORY, "commit a session"),
    Action("RollbackSession", _REPOSITORY, "roll a session back"),
    Action("ApproveSession", _REPOSITORY, "approve a session that waits for review"),
    Action("LogCommits", _REPOSITORY, "read the log, or one commit"),
    Action("DiffCommits", _PATH, "compare two versions"),
    Action("RevertCommit", _REPOSITORY, "undo a commit with a new one"),
    Action("ListObjects", _PATH, "list objects, and the changes of a session"),
    Action("GetObject", _PATH, "read an object or its headers"),
    Action("PutObject", _PATH, "write an object, in one piece or in parts"),
    Action("DeleteObject", _PATH, "delete an object"),
    Action("AttachConnector", _REPOSITORY, "attach a connector to a repository"),
    Action("ListRepositoryConnectors", _REPOSITORY, "list the connectors of a repository"),
    Action("DetachConnector", _REPOSITORY, "detach a connector from a repository"),
    Action("StartImport", _PATH, "import objects to a path"),
    Action("GetImport", _REPOSITORY, "see how an import is getting on"),
    Action("CreateSandboxTrigger", _REPOSITORY, "have commits start sandboxes"),
    Action("ListSandboxTriggers", _REPOSITORY, "list the triggers of a repository"),
    Action("GetSandboxTrigger", _REPOSITORY, "read a trigger"),
    Action("UpdateSandboxTrigger", _REPOSITORY, "change a trigger, or switch it on and off"),
    Action("DeleteSandboxTrigger", _REPOSITORY, "delete a trigger"),
    Action("ListSandboxTriggerRuns", _REPOSITORY, "list what became of the commits that a trigger fired on"),
    Action("ListSecrets", _REPOSITORY, "list the names of a repository's secrets"),
    Action("PutSecret", _SECRET, "set a secret of a repository"),
    Action("GetSecret", _SECRET, "read the value of a repository's secret"),
    Action("DeleteSecret", _SECRET, "delete a secret of a repository"),
    Action("CreateSandbox", _REPOSITORY, "run code in a sandbox on a repository, with its secrets"),
    Action("ListSandboxes", _REPOSITORY, "list the sandboxes of a repository"),
    Action("GetSandbox", _REPOSITORY, "see how a sandbox is getting on, and what was asked for"),
    Action("GetSandboxLogs", _REPOSITORY, "read what a sandbox prints and tries to reach"),
    Action("ExecSandbox", _REPOSITORY, "run commands and type in a sandbox that runs as oneself"),
    Action("FinishSandbox", _REPOSITORY, "finish a sandbox that runs as oneself, so that it commits"),
    Action("CancelSandbox", _REPOSITORY, "cancel a sandbox"),
    Action("RunAsAgent", _AGENT, "let a sandbox run as an agent, and work in it"),
    Action("RunAsRole", _ROLE, "let a sandbox run as a role, and work in it"),
)

ACTIONS: Mapping[str, Action] = MappingProxyType({action.name: action for action in _CATALOGUE})
