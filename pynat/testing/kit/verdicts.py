"""What the linter and the network have against a guest: the lines of `lint.json`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pynat.harmless import harmless
from pynat.rules import BY_CODE, nearest
from pynat.rules.rule import Severity

if TYPE_CHECKING:
    from pynat.lint.summary import Summary

_ORDER = [severity.value for severity in Severity]  # the worst first


class Found(NamedTuple):
    """One finding or drop. time: seconds of guest time. packets: how many it stands for.

    frame: its number in the capture, None where it is about no single one. because_of: the code
    that it follows from (`TCP044`), or what else is to blame, as `impair rule 1`; else empty.
    """

    time: float
    code: str
    severity: str
    name: str
    packet: str
    text: str
    packets: int
    frame: int | None = None
    because_of: str = ""

    @property
    def why(self) -> str:
        """What comes of it."""
        return BY_CODE[self.code].why

    @property
    def look_at(self) -> str:
        """What to change."""
        return BY_CODE[self.code].remedy

    def __str__(self) -> str:
        packet = f"{self.packet}: " if self.packet and self.packet not in self.text else ""
        because = f"; because of {self.because_of}" if self.because_of else ""
        return f"{self.time:.3f} {self.code} {self.severity}: {packet}{self.text}{because}"


def _worst(found: Iterable[Found]) -> Severity:
    return Severity(min((one.severity for one in found), key=_ORDER.index))


def _is_no_rule(cause: str) -> bool:
    """Not the guest's mistake: a bad wire, say."""
    return bool(cause) and cause not in BY_CODE


def found_in(line: str) -> Found | None:
    """Of `lint.json`; the line that says the file is full is none, nor what a bad wire did."""
    told = json.loads(line)
    if "code" not in told or _is_no_rule(told.get("because_of", {}).get("code", "")):
        return None
    packet, text = harmless(told["packet"] or ""), harmless(told["text"])
    kind = told["code"], told["severity"], told["name"]
    cause = harmless(told.get("because_of", {}).get("code", ""))
    return Found(told["time"], *kind, packet, text, told.get("count", 1), told["frame"], cause)


class Verdicts:
    """Of a run, so far: `for found in guest.lint`, `guest.lint.counts`."""

    def __init__(self, path: Path, capture: Path) -> None:
        self._path = path
        self._capture = capture

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

    @property
    def root(self) -> Found | None:
        """What is to be mended first; None where nothing is worse than a note."""
        from pynat.lint.summary import LAYERS, rank

        found = list(self)
        firsts = {one.code: one for one in reversed(found) if not one.because_of}
        mending = []
        for code, first in firsts.items():
            severity = _worst(one for one in found if code in (one.code, one.because_of))
            rule = BY_CODE[code]
            if severity is not Severity.NOTE and rule.protocol in LAYERS:
                mending.append((rank(rule, severity, first.time), first))
        return min(mending)[1] if mending else None

    def summary(self) -> Summary:
        """What the guest's stack does, and what to mend first, up to the last frame so far, or to
        the end of the network.

        `print(guest.lint.summary())`; `protocols` and `findings` are its parts.
        """
        from pynat.replay.capture import Capture  # a router, which most tests do not need

        capture = Capture(self._capture)
        for _ in capture.frames(lambda _: None):
            pass
        return capture.summary()

    def assert_clean(self, *, allow: Iterable[str] = (), severity: str = "warning") -> None:
        """Fail if there is anything of this severity or worse, but for the codes that are allowed.

        What a bad wire has spoilt does not count.

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
        own = [one for one in self if not _is_no_rule(one.because_of)]
        bad = [one for one in own if one.severity in worst and one.code not in allowed]
        if bad:
            raise AssertionError("the guest's stack did wrong:\n" + "\n".join(map(str, bad)))
