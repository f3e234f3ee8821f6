"""Which segment belongs to which connection, and the words of a finding.

At most MAX_FLOWS connections are followed; the one opened first makes room. One that has ended is
kept for TIME_WAIT, to see who uses its ports again too early.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import replace

from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding, Frame
from pynat.lint.ipv4 import padding_counted
from pynat.lint.lost import LostFrames
from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.lint.tcp import ending, form, ports
from pynat.lint.tcp.acking import UNPADDED
from pynat.lint.tcp.common import Common
from pynat.lint.tcp.connection import Connection
from pynat.lint.tcp.opening import Habits
from pynat.lint.tcp.progress import Progress, Reached
from pynat.lint.tcp.unheard import UnheardSyns
from pynat.rules import Rule, tcp_opening
from pynat.rules.occasions import Occasion
from pynat.rules.tcp import CHECKSUM
from pynat.wire import arp, ethernet, icmp, ip, ipv4, mistakes, plain, tcp, versions
from pynat.wire.addresses import end_text
from pynat.wire.checksum import ones_sum, pseudo_header, valid
from pynat.wire.ip import Outline
from pynat.wire.ipv4 import Ipv4
from pynat.wire.tcp import (
    ACK,
    FIN,
    HEADER_SIZE,
    RST,
    STAMPS,
    SYN,
    FoundOne,
    Segment,
    one_segment,
)

MAX_FLOWS = 1024  # at most 100 KB each, mostly 3
TIME_WAIT = 60.0  # seconds; Linux's 2 MSL
_OPENING = 10.0  # seconds in which an unanswered SYN is the same attempt
_MOVES = 2
_ASKS_AGAIN = 1.0  # seconds in which nothing new can be overdue
_FIRST_RTO = Span(0.9, 1.2)  # seconds until a SYN goes again; no program gives up so soon
_DHCP = 67
_PORTS = 256  # of the guest's, to which somebody connects
_ENDED = 1024  # connections remembered as ended


class TcpChecker:
    def __init__(
        self,
        mtu: int,
        tally: Tally,
        served: Collection[int] = (),
        lost: LostFrames | None = None,
        *,
        flows: int = MAX_FLOWS,
        router: bytes = b"",
    ) -> None:
        """served: ports at which somebody answers the guest. lost: hears of what comes again.

        router: its address.
        """
        self._lost = lost
        self.adopt(router)
        self._mtu = mtu
        self._most = flows
        self._flows: dict[bytes, Connection] = {}  # by guest, peer and their ports
        self._ended: deque[tuple[float, bytes, Connection]] = deque()
        self._tally = tally
        self._habits = Habits(self._tally)
        self._common = Common(set(served))
        self._unheard = Bounded[tuple[bytes, int], UnheardSyns](_PORTS)
        self._progress = Progress()
        self._found: list[tuple[Rule, str]] = []
        self._unasked = b""  # the key of the last SYN-ACK that answers no SYN

    def __len__(self) -> int:
        return len(self._flows)

    def adopt(self, router: bytes) -> None:
        """The router is at this address from now on."""
        self._router = router

    def reached(self) -> Reached:
        return self._progress.so_far(self._flows.values())

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        segment, packet, before = frame.tcp, frame.ip, self._common.alive
        if frame.arp is not None and frame.arp.operation == arp.REQUEST:
            self._common.asks(frame.when, for_another=not frame.arp.is_for_itself)
        else:
            self._common.alive = frame.when
        if packet is not None and not frame.destination[0] & 1:
            self._common.speaks(frame.when)
        if segment is None or packet is None:
            self._without(frame)
            if packet is not None and frame.malformed and frame.malformed.rule is CHECKSUM:
                return self._spoilt(packet)
            if frame.udp is not None and frame.udp.destination == _DHCP and packet is not None:
                return self._looks_for_an_address(packet, before, frame.when)
            return iter(())
        key = packet.source + packet.destination + packet.payload[:4]
        connection = self._flows.get(key)
        form.look(segment, packet.payload, self._tell)
        if segment.flags & SYN:
            connection = self._syn(connection, key, segment, packet.payload, frame.when)
            if connection is None:
                ports.look_at_stranger(key, self._flows, self._tell)
        else:
            self._goes_on(connection, key, segment, len(packet.payload), frame.when)
        return iter(self._said(packet.packet, segment, connection))

    def _spoilt(self, packet: Ipv4) -> Iterator[Finding]:
        """It has a wrong checksum, and is nothing to anybody but for what it should have been."""
        if padding := _padding_in(packet):
            yield padding_counted(packet, padding)
        connection = self._flows.get(packet.source + packet.destination + packet.payload[:4])
        if connection is None:
            return
        connection.spoilt(tcp.unchecked(packet.payload), self._tell)
        name = versions.named(packet.packet)
        found, self._found = self._found, []
        yield from (Finding(rule, f"{name}: {_with_section(rule, text)}") for rule, text in found)

    def is_in_flight(self, about: Outline, quote: bytes) -> bool:
        """Or may be; a guest believes no error about any other segment (RFC 5927 4.1)."""
        ports, number = quote[about.body : about.body + 4], quote[about.body + 4 : about.body + 8]
        connection = self._flows.get(about.source + about.destination + ports)
        return connection is None or connection.is_in_flight(int.from_bytes(number, "big"))

    def is_alive(self, when: Span) -> None:
        """The guest has sent something."""
        self._common.alive = when

    def goes_on_from_guest(self, frame: bytes, found: FoundOne, when: Span) -> list[Finding]:
        self._common.alive = when
        key = frame[plain.KEY_AT]
        connection = self._flows.get(key)
        if connection is not None:
            expected = connection.expected or connection.steadies()
            if expected is not None and expected.from_guest(found, when):
                connection.last = when
                return []
        segment = one_segment(found)
        self._tally.segment_from_guest(segment)
        self._goes_on(connection, key, segment, _size(found), when)
        return self._said(memoryview(frame)[ethernet.HEADER.size :], segment, connection)

    def _goes_on(
        self, connection: Connection | None, key: bytes, segment: Segment, size: int, when: Span
    ) -> None:
        if connection is None:
            ports.look_at_stranger(key, self._flows, self._tell)
            return
        connection.from_guest(segment, size, when, self._tell)
        if connection.ended is not None:
            self._note_end(key, connection, when)

    def _said(
        self, packet: memoryview, segment: Segment, connection: Connection | None
    ) -> list[Finding]:
        if not self._found:
            return []
        found, self._found = self._found, []
        name = f"{versions.named(packet)} {_relative(segment, connection)}"
        return [Finding(rule, f"{name}: {_with_section(rule, text)}") for rule, text in found]

    def _said_of(self, key: bytes) -> list[Finding]:
        """Of a connection, and no segment of the guest's."""
        if not self._found:
            return []
        found, self._found = self._found, []
        name = _named(key)
        return [Finding(rule, f"{name}: {_with_section(rule, text)}") for rule, text in found]

    def _looks_for_an_address(self, packet: Ipv4, before: Span, when: Span) -> Iterator[Finding]:
        """What was open before may be forgotten: the machine has begun anew.

        before: when it was last heard of; until then it knew of all.
        """
        if any(packet.source):
            return
        is_again = when.most(self._common.booted) < _ASKS_AGAIN
        known = [] if is_again else list(self._still_known())
        self._common.booted = when
        for key, connection in known:
            connection.look_for_overdue(before, self._tell)
            yield from self._said_of(key)

    def _tell(self, rule: Rule, text: str) -> None:
        self._found.append((rule, text))

    def _syn(
        self,
        connection: Connection | None,
        key: bytes,
        segment: Segment,
        header: memoryview,
        when: Span,
    ) -> Connection | None:
        if segment.flags & (FIN | RST):
            return connection
        goes_on = connection is not None and connection.goes_on_in(segment)
        if not segment.flags & ACK and (connection is None or connection.is_new(segment)):
            connection = self._succeed(connection, key, segment, when)
        if connection is None:
            self._answers_nobody(key, segment)
            return None
        if connection.guest is None and not goes_on:
            self._habits.number(segment.seq, self._tell)
        connection.syn_from_guest(segment, header, when, self._tell)
        return connection

    def _answers_nobody(self, key: bytes, syn_ack: Segment) -> None:
        """What it answers may not have been seen; then nobody resets it."""
        if syn_ack.ack:
            self._unasked = key
        else:
            self._tell(tcp_opening.OPENS_WITH_ACK, "SYN and ACK, which acknowledges 0")

    def _succeed(self, old: Connection | None, key: bytes, syn: Segment, when: Span) -> Connection:
        """A connection that the guest opens, where there may have been one."""
        moved = 0
        if old is not None:
            old.look_at_successor(syn, when, TIME_WAIT, self._tell)
            if old.peer is None and not old.answered and when.most(old.last) < _OPENING:
                moved = old.moved + 1
                self._tally[Occasion.SYN_AGAIN] += 1
            if moved == _MOVES or (moved == 1 and self._is_time_out(old, when)):
                self._moves(old, syn)
        if not moved:
            self._tally[Occasion.OPENING] += 1
            self._habits.ends(key, syn.source, self._tell)
            ports.look_at_source(syn.source, self._common)
        if moved:
            self._flows.pop(key)  # the same attempt
        connection = self._new(key, when)
        connection.by_guest = True
        connection.moved = moved
        return connection

    def _is_time_out(self, old: Connection, when: Span) -> bool:
        """A SYN came again; a program that connects anew has another port."""
        gap = when.least(old.last), when.most(old.last)
        is_first_rto = _FIRST_RTO.first <= gap[0] <= gap[1] <= _FIRST_RTO.last
        return is_first_rto and self._habits.changes_ports

    def _moves(self, old: Connection, syn: Segment) -> None:
        if old.guest is not None:
            step = old.guest.number(syn.seq)
            self._tell(tcp_opening.SYN_MOVES, f"SYN again at {step}, nobody has answered the first")

    # ------------------------------------------------------------------ to the guest
    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        segment, packet = frame.tcp, frame.ip
        if segment is None or packet is None:
            self._without(frame)
            if frame.arp is not None and frame.arp.operation == arp.REQUEST:
                self._looks_for(frame.arp.target, frame.when)
            return iter(())
        ends = packet.payload[:4]
        key = packet.destination + packet.source + ends[2:] + ends[:2]
        connection = self._flows.get(key)
        if segment.flags & SYN:
            padding = max(0, UNPADDED - len(packet.packet))
            self._syn_to_guest(connection, key, segment, padding, frame.when)
        elif connection is None:
            if segment.flags & RST and key == self._unasked:
                self._tell(tcp_opening.OPENS_WITH_ACK, "its SYN-ACK answers nothing, and is reset")
        else:
            if segment.flags & RST and connection.peer is None:
                ports.look_at_unanswered(
                    segment.source, self._common, self._tell, to_router=connection.to_router
                )
            self._goes_on_to_guest(connection, key, segment, len(packet.packet), frame.when)
        return iter(self._said_of(key))

    def _looks_for(self, address: bytes, when: Span) -> None:
        if any(key.startswith(address) for key in self._flows):
            self._common.calls(when)

    def goes_on_to_guest(self, frame: bytes, found: FoundOne, when: Span) -> list[Finding]:
        key = plain.key_to_guest(frame)
        connection = self._flows.get(key)
        if connection is not None:
            expected = connection.expected or connection.steadies()
            if expected is not None and expected.to_guest(found, when):
                return []
        segment = one_segment(found)
        self._tally.segment_to_guest(segment)
        if connection is not None:
            size = ipv4.HEADER_SIZE + _size(found)
            self._goes_on_to_guest(connection, key, segment, size, when)
        return self._said_of(key)

    def _goes_on_to_guest(
        self, connection: Connection, key: bytes, segment: Segment, size: int, when: Span
    ) -> None:
        """size: of the packet."""
        waited = connection.comes_again(segment, when)
        if self._lost is not None and waited is not None:
            self._tally[Occasion.RESENT_CAME] += 1
            self._lost.again(waited, self._tell)
        connection.to_guest(segment, when, self._tell)
        if size < UNPADDED:
            connection.padded(UNPADDED - size)
        if connection.ended is not None:
            self._note_end(key, connection, when)

    def _syn_to_guest(
        self,
        connection: Connection | None,
        key: bytes,
        segment: Segment,
        padding: int,
        when: Span,
    ) -> None:
        if segment.flags & ACK:
            if len(self._common.served) < _PORTS:
                self._common.served.add(segment.source)
        else:
            peer = connection.peer if connection else None
            another = peer is not None and peer.isn != segment.seq
            if (
                connection is None
                or connection.ended is not None
                or (another and not connection.is_opening)
            ):
                connection = self._new(key, when)
                connection.unheard_syn = self._syns_to_port(key)
        if connection is not None:
            connection.syn_to_guest(segment, padding, when, self._tell)

    def _syns_to_port(self, key: bytes) -> UnheardSyns:
        """Who connects may come from another port each time."""
        guest, _, port, _ = ports.taken_apart(key)
        known = self._unheard.get((guest, port))
        if known is None:
            known = self._unheard[guest, port] = UnheardSyns(self._common)
        return known

    # ------------------------------------------------------------------ at the end
    def overdue(self, now: float) -> Iterator[Finding]:
        """What should have come by now."""
        self._look_for_debts()
        for key, connection in self._still_known():
            connection.look_for_overdue(Span(now, now), self._tell)
            yield from self._said_of(key)

    def _look_for_debts(self) -> None:
        for _, connection in self._still_known():
            if (owed := connection.owed) is not None:
                self._common.calls(owed)

    def _still_known(self) -> Iterator[tuple[bytes, Connection]]:
        for key, connection in self._flows.items():
            if connection.last.first >= self._common.booted.first:
                yield key, connection

    def end(self, now: float) -> Iterator[Finding]:
        """Nothing more comes."""
        still_open = []
        self._look_for_debts()
        for key, connection in self._still_known():
            connection.look_for_overdue(Span(now, now), self._tell)
            connection.end(self._common.alive, self._tell)
            if connection.is_open and not self._found:
                still_open.append(_named(key))
            yield from self._said_of(key)
        ending.look_at_open(still_open, self._tell)
        found, self._found = self._found, []
        yield from (Finding(rule, _with_section(rule, text)) for rule, text in found)

    # ------------------------------------------------------------------ what is no whole segment
    def _without(self, frame: Frame) -> None:
        packet, why = frame.ip, frame.malformed
        if packet is not None and why is not None and why.rule is CHECKSUM:
            ports = packet.payload[:4]
            spoilt = self._flows.get(packet.destination + packet.source + ports[2:] + ports[:2])
            if spoilt is not None:
                spoilt.spoilt_to_guest(int.from_bytes(packet.payload[4:8], "big"))
        if frame.icmp is not None and frame.icmp.type in icmp.ERRORS:
            self._common.icmp_error = frame.when
            for unheard in self._unheard.values():  # a firewall may refuse so
                unheard.answered()

    def _remove(self, key: bytes) -> None:
        self._progress.forget(self._flows.pop(key))

    # ------------------------------------------------------------------ connections come and go
    def _new(self, key: bytes, when: Span) -> Connection:
        if key in self._flows:
            self._remove(key)
        self._forget_ended(when.last)
        while len(self._flows) >= self._most:
            self._remove(next(iter(self._flows)))
        to_router = ports.taken_apart(key)[1] == self._router
        connection = self._flows[key] = Connection(
            self._mtu, self._common, when, self._tally, _named(key), to_router=to_router
        )
        return connection

    def _note_end(self, key: bytes, connection: Connection, when: Span) -> None:
        if not connection.end_noted:
            connection.end_noted = True
            connection.look_back(self._tell)
            self._ended.append((when.last, key, connection))

    def _forget_ended(self, now: float) -> None:
        ended = self._ended
        while ended and (now - ended[0][0] > TIME_WAIT or len(ended) > _ENDED):
            _, key, connection = ended.popleft()
            if self._flows.get(key) is connection:
                self._remove(key)


