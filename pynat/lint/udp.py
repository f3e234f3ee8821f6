"""UDP: checksums that are left out, lengths and ports that do not fit (RFC 768)."""

from __future__ import annotations

from collections.abc import Iterator

from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding, Frame
from pynat.rules import udp as rules
from pynat.wire import mistakes
from pynat.wire.ipv4 import Ipv4, without_header
from pynat.wire.udp import HEADER, Udp

SERVICES = {mistakes.swapped(port): port for port in (53, 67, 69, 123)}
FILLS = 46  # bytes of a packet that needs no padding
ASKERS = 256  # that are remembered


class UdpChecker:
    def __init__(self) -> None:
        self._askers = Bounded[tuple[bytes, int], None](ASKERS)  # from ports that look swapped

    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        datagram, packet = frame.udp, frame.ip
        if datagram is None or packet is None:
            return
        length = HEADER.size + len(datagram.payload)
        if length < len(packet.payload):
            yield _trailing(packet, length)
        if not any(packet.payload[6:8]):
            text = f"{packet}: checksum 0, which means none, expected one (RFC 1122 4.1.3.4)"
            yield Finding(rules.NO_CHECKSUM, text)
        if datagram.destination in SERVICES and not self._asked(packet, datagram):
            hint = mistakes.byte_order(datagram.destination, SERVICES.values())
            text = f"{packet}: destination port {datagram.destination} (RFC 768){hint}"
            yield Finding(rules.PORT_SWAPPED, text)

    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        if frame.udp is not None and frame.ip is not None and frame.udp.source in SERVICES:
            self._askers[frame.ip.source, frame.udp.source] = None
        return iter(())

    def _asked(self, packet: Ipv4, datagram: Udp) -> bool:
        """The guest answers somebody who has the port by chance."""
        return (packet.destination, datagram.destination) in self._askers


def _trailing(packet: Ipv4, length: int) -> Finding:
    carried = len(packet.payload)
    text = f"{packet}: length {length}, expected {carried}, the packet's (RFC 768)"
    if length + HEADER.size == carried:
        text += without_header(HEADER.size)
    elif not any(packet.payload[length:]) and len(packet.packet) == FILLS:
        text += f": {carried - length} bytes of padding were counted into IPv4's total length"
    return Finding(rules.TRAILING, text)
