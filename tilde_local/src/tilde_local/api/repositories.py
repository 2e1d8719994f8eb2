"""/organizations/{organization}/repositories and /repositories"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response, page_of
from tilde_local.store import repositories
from tilde_local.store.records import Organization, Repository

__all__ = ["create", "delete", "get", "list_all", "list_in_organization", "update"]


class CreateRepository(msgspec.Struct):
    """The body of POST /organizations/{organization}/repositories."""

    name: str
    description: str = ""
    retention_days: int = repositories.DEFAULT_RETENTION_DAYS


class UpdateRepository(msgspec.Struct):
    """The body of PUT /organizations/{organization}/repositories/{repository}; what is left out stays."""

    description: str | msgspec.UnsetType = msgspec.UNSET
    retention_days: int | msgspec.UnsetType = msgspec.UNSET


def _render(repository: Repository) -> dict[str, Any]:
    return {
        "id": repository.id,
        "organization_id": repository.organization_id,
        "name": repository.name,
        "description": repository.description,
        "visibility": "private",
        "retention_days": repository.retention_days,
        "created_by_type": "user",
        "created_by": repository.created_by,
        "created_at": repository.created_at,
    }


def _render_with_organization(repository: Repository, organization: Organization) -> dict[str, Any]:
    return {
        "id": repository.id,
        "name": repository.name,
        "description": repository.description,
        "visibility": "private",
        "created_at": repository.created_at,
        "organization_slug": organization.name,
        "organization_display_name": organization.display_name,
    }


def create(call: Call) -> Response:
    """POST /organizations/{organization}/repositories"""
    body = call.json(CreateRepository)
    with call.services.database.write() as db:
        created = repositories.create(
            db, call.organization(db), body.name, body.description, body.retention_days, call.user, call.services.now()
        )
    return json_response(_render(created), 201)


def list_in_organization(call: Call) -> Response:
    """GET /organizations/{organization}/repositories: by name."""
    amount = call.query.amount()
    with call.services.database.read() as db:
        found = repositories.list_in(db, call.organization(db), call.query.text("after"), amount + 1)
    return page_of(found, amount, _render, lambda repository: repository.name)


def list_all(call: Call) -> Response:
    """GET /repositories: those of all the caller's organizations, all at once."""
    with call.services.database.read() as db:
        found = repositories.list_of(db, call.user)
    return json_response({"results": [_render_with_organization(*pair) for pair in found]})


def get(call: Call) -> Response:
    """GET /organizations/{organization}/repositories/{repository}"""
    with call.services.database.read() as db:
        return json_response(_render(call.repository(db)))


def update(call: Call) -> Response:
    """PUT /organizations/{organization}/repositories/{repository}"""
    body = call.json(UpdateRepository)
    with call.services.database.write() as db:
        old = call.repository(db)
        description = old.description if body.description is msgspec.UNSET else body.description
        retention_days = old.retention_days if body.retention_days is msgspec.UNSET else body.retention_days
        return json_response(_render(repositories.update(db, old, description, retention_days)))


def delete(call: Call) -> Response:
    """DELETE /organizations/{organization}/repositories/{repository}: softly."""
    with call.services.database.write() as db:
        repositories.delete(db, call.repository(db), call.services.now())
    return Response(status_code=204)
