"""docs/guest.md promises nothing that no test shows; what is named in the documentation exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from pynat.rules import BY_CODE, RULES

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| .* \| .* \| (.*) \|$", re.MULTILINE)
TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)")
HEADINGS = {"test", "---"}


def rows() -> list[str]:
    text = (ROOT / "docs/guest.md").read_text()
    return [cell for cell in ROW.findall(text) if cell not in HEADINGS]


@pytest.mark.parametrize("cell", rows())
def test_every_test_named_for_a_guest_exists(cell: str) -> None:
    named = TEST.findall(cell)
    assert named, f"no test in {cell!r}"
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text())
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_rule_named_in_the_documentation_and_the_help_exists() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "pynat").rglob("*.py")]
    protocols = "|".join(sorted({rule.protocol for rule in RULES}))
    codes = re.compile(rf"\b(?:{protocols})\d{{3}}\b")
    named = {(page.name, code) for page in pages for code in codes.findall(page.read_text())}
    assert len(named) > len(RULES)
    assert [each for each in sorted(named) if each[1] not in BY_CODE] == []
