"""What the linter has against a real stack, and which of it docs/lint.md explains."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_DOCS = Path(__file__).parents[1] / "docs" / "lint.md"
_LINE = re.compile(r"lint: ([A-Z]+\d+) .*$", re.MULTILINE)
_COUNT = re.compile(r"([A-Z]+\d+) \d+[,;]")  # in the line at the end
_EXPLAINED = re.compile(r"^\| ([\w/ ]+) \| [^|]* \| `([A-Z]+\d+)` \|", re.MULTILINE)


class Line(NamedTuple):
    code: str
    text: str


def findings(log: str) -> list[Line]:
    lines = [Line(found[1], found[0]) for found in _LINE.finditer(log)]
    return lines + [Line(code, line.text) for line in lines for code in _COUNT.findall(line.text)]


def explained(stack: str) -> set[str]:
    """The codes in the table of "What real stacks do", for this one or for any."""
    rows = _EXPLAINED.findall(_DOCS.read_text())
    return {code for name, code in rows if name in (stack, "any")}
