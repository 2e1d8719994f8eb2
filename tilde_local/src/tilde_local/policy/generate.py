"""Writing a policy from a sentence, by fixed rules: no model, no network, and never more than was asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tilde_local.policy.actions import ACTIONS
from tilde_local.policy.language import Statement, format_statement
from tilde_local.policy.patterns import literal

__all__ = ["generate"]

_NOTE = "# Written by fixed rules, offline: check it before you attach it."
_UNSURE = "# Nothing that these rules know was asked for: reading alone is allowed."

_READ = ("ListRepositories", "GetRepository", "LogCommits", "DiffCommits", "ListObjects", "GetObject")
_SESSION = ("CreateSession", "CommitSession", "RollbackSession")
# What a word asks for. The first list is looked up by the beginnings of words.
_RULES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("read", "view", "list", "download", "see", "browse", "look"), _READ),
    (("writ", "upload", "commit", "edit", "add", "put", "chang", "modif"), (*_READ, *_SESSION, "PutObject")),
    (("delet", "remov"), (*_READ, *_SESSION, "DeleteObject")),
    (("revert", "undo"), (*_READ, "RevertCommit")),
    (("approv", "review"), (*_READ, "ApproveSession", "RollbackSession")),
    (("import",), (*_READ, "ListRepositoryConnectors", "StartImport", "GetImport")),
    (("secret",), ("ListSecrets",)),
    (("admin", "everything", "anything", "full"), tuple(ACTIONS)),
)
_NEGATION = re.compile(r"\b(?:not|never|no|without|except|don't|cannot|can't)\b[^.;,]*", re.IGNORECASE)
_READ_ONLY = re.compile(r"\bread[- ]?only\b", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+", re.IGNORECASE)
_NAME = r"(?:named\s+|called\s+)?[\"'`]?(?P<name>[\w.*-]*[\w*])[\"'`]?"
_REPOSITORIES = (
    re.compile(rf"\brepositor(?:y|ies)\s+(?P<start>starting with\s+|beginning with\s+)?{_NAME}", re.IGNORECASE),
    re.compile(rf"(?P<start>\b){_NAME}\s+repositor(?:y|ies)\b", re.IGNORECASE),
)
_PATH = re.compile(r"\b(?:under|below|path|folder|directory|prefix)\s+[\"'`]?([\w./*-]+)", re.IGNORECASE)
_NO_NAME = frozenset(
    [
        "all",
        "any",
        "every",
        "the",
        "a",
        "an",
        "to",
        "in",
        "of",
        "and",
        "or",
        "our",
        "my",
        "these",
        "under",
        "below",
        "with",
        "for",
        "by",
        "on",
        "only",
        "but",
        "starting",
        "beginning",
        "path",
        "folder",
        "directory",
    ]
)


def generate(prompt: str) -> str:
    """A policy that allows what `prompt` asks for, as far as these rules understand it; reading alone if not."""
    asked = _READ_ONLY.sub("read", prompt)
    denied = _asked_for(" ".join(_NEGATION.findall(asked)), without_reads=True)
    wanted = set(_READ) if _READ_ONLY.search(prompt) else _asked_for(_NEGATION.sub(" ", asked)) - denied
    lines = [_NOTE] if wanted else [_NOTE, _UNSURE]
    conditions = {"repository": _repository(prompt), "path": _path(prompt)}
    return "".join(f"{line}\n" for line in (*lines, *_calls(wanted or set(_READ), conditions)))


def _asked_for(text: str, *, without_reads: bool = False) -> set[str]:
    words = [word.lower() for word in _WORD.findall(text)]
    found = (set(actions) for starts, actions in _RULES if any(word.startswith(starts) for word in words))
    actions = set().union(*found)
    return actions - set(_READ) - set(_SESSION) if without_reads else actions


def _repository(prompt: str) -> str | None:
    for expression in _REPOSITORIES:
        for found in expression.finditer(prompt):
            name = found["name"].rstrip(".")
            if name.lower() not in _NO_NAME and not _is_rule(name):
                return _pattern(name) + ("*" if found["start"] and not name.endswith("*") else "")
    return None


def _is_rule(word: str) -> bool:
    return any(word.lower().startswith(starts) for starts, _ in _RULES)


def _path(prompt: str) -> str | None:
    found = _PATH.search(prompt)
    if found is None or found[1].lower() in _NO_NAME:
        return None
    name = found[1].lstrip("/").rstrip(".")
    return _pattern(name if name.endswith(("/", "*")) else f"{name}/") + ("" if name.endswith("*") else "*")


def _pattern(name: str) -> str:
    """The source of a pattern in which the stars of `name` stay what they are."""
    return "*".join(literal(part) for part in name.split("*"))


def _calls(wanted: Iterable[str], conditions: dict[str, str | None]) -> Iterable[str]:
    for name, action in ACTIONS.items():
        if name in wanted:
            given = [(argument, conditions.get(argument)) for argument in action.arguments]
            yield format_statement(Statement(name, tuple((key, source) for key, source in given if source)))
