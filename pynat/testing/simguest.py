"""A small TCP of a guest's, written apart from the engine's, on a wire that loses things.

It sends `outgoing` and then FIN, keeps what comes in order in `incoming`, acknowledges every
segment, answers a SYN with SYN-ACK when both open at once, retransmits everything unacknowledged
after `RTO`, and never reorders by itself: the wire does that. A selective one also keeps what comes
out of order and says so (SACK), a stamped one sends timestamps. Numbers are plain offsets from the
initial sequence numbers.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Protocol

from pynat.config import Config
from pynat.testing.lab import GUEST_MAC
from pynat.wire import arp, ethernet, ipv4, tcp
from pynat.wire.tcp import ACK, FIN, RST, SYN, Segment

RTO = 0.5  # seconds
MSS = 1000
DEFAULT_MSS = 536  # bytes, of an end that announces none (RFC 9293 3.7.1)
ISS = 2**32 - 5000  # wraps early


@dataclass(frozen=True, slots=True)
class Wire:
    """Chances out of 1 for each frame, and seconds."""

    loss: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.001
    jitter: float = 0.0  # more than the gap between frames reorders them


class Net(Protocol):
    """The other end of the wire, in virtual time: a Lab, or an engine."""

    @property
    def now(self) -> float: ...
    @property
    def config(self) -> Config: ...
    def next_timer(self) -> float | None: ...
    def wait(self, seconds: float) -> None: ...
    def from_guest(self, frame: bytes) -> None: ...
    def to_guest(self) -> list[bytes]: ...


class SimGuest:
    def __init__(
        self,
        lab: Net,
        wire: Wire,
        seed: int,
        outgoing: bytes,
        *,
        selective: bool = False,
        stamped: bool = False,
    ) -> None:
        self.lab = lab
        self.outgoing = outgoing
        self.incoming = bytearray()
        self.window = 16_000
        self.state = "SYN-SENT"
        self.reset = False
        self._wire = wire
        self._dice = Random(seed)
        self._order = count()
        self._air: list[tuple[float, int, bool, bytes]] = []  # when, order, to the guest?, frame
        self._una = 0  # of our bytes; SYN aside
        self._room = 0  # the other side's window, from `_una` on
        self._sent = 0
        self._our_fin_sent = False
        self._our_fin_acked = False
        self._mss = MSS
        self._their_isn = 0
        self._their_fin = False
        self._timer = lab.now
        network = lab.config.network
        self._address = network.guest.packed
        self._router = network.router.packed
        self._mac = network.mac
        self.remote = bytes((192, 0, 2, 7))
        self.port = 80
        self._selective = selective
        self._stamped = stamped
        self._stamp = 0  # of the other side, to echo
        self._early: dict[int, Segment] = {}  # by offset

    @property
    def done(self) -> bool:
        return self.reset or (self._our_fin_acked and self._their_fin)

    # ------------------------------------------------------------------ the wire
    def step(self) -> None:
        """Go to the next moment at which anything happens."""
        lab = self.lab
        moments = [self._timer]
        if self._air:
            moments.append(self._air[0][0])
        timer = lab.next_timer()
        if timer is not None:
            moments.append(timer)
        lab.wait(max(0.0, min(moments) - lab.now))
        while self._air and self._air[0][0] <= lab.now:
            _, _, to_guest, frame = heapq.heappop(self._air)
            if to_guest:
                self._receive(frame)
            else:
                lab.from_guest(frame)
        if lab.now >= self._timer:
            self._on_timer()
        for frame in lab.to_guest():
            self._launch(frame, to_guest=True)

    def _launch(self, frame: bytes, *, to_guest: bool) -> None:
        wire, dice = self._wire, self._dice
        copies = 0 if dice.random() < wire.loss else 1
        copies += dice.random() < wire.duplicate
        for _ in range(copies):
            when = self.lab.now + wire.delay + dice.random() * wire.jitter
            heapq.heappush(self._air, (when, next(self._order), to_guest, frame))

    # ------------------------------------------------------------------ the protocol
    def _on_timer(self) -> None:
        self._timer = self.lab.now + RTO
        if self.done:
            return
        if self.state == "SYN-SENT":
            self._send(-1, SYN)
        elif self.state == "SYN-RECEIVED":
            self._send(-1, SYN | ACK)
        else:
            self._sent = self._una
            self._push(least=1)

    def _push(self, *, least: int = 0) -> None:
        """least: bytes that go also where the window is closed, to probe it."""
        room = max(least, min(self.window, self._room))
        end = min(len(self.outgoing), self._una + room)
        while self._sent < end:
            data = self.outgoing[self._sent : min(self._sent + self._mss, end)]
            self._send(self._sent, ACK, data)
            self._sent += len(data)
        if self._sent == len(self.outgoing) and not self._our_fin_acked:
            self._our_fin_sent = True
            self._send(self._sent, ACK | FIN)

    def _receive(self, frame: bytes) -> None:
        kind = ethernet.HEADER.unpack_from(frame)[2]
        if kind == ethernet.ARP:
            self._answer_arp(arp.decode(frame[14:]))
            return
        packet = ipv4.decode(memoryview(frame)[14:])
        if packet.protocol != ipv4.TCP:
            return  # it answers no ping
        segment = self._decode(packet)
        if segment.flags & RST:
            self._on_reset(segment)
        elif segment.flags & SYN:
            self._on_syn(segment)
        elif self.state == "SYN-RECEIVED":
            self._established(segment)
        elif self.state == "ESTABLISHED":
            self._segment(segment)

    def _decode(self, packet: ipv4.Ipv4) -> Segment:
        return tcp.decode(packet)

    def _on_reset(self, segment: Segment) -> None:
        self.reset = not self.done

    def _on_syn(self, syn: Segment) -> None:
        self._their_isn = syn.seq
        if syn.options.timestamps is not None:
            self._stamp = syn.options.timestamps[0]
        self._mss = min(MSS, DEFAULT_MSS if syn.options.mss is None else syn.options.mss)
        if syn.flags & ACK:
            self._send(self._una, ACK)
            self._established(syn)
        else:  # both open at once (RFC 9293 3.5)
            self.state = "SYN-RECEIVED"
            self._send(-1, SYN | ACK)

    def _established(self, segment: Segment) -> None:
        self.state = "ESTABLISHED"
        self._room = segment.window
        self._push()

    def _segment(self, segment: Segment) -> None:
        acked = (segment.ack - ISS - 1) % 2**32
        if acked > len(self.outgoing):
            self._our_fin_acked = True
            acked = len(self.outgoing)
        opens = segment.window > self._room
        if acked >= self._una:
            self._room = segment.window
        if acked > self._una or (acked == self._una and opens):
            self._una = acked
            self._sent = max(self._sent, acked)
            self._timer = self.lab.now + RTO
            self._push()
        at = (segment.seq - self._their_isn - 1) % 2**32
        at = at if at < 2**31 else at - 2**32
        if segment.options.timestamps is not None and at <= len(self.incoming):
            self._stamp = max(self._stamp, segment.options.timestamps[0])
        self._keep(segment, at)
        if segment.length:
            self._send(self._sent + self._our_fin_sent, ACK)

    def _keep(self, segment: Segment, at: int) -> None:
        if at > len(self.incoming) and self._selective and segment.payload:
            self._early.pop(at, None)  # what came last is the last one there
            self._early[at] = segment
        new = len(self.incoming) - at
        if 0 <= new <= len(segment.payload) and not self._their_fin:
            self.incoming += segment.payload[new:]
            self._their_fin = bool(segment.flags & FIN)
            for early in [start for start in sorted(self._early) if start <= len(self.incoming)]:
                if (kept := self._early.pop(early, None)) is not None:  # one may take the others
                    self._keep(kept, early)

    def _options(self, flags: int) -> tcp.Options:
        stamps = (int(self.lab.now * 1000), self._stamp) if self._stamped else None
        if flags & SYN:
            return tcp.Options(MSS, None, self._selective, (), stamps)
        return tcp.Options(timestamps=stamps, sack=self._blocks())

    def _blocks(self) -> tuple[tuple[int, int], ...]:
        """Of what came out of order, the last one's first (RFC 2018 4)."""
        ranges: list[tuple[int, int]] = []
        for start in sorted(self._early):
            end = start + len(self._early[start].payload)
            if ranges and start <= ranges[-1][1]:
                first, last = ranges.pop()
                ranges.append((first, max(last, end)))
            else:
                ranges.append((start, end))
        newest = (one for at in reversed(self._early) for one in ranges if one[0] <= at < one[1])
        begin = self._their_isn + 1
        return tuple(
            ((begin + start) % 2**32, (begin + end) % 2**32)
            for start, end in list(dict.fromkeys(newest))[:3]
        )

    def _send(self, at: int, flags: int, data: bytes = b"") -> None:
        segment = Segment(
            40_000,
            self.port,
            (ISS + 1 + at) % 2**32,
            (self._their_isn + 1 + len(self.incoming) + self._their_fin) % 2**32
            if flags & ACK
            else 0,
            flags,
            self.window,
            data,
            self._options(flags),
        )
        payload = tcp.encode(self._address, self.remote, segment)
        packet = ipv4.encode(self._address, self.remote, ipv4.TCP, payload)
        self._launch(ethernet.encode(self._mac, GUEST_MAC, ethernet.IPV4, packet), to_guest=False)

    def _answer_arp(self, question: arp.Arp) -> None:
        if question.operation == arp.REQUEST and question.target == self._address:
            answer = arp.Arp(arp.REPLY, GUEST_MAC, self._address, self._mac, self._router)
            frame = ethernet.encode(self._mac, GUEST_MAC, ethernet.ARP, arp.encode(answer))
            self._launch(frame, to_guest=False)
