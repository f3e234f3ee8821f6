"""What the linter has against a real stack, and which of it docs/lint.md explains."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_DOCS = Path(__file__).parents[1] / "docs" / "lint.md"
_FINDING = re.compile(r"lint: (?P<code>[A-Z]+\d+) .*$", re.MULTILINE)
_EXPLAINED = re.compile(r"^\| ([\w/ ]+) \| [^|]+ \| `([A-Z]+\d+)` \|", re.MULTILINE)


class Line(NamedTuple):
    code: str
    text: str


def findings(log: str) -> list[Line]:
    return [Line(found["code"], found[0]) for found in _FINDING.finditer(log)]


def explained(stack: str) -> set[str]:
    """The codes in the table of "What real stacks do", for this one."""
    rows = _EXPLAINED.findall(_DOCS.read_text())
    return {code for name, code in rows if name == stack}