def _size(found: FoundOne) -> int:
    """Of header and data."""
    *_, data, stamps = found
    return HEADER_SIZE + (STAMPS.size if stamps else 0) + len(data)


def _named(key: bytes) -> str:
    guest, peer, source, destination = ports.taken_apart(key)
    return f"tcp {end_text((guest, source))} > {end_text((peer, destination))}"


def _with_section(rule: Rule, text: str) -> str:
    return text if "(RFC" in text else f"{text} ({rule.rfc})"


def _relative(segment: Segment, connection: Connection | None) -> Segment:
    guest = connection.guest if connection else None
    peer = connection.peer if connection else None
    seq = guest.number(segment.seq) if guest else 0 if segment.flags & SYN else segment.seq
    ack = peer.number(segment.ack) if peer else segment.ack
    return replace(segment, seq=seq, ack=ack)


def _padding_in(packet: Ipv4) -> int:
    """Bytes, without which the segment's checksum is right: zeros change its length alone."""
    data = bytes(packet.payload)
    if len(packet.packet) != mistakes.FILLS:
        return 0
    total = ones_sum(data) + pseudo_header(packet.source, packet.destination, ip.TCP, len(data))
    zeros = len(data) - len(data.rstrip(b"\0"))
    return next((count for count in range(1, zeros + 1) if valid(total - count)), 0)
