"""Writing a policy from a sentence, by fixed rules: no model, no network, and never more than was asked for.

A sentence is read word by word, and every word must be known: nothing may be left over. What it asks for and where go
in pairs, as in "read repository a and write repository b"; what it rules out ("but never delete") is ruled out
everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby, product
from typing import NamedTuple

from tilde_local.policy.actions import ACTIONS
from tilde_local.policy.language import MAX_BYTES, Statement, format_statement
from tilde_local.policy.patterns import literal

__all__ = ["PromptError", "generate"]

_NOTE = "# Written by fixed rules, offline: check it before you attach it."
_EXAMPLE = 'an example of what they understand: "Read and upload in repository data under raw/, but never delete"'

_READ = ("ListRepositories", "GetRepository", "LogCommits", "DiffCommits", "ListObjects", "GetObject")
_SESSION = ("GetRepository", "CreateSession", "CommitSession", "RollbackSession")
_SECRETS = ("ListSecrets", "PutSecret", "GetSecret", "DeleteSecret")
_LOOK = r"(?:read|see|view|list|brows)(?:s|e|ing)?(?: the)?"
# What phrases ask for. The first that fits is taken, so the narrow ones come first.
_WISHES = tuple(
    (re.compile(rf"(?:{phrase})\b", re.IGNORECASE), frozenset(actions))
    for phrase, actions in (
        (r"read(?:ing)?[- ]only(?: access)?", _READ),
        (r"full (?:access|control)|do (?:every|any)thing|admin(?:ister|istrator|istrators|s)?", ACTIONS),
        (rf"{_LOOK} (?:log|logs|history|commits)", ("GetRepository", "LogCommits")),
        (r"read(?:ing)?(?: the)?(?: values of)? secrets", ("ListSecrets", "GetSecret")),
        (r"(?:set|setting|stor(?:e|ing)|writ(?:e|ing))(?: the)? secrets", ("PutSecret",)),
        (r"delet(?:e|ing)(?: the)? secrets", ("DeleteSecret",)),
        (r"list(?:ing)?(?: the)?(?: names of)? secrets", ("ListSecrets",)),
        (r"creat(?:e|es|ing) (?:new )?repositories", ("CreateRepository",)),
        (r"delet(?:e|es|ing) repositories", ("DeleteRepository",)),
        (r"list(?:s|ing)?", ("ListRepositories", "GetRepository", "ListObjects")),
        (r"download(?:s|ing)?", ("GetRepository", "GetObject")),
        (r"(?:read|view|see|look|brows)(?:s|e|es|ing)?(?: at)?", _READ),
        (r"(?:upload|writ|edit|add|put|chang|modif|updat)(?:s|e|es|y|ies|ing|ting|ying)?", (*_SESSION, "PutObject")),
        (r"(?:delet|remov)(?:e|es|ing)", (*_SESSION, "DeleteObject")),
        (r"commit(?:s|ting)?", _SESSION),
        (r"(?:revert|undo)(?:s|es|ing)?(?: commits)?", ("GetRepository", "LogCommits", "RevertCommit")),
        (r"(?:approv(?:e|es|ing)|review(?:s|ing)?)(?: (?:sessions|commits))?", ("GetRepository", "ApproveSession")),
        (r"import(?:s|ing)?", ("GetRepository", "ListRepositoryConnectors", "StartImport", "GetImport")),
    )
)
_SECRET = re.compile(r"(?:any |the )?secrets\b", re.IGNORECASE)
_NEGATION = re.compile(
    r"(?:(?:but )?(?:do(?:es)? not|don't|doesn't|(?:may|must|should|can) ?not|can't|not|never|no)|without"
    r"|except(?: for)?)\b",
    re.IGNORECASE,
)
_READ_ONLY = re.compile(r"read(?:ing)?[- ]only", re.IGNORECASE)
# Words that change nothing. Those who act are among them only in front of what they do: "read groups" is another thing.
_ACTOR = re.compile(r"(?:agent|group|member|role|user)s?|everybody|everyone|people", re.IGNORECASE)
_FILLER = re.compile(
    r"able|access|all|allow|also|and|an|any|anything|are|at|be|but|by|can|could|each|every|everything|for|from|give"
    r"|grants?|have|into|in|is|it|let|may|must|needs?|of|only|on|or|our|permissions?|please|should|that|the|their"
    r"|them|they|this|to|want|we|which|who|will|with",
    re.IGNORECASE,
)
# Likewise, but right behind "repository" they are its name.
_NOUN = re.compile(r"a|contents?|data|files?|i|objects?", re.IGNORECASE)
_QUOTED = r"\"[^\"]+\"|'[^']+'|`[^`]+`"
_NAME = rf"(?:{_QUOTED}|[\w*][\w.*/-]*)"
_REPOSITORY = re.compile(
    rf"(?:(?P<all>all|any|every) )?(?:repositor(?P<few>y)|repositories)"
    rf"(?: (?P<start>(?:starting|beginning) with))?(?: (?:named|called))?(?P<names>(?:(?:,? and|,? or|,)? {_NAME})*)",
    re.IGNORECASE,
)
_REPOSITORY_BEHIND = re.compile(rf"(?P<name>{_NAME}) repository\b", re.IGNORECASE)
_PATH = re.compile(
    rf"(?:in (?:the )?)?(?:under|below|path|folder|directory|prefix)(?: the)?(?: (?:path|folder|directory|prefix))?"
    rf" (?P<name>{_NAME}|/[\w.*/-]*)",
    re.IGNORECASE,
)
_PLACE_WORD = re.compile(
    r"under|below|path|folder|directory|prefix|starting|beginning|named|called|repositor(?:y|ies)", re.IGNORECASE
)
_WORD = re.compile(rf"{_QUOTED}|[^\s,]+")
# What writing below a path cannot do without, though it cannot be limited to one.
_BESIDE_PATHS = frozenset({"ListRepositories", *_SESSION})


class PromptError(ValueError):
    """The rules do not understand the prompt; the message says which part of it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"this server writes policies by fixed rules, offline, and {what}; {_EXAMPLE}")


