"""/organizations/{organization}/repositories and /repositories"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response, no_content, page_of
from tilde_local.api.endpoint import AFTER, AMOUNT, Listed, Page, PrincipalType, Time, Uuid, endpoint
from tilde_local.store import organizations, repositories
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


class RepositoryAnswer(msgspec.Struct):
    """A repository."""

    id: Uuid
    organization_id: Uuid
    name: str
    description: str
    visibility: str
    retention_days: int
    created_by_type: PrincipalType
    created_by: Uuid
    created_at: Time

    @classmethod
    def of(cls, repository: Repository) -> RepositoryAnswer:
        """The answer for a repository: all are private here."""
        r = repository
        return cls(
            r.id,
            r.organization_id,
            r.name,
            r.description,
            "private",
            r.retention_days,
            r.created_by_type,
            r.created_by,
            r.created_at,
        )


class RepositoryWithOrganization(msgspec.Struct):
    """A repository in the list of all that the caller can see."""

    id: Uuid
    name: str
    description: str
    visibility: str
    created_at: Time
    organization_slug: str
    organization_display_name: str

    @classmethod
    def of(cls, repository: Repository, organization: Organization) -> RepositoryWithOrganization:
        """The answer for a repository and its organization."""
        r, o = repository, organization
        return cls(r.id, r.name, r.description, "private", r.created_at, o.name, o.display_name)


@endpoint("createRepository", {201: RepositoryAnswer}, body=CreateRepository, errors=(400, 403, 404, 409))
def create(call: Call) -> Response:
    """POST /organizations/{organization}/repositories"""
    body = call.json(CreateRepository)
    with call.services.database.write() as db:
        organization = call.organization(db, "CreateRepository", repository=body.name)
        created = repositories.create(
            db, organization, body.name, body.description, body.retention_days, call.caller, call.services.now()
        )
    return json_response(RepositoryAnswer.of(created), 201)


def _visible(
    call: Call, db: sqlite3.Connection, organization: Organization, found: Iterable[Repository]
) -> Iterator[Repository]:
    """Those of `found` that a policy lets the caller list."""
    may = call.permissions(db, organization).permissions
    return (each for each in found if may.allows("ListRepositories", {"repository": each.name}))


@endpoint("listRepositories", {200: Page[RepositoryAnswer]}, query=(AFTER, AMOUNT), errors=(400, 403, 404))
def list_in_organization(call: Call) -> Response:
    """GET /organizations/{organization}/repositories: by name, those that the caller may list."""
    amount = call.query.amount()
    with call.services.database.read() as db:
        organization = call.own_organization(db)
        call.permissions(db, organization).require_any("ListRepositories")
        after = repositories.list_in(db, organization, call.query.text("after"))
        found = list(islice(_visible(call, db, organization, after), amount + 1))
    return page_of(found, amount, RepositoryAnswer.of, lambda repository: repository.name)


@endpoint("listAllUserRepos", {200: Listed[RepositoryWithOrganization]})
def list_all(call: Call) -> Response:
    """GET /repositories: those of all the caller's organizations that he may list, all at once."""
    with call.services.database.read() as db:
        found = [
            RepositoryWithOrganization.of(repository, organization)
            for organization in organizations.list_of(db, call.caller)
            for repository in _visible(call, db, organization, repositories.list_in(db, organization))
        ]
    return json_response(Listed(found))


@endpoint("getRepository", {200: RepositoryAnswer}, errors=(403, 404))
def get(call: Call) -> Response:
    """GET /organizations/{organization}/repositories/{repository}"""
    with call.services.database.read() as db:
        return json_response(RepositoryAnswer.of(call.repository(db, "GetRepository")))


@endpoint("updateRepository", {200: RepositoryAnswer}, body=UpdateRepository, errors=(400, 403, 404))
def update(call: Call) -> Response:
    """PUT /organizations/{organization}/repositories/{repository}"""
    body = call.json(UpdateRepository)
    with call.services.database.write() as db:
        old = call.repository(db, "UpdateRepository")
        description = old.description if body.description is msgspec.UNSET else body.description
        retention_days = old.retention_days if body.retention_days is msgspec.UNSET else body.retention_days
        return json_response(RepositoryAnswer.of(repositories.update(db, old, description, retention_days)))


@endpoint("deleteRepository", {204: None}, errors=(403, 404))
def delete(call: Call) -> Response:
    """DELETE /organizations/{organization}/repositories/{repository}: softly."""
    with call.services.database.write() as db:
        repositories.delete(db, call.repository(db, "DeleteRepository"), call.services.now())
    return no_content()
