"""Frames as lines, in packetdrill's spirit: `>` is what the guest sends, `<` what comes to it.

    0.000 > ARP who has 192.168.16.1, tell 192.168.16.2
    0.100 > tcp 192.168.16.2:40000 > 192.0.2.7:80 S 0:1(0) win 65535 <mss 1460,sackOK,wscale 2>
    0.100 < tcp 192.0.2.7:80 > 192.168.16.2:40000 S. 0:1(0) ack 1 win 65535 <mss 1460>

Numbers of TCP count from each side's first one, SACK's too.
"""

from __future__ import annotations

from dataclasses import replace

from pynat.errors import Malformed
from pynat.lint.frame import Frame, decode
from pynat.wire import dhcp, dns, ethernet, ipv4
from pynat.wire.ipv4 import Ipv4
from pynat.wire.tcp import ACK, NO_OPTIONS, Segment
from pynat.wire.udp import Udp

DHCP_PORTS = {67, 68}
DNS_PORT = 53


class Trace:
    def __init__(self, *, idents: bool = False) -> None:
        """idents: with the identification of each IPv4 packet."""
        self._idents = idents
        self._first: dict[bytes, int] = {}  # sequence number, by addresses and ports

    def line(self, now: float, data: bytes, from_guest: bool) -> str:
        return f"{now:.3f} {'>' if from_guest else '<'} {self._text(data, now)}"

    def _text(self, data: bytes, now: float) -> str:
        frame = decode(data, now)
        if frame is None:
            return f"{len(data)} bytes: {data.hex(' ')}"
        if frame.arp:
            return str(frame.arp)
        if frame.kind == ethernet.IPV4:
            return self._ipv4(frame)
        return f"{ethernet.text(frame.source)} type {frame.kind:#06x} length {len(data) - 14}"

    def _ipv4(self, frame: Frame) -> str:
        packet = frame.ip
        if packet is None or frame.malformed:
            return ipv4.named(frame.data[14:])
        name = ipv4.named(packet.packet)
        if packet.is_fragment:
            return f"{name} ident {packet.ident:#06x} {_fragment(packet)}"
        if self._idents:
            name += f" ident {packet.ident:#06x}"
        if frame.tcp:
            return f"{name} {self._relative(packet, frame.tcp)}"
        if frame.udp:
            return f"{name} {_datagram(frame.udp)}"
        return f"{name} {frame.icmp}" if frame.icmp else str(packet)

    def _relative(self, packet: Ipv4, segment: Segment) -> str:
        ports = bytes(packet.payload[:4])
        own = packet.source + packet.destination + ports
        other = packet.destination + packet.source + ports[2:] + ports[:2]
        first = self._first.setdefault(own, segment.seq)
        others = self._first.get(other, segment.ack)
        ack = _signed(segment.ack - others) if segment.flags & ACK else 0
        bare = replace(segment, seq=_signed(segment.seq - first), ack=ack, options=NO_OPTIONS)
        if segment.options == NO_OPTIONS:
            return str(bare)
        blocks = segment.options.sack
        sack = tuple((_signed(low - others), _signed(high - others)) for low, high in blocks)
        return f"{bare} {segment.options._replace(sack=sack)}"


def _signed(number: int) -> int:
    return (number + (1 << 31)) % (1 << 32) - (1 << 31)


def _fragment(packet: Ipv4) -> str:
    start, end = packet.offset, packet.offset + len(packet.payload)
    flags = " MF" * packet.more + " DF" * packet.dont_fragment
    return f"fragment {start}:{end}{flags}"


def _datagram(datagram: Udp) -> str:
    ports = {datagram.source, datagram.destination}
    try:
        if ports <= DHCP_PORTS:
            return str(dhcp.decode(datagram.payload))
        if datagram.destination == DNS_PORT:
            return str(dns.decode(bytes(datagram.payload)))
    except Malformed:
        pass
    return f"length {len(datagram.payload)}"
