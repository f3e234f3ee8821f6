"""The catalogue of rules and the source agree."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pynat.rules import BY_NAME, RULES, Rule

PACKAGE = Path(__file__).parent.parent / "pynat"
DROPPERS = {"drop", "_drop", "Malformed"}
REASON_RETURNED = {"from_guest", "_in_syn_sent", "_synchronized", "_refusal"}  # these return one


def trees(*rooms: str) -> Iterator[ast.AST]:
    for room in rooms:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            yield ast.parse(path.read_text(), str(path))


def texts(node: ast.expr) -> Iterator[str]:
    """What a string may be that an expression gives."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=other):
            yield from texts(body)
            yield from texts(other)


def reasons(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=[first, *_]):
                if name in DROPPERS:
                    yield from texts(first)
            case ast.ClassDef(bases=[ast.Name("Malformed")]):
                for call in ast.walk(node):
                    match call:
                        case ast.Call(func=ast.Attribute(attr="__init__"), args=[first, *_]):
                            yield from texts(first)
            case ast.FunctionDef(name=name, returns=ast.Name("str")) if name in REASON_RETURNED:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        yield from texts(inner.value)
            case ast.Assign(targets=[ast.Name("_REFUSED")], value=ast.Dict(values=values)):
                for value in values:
                    yield from texts(value)


GIVEN = {
    reason
    for tree in trees("wire", "nat", "services", "router", "net")
    for reason in reasons(tree)
    if reason
}


def constants() -> dict[str, str]:
    """The code of each rule and the name that its file has for it."""
    return {
        node.value.args[0].value: target.id
        for tree in trees("rules")
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "Rule"
        and isinstance(node.value.args[0], ast.Constant)
        and isinstance(node.value.args[0].value, str)
    }


def linted() -> set[str]:
    found = set()
    for tree in trees("lint"):
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(attr=name) | ast.Name(id=name):
                    found.add(name)
    return found


def test_every_reason_for_dropping_is_a_rule() -> None:
    assert len(GIVEN) > 60
    assert GIVEN - BY_NAME.keys() == set()


def test_every_rule_is_used() -> None:
    names, used = constants(), linted()
    assert {r.code for r in RULES if r.name not in GIVEN and names[r.code] not in used} == set()


@pytest.mark.parametrize("field", ["code", "name"])
def test_none_is_given_twice(field: str) -> None:
    counted = Counter(getattr(rule, field) for rule in RULES)
    assert [value for value, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_is_written_in_whole_sentences(rule: Rule) -> None:
    assert rule.code[-3:].isdecimal()
    assert rule.code[:-3].isalpha()
    assert rule.code[:-3].isupper()
    assert not rule.rfc or rule.rfc.startswith(("RFC ", "IEEE "))
    for text in (rule.summary, rule.why, rule.remedy):
        assert text.endswith((".", ")"))
        assert text[0].isupper() or text[0].isdecimal() or "." in text.split()[0]
