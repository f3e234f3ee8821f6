"""What was found of each rule, and what follows from what.

A mistake makes others: who does not count the SYN in its first acknowledgement sends segments that
belong to no connection, and is sent the SYN-ACK again and again. A rule says which others break
because of it (`Rule.leads_to`). What is found of these later, or in the same frame, is put down to
the first cause and does not count by itself:

- in the same connection, where the cause is one of TCP's
- of the same card, where it is below that, or DHCP's or DNS's

A drop of what a bad wire has changed or let others overtake, or because of what it has kept from
either end, is put down to the wire, and leads to nothing else.

A cause holds for LASTS seconds from its last time on, or for as long as the guest runs (`stays`);
then what was found in the LASTS seconds before is put down to it, too, for it takes time to be sure
of. One that has a cause itself passes that on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from pynat.rules import Rule
from pynat.wire import versions

LASTS = 120.0  # seconds
_MOST = 4096  # causes remembered, each for one that may follow; then all are forgotten
_ANYWHERE = b""


class Cause(NamedTuple):
    """The finding that another one follows from, or a rule of the bad wire."""

    code: str
    frame: int | None  # its number

    def __str__(self) -> str:
        return f"because of {self.code}{f' in frame {self.frame}' if self.frame else ''}"


class About(NamedTuple):
    """The frame in question; without one it is about none in particular."""

    frame: bytes | None = None
    from_guest: bool = True
    number: int | None = None


@dataclass(slots=True)
class Record:
    """All that was found of one rule. The first that has no other cause stands for the rest."""

    rule: Rule
    text: str
    when: float
    about: About
    count: int = 0  # with no other cause
    because: Counter[str] = field(default_factory=Counter)  # what counts elsewhere: by whose code

    @property
    def total(self) -> int:
        return self.count + self.because.total()


class Verdict:
    def __init__(self) -> None:
        self._records: dict[str, Record] = {}  # by code
        self._causes: dict[tuple[str, bytes], tuple[Cause, float]] = {}  # by what may follow, where

    def __iter__(self) -> Iterator[Record]:
        """In the order in which they were first found."""
        return iter(self._records.values())

    def of(self, code: str) -> Record | None:
        return self._records.get(code)

    def put(
        self,
        rule: Rule,
        text: str,
        when: float,
        about: About,
        packets: int = 1,
        wire: Cause | None = None,
    ) -> Cause | None:
        """One more finding. Answers what it follows from, if that was found before.

        wire: the bad wire, where that is to blame, and not the guest; then nothing follows.
        """
        card, flow = _places(about)
        cause = wire or self._cause(rule.code, (flow, card), when)
        record = self._records.get(rule.code)
        if record is None:
            record = self._records[rule.code] = Record(rule, text, when, about)
        if cause is None:
            if not record.count:
                record.text, record.when, record.about = text, when, about
            record.count += packets
        else:
            record.because[cause.code] += packets
        if rule.leads_to and wire is None:
            where = flow if rule.protocol == "TCP" else card
            first = cause or Cause(rule.code, about.number)
            if rule.stays:
                self._put_down(rule, first, card, when)
            self._expect(rule, first, where, when)
        return cause

    def _put_down(self, rule: Rule, cause: Cause, card: bytes, when: float) -> None:
        """What was found before, as long as that takes to be sure of."""
        for code in rule.leads_to:
            record = self._records.get(code)
            if record is None or not record.count or when - record.when > LASTS:
                continue
            if _places(record.about)[0] in (card, _ANYWHERE):
                record.because[cause.code] += record.count
                record.count = 0

    def _cause(self, code: str, places: tuple[bytes, ...], when: float) -> Cause | None:
        for place in places:
            cause, last = self._causes.get((code, place), (None, 0.0))
            if cause is not None and cause.code != code and when - last <= LASTS:
                return cause
        return None

    def _expect(self, rule: Rule, cause: Cause, where: bytes, when: float) -> None:
        if len(self._causes) >= _MOST:
            self._causes.clear()
        for code in rule.leads_to:
            for place in (where, _ANYWHERE):
                first, last = self._causes.get((code, place), (cause, when))
                kept = first if when - last <= LASTS else cause
                self._causes[code, place] = (kept, inf if rule.stays else max(when, last))


def _places(about: About) -> tuple[bytes, bytes]:
    """The guest's card, and the connection; where there is no frame, anywhere."""
    frame = about.frame
    if frame is None:
        return _ANYWHERE, _ANYWHERE
    key, _ = versions.flow_key(frame)
    return frame[6:12] if about.from_guest else frame[:6], min(key, versions.reverse(key))
