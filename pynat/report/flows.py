"""The points of each TCP connection: what its time-sequence plots are made of; flows of UDP.

A plot is one direction: the segments with data that one end sends, and what the other end says of
them (acknowledgements, SACK blocks, the edge of its window), after Shawn Ostermann's tcptrace.
Sequence numbers count from the SYN, or from the first one seen, and go on past 32 bits.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from pynat.capture.flow_names import FlowNames
from pynat.lint.frame import Frame
from pynat.ranges import Ranges
from pynat.report.fates import DROPPED, LOST
from pynat.rules.tcp import CHECKSUM
from pynat.wire import ipv4
from pynat.wire.tcp import ACK, FIN, RST, SYN, Segment

PORTS = struct.Struct("!HH")
MAX_FLOWS = 10_000  # that are followed; a scan of ports has more, and no plots worth looking at
MAX_SAID = 1_000  # marks of what is only said, of one direction: more of them are a band
DHCP_PORTS = {67, 68}  # of a client and a server: their exchange is drawn, and is no flow
_HALF, _ALL = 1 << 31, 1 << 32

DATA, AGAIN, ACKED, SACKED, BEGIN, END, RESET, SPOILT = range(8)
NAMES = ("data", "sent again", "ACK", "SACK", "SYN", "FIN", "RST", "wrong checksum")
SAID = "mark"  # the kind of a mark, where nothing became of the frame; else as in fates.py


class Point(NamedTuple):
    """From `low` to `high` of the sender's sequence numbers."""

    number: int  # of the frame
    when: float  # seconds
    low: int
    high: int
    kind: int


class Mark(NamedTuple):
    """Something that was said of a frame, and what became of it. low, high: as of its point."""

    number: int
    when: float
    low: int
    high: int
    text: str
    kind: str = SAID


@dataclass(slots=True)
class Direction:
    """What one end sends, and what comes back for it."""

    points: list[Point] = field(default_factory=list)
    window: list[tuple[float, int]] = field(default_factory=list)  # the right edge, when it changes
    round_trips: list[tuple[float, float]] = field(default_factory=list)  # when, seconds
    marks: list[Mark] = field(default_factory=list)
    octets: int = 0  # that were sent once
    again: int = 0  # segments
    datagrams: int = 0
    lost: int = 0  # segments that did not come to the other end, or were dropped there
    highest: int = 0
    first: int | None = None  # sequence number
    _sent: Ranges = field(default_factory=Ranges)  # data; a frame that was lost is captured first
    _acked: int = 0
    _said: int = 0  # marks of what is only said
    _timed: tuple[int, float] | None = None  # what is to be acknowledged, since when

    def sent(self, number: int, when: float, segment: Segment) -> int:
        """Where in the stream it begins."""
        if self.first is None:
            self.first = segment.seq
        low = self._place(segment.seq)
        high = low + segment.length
        for bit, kind in ((SYN, BEGIN), (FIN, END), (RST, RESET)):
            if segment.flags & bit:
                at = low if bit == SYN else high
                self.points.append(Point(number, when, at, at, kind))
        if segment.flags & SYN and self.highest:
            self.again += 1
            self._timed = None
        if segment.payload:
            self._data(number, when, low, low + len(segment.payload))
        elif high > self.highest:
            self._time(high, when)
        self.highest = max(self.highest, high)
        return low

    def _data(self, number: int, when: float, low: int, high: int) -> None:
        new = self._sent.add(low, high)
        self.points.append(Point(number, when, low, high, DATA if new else AGAIN))
        self.again += not new
        self.octets += new
        if not new:
            self._timed = None  # Karn: nobody knows which of the two is acknowledged
        else:
            self._time(high, when)

    def _time(self, high: int, when: float) -> None:
        self._timed = self._timed or (high, when)

    def answered(self, number: int, when: float, segment: Segment, shift: int) -> None:
        """An acknowledgement by the other end, whose windows are to be multiplied by 2**shift."""
        if self.first is None or not segment.flags & ACK:
            return
        acked = self._place(segment.ack)
        self.points.append(Point(number, when, acked, acked, ACKED))
        for low, high in segment.options.sack:
            self.points.append(Point(number, when, self._place(low), self._place(high), SACKED))
        edge = acked + (segment.window << (0 if segment.flags & SYN else shift))
        if not self.window or self.window[-1][1] != edge:
            self.window.append((when, edge))
        if self._timed is not None and acked >= self._timed[0]:
            self.round_trips.append((when, when - self._timed[1]))
            self._timed = None
        self._acked = max(self._acked, acked)

    def mark(self, mark: Mark) -> None:
        self._said += mark.kind == SAID
        if mark.kind != SAID or self._said <= MAX_SAID:
            self.marks.append(mark)

    def acked_at(self, segment: Segment) -> int | None:
        """Where an acknowledgement by the other end stands."""
        return None if self.first is None else self._place(segment.ack)

    def _place(self, seq: int) -> int:
        """The number nearest to those that were sent last."""
        assert self.first is not None
        near = self.highest
        return near + (seq - self.first - near + _HALF) % _ALL - _HALF


