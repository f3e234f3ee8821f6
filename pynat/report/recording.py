"""What a report shows: frames, TCP flows, exchanges and findings of a capture; serial lines."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pynat.errors import ConfigError
from pynat.harmless import harmless
from pynat.lint.frame import Finding, decode
from pynat.lint.summary import Root, Summary
from pynat.lint.trace import Trace
from pynat.log.comments import IMPAIRED
from pynat.log.notices import JournalEntry
from pynat.replay.capture import Capture
from pynat.report.exchanges import Exchanges
from pynat.report.fates import Fate, fate
from pynat.report.findings import capture_of, is_json, to_mend, told_in
from pynat.report.flows import SAID, Flow, Flows
from pynat.rules import Rule

MAX_FRAMES = 200_000  # that a page shows; a browser has to hold them all
MAX_SERIAL_LINES = 20_000
MAX_FOUND = 50  # of one rule that are listed
MAX_SHOWN = 5  # of one rule whose frames are shown
AROUND = 3  # frames shown before and behind one that was found fault with
_GUEST = "Times are seconds of guest time, as in the log."
_DATED = "Times count from the first frame: the capture has no guest time."
_FINDINGS = "These are findings alone: their capture, whose frames they number, is not here."
_NAME = re.compile(r"(?:tcp|udp) \S+ > \S+ #\d+$")  # of the flow, on its first frame
_DROPPED = "dropped: "  # begins what the router says of a frame
_STAMP = re.compile(r"\s*\[\s*(\d+\.\d+)\] ?(.*)")  # as Linux has it


class Sources(NamedTuple):
    """capture: pcapng or pcap, or findings as JSON, which may name one (findings.py).

    serial: the guest's own words, with times or without.
    Times in the serial file are JSON lines {"time": 1.5, "text": "..."}, or `[ 1.500000] ...`.
    """

    capture: Path
    serial: Path | None = None


class Seen(NamedTuple):
    """A frame, with what is known of it."""

    number: int
    when: float  # seconds
    data: bytes
    from_guest: bool
    remarks: list[str]  # the capture's own comment
    lost: bool  # it did not come to the other end of the wire
    findings: list[Finding]


class Found(NamedTuple):
    number: int | None  # of the frame; None where it is about no single one
    when: float  # seconds
    text: str


class Line(NamedTuple):
    """A frame in packetdrill's form, with what the network remarked on it."""

    number: int
    text: str
    remarks: list[str]


class SerialLine(NamedTuple):
    when: float | None  # seconds of guest time
    text: str


@dataclass(slots=True)
class Recording:
    title: str
    frames: int = 0
    from_guest: int = 0
    left_out: int = 0  # frames behind MAX_FRAMES
    first: float | None = None  # seconds, by the capture's clock
    last: float = 0.0
    clock: str = ""  # which it is
    flows: list[Flow] = field(default_factory=list)  # of TCP
    datagrams: list[Flow] = field(default_factory=list)  # of UDP
    exchanges: Exchanges = field(default_factory=Exchanges)
    findings: dict[Rule, list[Found]] = field(default_factory=dict)
    counts: Counter[Rule] = field(default_factory=Counter)
    fates: Counter[Fate] = field(default_factory=Counter)  # of frames that met one
    summary: Summary | None = None  # None where there is no capture, but findings alone
    to_mend: tuple[Root, ...] = ()  # in this order
    lines: dict[int, Line] = field(default_factory=dict)  # around findings, by frame
    serial: list[SerialLine] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return self.last - (self.first or 0.0)

    @property
    def severities(self) -> Counter[str]:
        """How many findings of each, by its name."""
        counted: Counter[str] = Counter()
        for rule, count in self.counts.items():
            counted[rule.severity.value] += count
        return counted


def recorded(sources: Sources) -> Recording:
    """Raises ConfigError where a file cannot be read, or is no capture."""
    recording = Recording(sources.capture.name)
    file: Path | None = sources.capture
    if is_json(sources.capture):
        file = capture_of(sources.capture)
    if file is None:
        _read_findings(recording, sources.capture)
    else:
        _read_capture(recording, file)
    if sources.serial is not None:
        recording.serial = serial_lines(sources.serial)
    return recording


def _read_findings(recording: Recording, file: Path) -> None:
    reader = _Reader(recording)
    recording.clock = _FINDINGS
    told = told_in(file)
    for rule, when, number, text, cause, packets in told:
        because = f"; because of {cause}" if cause else ""
        reader.found(rule, Found(number, when, text + because), packets)
    recording.to_mend = to_mend(told)


