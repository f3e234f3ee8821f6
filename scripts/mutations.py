"""Mutants of a Python file: copies of it that differ in one operator, constant or statement.

What is never changed, because no test ought to notice: annotations, decorators, asserts, docstrings
and the texts of messages.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

OPPOSITE: dict[type[ast.AST], tuple[Any, ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.FloorDiv,),
    ast.FloorDiv: (ast.Mult,),
    ast.Div: (ast.Mult,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
}
OTHER_NAME = {"min": "max", "max": "min", "any": "all", "all": "any"}

Span = tuple[int, int]  # of bytes


@dataclass(frozen=True)
class Mutant:
    path: str  # in the repository, with slashes
    line: int
    lines: tuple[int, ...]  # a test that runs none of these cannot tell
    at: Span
    text: str  # what is there instead
    function: tuple[str, int] | None = None  # its name and first line, if this is of a body

    def source(self, before: bytes) -> bytes:
        start, end = self.at
        return before[:start] + self.text.encode() + before[end:]

    def diff(self, before: bytes) -> str:
        changes = difflib.unified_diff(
            before.decode().splitlines(), self.source(before).decode().splitlines(), n=0
        )
        shown = [line for line in changes if not line.startswith(("---", "+++", "@@"))]
        return "\n".join(line[0] + " " + line[1:].strip() for line in shown if line[1:].strip())

    @property
    def module(self) -> str:
        parts = PurePosixPath(self.path).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def mutants(path: str, source: bytes) -> list[Mutant]:
    """All of the file, in the order of its lines; a few may not compile."""
    found = dict.fromkeys(_Finder(path, source).mutants())
    return sorted(found, key=lambda mutant: (mutant.at, mutant.text))


def compiles(source: bytes) -> bool:
    try:
        compile(source, "mutant", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


class _Finder:
    def __init__(self, path: str, source: bytes) -> None:
        self._path = path
        self._tree = ast.parse(source)
        self._function: tuple[str, int] | None = None
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def mutants(self) -> Iterator[Mutant]:
        for statement in self._tree.body:
            yield from self._statement(statement)

    def _statement(self, node: ast.stmt) -> Iterator[Mutant]:
        if isinstance(node, ast.Assert | ast.Import | ast.ImportFrom) or _is_never(node):
            return
        if _is_removable(node):
            yield self._mutant(node, node, "pass")
        if isinstance(node, ast.Return) and _is_something(node.value):
            yield self._mutant(node, node, "return None")
        if isinstance(node, ast.AugAssign):
            yield from self._augmented(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and self._function is None:
            yield from self._parts(node.args, node)
            first = min(part.lineno for part in (node, *node.decorator_list))
            self._function = node.name, first
            for statement in node.body:
                yield from self._statement(statement)
            self._function = None
        else:
            yield from self._parts(node, node)

    def _expression(self, node: ast.AST, within: ast.stmt) -> Iterator[Mutant]:
        if isinstance(node, ast.JoinedStr):
            return
        for changed in _changed(node):
            yield self._mutant(node, within, ast.unparse(changed))
        yield from self._parts(node, within)

    def _parts(self, node: ast.AST, within: ast.stmt) -> Iterator[Mutant]:
        for test in _conditions(node):
            yield self._mutant(test, within, f"not ({ast.unparse(test)})")
        for child in _children(node):
            if isinstance(child, ast.stmt):  # a case of a match, a handler of a try
                yield from self._statement(child)
            else:
                yield from self._expression(child, within)

    def _augmented(self, node: ast.AugAssign) -> Iterator[Mutant]:
        for opposite in OPPOSITE.get(type(node.op), ()):
            other = ast.AugAssign(node.target, opposite(), node.value)
            yield self._mutant(node, node, ast.unparse(other))

    def _mutant(self, node: ast.AST, within: ast.stmt, text: str) -> Mutant:
        first, last = node.lineno, node.end_lineno or node.lineno  # type: ignore[attr-defined]
        at = (
            self._starts[first - 1] + node.col_offset,  # type: ignore[attr-defined]
            self._starts[last - 1] + node.end_col_offset,  # type: ignore[attr-defined]
        )
        more = "\n" * (last - first)  # lines keep their numbers
        text = f"({text}{more})" if isinstance(node, ast.expr) else text + more
        lines = within.lineno, *range(first, last + 1)
        return Mutant(self._path, first, lines, at, text, self._function)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Those in which something may be changed."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params", "bases"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child


def _is_never(node: ast.stmt) -> bool:
    """mypy sees to it that the statement is not reached."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name("assert_never"))):
            return True
    return False


def _is_removable(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.Delete():
            return True
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
        case ast.AugAssign() | ast.Continue() | ast.Break():
            return True
    return False


def _is_something(value: ast.expr | None) -> bool:
    return value is not None and not isinstance(value, ast.Constant)


def _changed(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand for the node."""
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(value * 2 if value else 1.0)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BoolOp(op=op, values=values):
            for opposite in OPPOSITE[type(op)]:
                yield ast.BoolOp(opposite(), values)
        case ast.BinOp(left=left, op=op, right=right) if not _is_text(left):
            for opposite in OPPOSITE.get(type(op), ()):
                yield ast.BinOp(left, opposite(), right)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for place, one in enumerate(ops):
                for opposite in OPPOSITE[type(one)]:
                    swapped = [*ops[:place], opposite(), *ops[place + 1 :]]
                    yield ast.Compare(left, swapped, comparators)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in OTHER_NAME:
            yield ast.Call(ast.Name(OTHER_NAME[name]), args, keywords)


def _conditions(node: ast.AST) -> list[ast.expr]:
    """Those that _changed() does not negate."""
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            tests = [test]
        case ast.comprehension(ifs=tests):
            pass
        case ast.match_case(guard=ast.expr() as guard):
            tests = [guard]
        case _:
            return []
    return [test for test in tests if not isinstance(test, ast.Compare | ast.UnaryOp)]


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
