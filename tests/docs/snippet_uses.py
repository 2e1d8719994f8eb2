"""What a code block of the page uses of the SDK: which attribute of which type, called with which arguments.

Types are followed from `tilde` on, by the SDK's own annotations, so that `Role.name` is not taken for `Agent.name`.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass
from typing import Any

from docs.sdk_types import FOREIGN, NAMES, UNKNOWN, attribute, element, entered, name_of, result

__all__ = ["Use", "uses_of"]

_TAKEN_FOR_GRANTED = {
    **{name: NAMES[name] for name in ("tilde", "Client")},
    "repo": NAMES["Repository"],
    "org": NAMES["Organization"],
    "commit": NAMES["Commit"],
    "connector": NAMES["Connector"],
    "sandbox": NAMES["Sandbox"],
    "trigger": NAMES["SandboxTrigger"],
    # The reader's own:
    **dict.fromkeys(("process", "load_checkpoint", "save_checkpoint", "key_id", "time"), FOREIGN),
}


@dataclass(frozen=True)
class Use:
    """A name, whose it is (`""` for a class itself), and the keyword arguments that it is called with."""

    owner: str
    name: str
    keywords: frozenset[str] = frozenset()

    def __str__(self) -> str:
        arguments = f"({', '.join(f'{name}=' for name in sorted(self.keywords))})" if self.keywords else ""
        return f"{self.owner}.{self.name}{arguments}".lstrip(".")


def uses_of(text: str) -> set[Use]:
    """What a block uses."""
    reader = _Reader()
    reader.visit(ast.parse(text))
    return reader.uses


class _Reader(ast.NodeVisitor):
    def __init__(self) -> None:
        self.uses: set[Use] = set()
        self._types: dict[str, Any] = dict(_TAKEN_FOR_GRANTED)

    def visit_Import(self, node: ast.Import) -> None:
        self._types.update((each.name, NAMES.get(each.name, FOREIGN)) for each in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for each in node.names:
            self._types[each.name] = NAMES[each.name]
            self.uses.add(Use("", each.name))

    def visit_Assign(self, node: ast.Assign) -> None:
        self._bind(node.targets[0], self._type_of(node.value))

    def visit_For(self, node: ast.For) -> None:
        self._bind(node.target, element(self._type_of(node.iter)))
        self._visit_all(node.body)

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            kind = entered(self._type_of(item.context_expr))
            if item.optional_vars is not None:
                self._bind(item.optional_vars, kind)
        self._visit_all(node.body)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name and node.type:
            self._types[node.name] = self._type_of(node.type)
        self._visit_all(node.body)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._type_of(node)

    def visit_Call(self, node: ast.Call) -> None:
        self._type_of(node)

    def _visit_all(self, nodes: list[ast.stmt]) -> None:
        for node in nodes:
            self.visit(node)

    def _bind(self, target: ast.expr, kind: Any) -> None:
        if isinstance(target, ast.Name):
            self._types[target.id] = kind

    def _type_of(self, node: ast.expr, keywords: frozenset[str] = frozenset()) -> Any:
        if isinstance(node, ast.Name):
            return FOREIGN if hasattr(builtins, node.id) else self._types.get(node.id, UNKNOWN)
        if isinstance(node, ast.Attribute):
            return self._attribute(self._type_of(node.value), node.attr, keywords)
        if isinstance(node, ast.Call):
            return self._called(node)
        self.generic_visit(node)
        return FOREIGN

    def _attribute(self, owner: Any, name: str, keywords: frozenset[str]) -> Any:
        kind = attribute(owner, name)
        if kind is UNKNOWN:
            raise AssertionError(f"{name} is nothing that the SDK has")
        if name_of(owner):
            self.uses.add(Use(name_of(owner), name, keywords))
        return kind

    def _called(self, node: ast.Call) -> Any:
        keywords = frozenset(each.arg for each in node.keywords if each.arg)
        called = self._type_of(node.func, keywords)
        if isinstance(node.func, ast.Name) and called in NAMES.values():
            self.uses.add(Use("", node.func.id, keywords))
        for each in [*node.args, *(keyword.value for keyword in node.keywords)]:
            self.visit(each)
        return called if called in (FOREIGN, UNKNOWN) else result(called)