class _Wish(NamedTuple):
    """What is asked for, or ruled out."""

    actions: frozenset[str]
    is_ruled_out: bool


class _Place(NamedTuple):
    """A pattern for an argument: `repository` or `path`."""

    argument: str
    pattern: str


def generate(prompt: str) -> str:
    """A policy that allows what `prompt` asks for. Raises PromptError unless these rules understand all of it."""
    sentences = [list(_read(sentence)) for sentence in re.split(r"[.;!?](?:\s+|$)|\n", prompt) if sentence.strip()]
    wishes = [part for sentence in sentences for part in sentence if isinstance(part, _Wish)]
    ruled_out = frozenset[str]().union(*(wish.actions for wish in wishes if wish.is_ruled_out))
    pairs = [pair for sentence in sentences for pair in _pairs(sentence)]
    _refuse_paths_of_no_repository(pairs)
    calls = [call for pair in pairs for call in _in_places(*pair) if call.action not in ruled_out]
    if not calls:
        raise PromptError("finds nothing in the prompt that it should allow")
    order = list(ACTIONS)
    calls = sorted(dict.fromkeys(calls), key=lambda call: order.index(call.action))
    text = "".join(f"{line}\n" for line in (_NOTE, *map(format_statement, calls)))
    if len(text.encode()) > MAX_BYTES:
        raise PromptError(f"would need a policy of more than {MAX_BYTES} bytes for it")
    return text


def _read(sentence: str) -> Iterator[_Wish | _Place]:
    """The parts of a sentence, in order. Raises PromptError for a word that is not known."""
    position, is_ruled_out, is_begun = 0, False, False
    while match := _WORD.search(sentence, position):
        position = match.start()
        if found := _NEGATION.match(sentence, position):
            is_ruled_out = True
        elif wish := _wish(sentence, position, is_ruled_out):
            is_begun = True
            found, actions = wish
            if _READ_ONLY.match(sentence, position):
                yield _Wish(frozenset(ACTIONS) - actions, is_ruled_out=True)
            yield _Wish(actions - frozenset((*_READ, *_SESSION)) or actions if is_ruled_out else actions, is_ruled_out)
        elif place := _place(sentence, position):
            if is_ruled_out:
                raise PromptError(f"cannot rule out a place: {place[0].group().strip()!r}")
            found, places = place
            yield from places
        elif _is_filler(match.group(), is_begun):
            found = match
        else:
            raise PromptError(f"does not know {match.group()[:60]!r} here")
        position = found.end()


def _is_filler(word: str, is_begun: bool) -> bool:
    rules = (_FILLER, _NOUN) if is_begun else (_FILLER, _NOUN, _ACTOR)
    return any(rule.fullmatch(word) for rule in rules)


