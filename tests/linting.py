"""What the linter has against a real stack, and which of it docs/lint.md explains."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from pynat.lint.summary import Summary
from pynat.replay.capture import Capture

_DOCS = Path(__file__).parents[1] / "docs" / "lint.md"
_LINE = re.compile(r"lint: ([A-Z]+\d+) .*$", re.MULTILINE)
_COUNT = re.compile(r"([A-Z]+\d+) \d+[,;]")  # in the line at the end
_EXPLAINED = re.compile(r"^\| ([\w/ -]+) \| [^|]* \| `([A-Z]+\d+)` \|", re.MULTILINE)
# What a hermetic network asks each guest on purpose.
ASKED = {
    "ARP034",
    "ARP035",
    "ARP041",
    "ICMP029",
    "IP042",
    "IP043",
    "IP044",
    "IP045",
    "IP048",
    "UDP023",
}


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


def unexplained(log: str, *stacks: str) -> list[str]:
    """What is said of guests with these stacks and is not explained of one of them."""
    known = set().union(*map(explained, stacks))
    return [line.text for line in findings(log) if line.code not in known]


def unexplained_in(folder: Path, *stacks: str) -> list[str]:
    """Likewise, of all logs in a folder and in those below it."""
    logs = sorted(folder.rglob("*.log"))
    return [line for log in logs for line in unexplained(log.read_text(errors="replace"), *stacks)]


def summary_of(file: Path) -> Summary:
    capture = Capture(file)
    for _ in capture.frames(lambda _: None):
        pass
    return capture.summary()


def never_asked(file: Path) -> set[str]:
    """Those of the rules about what is asked on purpose that have had no chance."""
    exercised = summary_of(file).exercised
    return {one.rule.code for one in exercised if one.rule.code in ASKED and not one.chances}