@dataclass(slots=True)
class Flow:
    """One connection, or the datagrams between two ports. `from_guest` is what the guest sends."""

    name: str  # tcp 192.168.16.2:40000 > 192.0.2.7:80 #3
    start: float
    end: float
    from_guest: Direction = field(default_factory=Direction)
    to_guest: Direction = field(default_factory=Direction)
    frames: int = 0
    how: str = "open"  # how it stands at the end
    shifts: list[int | None] = field(default_factory=lambda: [None, None])  # guest's, network's
    _fins: set[bool] = field(default_factory=set)

    @property
    def anchor(self) -> str:
        return f"flow-{self.name.rpartition('#')[2]}"

    def began_with(self, seq: int, *, from_guest: bool) -> bool:
        return (self.from_guest if from_guest else self.to_guest).first == seq

    def add(
        self,
        number: int,
        when: float,
        segment: Segment,
        remarks: tuple[str, ...],
        *,
        from_guest: bool,
        kind: str = SAID,
    ) -> None:
        mine, other = self.from_guest, self.to_guest
        if not from_guest:
            mine, other = other, mine
        self.frames += 1
        self.start, self.end = min(self.start, when), max(self.end, when)
        if segment.flags & SYN:
            self.shifts[not from_guest] = segment.options.window_shift
        at = mine.sent(number, when, segment)
        shift = self.shifts[not from_guest] if None not in self.shifts else 0
        other.answered(number, when, segment, shift or 0)
        mine.lost += kind in (LOST, DROPPED)
        acked = None if segment.length or segment.flags & RST else other.acked_at(segment)
        if remarks and acked is None:
            mine.mark(Mark(number, when, at, at + len(segment.payload), "; ".join(remarks), kind))
        elif remarks and acked is not None:
            other.mark(Mark(number, when, acked, acked, "; ".join(remarks), kind))
        self._close(segment, from_guest=from_guest)

    def add_spoilt(
        self, number: int, when: float, remarks: tuple[str, ...], *, from_guest: bool, kind: str
    ) -> None:
        """A segment whose numbers are not to be trusted: where its sender is."""
        mine = self.from_guest if from_guest else self.to_guest
        self.frames += 1
        self.end = max(self.end, when)
        mine.lost += kind in (LOST, DROPPED)
        mine.points.append(Point(number, when, mine.highest, mine.highest, SPOILT))
        if remarks:
            text = "; ".join(remarks)
            mine.mark(Mark(number, when, mine.highest, mine.highest, text, kind))

    def add_datagram(self, when: float, octets: int, *, from_guest: bool, kind: str = SAID) -> None:
        mine, other = self.from_guest, self.to_guest
        if not from_guest:
            mine, other = other, mine
        self.frames += 1
        self.end = max(self.end, when)
        mine.octets += octets
        mine.lost += kind in (LOST, DROPPED)
        mine.datagrams += 1
        self.how = "answered" if other.datagrams else "unanswered"

    def _close(self, segment: Segment, *, from_guest: bool) -> None:
        if segment.flags & RST:
            self.how = f"reset by the {'guest' if from_guest else 'network'}"
        elif segment.flags & FIN:
            self._fins.add(from_guest)
            half = f"closed by the {'guest' if from_guest else 'network'} only"
            self.how = "closed" if len(self._fins) == 2 else half


class Flows:
    """tcp, udp: in the order in which they began."""

    def __init__(self) -> None:
        self._names = FlowNames()
        self._flows: dict[bytes, Flow] = {}
        self.tcp: list[Flow] = []
        self.udp: list[Flow] = []
        self.left_out = 0

    @property
    def all(self) -> list[Flow]:
        return sorted(self.tcp + self.udp, key=lambda flow: flow.start)

    def add(
        self,
        number: int,
        when: float,
        frame: Frame,
        remarks: tuple[str, ...],
        *,
        from_guest: bool,
        kind: str = SAID,
    ) -> None:
        """remarks: what is said of it. kind: of their marks."""
        name = self._names.of_first(frame.data, from_guest=from_guest)
        if frame.ip is not None and frame.malformed and frame.malformed.rule is CHECKSUM:
            ports = PORTS.unpack_from(frame.ip.payload)
            spoilt = self._flows.get(_key(frame.ip, *ports, from_guest=from_guest))
            if spoilt is not None:
                spoilt.add_spoilt(number, when, remarks, from_guest=from_guest, kind=kind)
        inner = frame.tcp or frame.udp
        if inner is None or frame.ip is None or {inner.source, inner.destination} == DHCP_PORTS:
            return
        key = _key(frame.ip, inner.source, inner.destination, from_guest=from_guest)
        if name and not (frame.tcp and self._is_again(key, frame.tcp, from_guest=from_guest)):
            self._begin(key, Flow(name, when, when), self.tcp if frame.tcp else self.udp)
        flow = self._flows.get(key)
        if flow is None:
            return
        if frame.tcp is not None:
            flow.add(number, when, frame.tcp, remarks, from_guest=from_guest, kind=kind)
        elif frame.udp is not None:
            octets = len(frame.udp.payload)
            flow.add_datagram(when, octets, from_guest=from_guest, kind=kind)

    def _is_again(self, key: bytes, segment: Segment, *, from_guest: bool) -> bool:
        """A SYN that repeats the one that began the flow."""
        flow = self._flows.get(key)
        return flow is not None and flow.began_with(segment.seq, from_guest=from_guest)

    def _begin(self, key: bytes, flow: Flow, into: list[Flow]) -> None:
        if len(into) < MAX_FLOWS:
            self._flows[key] = flow
            into.append(flow)
        else:
            self._flows.pop(key, None)
            self.left_out += 1


def _key(packet: ipv4.Ipv4, source: int, destination: int, *, from_guest: bool) -> bytes:
    guest = packet.source, source.to_bytes(2, "big")
    other = packet.destination, destination.to_bytes(2, "big")
    if not from_guest:
        guest, other = other, guest
    return b"".join((bytes((packet.protocol,)), *guest, *other))


def directions(flow: Flow) -> Iterator[tuple[str, Direction]]:
    """Those in which something was sent, or did not arrive."""
    for name, one in (("guest to network", flow.from_guest), ("network to guest", flow.to_guest)):
        if one.octets or one.again or any(mark.kind != SAID for mark in one.marks):
            yield name, one