def _read_capture(recording: Recording, file: Path) -> None:
    reader = _Reader(recording)
    capture = Capture(file)
    recording.clock = _DATED if capture.about.is_dated else _GUEST
    entries: list[JournalEntry] = []
    for one in _frames(capture, entries):
        if one.number > MAX_FRAMES:
            recording.left_out += 1
            reader.count(one)
        else:
            reader.add(one)
    for entry in entries:
        reader.found(entry.rule, Found(None, entry.now, _text(entry)))
    recording.summary = capture.summary()
    recording.to_mend = recording.summary.to_mend


class _Reader:
    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._flows = Flows()
        self._trace = Trace()
        self._before: deque[Line] = deque(maxlen=AROUND)
        self._behind = 0  # frames that stand near enough to the last finding
        recording.flows = self._flows.tcp
        recording.datagrams = self._flows.udp

    def add(self, seen: Seen) -> None:
        number, when, data, from_guest, remarks, lost, findings = seen
        recording = self._recording
        recording.frames += 1
        recording.from_guest += from_guest
        if recording.first is None:
            recording.first = when
        recording.last = max(recording.last, when)
        met = fate(remarks, lost=lost)
        if met is not None:
            recording.fates[met] += 1
        frame = decode(data, when)
        if frame is not None:
            said = (*_said(remarks, findings),) or ((met.by,) if met else ())
            kind = met.kind if met else SAID
            self._flows.add(number, when, frame, said, from_guest=from_guest, kind=kind)
            recording.exchanges.add(number, when, frame, met, from_guest=from_guest)
        line = Line(number, harmless(self._trace.line(when, data, from_guest)), remarks)
        self._show(line, found=self.count(seen))

    def count(self, seen: Seen) -> bool:
        """Whether its frame is one to show."""
        shown = False
        for one in seen.findings:
            shown |= self.found(one.rule, Found(seen.number, seen.when, one.text))
        return shown

    def found(self, rule: Rule, found: Found, packets: int = 1) -> bool:
        """Whether it is one of the first."""
        self._recording.counts[rule] += packets
        listed = self._recording.findings.setdefault(rule, [])
        if len(listed) < MAX_FOUND:
            listed.append(found)
        return len(listed) <= MAX_SHOWN

    def _show(self, line: Line, *, found: bool) -> None:
        """Those around findings."""
        lines = self._recording.lines
        if found:
            lines.update((one.number, one) for one in self._before)
            self._behind = AROUND + 1
        if self._behind:
            lines[line.number] = line
            self._behind -= 1
        self._before.append(line)


def _frames(capture: Capture, entries: list[JournalEntry]) -> Iterator[Seen]:
    """entries: what is left in there behind the last one was found at the end."""
    for one, from_guest in capture.frames(entries.append):
        findings = [Finding(entry.rule, _text(entry)) for entry in entries]
        remarks = [harmless(line) for line in one.comment.splitlines() if not _NAME.match(line)]
        if IMPAIRED in one.comment and not any(line.startswith(_DROPPED) for line in remarks):
            remarks += _dropped_late(entries, one.number)
        entries.clear()
        yield Seen(one.number, one.when, one.frame, from_guest, remarks, one.lost, findings)


def _dropped_late(entries: list[JournalEntry], number: int) -> Iterator[str]:
    """Behind a slow wire the router drops a frame when its comment has been written."""
    for entry in entries:
        if entry.dropped and entry.number == number:
            yield f"{_DROPPED}{entry.rule.code} {entry.rule.name}: {_text(entry)}"


def _text(entry: JournalEntry) -> str:
    return harmless(f"{entry.text}; {entry.cause}" if entry.cause else entry.text)


def _said(remarks: list[str], findings: list[Finding]) -> Iterator[str]:
    """A finding that was made while the network ran is among the remarks."""
    yield from remarks
    for one in findings:
        if not any(one.rule.code in remark for remark in remarks):
            yield f"{one.rule.code}: {one.text}"


def serial_lines(path: Path) -> list[SerialLine]:
    """Raises ConfigError."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    return [_serial_line(line) for line in lines[:MAX_SERIAL_LINES]]


def _serial_line(line: str) -> SerialLine:
    if line.startswith("{"):
        try:
            told = json.loads(line)
            text = harmless(str(told["text"]))
            if told["time"] is None:
                return SerialLine(None, text)
            when = float(told["time"])
            if math.isfinite(when):
                return SerialLine(when, text)
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
            pass  # the guest's own words
    stamped = _STAMP.match(line)
    if stamped:
        return SerialLine(float(stamped[1]), harmless(stamped[2]))
    return SerialLine(None, harmless(line))
