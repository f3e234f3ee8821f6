"""What the guest's stack does, and the first thing to mend: a page of text, and the same as JSON.

    protocols   how far each has come (pynat/lint/steps.py): never tried, works, or fails, and where
    findings    those that have no other cause, the most probable root first: errors, of these the
                lowest layer, for what is wrong there spoils all above, then in the order of time
    exercised   how often each rule had its chance

It is made when somebody asks, out of what the linter has counted and what was found. The shape of
the JSON is public (docs/lint.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pynat.lint.linter import Key, Linter
from pynat.lint.steps import PROTOCOLS, Failure, Step, failure, times, unanswered
from pynat.rules import RULES, Rule, Severity
from pynat.rules.occasions import Occasion
from pynat.verdict import Record, Verdict

Object = dict[str, object]

LAYERS = ("ETH", "ARP", "IP", "DHCP", "ICMP", "UDP", "DNS", "TFTP", "TCP")
_SEVERITIES = tuple(Severity)
_FEW = 3  # findings in the short form
_NEVER, _WORKS, _FAILS, _UNCLEAR = "never tried", "works", "fails", "unclear"
_ON_A_BAD_WIRE = 3  # times that something is tried before it fails for certain
_MAY_BE_LOST = "on this bad wire it may be lost"
_EATEN = "a fault that was asked for has left it unanswered; expected the guest to try again"
NOTHING_EATEN = Counter[str]()
SUMMARY = "summary: "  # begins each line of the short form in a log
_WIDTH = max(map(len, PROTOCOLS))


@dataclass(frozen=True, slots=True)
class Protocol:
    name: str
    steps: tuple[tuple[Step, int], ...]  # those that were done, with their counts
    fails_at: Step | None
    doubt: str = ""  # why it may not be the guest's failure
    besides: str = ""  # what fails beside what works

    @property
    def state(self) -> str:
        if self.fails_at is not None:
            return _UNCLEAR if self.doubt else _FAILS
        return _WORKS if self.steps else _NEVER

    @property
    def why(self) -> str:
        assert self.fails_at is not None
        return self.doubt or self.fails_at.why

    def __str__(self) -> str:
        if self.fails_at is not None:
            return f"{self.state}: {self._done()}, {self.fails_at.missing}: {self.why}"
        besides = f"; {self.besides}" if self.besides else ""
        return f"{_WORKS}: {self._done()}{besides}" if self.steps else _NEVER

    def _done(self) -> str:
        """Up to where it fails."""
        order = [step.key for step in PROTOCOLS[self.name]]
        end = order.index(self.fails_at.key) if self.fails_at else len(order)
        done = (step.done(count) for step, count in self.steps if order.index(step.key) < end)
        return ", ".join(done)

    def as_object(self) -> Object:
        told: Object = {
            "protocol": self.name,
            "state": self.state,
            "steps": [{"step": step.name, "count": count} for step, count in self.steps],
        }
        if self.fails_at is not None:
            told |= {"fails_at": self.fails_at.name, "why": self.why}
        if self.besides:
            told["besides"] = self.besides
        return told


def rank(rule: Rule, severity: Severity, when: float) -> tuple[int, int, float]:
    """The most probable root first. severity: the worst of what comes of it."""
    return _SEVERITIES.index(severity), LAYERS.index(rule.protocol), when


@dataclass(frozen=True, slots=True)
class Root:
    """A finding that has no other cause."""

    record: Record
    leads: tuple[tuple[Rule, int], ...]  # what follows from it, and how often

    @property
    def severity(self) -> Severity:
        """The worst of what comes of it."""
        rules = self.record.rule, *(rule for rule, _ in self.leads)
        return min((rule.severity for rule in rules), key=_SEVERITIES.index)

    @property
    def is_to_mend(self) -> bool:
        """Notes are not."""
        return self.severity is not Severity.NOTE

    @property
    def rank(self) -> tuple[int, int, float]:
        return rank(self.record.rule, self.severity, self.record.when)

    @property
    def where(self) -> str:
        about, when = self.record.about, self.record.when
        frame = f"in frame {about.number}, " if about.number else ""
        return f"{times(self.record.count)}, first {frame}at {when:.3f} s"

    @property
    def headline(self) -> str:
        rule = self.record.rule
        return f"{rule.code} {rule.severity}: {rule.name}: {self.where}"

    def __iter__(self) -> Iterator[str]:
        """Lines."""
        rule = self.record.rule
        yield self.headline
        yield f"  seen: {self.record.text}"
        yield f"  why: {rule.why}"
        yield f"  look at: {rule.remedy}"
        if self.leads:
            follow = ", ".join(f"{one.code} {times(count)}" for one, count in self.leads)
            yield f"  because of it: {follow}"

    def as_object(self) -> Object:
        record, rule = self.record, self.record.rule
        sender = "guest" if record.about.from_guest else "network"
        return {
            "code": rule.code,
            "name": rule.name,
            "severity": rule.severity.value,
            "count": record.count,
            "frame": record.about.number,
            "time": round(record.when, 6),
            "from": sender if record.about.frame is not None else None,
            "text": record.text,
            "rfc": rule.rfc,
            "page": f"pynat explain {rule.code}",
            "why": rule.why,
            "look_at": rule.remedy,
            "leads_to": [{"code": one.code, "count": count} for one, count in self.leads],
        }


@dataclass(frozen=True, slots=True)
class Exercised:
    rule: Rule
    chances: int
    found: int

    def as_object(self) -> Object:
        return {
            "code": self.rule.code,
            "name": self.rule.name,
            "exercised": self.chances,
            "by": self.rule.exercised.value,
            "found": self.found,
        }


@dataclass(frozen=True, slots=True)
class Summary:
    protocols: tuple[Protocol, ...]
    findings: tuple[Root, ...]
    exercised: tuple[Exercised, ...]

    @property
    def to_mend(self) -> tuple[Root, ...]:
        """Notes, which are the last, are not."""
        return tuple(one for one in self.findings if one.is_to_mend)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """The page."""
        yield "what the guest's stack does:"
        yield from (f"  {one.name:{_WIDTH}}  {one}" for one in self.protocols)
        yield self._to_be_mended()
        for number, root in enumerate(self.to_mend, 1):
            first, *more = root
            yield f"  {number}. {first}"
            yield from (f"     {line}" for line in more)
        notes = self.findings[len(self.to_mend) :]
        if notes:
            yield "worth knowing:"
            yield from (f"  {root.headline}" for root in notes)

    def _to_be_mended(self) -> str:
        if self.to_mend:
            return "what to mend, in this order:"
        fails = [one.name for one in self.protocols if one.state == _FAILS]
        if fails:
            return f"to be mended is what fails: {', '.join(fails)}; no single frame is wrong"
        return "nothing is to be mended"

    def short(self) -> Iterator[str]:
        """For the end of a log; nothing where nothing was tried."""
        if all(one.state == _NEVER for one in self.protocols):
            return
        for state in (_WORKS, _NEVER):
            names = [one.name for one in self.protocols if one.state == state and not one.besides]
            if names:
                yield f"{state}: {', '.join(names)}"
        yield from (f"{one.name} {one}" for one in self.protocols if one.fails_at or one.besides)
        for number, root in enumerate(self.to_mend[:_FEW], 1):
            yield f"to mend, {number}: {root.headline}: {root.record.text}"
            yield f"  look at: {root.record.rule.remedy}"
        if more := self.to_mend[_FEW:]:
            codes = ", ".join(root.record.rule.code for root in more)
            yield f"to mend: {len(more)} more: {codes}"

    def as_object(self) -> Object:
        return {
            "protocols": [one.as_object() for one in self.protocols],
            "findings": [one.as_object() for one in self.findings],
            "exercised": [one.as_object() for one in self.exercised],
        }


def summary(
    linter: Linter,
    verdict: Verdict,
    silenced: Collection[str] = (),
    *,
    bad_wire: bool = False,
    eaten: Counter[str] = NOTHING_EATEN,
) -> Summary:
    """silenced: codes of rules that are not shown. bad_wire: not every frame came through.

    eaten: what faults have left unanswered, by services.
    """
    counts = linter.counts()
    records = {one.rule.code: one for one in verdict if one.rule.code not in silenced}
    return Summary(
        tuple(
            _protocol(name, counts, bad_wire=bad_wire, eaten=eaten[name.lower()])
            for name in PROTOCOLS
        ),
        roots(records),
        tuple(
            Exercised(rule, counts[rule.exercised], _total(records.get(rule.code)))
            for rule in RULES
            if rule.exercised is not Occasion.NONE
        ),
    )


def _protocol(name: str, counts: Mapping[Key, int], *, bad_wire: bool, eaten: int) -> Protocol:
    steps = PROTOCOLS[name]
    done = tuple((one, counts[one.key]) for one in steps if counts[one.key] and one.is_shown)
    found = failure(steps, counts)
    if found is None:
        return Protocol(name, done, None, besides=unanswered(name, counts))
    return Protocol(name, done, found.step, _doubt(found, bad_wire, eaten))


def _doubt(found: Failure, bad_wire: bool, eaten: int) -> str:
    if eaten >= found.tries:
        return _EATEN
    if bad_wire and found.tries < _ON_A_BAD_WIRE:
        return _MAY_BE_LOST
    return "" if found.step.is_sure else found.step.why


def roots(records: Mapping[str, Record]) -> tuple[Root, ...]:
    """In the order in which to mend them. records: by code."""
    found = (
        Root(record, tuple(_leads(record.rule.code, records.values())))
        for record in records.values()
        if record.count and record.rule.protocol in LAYERS
    )
    return tuple(sorted(found, key=lambda root: root.rank))


def _leads(code: str, records: Collection[Record]) -> Iterator[tuple[Rule, int]]:
    for record in records:
        count = record.because[code]
        if count:
            yield record.rule, count


def _total(record: Record | None) -> int:
    return record.total if record else 0
