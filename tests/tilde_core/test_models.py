"""Wire types take what services send."""

from __future__ import annotations

from datetime import datetime, timezone

import msgspec
import pytest

from tilde_core.models.base import ListAnswer
from tilde_core.models.commits import CommitData
from tilde_core.models.objects import Entry, EntryRecord, ListingEntry
from tilde_core.models.organizations import Member, OrganizationData
from tilde_core.models.repositories import RepositoryData

REQUIRED: dict[type[msgspec.Struct], dict[str, str]] = {
    CommitData: {"id": "c1"},
    Entry: {},
    EntryRecord: {"path": "a"},
    ListingEntry: {"path": "a", "type": "object"},
    Member: {},
    OrganizationData: {},
    RepositoryData: {},
}


@pytest.mark.parametrize("kind", REQUIRED)
def test_missing_null_and_unknown_fields(kind: type[msgspec.Struct]) -> None:
    required = REQUIRED[kind]
    missing = msgspec.convert(required, kind)
    nulls = {field.name: None for field in msgspec.structs.fields(kind)} | required
    assert msgspec.convert(nulls, kind) == missing
    assert msgspec.convert(required | {"brand_new": {"a": [1]}}, kind) == missing


def test_null_maps_and_lists_become_empty_ones() -> None:
    commit = msgspec.json.decode(b'{"id": "c", "parents": null, "metadata": null}', type=CommitData)
    assert commit.parents == []
    assert commit.metadata == {}


def test_defaults_are_not_shared() -> None:
    assert Entry().metadata is not Entry().metadata


def test_a_listing_decodes_whole() -> None:
    body = b"""{"results": [{"path": "a", "type": "object", "entry": {"size": 3, "e_tag": "e",
        "last_modified": "2026-01-02T03:04:05.678Z", "metadata": null}}, {"path": "b/", "type": "prefix"}],
        "pagination": {"has_more": true, "next_offset": "b/", "max_per_page": 1000}}"""
    answer = msgspec.json.decode(body, type=ListAnswer[ListingEntry])
    assert answer.results is not None
    first, second = answer.results
    assert first.entry == Entry(
        size=3, e_tag="e", last_modified=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=timezone.utc)
    )
    assert (second.type, second.entry, second.status) == ("prefix", Entry(), None)
    assert answer.pagination is not None
    assert (answer.pagination.has_more, answer.pagination.next_offset) == (True, "b/")
