"""The catalogue of rules and the source agree."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from pynat import rules
from pynat.rules import RULES, Rule

PACKAGE = Path(__file__).parent.parent / "pynat"


def imported(tree: ast.AST) -> dict[str, str]:
    """The files of rules by the names under which the source knows them: `rules.tcp`, `tcp`."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="pynat", names=names):
                for one in names:
                    if one.name == "rules":
                        known |= {f"{one.asname or 'rules'}.{file}": file for file in FILES}
            case ast.ImportFrom(module="pynat.rules", names=names):
                known |= {one.asname or one.name: one.name for one in names}
    return known


def used_in(folder: Path) -> set[str]:
    """The codes of the rules that stand in the source."""
    found = set()
    for path in folder.rglob("*.py"):
        tree = ast.parse(path.read_text())
        known = imported(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in known:
                rule = getattr(FILES.get(known[ast.unparse(node.value)]), node.attr, None)
                found |= {rule.code} if isinstance(rule, Rule) else set()
    return found


FILES = {name: one for name, one in vars(rules).items() if isinstance(one, ModuleType)}
OF_THE_LINTER = used_in(PACKAGE / "lint")


def test_every_rule_is_used() -> None:
    assert {rule.code for rule in RULES} - used_in(PACKAGE) == set()


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
