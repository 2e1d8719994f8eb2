"""What statements allow: asked for one action, with the values of all its arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tilde_local.policy.actions import ACTIONS
from tilde_local.policy.language import Statement
from tilde_local.policy.patterns import compile_pattern

__all__ = ["Below", "Grants", "Permissions"]


class Below(str):
    """A value that stands for everything which starts with it, as a listing with a prefix does."""

    __slots__ = ()


class Grants:
    """What any one of `statements` allows. Patterns are read when they are first asked for."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        # A dictionary as an ordered set: statements repeat where policies overlap.
        self._conditions: dict[str, dict[tuple[tuple[str, str], ...], None]] = {}
        for action, conditions in statements:
            self._conditions.setdefault(action, {})[conditions] = None

    def allows(self, action: str, arguments: Mapping[str, str]) -> bool:
        """Whether `action` is allowed with these values: one for each of its arguments, neither more nor less.

        A Below is allowed if everything is that starts with it. Raises KeyError for an action that is not in the
        catalogue, ValueError for other arguments than it has there.
        """
        _check(action, arguments)
        several = self._conditions.get(action, {})
        # By far the most common grant has no conditions.
        return () in several or any(_meets(conditions, arguments) for conditions in several)

    def conditions(self, action: str) -> list[tuple[tuple[str, str], ...]]:
        """What `action` is allowed for, in some order that depends on nothing else."""
        return sorted(self._conditions.get(action, {}))

    def grants_any(self, action: str) -> bool:
        """Whether `action` is allowed for some values. Raises KeyError if it is not in the catalogue."""
        return ACTIONS[action].name in self._conditions


class Permissions:
    """What all of several grants allow, each on its own. Without any, nothing is allowed."""

    def __init__(self, *grants: Grants) -> None:
        self._grants = grants

    def allows(self, action: str, arguments: Mapping[str, str]) -> bool:
        """Whether every one of the grants allows `action` with these values. Raises as Grants.allows does."""
        _check(action, arguments)
        return bool(self._grants) and all(grants.allows(action, arguments) for grants in self._grants)

    def conditions(self, actions: Iterable[str]) -> str:
        """What decides about `actions`, as text: where it is the same, so is what is allowed."""
        return repr([[grants.conditions(action) for action in actions] for grants in self._grants])

    def grants_any(self, action: str) -> bool:
        """Whether every one of the grants allows `action` for some values, if not for the same ones."""
        name = ACTIONS[action].name
        return bool(self._grants) and all(grants.grants_any(name) for grants in self._grants)


def _check(action: str, arguments: Mapping[str, str]) -> None:
    """Raise KeyError or ValueError unless the server asks for what the catalogue has."""
    expected = ACTIONS[action].arguments
    if arguments.keys() != set(expected):
        raise ValueError(f"{action} takes ({', '.join(expected)}), not ({', '.join(arguments)})")


def _meets(conditions: tuple[tuple[str, str], ...], arguments: Mapping[str, str]) -> bool:
    return all(_matches(source, arguments[argument]) for argument, source in conditions)


def _matches(source: str, value: str) -> bool:
    pattern = compile_pattern(source)
    return pattern.covers(value) if isinstance(value, Below) else pattern.matches(value)
