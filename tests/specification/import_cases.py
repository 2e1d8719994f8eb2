"""The page's section "Connectors & Imports", against an S3 server of its own."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing
from typing import Any

import tilde
from outside import S3Server
from specification.world import World, snippet
from tilde.models import Connector


def make_connector(world: World, config: dict[str, Any]) -> Connector:
    return world.organization.connectors.create(name="source", type="s3", source_uri="s3://my-bucket/", config=config)


def make_impatient(world: World) -> None:
    """The page waits 2 seconds between two looks at an import."""
    world.monkeypatch.setattr(time, "sleep", lambda _: threading.Event().wait(0.01))


@snippet("050")
def creating_connectors(world: World) -> None:
    key = {"type": "service_account", "client_email": "someone@example.com", "private_key": "none"}
    (world.directory / "service-account-key.json").write_text(json.dumps(key), encoding="utf-8")
    world.run_leaving_files_open()
    found = {each.name: each for each in world.organization.connectors.list()}
    assert {name: (each.type, each.source_uri) for name, each in found.items()} == {
        "production-s3": ("s3", "s3://my-bucket/datasets/"),
        "production-gcs": ("gcs", "gs://my-bucket/datasets/"),
    }
    assert "wJalrXUtnFEMI" not in repr([each.to_dict() for each in found.values()])


@snippet("051")
def attaching_connectors(world: World) -> None:
    connector = make_connector(world, {"anonymous": True})
    outcome = world.run(tilde=tilde, connector=connector)
    assert outcome.lines == ["source s3"]
    assert list(world.repository.connectors.list()) == []


@snippet("052")
def importing_from_a_connector(world: World) -> None:
    make_impatient(world)
    with closing(S3Server()) as s3:
        s3.bucket("my-bucket")
        for key in ("datasets/a.csv", "datasets/deep/b.csv", "other/c.csv"):
            s3.put("my-bucket", key, key.encode())
        connector = make_connector(world, s3.config)
        world.repository.connectors.attach(connector.id)
        outcome = world.run(tilde=tilde, connector=connector)
        assert outcome.lines[-2:] == ["Status: completed, Objects: 2", f"Import done! Commit: {world.latest.id}"]
        assert world.latest.message == "Import production datasets"
        assert world.paths == ["imported/a.csv", "imported/deep/b.csv"]
        assert world.content("imported/a.csv") == b"datasets/a.csv"
        entry = next(world.latest.objects.list()).entry
        assert entry is not None
        source = entry.source_metadata
        assert source is not None
        assert (source.source_path, source.connector_id) == ("s3://my-bucket/datasets/a.csv", connector.id)


@snippet("053")
def importing_from_a_repository(world: World) -> None:
    make_impatient(world)
    source = world.client.organizations.create("other-team").repositories.create("source-data")
    try:
        with source.session() as session:
            session.objects.put("datasets/train/a.csv", b"a")
            session.objects.put("datasets/train/deep/b.csv", b"b")
            session.objects.put("datasets/test/c.csv", b"c")
            session.commit("Earlier")
        outcome = world.run(tilde=tilde, time=time)
        job = outcome.names["job"]
        assert outcome.lines[-2:] == ["Status: completed, Objects: 2", f"Import done! Commit: {world.latest.id}"]
        assert (job.source_organization, job.source_repository) == ("other-team", "source-data")
        assert world.latest.message == "Import training data from source-data"
        assert world.paths == ["external/a.csv", "external/deep/b.csv"]
    finally:
        world.client.organizations.delete("other-team")
