"""IPv4: what a header says that no host should say (RFC 791, RFC 1122 3.2.1, RFC 6864).

Identifications are compared with the last `RECENT` of the same source, destination and protocol
(RFC 6864 4), and only for as long as a receiver keeps fragments: a right stack comes round to a
number again after 65,536 packets. The same packet sent once more is harmless and not counted.

A card's own addresses are those that it has announced by ARP or that DHCP has given it. Of a card
of which neither was seen nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator

from pynat.errors import Malformed
from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding, Frame
from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.rules import ipv4 as rules
from pynat.rules.occasions import Occasion
from pynat.wire import dhcp, ipv4
from pynat.wire.addresses import is_unicast
from pynat.wire.ipv4 import Ipv4, dotted
from pynat.wire.tcp import ACK, SYN

RECENT = 256  # identifications
KEPT = 30.0  # seconds that a receiver keeps fragments
PEERS = 256  # sources and destinations whose identifications are remembered
CARDS = 64
ADDRESSES = 16  # of one card
LOW = 32  # hops; paths in the Internet are shorter
_ROUTER_ALERT = 148  # RFC 2113
DHCP_CLIENT = 68
_NO_ADDRESS = bytes(4)
_HEADERS = {ipv4.TCP: 20, ipv4.UDP: 8}  # bytes
_RESERVED = 0x80  # of the byte at 6
_FLAGS = 6

Mark = tuple[Span, bytes]  # when, the beginning of the payload


class Ipv4Checker:
    def __init__(self, mtu: int, tally: Tally) -> None:
        self._tally = tally
        self._mtu = mtu
        self._idents: Bounded[bytes, Bounded[int, Mark]] = Bounded(PEERS)
        self._owned: Bounded[bytes, Bounded[bytes, None]] = Bounded(CARDS)  # by MAC

    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        packet = frame.ip
        if packet is None:
            if frame.arp and any(frame.arp.sender):
                self._own(frame.source, frame.arp.sender)
            return
        if packet.ttl < LOW:
            yield from _ttl(frame, packet)
        if packet.is_fragment:
            yield from _fragment(packet)
        if packet.is_fragment or not packet.dont_fragment:
            yield from self._ident(frame.when, packet)
        if packet.options and set(packet.options) != {_ROUTER_ALERT}:
            kinds = ", ".join(str(kind) for kind in packet.options)
            yield Finding(rules.OPTIONS, f"{packet}: options {kinds}, expected none (RFC 7126 2)")
        if packet.packet[_FLAGS] & _RESERVED:
            flags = int.from_bytes(packet.packet[6:8], "big")
            text = f"{packet}: flags {flags:#06x}, expected bit 15 clear (RFC 791 3.1)"
            yield Finding(rules.RESERVED_FLAG, text)
        if len(packet.packet) > self._mtu:
            text = f"{packet}: {len(packet.packet)} bytes, expected at most {self._mtu} (RFC 894)"
            yield Finding(rules.TOO_LONG, text)
        owned = self._owned.get(frame.source)
        if owned and packet.source not in owned and packet.source != _NO_ADDRESS:
            yield _foreign(packet, owned)

    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        """A lease makes an address the card's own."""
        if frame.udp is not None and frame.udp.destination == DHCP_CLIENT:
            try:
                message = dhcp.decode(bytes(frame.udp.payload))
            except Malformed:
                return iter(())
            if message.kind in (0, dhcp.ACK) and any(message.yiaddr):
                self._own(message.mac, message.yiaddr)
        return iter(())

    def _own(self, mac: bytes, address: bytes) -> None:
        owned = self._owned.get(mac)
        if owned is None:
            owned = self._owned[mac] = Bounded(ADDRESSES)
            self._tally[Occasion.KNOWN_CARD] += 1
        owned[address] = None

    def _ident(self, when: Span, packet: Ipv4) -> Iterator[Finding]:
        is_local = packet.source == _NO_ADDRESS or not is_unicast(packet.destination)
        if packet.offset or is_local:
            return  # belongs to a first fragment; nobody forwards it
        self._tally[Occasion.MAY_BE_CUT] += 1
        key = packet.source + packet.destination + bytes((packet.protocol,))
        recent = self._idents.get(key)
        if recent is None:
            recent = self._idents[key] = Bounded(RECENT)
        ident, mark = packet.ident, bytes(packet.payload[:24])
        before = recent.get(ident)
        recent[ident] = (when, mark)
        if before is not None and when.most(before[0]) < KEPT and before[1] != mark:
            text = f"identification {ident:#06x}, expected one not used in the last"
            ago = f"{when.most(before[0]):.3f} s ago"
            yield Finding(
                rules.IDENT_REUSED, f"{packet}: {text} {KEPT:g} s; it was {ago} (RFC 6864 4.3)"
            )


def _ttl(frame: Frame, packet: Ipv4) -> Iterator[Finding]:
    """Low ones are how traceroute works, but not with data of a connection."""
    if packet.ttl == 0:
        yield Finding(rules.TTL_ZERO, f"{packet}: TTL 0, expected 64 (RFC 1122 3.2.1.7)")
    elif frame.tcp is not None and frame.tcp.flags & (ACK | SYN) == ACK and frame.tcp.payload:
        text = f"{packet}: TTL {packet.ttl}, expected 64 (RFC 1122 3.2.1.7)"
        yield Finding(rules.TTL_LOW, text)


def _fragment(packet: Ipv4) -> Iterator[Finding]:
    if packet.dont_fragment:
        text = f"{packet}: DF set in a fragment, expected clear (RFC 791 3.2)"
        yield Finding(rules.DF_FRAGMENT, text)
    needed = _HEADERS.get(packet.protocol, 8)
    if not packet.offset and len(packet.payload) < needed:
        size = f"{len(packet.payload)} bytes in the first fragment, expected at least {needed}"
        yield Finding(rules.TINY_FRAGMENT, f"{packet}: {size} (RFC 1858 3)")


def _foreign(packet: Ipv4, owned: Bounded[bytes, None]) -> Finding:
    known = ", ".join(dotted(address) for address in owned)
    text = f"{packet}: source {dotted(packet.source)}, expected {known} (RFC 1122 3.3.4.2)"
    return Finding(rules.NOT_ITS_ADDRESS, text)
