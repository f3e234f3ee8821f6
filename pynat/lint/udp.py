"""UDP: checksums that are left out or not looked at, lengths and ports that do not fit (RFC 768).

That an answer is from another port than was asked is sure where the other end began, and the same
bytes come back to it at once.

That a guest takes a datagram with a wrong checksum is sure where nothing else passed between the
two ports, and it answers there, or says by ICMP that nobody listens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding, Frame
from pynat.lint.ipv4 import padding_counted
from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.rules import udp as rules
from pynat.rules.occasions import Occasion
from pynat.wire import icmp, ipv4, mistakes, versions
from pynat.wire.addresses import Address
from pynat.wire.ipv4 import Ipv4
from pynat.wire.udp import HEADER, Udp

SERVICES = {mistakes.swapped(port): port for port in (53, 67, 69, 123)}
ASKERS = 256  # that are remembered
FLOWS = 1024
QUESTIONS = 16  # at the guest, of the others
SAME = 4  # bytes that come back by no chance
AT_ONCE = 0.1  # seconds
_PORT, _PORTS = 2, 4  # bytes at the beginning of a datagram

Flow = bytes  # the guest's address, the other's, their ports


class _Came(NamedTuple):
    """What began a flow to the guest."""

    port: int  # the guest's
    data: bytes
    when: Span


class UdpChecker:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._askers = Bounded[tuple[bytes, int], None](ASKERS)  # from ports that look swapped
        self._flows = Bounded[Flow, bool](FLOWS)  # whether all that came was spoilt
        self._came = Bounded[bytes, _Came](QUESTIONS)  # by `_asker`
        self._watched = Bounded[Flow, None](FLOWS)  # by others, so each datagram may tell

    def knows(self, flow: Flow) -> bool:
        """Whether another datagram of the flow tells nothing new."""
        return self._flows.get(flow) is False and flow not in self._watched

    def watch(self, flow: Flow) -> None:
        self._watched[flow] = None

    def unwatch(self, flow: Flow) -> None:
        self._watched.pop(flow, None)

    def begin(self, guest: Address, other: bytes) -> None:
        """What passes between the guest's port and that host from now on is new."""
        ends = guest[0] + other + guest[1].to_bytes(_PORT, "big")
        for flow in [one for one in self._flows if one.startswith(ends)]:
            del self._flows[flow]

    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        datagram, packet = frame.udp, frame.ip
        if packet is None:
            return
        if datagram is None:
            if frame.icmp is not None and frame.icmp.type == icmp.UNREACHABLE:
                yield from self._answers(packet, _quoted(frame.icmp.payload))
            return
        flow = packet.ends + packet.payload[:_PORTS]
        if self._flows.get(flow) is not False:
            yield from self._from_elsewhere(frame.when, packet, datagram, flow)
            yield from self._answers(packet, flow)
        carried = packet.payload
        length = HEADER.size + len(datagram.payload)
        if length < len(carried):
            yield _trailing(packet, length)
        if not carried[6] and not carried[7]:
            text = f"{packet}: checksum 0, which means none, expected one (RFC 1122 4.1.3.4)"
            yield Finding(rules.NO_CHECKSUM, text)
        if not datagram.source:
            text = f"{packet}: source port 0, expected the guest's own (RFC 768)"
            yield Finding(rules.NO_PORT, text)
        if datagram.destination in SERVICES and not self._asked(packet, datagram):
            hint = mistakes.byte_order(datagram.destination, SERVICES.values())
            text = f"{packet}: destination port {datagram.destination} (RFC 768){hint}"
            yield Finding(rules.PORT_SWAPPED, text)

    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        datagram, packet = frame.udp, frame.ip
        if datagram is None or packet is None:
            self._spoilt(frame)
            return iter(())
        flow = _to_guest(packet.source, packet.destination, packet.payload)
        if flow not in self._flows and len(datagram.payload) >= SAME:
            came = _Came(datagram.destination, bytes(datagram.payload), frame.when)
            self._came[_asker(packet.destination, packet.source, datagram.source)] = came
        if self._flows.get(flow) is not False:
            self._flows[flow] = False
        if datagram.source in SERVICES:
            self._askers[packet.source, datagram.source] = None
        return iter(())

    def _spoilt(self, frame: Frame) -> None:
        packet, why = frame.ip, frame.malformed
        if packet is None or why is None or why.rule is not rules.CHECKSUM:
            return
        self._tally[Occasion.DATAGRAM_SPOILT] += 1
        flow = _to_guest(packet.source, packet.destination, packet.payload)
        if flow not in self._flows:
            self._flows[flow] = True

    def _answers(self, packet: Ipv4, flow: Flow | None) -> Iterator[Finding]:
        if flow is None:
            return
        if self._flows.get(flow):
            text = f"{packet} answers a datagram that came with a wrong checksum, expected none"
            yield Finding(rules.UNCHECKED, f"{text} (RFC 1122 4.1.3.4)")
        elif flow not in self._flows:
            self._flows[flow] = False

    def _from_elsewhere(
        self, when: Span, packet: Ipv4, datagram: Udp, flow: Flow
    ) -> Iterator[Finding]:
        came = self._came.get(_asker(packet.source, packet.destination, datagram.destination))
        if came is None or flow in self._flows or when.most(came.when) > AT_ONCE:
            return
        if came.port != datagram.source and came.data == datagram.payload:
            text = f"{packet}: the {len(came.data)} bytes that came to port {came.port} come back"
            text += f" from port {datagram.source}, expected from {came.port}"
            yield Finding(rules.OTHER_PORT, f"{text} (RFC 1122 4.1.3.5)")

    def _asked(self, packet: Ipv4, datagram: Udp) -> bool:
        """The guest answers somebody who has the port by chance."""
        return (packet.destination, datagram.destination) in self._askers


def _asker(guest: bytes, other: bytes, port: int) -> bytes:
    """port: the other's."""
    return guest + other + port.to_bytes(2, "big")


def _to_guest(source: bytes, guest: bytes, datagram: bytes | memoryview) -> Flow:
    return b"".join((guest, source, datagram[_PORT:_PORTS], datagram[:_PORT]))


def _quoted(packet: bytes) -> Flow | None:
    """Of a datagram that an ICMP error is about."""
    about = versions.outline(packet)
    if about is None or about.protocol != ipv4.UDP or len(packet) < about.body + HEADER.size:
        return None
    return _to_guest(about.source, about.destination, packet[about.body :])


def _trailing(packet: Ipv4, length: int) -> Finding:
    carried = len(packet.payload)
    if not any(packet.payload[length:]) and len(packet.packet) == mistakes.FILLS:
        return padding_counted(packet, carried - length)
    text = f"{packet}: length {length}, expected {carried}, the packet's (RFC 768)"
    if length + HEADER.size == carried:
        text += mistakes.header_missing(HEADER.size)
    return Finding(rules.TRAILING, text)