def _wish(sentence: str, position: int, is_ruled_out: bool) -> tuple[re.Match[str], frozenset[str]] | None:
    if is_ruled_out and (found := _SECRET.match(sentence, position)):
        return found, frozenset(_SECRETS)
    return next(((found, actions) for rule, actions in _WISHES if (found := rule.match(sentence, position))), None)


def _place(sentence: str, position: int) -> tuple[re.Match[str], list[_Place]] | None:
    if found := _PATH.match(sentence, position):
        name = _unquoted(found["name"]).lstrip("/")
        return found, [_Place("path", _pattern(name if name.endswith(("/", "*")) else f"{name}/", is_start=True))]
    found = _REPOSITORY_BEHIND.match(sentence, position)
    if found and not _is_known(found["name"]) and not _NOUN.fullmatch(found["name"]):
        return found, [_Place("repository", _pattern(_unquoted(found["name"])))]
    found = _REPOSITORY.match(sentence, position)
    return found and _repositories(sentence, position, found)


def _repositories(sentence: str, position: int, found: re.Match[str]) -> tuple[re.Match[str], list[_Place]]:
    """The names behind "repository", up to the first word that is none."""
    names: list[str] = []
    end = found.start("names")
    for name in re.finditer(rf"(?:,? and|,? or|,)? ({_NAME})", found["names"]):
        if _is_known(name[1]):
            break
        names.append(_unquoted(name[1]))
        end = found.start("names") + name.end()
    if not names and not found["all"] and (found["few"] or found["start"]):
        raise PromptError("does not know which repository is meant")
    patterns = [_Place("repository", _pattern(name, is_start=bool(found["start"]))) for name in names]
    taken = re.compile(re.escape(sentence[position:end])).match(sentence, position)
    assert taken is not None
    return taken, patterns


def _is_known(word: str) -> bool:
    """Whether a word means something by itself, so that it is no name unless it is in quotes."""
    rules = (*(rule for rule, _ in _WISHES), _NEGATION, _SECRET, _FILLER, _ACTOR, _PLACE_WORD)
    return any(rule.fullmatch(word) for rule in rules)


def _unquoted(name: str) -> str:
    return name[1:-1] if name[0] in "\"'`" else name


def _pattern(name: str, is_start: bool = False) -> str:
    """The source of a pattern in which the stars of `name` stay what they are."""
    return "*".join(literal(part) for part in name.split("*")) + ("*" if is_start and not name.endswith("*") else "")


def _pairs(sentence: list[_Wish | _Place]) -> Iterator[tuple[frozenset[str], list[_Place]]]:
    """The actions that a sentence asks for, with where. Raises PromptError if that cannot be told."""
    asked = [part for part in sentence if isinstance(part, _Place) or not part.is_ruled_out]
    runs = [list(run) for _, run in groupby(asked, key=type)]
    if len(runs) <= 2:
        runs = sorted(runs, key=lambda run: isinstance(run[0], _Place))
    if len(runs) > 2 and (len(runs) % 2 or isinstance(runs[0][0], _Place)):
        raise PromptError("cannot tell what is meant for which place: use a sentence for each")
    for index in range(0, len(runs), 2):
        wishes = frozenset[str]().union(*(part.actions for part in runs[index] if isinstance(part, _Wish)))
        places = runs[index + 1] if index + 1 < len(runs) else []
        yield wishes, [part for part in places if isinstance(part, _Place)]


def _refuse_paths_of_no_repository(pairs: list[tuple[frozenset[str], list[_Place]]]) -> None:
    """Where one repository is named, a path elsewhere in the prompt is presumably not meant for all of them."""
    named = [{place.argument for place in places} for _, places in pairs]
    if {"path"} in named and any("repository" in arguments for arguments in named):
        raise PromptError("cannot tell in which repository a path is meant: name it in each sentence")


def _in_places(actions: Iterable[str], places: list[_Place]) -> Iterator[Statement]:
    repositories = _of(places, "repository")
    paths = _of(places, "path")
    if len(repositories) > 1 and len(paths) > 1:
        raise PromptError("cannot tell which path is meant in which repository: use a sentence for each")
    for action, repository, path in product(sorted(actions), repositories, paths):
        arguments = ACTIONS[action].arguments
        if repository and "repository" not in arguments:
            continue
        if path and "path" not in arguments and action not in _BESIDE_PATHS:
            continue
        yield Statement(action, tuple(place for place in (repository, path) if place and place.argument in arguments))


def _of(places: list[_Place], argument: str) -> list[_Place] | list[None]:
    return [place for place in places if place.argument == argument] or [None]
