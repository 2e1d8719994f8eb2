"""Connectors of organizations, and which repositories may import from them. Their configs are encrypted."""

from __future__ import annotations

import sqlite3
import uuid

from tilde_local.encryption import Encryption
from tilde_local.errors import BadRequest, Conflict, Gone, Locked, NotFound
from tilde_local.imports.settings import Settings, restore
from tilde_local.store.records import Connector, Organization, Principal, Repository

__all__ = ["attach", "create", "delete", "detach", "find", "list_attached", "list_in", "settings_of", "usable"]

_COLUMNS = "c.id, c.organization_id, c.name, c.type, c.source_uri, c.disabled, c.created_at, c.deleted_at"
_MAX_NAME = 100


def create(
    db: sqlite3.Connection,
    encryption: Encryption,
    organization: Organization,
    name: str,
    settings: Settings,
    creator: Principal,
    now: str,
) -> Connector:
    """A new connector. Raises BadRequest for a name that is none, Conflict for one that is taken."""
    if not name.strip() or len(name) > _MAX_NAME:
        raise BadRequest(f"name: expected 1 to {_MAX_NAME} characters, not only spaces")
    query = "SELECT 1 FROM connectors WHERE organization_id = ? AND name = ? AND deleted_at IS NULL"
    if db.execute(query, (organization.id, name)).fetchone() is not None:
        raise Conflict(f"a connector named {name!r} exists already")
    connector = Connector(str(uuid.uuid4()), organization.id, name, settings.type, settings.place.uri, 0, now, None)
    db.execute(
        "INSERT INTO connectors (id, organization_id, name, type, source_uri, config, created_by_type, created_by,"
        " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*connector[:5], encryption.encrypt(settings.stored, *_owner(connector)), creator.type, creator.id, now),
    )
    return connector


def _owner(connector: Connector) -> tuple[str, ...]:
    """What the config is bound to: credentials of one place are not to be sent to another."""
    return "connector", connector.id, connector.type, connector.source_uri


def list_in(db: sqlite3.Connection, organization: Organization) -> list[Connector]:
    """The connectors of the organization, by name."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM connectors c WHERE organization_id = ? AND deleted_at IS NULL ORDER BY name",
        (organization.id,),
    )
    return [Connector(*row) for row in rows]


def _select(db: sqlite3.Connection, organization_id: str, connector_id: str) -> Connector:
    row = db.execute(
        f"SELECT {_COLUMNS} FROM connectors c WHERE id = ? AND organization_id = ?", (connector_id, organization_id)
    ).fetchone()
    if row is None:
        raise NotFound(f"no connector {connector_id!r} in this organization")
    return Connector(*row)


def find(db: sqlite3.Connection, organization_id: str, connector_id: str) -> Connector:
    """The connector. Raises NotFound, also if it was deleted."""
    connector = _select(db, organization_id, connector_id)
    if connector.deleted_at is not None:
        raise NotFound(f"connector {connector_id!r} was deleted")
    return connector


def delete(db: sqlite3.Connection, connector: Connector, now: str) -> None:
    """Soft-delete: its name is free, its credentials are gone, and imports from it answer Gone."""
    db.execute("UPDATE connectors SET deleted_at = ?, config = x'' WHERE id = ?", (now, connector.id))
    db.execute("DELETE FROM repository_connectors WHERE connector_id = ?", (connector.id,))


def settings_of(db: sqlite3.Connection, encryption: Encryption, connector: Connector) -> Settings:
    """What it takes to read from it, with credentials."""
    (config,) = db.execute("SELECT config FROM connectors WHERE id = ?", (connector.id,)).fetchone()
    return restore(connector.type, connector.source_uri, encryption.decrypt(config, *_owner(connector)))


def attach(db: sqlite3.Connection, repository: Repository, connector: Connector, now: str) -> None:
    """Let the repository import from the connector. Raises Conflict if it may already."""
    if _is_attached(db, repository, connector):
        raise Conflict(f"connector {connector.name!r} is attached to {repository.name!r} already")
    db.execute("INSERT INTO repository_connectors VALUES (?, ?, ?)", (repository.key, connector.id, now))


def _is_attached(db: sqlite3.Connection, repository: Repository, connector: Connector) -> bool:
    query = "SELECT 1 FROM repository_connectors WHERE repository = ? AND connector_id = ?"
    return db.execute(query, (repository.key, connector.id)).fetchone() is not None


def list_attached(db: sqlite3.Connection, repository: Repository) -> list[Connector]:
    """The connectors that the repository may import from, by name."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM repository_connectors JOIN connectors c ON c.id = connector_id"
        " WHERE repository = ? ORDER BY name",
        (repository.key,),
    )
    return [Connector(*row) for row in rows]


def detach(db: sqlite3.Connection, repository: Repository, connector_id: str) -> None:
    """Let the repository import from the connector no more. Raises NotFound if it may not."""
    deleted = db.execute(
        "DELETE FROM repository_connectors WHERE repository = ? AND connector_id = ?", (repository.key, connector_id)
    )
    if not deleted.rowcount:
        raise NotFound(f"no connector {connector_id!r} is attached to {repository.name!r}")


def usable(db: sqlite3.Connection, repository: Repository, connector_id: str) -> Connector:
    """The connector, if the repository can import from it now.

    Raises NotFound, Gone if it was deleted, Locked if it is disabled, BadRequest if it is not attached.
    """
    connector = _select(db, repository.organization_id, connector_id)
    if connector.deleted_at is not None:
        raise Gone(f"connector {connector.name!r} was deleted", code="connector_deleted")
    if connector.disabled:
        raise Locked(f"connector {connector.name!r} is disabled", code="connector_disabled")
    if not _is_attached(db, repository, connector):
        raise BadRequest(
            f"connector_id: connector {connector.name!r} is not attached to {repository.name!r}: attach it first",
            code="connector_not_attached",
        )
    return connector
