"""What the linter and the network have against a guest: the lines of `lint.json`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pynat.harmless import harmless
from pynat.log.comments import IMPAIRED
from pynat.rules import BY_CODE, nearest
from pynat.rules.rule import Severity

_ORDER = [severity.value for severity in Severity]  # the worst first


class Found(NamedTuple):
    """One finding or drop. time: seconds of guest time. packets: how many it stands for."""

    time: float
    code: str
    severity: str
    name: str
    packet: str
    text: str
    packets: int

    def __str__(self) -> str:
        packet = f"{self.packet}: " if self.packet and self.packet not in self.text else ""
        return f"{self.time:.3f} {self.code} {self.severity}: {packet}{self.text}"


def found_in(line: str) -> Found | None:
    """Of `lint.json`; the line that says the file is full is none, nor what a bad wire did."""
    told = json.loads(line)
    if "code" not in told or told.get("because_of", {"code": ""})["code"].startswith(IMPAIRED):
        return None
    packet, text = harmless(told["packet"] or ""), harmless(told["text"])
    kind = told["code"], told["severity"], told["name"]
    return Found(told["time"], *kind, packet, text, told.get("count", 1))


class Verdicts:
    """Of a run, so far: `for found in guest.lint`, `guest.lint.counts`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Found]:
        """Whole lines: the last one may be under way."""
        try:
            lines = self._path.read_text().split("\n")[:-1]
        except FileNotFoundError:
            return
        yield from filter(None, map(found_in, lines))

    @property
    def counts(self) -> Counter[str]:
        """Of each rule, by its code."""
        counted: Counter[str] = Counter()
        for found in self:
            counted[found.code] += found.packets
        return counted

    def assert_clean(self, *, allow: Iterable[str] = (), severity: str = "warning") -> None:
        """Fail if there is anything of this severity or worse, but for the codes that are allowed.

        severity: `note`, `warning` or `error`.
        """
        __tracebackhide__ = True
        allowed = {*allow}
        if unknown := allowed - BY_CODE.keys():
            first = min(unknown)
            raise ValueError(f"allow: {first!r} is no code of a rule; {nearest(first)}")
        if severity not in _ORDER:
            raise ValueError(f"severity={severity!r}: expected one of {', '.join(_ORDER)}")
        worst = _ORDER[: _ORDER.index(severity) + 1]
        bad = [one for one in self if one.severity in worst and one.code not in allowed]
        if bad:
            raise AssertionError("the guest's stack did wrong:\n" + "\n".join(map(str, bad)))
