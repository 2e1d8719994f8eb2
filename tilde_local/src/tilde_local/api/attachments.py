"""…/policies/{policy_id}/attachments, /attachments and /effective-policies"""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response, no_content
from tilde_local.api.endpoint import Listed, PrincipalType, SubjectType, Time, Uuid, endpoint
from tilde_local.api.principals import PRINCIPAL, WHOSE, asked_about, named, pair
from tilde_local.store import agents, attachments, policies
from tilde_local.store.attachments import Attachment

__all__ = ["AttachmentAnswer", "attach", "detach", "effective", "list_all"]

INLINE = "inline"
PolicySource = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["direct", "group", INLINE]})]


class AttachPolicy(msgspec.Struct):
    """The body of POST /policies/{policy_id}/attachments."""

    principal_type: SubjectType
    principal_id: Uuid


class AttachmentAnswer(msgspec.Struct):
    """A policy that is attached to a principal."""

    policy_id: Uuid
    policy_name: str
    is_builtin: bool
    principal_type: SubjectType
    principal_id: Uuid
    principal_name: str
    attached_by_type: PrincipalType
    attached_by: Uuid
    attached_at: Time

    @classmethod
    def of(cls, attachment: Attachment) -> AttachmentAnswer:
        """The answer for an attachment."""
        policy_id, name, is_builtin, *rest = attachment
        return cls(policy_id, name, bool(is_builtin), *rest)


class EffectivePolicy(msgspec.Struct):
    """A policy that is in force for a principal."""

    policy_id: Uuid
    policy_name: str
    is_builtin: bool
    source: PolicySource
    source_name: str


@endpoint("attachPolicyToPrincipal", {201: None}, body=AttachPolicy, errors=(400, 403, 404))
def attach(call: Call) -> Response:
    """POST /policies/{policy_id}/attachments: once more is fine."""
    body = call.json(AttachPolicy)
    with call.services.database.write() as db:
        organization = call.organization(db, "AttachPolicy")
        policy = policies.find(db, organization, call.params["policy_id"])
        principal = named(db, organization, "principal", body.principal_type, body.principal_id)
        attachments.attach(db, policy.id, principal, call.caller, call.services.now())
    return Response(status_code=201)


@endpoint("detachPolicyFromPrincipal", {204: None}, query=PRINCIPAL, errors=(400, 403, 404, 409))
def detach(call: Call) -> Response:
    """DELETE /policies/{policy_id}/attachments"""
    kind, principal_id = pair(call, "principal")
    with call.services.database.write() as db:
        organization = call.organization(db, "DetachPolicy")
        policy = policies.find(db, organization, call.params["policy_id"])
        attachments.detach(db, policy, kind, principal_id)
        attachments.require_administrator(db, organization)
    return no_content()


@endpoint("listAllAttachments", {200: Listed[AttachmentAnswer]}, errors=(403, 404))
def list_all(call: Call) -> Response:
    """GET /attachments: all of the organization at once."""
    with call.services.database.read() as db:
        found = attachments.list_in(db, call.organization(db, "ListAttachments"))
    return json_response(Listed([AttachmentAnswer.of(each) for each in found]))


@endpoint("getEffectivePolicies", {200: Listed[EffectivePolicy]}, query=WHOSE, errors=(400, 403, 404))
def effective(call: Call) -> Response:
    """GET /effective-policies: what is in force for a principal; for an agent, its inline policy alone."""
    with call.services.database.read() as db:
        organization = call.organization(db, "GetEffectivePolicies")
        principal = asked_about(call, db, organization)
        if principal.type == "agent":
            inline = agents.find(db, organization, principal.name).inline_policy
            found = [EffectivePolicy(principal.id, INLINE, False, INLINE, "")] if inline else []
        else:
            found = [
                EffectivePolicy(each.id, each.name, bool(each.is_builtin), _source(each.through), each.through)
                for each in attachments.effective(db, organization, principal)
            ]
    return json_response(Listed(found))


def _source(through: str) -> str:
    return "group" if through else "direct"
