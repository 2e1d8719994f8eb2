"""A metadata endpoint on loopback, and what it answers."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from typing import Any

from tilde_core.testing import Behavior, behaviors

__all__ = ["PATH", "TOKEN", "token_answer", "token_body"]

PATH = "/metadata/unguessable-path"
TOKEN = "tst-very-secret-token"


def token_body(token: str = TOKEN, life: float = 3600.0, **changed: Any) -> bytes:
    """The JSON of a token that is good for so many seconds, with some fields changed; `...` leaves one out."""
    fields = {
        "access_token": token,
        "expires_at": datetime.fromtimestamp(time.time() + life, timezone.utc).isoformat(),
        "principal_type": "agent",
        "principal_id": "8b6f",
        "principal_name": "cleaner",
        "organization_id": "1c2d",
        "api_url": "http://127.0.0.1:8000",
        **changed,
    }
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


def token_answer(token: str = TOKEN, life: float = 3600.0, **changed: Any) -> Behavior:
    return behaviors.answer(200, token_body(token, life, **changed), [("Content-Type", "application/json")])
