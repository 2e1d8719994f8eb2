"""Who calls: the owner of an API key, or of the access token of a sandbox."""

from __future__ import annotations

from collections.abc import Mapping

from tilde_local.errors import Unauthorized
from tilde_local.sandboxes.tokens import PREFIX
from tilde_local.services import Services
from tilde_local.store import principals, sandboxes
from tilde_local.store.keys import find_caller, note_use
from tilde_local.store.records import Principal

__all__ = ["authenticate"]


def authenticate(services: Services, headers: Mapping[str, str]) -> Principal:
    """The caller. `headers` finds a name in any case. Raises Unauthorized."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("an API key is required: Authorization: Bearer tuk-…")
    return _in_sandbox(services, token) if token.startswith(PREFIX) else _with_key(services, token)


def _with_key(services: Services, token: str) -> Principal:
    now = services.clock()
    with services.database.read() as db:
        found = find_caller(db, token, now)
    if found is None:
        raise Unauthorized(
            "this API key was not issued by this server, or was revoked: use the TILDE_API_KEY that it printed"
        )
    if not found.is_noted:
        with services.database.write() as db:
            note_use(db, found.key_id, now)
    return found.owner


def _in_sandbox(services: Services, token: str) -> Principal:
    """Whom the sandbox runs as, as long as there is such a one."""
    sandbox_id = services.sandboxes.tokens.find(token)
    with services.database.read() as db:
        sandbox = sandboxes.find_by_id(db, sandbox_id) if sandbox_id else None
        principal = principals.find_any(db, sandbox.runs_as_type, sandbox.runs_as) if sandbox else None
    if principal is None or sandbox is None:
        raise Unauthorized(
            "this access token has expired, or its sandbox has ended: ask TILDE_SANDBOX_CREDENTIALS_URI for a new one"
        )
    return principal._replace(trigger_run_id=sandbox.trigger_run_id)
