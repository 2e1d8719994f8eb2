"""/organizations/{organization}/policies"""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from tilde_local.api.attachments import AttachmentAnswer
from tilde_local.api.call import MAX_AMOUNT, Call, json_response, no_content, page_of
from tilde_local.api.endpoint import AFTER, Page, PrincipalType, Time, Uuid, endpoint
from tilde_local.errors import BadGateway, BadRequest
from tilde_local.policy.generate import PromptError
from tilde_local.policy.language import PolicyError, parse
from tilde_local.store import attachments, policies
from tilde_local.store.records import Policy

__all__ = ["create", "delete", "generate", "get", "list_all", "update", "validate"]

MAX_PROMPT = 4000


class CreatePolicy(msgspec.Struct):
    """The body of POST /policies."""

    name: str
    policy_text: str
    description: str = ""


class UpdatePolicy(msgspec.Struct):
    """The body of PUT /policies/{policy_id}; what is left out stays."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType = msgspec.UNSET
    policy_text: str | msgspec.UnsetType = msgspec.UNSET


class ValidatePolicy(msgspec.Struct):
    """The body of POST /policies:validate."""

    policy_text: str


class GeneratePolicy(msgspec.Struct):
    """The body of POST /policies:generate."""

    prompt: Annotated[str, msgspec.Meta(max_length=MAX_PROMPT)]


class PolicyAnswer(msgspec.Struct):
    """A policy."""

    id: Uuid
    organization_id: Uuid
    name: str
    description: str
    policy_text: str
    is_builtin: bool
    created_by_type: PrincipalType
    created_by: Uuid
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, policy: Policy) -> PolicyAnswer:
        """The answer for a policy."""
        return cls(*policy[:5], bool(policy.is_builtin), *policy[6:])


class PolicySummary(msgspec.Struct):
    """A policy in a list."""

    id: Uuid
    organization_id: Uuid
    name: str
    description: str
    is_builtin: bool
    created_at: Time
    updated_at: Time
    attachment_count: int

    @classmethod
    def of(cls, listed: tuple[Policy, int]) -> PolicySummary:
        """The answer for a policy and the number of its attachments."""
        policy, count = listed
        return cls(*policy[:4], bool(policy.is_builtin), policy.created_at, policy.updated_at, count)


class PolicyDetails(msgspec.Struct):
    """A policy with whom it is attached to."""

    policy: PolicyAnswer
    attachments: list[AttachmentAnswer]


class ProblemAnswer(msgspec.Struct):
    """What is wrong in a text, and where: lines and columns count from 1."""

    line: int
    column: int
    message: str


class Validation(msgspec.Struct):
    """Whether a text is a policy."""

    valid: bool
    errors: list[ProblemAnswer]


class Generated(msgspec.Struct):
    """The text of a policy."""

    policy_text: str


@endpoint("createPolicy", {201: PolicyAnswer}, body=CreatePolicy, errors=(400, 403, 404, 409))
def create(call: Call) -> Response:
    """POST /policies"""
    body = call.json(CreatePolicy)
    with call.services.database.write() as db:
        organization = call.organization(db, "CreatePolicy")
        created = policies.create(
            db, organization, body.name, body.policy_text, body.description, call.caller, call.services.now()
        )
    return json_response(PolicyAnswer.of(created), 201)


@endpoint("listPolicies", {200: Page[PolicySummary]}, query=(AFTER,), errors=(403, 404))
def list_all(call: Call) -> Response:
    """GET /policies: by name, up to 1000 a page."""
    with call.services.database.read() as db:
        found = policies.list_in(db, call.organization(db, "ListPolicies"), call.query.text("after"), MAX_AMOUNT + 1)
    return page_of(found, MAX_AMOUNT, PolicySummary.of, lambda listed: listed[0].name)


@endpoint("getPolicy", {200: PolicyDetails}, errors=(403, 404))
def get(call: Call) -> Response:
    """GET /policies/{policy_id}: with its attachments."""
    with call.services.database.read() as db:
        policy = policies.find(db, call.organization(db, "GetPolicy"), call.params["policy_id"])
        attached = [AttachmentAnswer.of(each) for each in attachments.of_policy(db, policy)]
    return json_response(PolicyDetails(PolicyAnswer.of(policy), attached))


@endpoint("updatePolicy", {200: PolicyAnswer}, body=UpdatePolicy, errors=(400, 403, 404, 409))
def update(call: Call) -> Response:
    """PUT /policies/{policy_id}"""
    body, now = call.json(UpdatePolicy), call.services.now()
    with call.services.database.write() as db:
        old = policies.find(db, call.organization(db, "UpdatePolicy"), call.params["policy_id"])
        name = old.name if body.name is msgspec.UNSET else body.name
        text = old.policy_text if body.policy_text is msgspec.UNSET else body.policy_text
        description = old.description if body.description is msgspec.UNSET else body.description
        return json_response(PolicyAnswer.of(policies.update(db, old, name, text, description, now)))


@endpoint("deletePolicy", {204: None}, errors=(400, 403, 404))
def delete(call: Call) -> Response:
    """DELETE /policies/{policy_id}: not a built-in one."""
    with call.services.database.write() as db:
        policies.delete(db, policies.find(db, call.organization(db, "DeletePolicy"), call.params["policy_id"]))
    return no_content()


@endpoint("validatePolicy", {200: Validation}, body=ValidatePolicy, errors=(400, 403, 404))
def validate(call: Call) -> Response:
    """POST /policies:validate: nothing is stored."""
    text = call.json(ValidatePolicy).policy_text
    with call.services.database.read() as db:
        call.organization(db, "ValidatePolicy")
    try:
        parse(text)
    except PolicyError as error:
        return json_response(Validation(False, [ProblemAnswer(*problem) for problem in error.problems]))
    return json_response(Validation(True, []))


@endpoint("generatePolicy", {200: Generated}, body=GeneratePolicy, errors=(400, 403, 404, 502))
def generate(call: Call) -> Response:
    """POST /policies:generate: by fixed rules, or by the generator that the operator gave to the server."""
    prompt = call.json(GeneratePolicy).prompt
    with call.services.database.read() as db:
        call.organization(db, "GeneratePolicy")
    return json_response(Generated(_generated(call, prompt)))


def _generated(call: Call, prompt: str) -> str:
    try:
        text = call.services.policy_generator(prompt)
        parse(text)
    except PromptError as error:
        raise BadRequest(str(error), code="prompt_not_understood") from error
    except PolicyError as error:
        raise BadGateway(f"the generator wrote a policy that is not valid: {error}") from error
    except Exception as error:
        raise BadGateway(f"the generator failed: {type(error).__name__}") from error
    return text
