"""The policies of an organization: what principals may do."""

from __future__ import annotations

import msgspec

from tilde_core.models.policies import (
    EffectivePolicy,
    PolicyAttachment,
    PolicyData,
    PolicyDetails,
    PolicySummary,
    ValidationResult,
)
from tilde_core.operation import Operation, checked_segment
from tilde_core.pagination import PaginatedIterator
from tilde_core.principals import PrincipalType, checked_principal
from tilde_core.resources.base import OrganizationResource, as_it_is
from tilde_core.resources.changes import named
from tilde_core.resources.policy import Policy

__all__ = ["Policies"]


class _Generated(msgspec.Struct):
    policy_text: str


class Policies(OrganizationResource):
    """The policies of one organization."""

    def create(self, name: str, policy_text: str, *, description: str | None = None) -> Policy:
        """Create a policy, attached to nobody.

        Raises `BadRequestError` for a text that is not valid, `ConflictError` if the name is taken.
        """
        body = named(name=name, policy_text=policy_text, description=description)
        operation = Operation(name="policies.create", method="POST", path=self._path("policies"), body=body)
        return Policy(self._client, self._organization, self._fetch(operation, PolicyData), attachments=[])

    def get(self, policy_id: str) -> Policy:
        """Return the policy with that id, with text and attachments loaded. Raises `NotFoundError`."""
        path = self._path("policies", checked_segment("policy_id", policy_id))
        details = self._fetch(Operation(name="policies.get", method="GET", path=path), PolicyDetails)
        return Policy(self._client, self._organization, details.policy, details.attachments)

    def list(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[Policy]:
        """Walk the policies, in the order of their names. `after` is a name. The service sets the size of the pages."""
        return self._list(
            Operation(name="policies.list", method="GET", path=self._path("policies")),
            PolicySummary,
            lambda data: Policy(self._client, self._organization, data),
            key=lambda policy: policy.name,
            amount=amount,
            page_size=page_size,
            after=after,
            sized=False,
        )

    def delete(self, policy_id: str) -> None:
        """Delete the policy with that id. Raises `NotFoundError`, `BadRequestError` for one that cannot be deleted."""
        path = self._path("policies", checked_segment("policy_id", policy_id))
        self._execute(Operation(name="policies.delete", method="DELETE", path=path))

    def validate(self, policy_text: str) -> ValidationResult:
        """Return whether a text is a valid policy, and what is wrong with it. Nothing is stored."""
        operation = Operation(
            name="policies.validate",
            method="POST",
            path=self._path("policies") + ":validate",
            body={"policy_text": policy_text},
            repeatable=True,
        )
        return self._fetch(operation, ValidationResult)

    def generate(self, prompt: str) -> str:
        """Return the text of a policy that does what `prompt` says, written by a language model. Nothing is stored.

        Read it before you use it: it differs from call to call. Raises `BadRequestError`, and `ServerError` if the
        service has no model or that fails.
        """
        path = self._path("policies") + ":generate"
        operation = Operation(name="policies.generate", method="POST", path=path, body={"prompt": prompt})
        return self._fetch(operation, _Generated).policy_text

    def attachments(
        self, *, amount: int | None = None, page_size: int | None = None, after: str | None = None
    ) -> PaginatedIterator[PolicyAttachment]:
        """Walk all attachments in the organization, in the order of the policies' names.

        `after` is `"policy name/principal type/principal id"`.
        """
        return self._list_whole(
            Operation(name="policies.attachments", method="GET", path=self._path("attachments")),
            PolicyAttachment,
            as_it_is,
            key=lambda each: f"{each.policy_name}/{each.principal_type}/{each.principal_id}",
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def effective(
        self,
        *,
        principal_type: PrincipalType | str,
        principal_id: str,
        amount: int | None = None,
        page_size: int | None = None,
        after: str | None = None,
    ) -> PaginatedIterator[EffectivePolicy]:
        """Walk the policies that are in force for a principal, in the order of their names; for an agent, its inline
        policy.

        `after` is a name. Raises `ValueError` for another type than user, group, role and agent.
        """
        query = checked_principal("principal", principal_type, principal_id)
        return self._list_whole(
            Operation(name="policies.effective", method="GET", path=self._path("effective-policies"), query=query),
            EffectivePolicy,
            as_it_is,
            key=lambda policy: policy.policy_name,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def __repr__(self) -> str:
        return f"Policies({self._organization!r})"
