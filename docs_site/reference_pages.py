"""The pages of the API reference: each public name is on one of them.

They are directives for mkdocstrings, which reads the sources. Written here and not in `docs/`, where they would say
nothing to somebody who reads the repository.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

__all__ = ["MODULES", "REFERENCE", "ReferencePage", "missing_names", "public_names", "reference_text"]

# Where the public modules are. A name that begins with an underscore or is a module itself has no entry.
MODULES = {
    "tilde": "tilde_core/src/tilde/__init__.py",
    "tilde.models": "tilde_core/src/tilde/models.py",
    "tilde.exceptions": "tilde_core/src/tilde/exceptions.py",
    "tilde.plugins": "tilde_core/src/tilde/plugins.py",
    "tilde_core.testing": "tilde_core/src/tilde_core/testing/__init__.py",
    "tilde_core.testing.contract": "tilde_core/src/tilde_core/testing/contract/__init__.py",
    "tilde_auth_sandbox": "tilde_auth_sandbox/src/tilde_auth_sandbox/__init__.py",
    "tilde_local": "tilde_local/src/tilde_local/__init__.py",
}
_MODULES_IN_MODULES = {"tilde.exceptions", "tilde.models", "tilde.plugins"}


# What users get from the SDK and never make themselves: how they are made is nothing to them.
_NOT_MADE_BY_USERS = "merge_init_into_class: false"


@dataclass(frozen=True)
class ReferencePage:
    """One page. `names` are those of `module` in their order; the name "…" is all that no page names."""

    file: str
    title: str
    module: str
    text: str
    names: str = "…"
    options: str = ""


REFERENCE = (
    ReferencePage(
        "reference/tilde.md",
        "tilde",
        "tilde",
        "What most programs begin with. `import tilde` loads each name when it is first used.",
        "repository organizations configure Client Timeout",
    ),
    ReferencePage(
        "reference/organizations.md",
        "Organizations and people",
        "tilde.models",
        "Organizations, their members, groups, roles, agents and keys, and the account that a client speaks for.",
        "Organizations Organization OrganizationSummary Members Member Invitations Invitation MyInvitations Groups "
        "Group GroupMembers GroupMember EffectiveGroup Agents Agent Roles Role APIKeys APIKey CreatedAPIKey "
        "CurrentUser User UserSummary NameCheck PrincipalType",
        _NOT_MADE_BY_USERS,
    ),
    ReferencePage(
        "reference/policies.md",
        "Policies and approval",
        "tilde.models",
        "Who may do what. The language of policies is described with the [local server](../local-server.md).",
        "Policies Policy PolicyAttachment EffectivePolicy ValidationResult ValidationError ApprovalResult",
        _NOT_MADE_BY_USERS,
    ),
    ReferencePage(
        "reference/repositories.md",
        "Repositories and commits",
        "tilde.models",
        "Repositories, sessions and commits, and what belongs to a repository: secrets, connectors, imports.",
        "Repository Repositories AllRepositories Session Commits Commit CommitResult Entry EntryRecord Secrets "
        "Secret SecretEntry Connectors Connector RepositoryConnectors ConnectorType ConnectionTestResult Imports "
        "ImportJob SourceMetadata",
        _NOT_MADE_BY_USERS,
    ),
    ReferencePage(
        "reference/objects.md",
        "Objects",
        "tilde.models",
        "Files: those of a session to read and write, those of a commit to read.",
        "SessionObjects CommitObjects ReadableObjects ObjectReader ObjectWriter TextObjectWriter ObjectData "
        "ObjectMetadata ListingEntry PutObjectResult CopyObjectResult",
        _NOT_MADE_BY_USERS,
    ),
    ReferencePage(
        "reference/sandboxes.md",
        "Sandboxes",
        "tilde.models",
        "Code that runs on the files of a repository. [Sandboxes](../sandboxes.md) explains how.",
        "Sandboxes Sandbox SandboxStatus SandboxMode RunAs Command RunResult OutputStream LogStream Shell Process "
        "Terminal SandboxTriggers SandboxTrigger SandboxTriggerConfig SandboxTriggerCondition SandboxTriggerRuns "
        "SandboxTriggerRun",
        _NOT_MADE_BY_USERS,
    ),
    ReferencePage(
        "reference/models.md",
        "Lists and settings",
        "tilde.models",
        "What is common to all of the API: lists, settings, tokens, plugins.",
        options=_NOT_MADE_BY_USERS,
    ),
    ReferencePage(
        "reference/exceptions.md",
        "Errors",
        "tilde.exceptions",
        "All errors of the SDK are a `TildeError`. The [guide](../guide.md#errors) says when each is raised.",
        "TildeError …",
        "inherited_members: false\nshow_bases: true",
    ),
    ReferencePage("reference/plugins.md", "tilde.plugins", "tilde.plugins", "What authors of plugins import."),
    ReferencePage(
        "reference/testing.md",
        "tilde_core.testing",
        "tilde_core.testing",
        "For tests of plugins: a fake transport, and servers that misbehave on demand.",
    ),
    ReferencePage(
        "reference/contracts.md",
        "Contract suites",
        "tilde_core.testing.contract",
        "Tests that every plugin of a kind has to pass. Subclass one, and pytest runs them all.",
    ),
    ReferencePage(
        "reference/local-server.md",
        "tilde_local",
        "tilde_local",
        "The [embedded server](../local-server.md), to be started from Python.",
    ),
    ReferencePage(
        "reference/sandbox-credentials.md",
        "tilde_auth_sandbox",
        "tilde_auth_sandbox",
        "Tokens [inside a sandbox](../tilde_auth_sandbox/README.md). The SDK finds them by itself.",
    ),
)


def public_names(module: str, root: Path) -> list[str]:
    """Return what a public module exports, but for modules and its version."""
    for statement in ast.parse((root / MODULES[module]).read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(statement.value)
            return [n for n in names if not n.startswith("__") and f"{module}.{n}" not in _MODULES_IN_MODULES]
    raise ValueError(f"{MODULES[module]} has no __all__")


def missing_names(module: str, root: Path) -> list[str]:
    """Return what a module exports and no page names."""
    named = {name for page in REFERENCE if page.module == module for name in page.names.split()}
    return [name for name in public_names(module, root) if name not in named]


def reference_text(page: ReferencePage, root: Path) -> str:
    """Return the Markdown of a page."""
    names = page.names.replace("…", " ".join(missing_names(page.module, root))).split()
    options = "".join(f"    {line}\n" for line in f"options:\n{indent(page.options, '  ')}".splitlines())
    entries = "".join(f"\n::: {page.module}.{name}\n{options if page.options else ''}" for name in names)
    return f"# {page.title}\n\n{page.text}\n\nThe names on this page are in `{page.module}`.\n{entries}"
