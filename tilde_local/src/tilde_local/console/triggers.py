"""Pages of triggers: what they wait for, and what became of the commits that they fired on."""

from __future__ import annotations

import shlex
import sqlite3
from typing import NamedTuple

import msgspec
from starlette.responses import Response

from tilde_local.console.places import may, names
from tilde_local.console.visits import Visit
from tilde_local.store import principals, trigger_runs, triggers
from tilde_local.store.records import Trigger, TriggerRun
from tilde_local.triggers.conditions import Condition
from tilde_local.triggers.config import SandboxConfig

__all__ = ["list_all", "show"]

_TRIGGERS = 50
_RUNS = 50


class Shown(NamedTuple):
    """A trigger with what its page says in words. `last_run` is the newest, if there is one."""

    trigger: Trigger
    conditions: list[Condition]
    config: SandboxConfig
    command: str
    runs_as_type: str
    runs_as: str
    last_run: TriggerRun | None


class ShownRun(NamedTuple):
    """A run with the paths that it was matched with."""

    run: TriggerRun
    paths: list[str]


def _shown(db: sqlite3.Connection, trigger: Trigger, with_run: bool) -> Shown:
    kind, who = trigger.run_as_type or trigger.created_by_type, trigger.run_as_id or trigger.created_by
    newest = trigger_runs.list_of(db, trigger, None, 1) if with_run else []
    config = msgspec.json.decode(trigger.sandbox_config, type=SandboxConfig)
    return Shown(
        trigger,
        msgspec.json.decode(trigger.conditions, type=list[Condition]),
        config,
        shlex.join(config.request().command),
        kind,
        principals.name_of(db, kind, who),
        newest[0] if newest else None,
    )


def list_all(visit: Visit) -> Response:
    """GET …/sandbox-triggers: by name."""
    call, after = visit.call, visit.call.query.text("after")
    with call.services.database.read() as db:
        found = call.repository(db, "ListSandboxTriggers")
        may_list_runs = may(call.permissions(db, call.own_organization(db)), "ListSandboxTriggerRuns", found)
        listed = triggers.list_in(db, found, after, _TRIGGERS + 1)
        shown = [_shown(db, each, may_list_runs) for each in listed[:_TRIGGERS]]
    return visit.render("triggers", **names(call), found=shown, has_more=len(listed) > _TRIGGERS)


def show(visit: Visit) -> Response:
    """GET …/sandbox-triggers/{trigger_id}: what it says, and its runs, the newest first."""
    call, after = visit.call, visit.call.query.optional("after")
    with call.services.database.read() as db:
        repository = call.repository(db, "GetSandboxTrigger")
        call.repository(db, "ListSandboxTriggerRuns")
        trigger = triggers.find(db, repository, call.params["trigger_id"])
        shown = _shown(db, trigger, with_run=False)
        runs = trigger_runs.list_of(db, trigger, after, _RUNS + 1)
    return visit.render(
        "trigger",
        **names(call),
        **shown._asdict(),
        runs=[ShownRun(run, msgspec.json.decode(run.matched_paths, type=list[str])) for run in runs[:_RUNS]],
        has_more=len(runs) > _RUNS,
    )
