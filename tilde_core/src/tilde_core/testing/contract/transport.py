"""The whole contract of a transport."""

from __future__ import annotations

from tilde_core.testing.contract.answers import AnswerRules
from tilde_core.testing.contract.connections import ConnectionRules
from tilde_core.testing.contract.failures import FailureRules
from tilde_core.testing.contract.outgoing import OutgoingRules
from tilde_core.testing.contract.secrecy import SecrecyRules

__all__ = ["TransportContract"]


class TransportContract(ConnectionRules, SecrecyRules, FailureRules, AnswerRules, OutgoingRules):
    """Every rule for a transport. A subclass defines `open_transport(settings)`, as its offer's `open` does.

    pytest begins with the last of these bases, so what is easy to get right comes first.
    """
