r"""The grammar of policies: one call a line, as `GetObject(repository: "data-*", path: "raw/*")`.

Blank lines, and comments from `#` to the end of the line, say nothing. Spaces and tabs are free around all that a call
is made of. Between quotes, `\"`, `\\` and `\*` stand for the character itself; there are no other escapes. A comma
after the last argument is an error, as is any control character but the tab.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

from tilde_local.policy.actions import ACTIONS, Action

__all__ = ["MAX_BYTES", "PolicyError", "Problem", "Statement", "format_statement", "parse"]

MAX_BYTES = 64 * 1024

_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_WORD = re.compile(r'[^ \t()":,#]+')
_SPACES = re.compile(r"[ \t]*")
_STRING = re.compile(r'"([^"\\]*(?:\\["\\*][^"\\]*)*)')
_NAMES = {name.lower(): name for name in ACTIONS}
_SHOWN = 60


class Problem(NamedTuple):
    """What is wrong, and where: the first line is 1, and so is the first character of a line."""

    line: int
    column: int
    message: str


class Statement(NamedTuple):
    """One call: the action that it allows, and the source of a pattern for each argument that it names."""

    action: str
    conditions: tuple[tuple[str, str], ...]


class PolicyError(ValueError):
    """The text is no policy: `problems` has the first of every line that is wrong."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        first, more = self.problems[0], len(self.problems) - 1
        return f"line {first.line}, column {first.column}: {first.message}{f' (and {more} more)' if more else ''}"


@lru_cache(maxsize=256)
def parse(text: str) -> tuple[Statement, ...]:
    """The calls in a policy, in order. Raises PolicyError with all that is wrong, or if there is no call at all."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise PolicyError((Problem(1, 1, f"a policy has at most {MAX_BYTES} bytes in UTF-8, this one has {size}"),))
    statements: list[Statement] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        try:
            statements.extend(_Line(line).statements())
        except _SyntaxError as error:
            problems.append(Problem(number, error.position + 1, error.message))
    if not statements and not problems:
        problems.append(Problem(1, 1, "a policy needs at least one call, such as GetObject()"))
    if problems:
        raise PolicyError(tuple(problems))
    return tuple(statements)


def format_statement(statement: Statement) -> str:
    """The call as a line of a policy."""
    conditions = ", ".join(f'{argument}: "{source}"' for argument, source in statement.conditions)
    return f"{statement.action}({conditions})"


class _SyntaxError(Exception):
    def __init__(self, position: int, message: str) -> None:
        super().__init__(position, message)
        self.position = position
        self.message = message


class _Line:
    """One line of a policy, read from left to right; what is wrong is raised as _SyntaxError."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def statements(self) -> Iterator[Statement]:
        """The call that stands on the line, if there is one."""
        if found := _FORBIDDEN.search(self._text):
            raise _SyntaxError(found.start(), f"the character U+{ord(found[0]):04X} cannot stand in a policy")
        if self._ends():
            return
        statement = self._call()
        if not self._ends():
            raise self._unexpected("the end of the line: there is one call a line")
        yield statement

    def _call(self) -> Statement:
        action = self._action()
        if not self._take("("):
            raise self._unexpected(f"'(' after {action.name}")
        conditions: dict[str, str] = {}
        while not self._take(")"):
            if conditions and not self._take(","):
                raise self._unexpected("',' or ')'")
            argument = self._argument(action, conditions)
            if not self._take(":"):
                raise self._unexpected(f"':' after {argument}")
            conditions[argument] = self._string()
        return Statement(action.name, tuple(conditions.items()))

    def _action(self) -> Action:
        start, word = self._word("an action, such as GetObject()")
        if word not in ACTIONS:
            raise _SyntaxError(start, f"unknown action {_shown(word)}{_suggestion(word)}")
        return ACTIONS[word]

    def _argument(self, action: Action, seen: dict[str, str]) -> str:
        if not action.arguments and self._peek():
            raise _SyntaxError(self._at, f"{action.name} takes no arguments")
        start, word = self._word("an argument's name" if seen else "an argument's name or ')'")
        if word in seen:
            raise _SyntaxError(start, f"{word} stands twice in this call")
        if word not in action.arguments:
            raise _SyntaxError(start, f"{action.name} takes {' and '.join(action.arguments)}, not {_shown(word, '')}")
        return word

    def _string(self) -> str:
        self._skip()
        found = _STRING.match(self._text, self._at)
        if not found:
            raise self._unexpected('a pattern in double quotes, such as "data/*"')
        end = found.end()
        if self._text[end : end + 1] == '"':
            self._at = end + 1
            return found[1]
        if end + 1 < len(self._text):
            escape = _shown(self._text[end : end + 2])
            raise _SyntaxError(end, f'unknown escape {escape}: there are \\", \\\\ and \\*')
        raise _SyntaxError(self._at, "the string that starts here has no end")

    def _word(self, expected: str) -> tuple[int, str]:
        self._skip()
        found = _WORD.match(self._text, self._at)
        if not found:
            raise self._unexpected(expected)
        self._at = found.end()
        return found.start(), found[0]

    def _skip(self) -> None:
        if found := _SPACES.match(self._text, self._at):
            self._at = found.end()

    def _peek(self) -> str:
        self._skip()
        return self._text[self._at : self._at + 1]

    def _ends(self) -> bool:
        return self._peek() in ("", "#")

    def _take(self, mark: str) -> bool:
        taken = self._peek() == mark
        self._at += taken
        return taken

    def _unexpected(self, expected: str) -> _SyntaxError:
        found = self._peek()
        return _SyntaxError(self._at, f"expected {expected}, found {_shown(found) if found else 'the end of the line'}")


def _shown(word: str, quote: str = "'") -> str:
    """`word` in a message: what cannot be printed as an escape, and cut if it is long."""
    text = word if len(word) <= _SHOWN else word[:_SHOWN] + "…"
    return f"{quote}{text if text.isprintable() else ascii(text)[1:-1]}{quote}"


def _suggestion(word: str) -> str:
    # A high cutoff: most of the catalogue is out by length alone, so that a long text of nonsense is refused quickly.
    close = get_close_matches(word.lower(), _NAMES, 1, 0.75) if len(word) <= _SHOWN else []
    return f", did you mean {_NAMES[close[0]]}?" if close else ""
