"""/auth/me"""

from __future__ import annotations

from starlette.responses import Response

from tilde_local.api.call import Call, json_response
from tilde_local.store import organizations

__all__ = ["me"]


def me(call: Call) -> Response:
    """GET /auth/me: who the API key belongs to."""
    with call.services.database.read() as db:
        mine = organizations.list_of(db, call.user)
    summaries = [{"id": each.id, "name": each.name, "display_name": each.display_name} for each in mine]
    user = {**call.user._asdict(), "source": "local", "status": "active"}
    return json_response({"user": user, "organizations": summaries, "has_password": False})
