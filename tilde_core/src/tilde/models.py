"""Every public type, for annotations."""

from tilde_core.access_token import AccessToken
from tilde_core.config import Config, Setting
from tilde_core.hooks.manager import PluginInfo
from tilde_core.models.account import CurrentUser, NameCheck, OrganizationSummary, User, UserSummary
from tilde_core.models.api_keys import CreatedAPIKey
from tilde_core.models.commits import ApprovalResult, CommitResult
from tilde_core.models.connectors import ConnectionTestResult, ConnectorType
from tilde_core.models.groups import EffectiveGroup, GroupMember
from tilde_core.models.objects import (
    CopyObjectResult,
    Entry,
    EntryRecord,
    ListingEntry,
    ObjectMetadata,
    PutObjectResult,
    SourceMetadata,
)
from tilde_core.models.organizations import Member
from tilde_core.models.policies import EffectivePolicy, PolicyAttachment, ValidationError, ValidationResult
from tilde_core.models.sandbox_triggers import (
    SandboxTriggerCondition,
    SandboxTriggerConfig,
    SandboxTriggerRun,
)
from tilde_core.models.sandboxes import SandboxStatus
from tilde_core.models.secrets import SecretEntry
from tilde_core.pagination import PaginatedIterator
from tilde_core.principals import PrincipalType
from tilde_core.resources.agents import Agent, Agents
from tilde_core.resources.api_keys import APIKey, APIKeys
from tilde_core.resources.commits import Commit, Commits
from tilde_core.resources.connectors import Connector, Connectors, RepositoryConnectors
from tilde_core.resources.group_members import GroupMembers
from tilde_core.resources.groups import Group, Groups
from tilde_core.resources.import_job import ImportJob
from tilde_core.resources.imports import Imports
from tilde_core.resources.invitations import Invitation, Invitations, MyInvitations
from tilde_core.resources.members import Members
from tilde_core.resources.objects import CommitObjects, ReadableObjects, SessionObjects
from tilde_core.resources.organizations import Organization, Organizations
from tilde_core.resources.policies import Policies
from tilde_core.resources.policy import Policy
from tilde_core.resources.repositories import AllRepositories, Repositories, Repository
from tilde_core.resources.roles import Role, Roles
from tilde_core.resources.sandbox import Sandbox
from tilde_core.resources.sandbox_request import Command, RunAs, SandboxMode
from tilde_core.resources.sandbox_trigger import SandboxTrigger, SandboxTriggerRuns
from tilde_core.resources.sandbox_triggers import SandboxTriggers
from tilde_core.resources.sandboxes import Sandboxes
from tilde_core.resources.secrets import Secret, Secrets
from tilde_core.resources.sessions import Session
from tilde_core.resources.shell import Shell
from tilde_core.sandbox_io.log_stream import LogStream
from tilde_core.sandbox_io.output import OutputStream, RunResult
from tilde_core.sandbox_io.process import Process
from tilde_core.sandbox_io.terminal import Terminal
from tilde_core.transfer.download import ObjectReader
from tilde_core.transfer.sources import ObjectData
from tilde_core.transfer.writer import ObjectWriter, TextObjectWriter

__all__ = [
    "APIKey",
    "APIKeys",
    "AccessToken",
    "Agent",
    "Agents",
    "AllRepositories",
    "ApprovalResult",
    "Command",
    "Commit",
    "CommitObjects",
    "CommitResult",
    "Commits",
    "Config",
    "ConnectionTestResult",
    "Connector",
    "ConnectorType",
    "Connectors",
    "CopyObjectResult",
    "CreatedAPIKey",
    "CurrentUser",
    "EffectiveGroup",
    "EffectivePolicy",
    "Entry",
    "EntryRecord",
    "Group",
    "GroupMember",
    "GroupMembers",
    "Groups",
    "ImportJob",
    "Imports",
    "Invitation",
    "Invitations",
    "ListingEntry",
    "LogStream",
    "Member",
    "Members",
    "MyInvitations",
    "NameCheck",
    "ObjectData",
    "ObjectMetadata",
    "ObjectReader",
    "ObjectWriter",
    "Organization",
    "OrganizationSummary",
    "Organizations",
    "OutputStream",
    "PaginatedIterator",
    "PluginInfo",
    "Policies",
    "Policy",
    "PolicyAttachment",
    "PrincipalType",
    "Process",
    "PutObjectResult",
    "ReadableObjects",
    "Repositories",
    "Repository",
    "RepositoryConnectors",
    "Role",
    "Roles",
    "RunAs",
    "RunResult",
    "Sandbox",
    "SandboxMode",
    "SandboxStatus",
    "SandboxTrigger",
    "SandboxTriggerCondition",
    "SandboxTriggerConfig",
    "SandboxTriggerRun",
    "SandboxTriggerRuns",
    "SandboxTriggers",
    "Sandboxes",
    "Secret",
    "SecretEntry",
    "Secrets",
    "Session",
    "SessionObjects",
    "Setting",
    "Shell",
    "SourceMetadata",
    "Terminal",
    "TextObjectWriter",
    "User",
    "UserSummary",
    "ValidationError",
    "ValidationResult",
]
