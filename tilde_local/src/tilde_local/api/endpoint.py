"""What an operation of the API takes and answers, written down once: it is served by it and described by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import msgspec
from starlette.responses import Response

if TYPE_CHECKING:
    from tilde_local.api.call import Call

__all__ = [
    "AFTER",
    "AMOUNT",
    "DELIMITER",
    "OBJECT_PATH",
    "PREFIX",
    "SESSION",
    "Answer",
    "Endpoint",
    "Listed",
    "Page",
    "Pagination",
    "Parameter",
    "PrincipalType",
    "StoredMap",
    "SubjectType",
    "Time",
    "Uri",
    "Uuid",
    "endpoint",
]

T = TypeVar("T")


Uuid = Annotated[str, msgspec.Meta(extra_json_schema={"format": "uuid"})]
PrincipalType = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["user", "role", "agent"]})]
SubjectType = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["user", "group", "role", "agent"]})]
Uri = Annotated[str, msgspec.Meta(extra_json_schema={"format": "uri"})]
# A map of texts that is stored as JSON, and answered as it is stored.
StoredMap = Annotated[
    msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "object", "additionalProperties": {"type": "string"}})
]
Time = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]


class Pagination(msgspec.Struct, omit_defaults=True):
    """Whether there is another page, and the `after` that it begins with."""

    has_more: bool
    max_per_page: int
    next_offset: str | msgspec.UnsetType = msgspec.UNSET


class Listed(msgspec.Struct, Generic[T]):
    """A list that is answered all at once."""

    results: list[T]


class Page(msgspec.Struct, Generic[T]):
    """A page of a list."""

    results: list[T]
    pagination: Pagination


@dataclass(frozen=True)
class Parameter:
    """A query parameter. `type` is what its text means: str, Uuid, int, a Literal."""

    name: str
    description: str
    type: Any = str
    required: bool = False


AFTER = Parameter("after", "results after this one: the cursor of the page before, or the last key seen")
AMOUNT = Parameter("amount", "how many results a page has", Annotated[int, msgspec.Meta(ge=1, le=1000)])
PREFIX = Parameter("prefix", "only what begins with this")
DELIMITER = Parameter("delimiter", "fold what is deeper than this, usually a slash, into one result")
OBJECT_PATH = Parameter("path", "the object path, without a slash in front", required=True)
SESSION = Parameter("session_id", "the session to work in", Uuid, required=True)


@dataclass(frozen=True)
class Answer:
    """A successful answer: its type, or None if it has no body; the names of headers that matter.

    The type is that of JSON, unless the answer has another `media_type`.
    """

    type: Any = None
    headers: tuple[str, ...] = ()
    media_type: str = "application/json"


@dataclass(frozen=True)
class Endpoint:
    """One operation: the function that answers it, and what it takes and answers."""

    operation_id: str
    function: Callable[[Call], Response]
    query: tuple[Parameter, ...]
    body: Any
    body_required: bool
    answers: Mapping[int, Answer]
    errors: tuple[int, ...]

    @property
    def parameters(self) -> frozenset[str]:
        """The names of the query parameters it knows."""
        return frozenset(parameter.name for parameter in self.query)

    def __call__(self, call: Call) -> Response:
        """Answer a call."""
        return self.function(call)


def endpoint(
    operation_id: str,
    answers: Mapping[int, Any],
    *,
    query: tuple[Parameter, ...] = (),
    body: Any = None,
    body_required: bool = True,
    errors: tuple[int, ...] = (),
) -> Callable[[Callable[[Call], Response]], Endpoint]:
    """Make a function the endpoint of the contract's operation `operation_id`.

    `answers` has a type, None or an `Answer` for each status of success; `errors` are the statuses of refusals beyond
    those that every operation has.
    """

    def make(function: Callable[[Call], Response]) -> Endpoint:
        described = {status: a if isinstance(a, Answer) else Answer(a) for status, a in answers.items()}
        return Endpoint(operation_id, function, query, body, body_required, described, errors)

    return make
