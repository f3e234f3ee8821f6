"""UDP: checksums that are left out, lengths that do not fit (RFC 768)."""

from __future__ import annotations

from collections.abc import Iterator

from pynat.lint.frame import Finding, Frame
from pynat.rules import udp as rules
from pynat.wire.udp import HEADER


class UdpChecker:
    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        datagram, packet = frame.udp, frame.ip
        if datagram is None or packet is None:
            return
        length = HEADER.size + len(datagram.payload)
        if length < len(packet.payload):
            text = f"{packet}: length {length}, expected {len(packet.payload)}, the packet's"
            yield Finding(rules.TRAILING, f"{text} (RFC 768)")
        if not any(packet.payload[6:8]):
            text = f"{packet}: checksum 0, which means none, expected one (RFC 1122 4.1.3.4)"
            yield Finding(rules.NO_CHECKSUM, text)

    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        return iter(())
