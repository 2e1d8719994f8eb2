"""Every public type, for annotations."""

from tilde_core.config import Config, Setting
from tilde_core.hooks.manager import PluginInfo
from tilde_core.models.commits import CommitResult
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
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.commits import Commit, Commits
from tilde_core.resources.members import Members
from tilde_core.resources.objects import CommitObjects, ReadableObjects, SessionObjects
from tilde_core.resources.organizations import Organization, Organizations
from tilde_core.resources.repositories import Repositories, Repository
from tilde_core.resources.sessions import Session
from tilde_core.transfer.download import ObjectReader
from tilde_core.transfer.sources import ObjectData
from tilde_core.transfer.writer import ObjectWriter, TextObjectWriter

__all__ = [
    "Commit",
    "CommitObjects",
    "CommitResult",
    "Commits",
    "Config",
    "CopyObjectResult",
    "Entry",
    "EntryRecord",
    "ListingEntry",
    "Member",
    "Members",
    "ObjectData",
    "ObjectMetadata",
    "ObjectReader",
    "ObjectWriter",
    "Organization",
    "Organizations",
    "PaginatedIterator",
    "PluginInfo",
    "PutObjectResult",
    "ReadableObjects",
    "Repositories",
    "Repository",
    "Session",
    "SessionObjects",
    "Setting",
    "SourceMetadata",
    "TextObjectWriter",
]
