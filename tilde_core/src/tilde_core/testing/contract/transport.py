"""The whole contract of a transport."""

from __future__ import annotations

from tilde_core.testing.contract.answers import AnswerRules
from tilde_core.testing.contract.connections import ConnectionRules
from tilde_core.testing.contract.failures import FailureRules
from tilde_core.testing.contract.outgoing import OutgoingRules
from tilde_core.testing.contract.secrecy import SecrecyRules

__all__ = ["TransportContract"]


class TransportContract(OutgoingRules, AnswerRules, FailureRules, SecrecyRules, ConnectionRules):
    """Every rule for a transport. A subclass defines `open_transport(settings)`, as its offer's `open` does."""
