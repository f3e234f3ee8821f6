"""IPv4: what a header says that no host should say (RFC 791, RFC 1122 3.2.1, RFC 6864).

Identifications are compared with the last `MAX_IDENTS` of the same source, destination and protocol
(RFC 6864 4), and only for as long as a receiver keeps fragments: a right stack comes round to a
number again after 65,536 packets. The same packet sent once more is harmless and not counted, and
so is one that nobody may cut: up to 68 bytes (RFC 791 3.2), or with DF. A stack that begins anew
counts from its start; it is known by its ARP request to all or by sending from 0.0.0.0.

Of a card of which no address is known (`owned.py`) nothing is said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import pairwise
from struct import Struct

from pynat.config import Network
from pynat.errors import Malformed
from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding, Frame
from pynat.lint.owned import Owned
from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.lint.told import Told
from pynat.rules import ipv4 as rules
from pynat.rules.occasions import Occasion
from pynat.wire import arp, dhcp, dns, ethernet, icmp, ipv4, mistakes, plain, tcp, tftp, udp
from pynat.wire.addresses import UNSPECIFIED, address_text, is_unicast
from pynat.wire.ipv4 import Ipv4
from pynat.wire.tcp import ACK, SYN
from pynat.wire.udp import Udp

MAX_IDENTS = 256  # identifications
REASSEMBLY_TIME = 30.0  # seconds that a receiver keeps fragments
MAX_PEERS = 256  # sources and destinations whose identifications are remembered
LOW_TTL = 32  # hops; paths in the Internet are shorter
NEVER_CUT = 68  # bytes (RFC 791 3.2)
SWAPPED = 8  # identifications in a row with the same lower byte
_SWAPPED_AT_END = 4  # of them, where no more came
_TOLD_OR_RIGHT = {*ipv4.SOURCE_ROUTES, 148}  # IP010; router alert (RFC 2113)
DHCP_CLIENT = 68
NAME_SERVER = 53
MAX_TOLD = 256  # addresses that DNS has told, and these reversed
_USUAL_TTL = {32, 60, 64, 128, 255}
_PROTOCOLS = {ipv4.ICMP, ipv4.TCP, ipv4.UDP}
_HEADER = 20  # bytes
_SMALLEST_PIECE = 552  # bytes in 576, which all hosts take; or the half of what just fits
_HEADERS = {ipv4.TCP: 20, ipv4.UDP: 8}  # bytes
_QUESTIONS = {53: dns.decode, 69: tftp.decode}  # by port
_RESERVED = 0x80  # of the byte at 6
_MARK = 24  # bytes
_FRAGMENTS = range(0x2000, 0x2000 + 8192)  # MF and an offset
_FLAGS = 6
_TOTAL_AND_IDENT = Struct("!HH")
_TOTAL_AT, _FLAGS_AT, _TTL_AT = (ethernet.HEADER.size + at for at in (2, _FLAGS, 8))  # of a frame
_MARK_AT = slice(34, 34 + _MARK)  # likewise
_DF = 0x40  # of the byte at 6
_SWAPPED_DF = b"\x00\x40"

Mark = tuple[Span, bytes]  # when, the beginning of the payload


class Ipv4Checker:
    def __init__(self, network: Network, tally: Tally, owned: Owned, told: Told) -> None:
        self._tally = tally
        self._mtu = network.mtu
        self._longest = network.mtu + ethernet.HEADER.size  # bytes of a frame
        self.adopt(network)
        self._told = told
        self._names: Bounded[bytes, bool] = Bounded(MAX_TOLD)  # what DNS said; False: reversed
        self._idents: Bounded[bytes, Bounded[int, Mark]] = Bounded(MAX_PEERS)
        self._counted: deque[int] = deque(maxlen=SWAPPED)  # identifications
        self._is_swapped = False  # and was told so
        self._owned = owned

    def adopt(self, network: Network) -> None:
        here = (network.router.packed, network.dns.packed)
        self._reversed = frozenset(one[::-1] for one in here if one != one[::-1])

    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        packet = frame.ip
        if packet is None:
            if frame.arp:
                self._arp(frame, frame.arp)
            return
        if packet.ttl < LOW_TTL:
            yield from _ttl(frame, packet)
            if packet.protocol in _USUAL_TTL and packet.ttl in _PROTOCOLS:
                text = f"{packet}: protocol {packet.protocol} and time to live {packet.ttl},"
                text += f" expected protocol {packet.ttl} (RFC 791 3.1)"
                yield Finding(rules.PROTOCOL_AND_TTL, text)
        if packet.is_fragment:
            yield from _fragment(packet, self._mtu)
        if packet.is_fragment or (not packet.dont_fragment and len(packet.packet) > NEVER_CUT):
            yield from self._ident(frame.when, packet)
        if not packet.dont_fragment and not self._is_swapped:
            yield from self._count(packet)
        if believed := self._told.goes_to(packet.destination, frame.when):
            yield believed
        if self._is_reversed(packet.destination):
            hint = mistakes.address_order(packet.destination, lambda _: True)
            text = f"{packet}: destination {address_text(packet.destination)}{hint} (RFC 791 3.1)"
            yield Finding(rules.DESTINATION_SWAPPED, text)
        if packet.options and not _TOLD_OR_RIGHT.issuperset(packet.options):
            kinds = ", ".join(str(kind) for kind in packet.options)
            yield Finding(rules.OPTIONS, f"{packet}: options {kinds}, expected none (RFC 7126 2)")
        if packet.packet[_FLAGS] & _RESERVED:
            flags = int.from_bytes(packet.packet[6:8], "big")
            hint = mistakes.byte_order(flags, _FRAGMENTS)
            text = f"{packet}: flags {flags:#06x}, expected bit 15 clear (RFC 791 3.1){hint}"
            yield Finding(rules.RESERVED_FLAG, text)
        if len(packet.packet) > self._mtu:
            text = f"{packet}: {len(packet.packet)} bytes, expected at most {self._mtu} (RFC 894)"
            yield Finding(rules.TOO_LONG, text)
        owned = self._owned.by(frame.source)
        if owned and packet.source not in owned and packet.source not in UNSPECIFIED:
            yield _foreign(packet, owned)

    def is_settled(self, frame: Frame, packet: Ipv4, until: Span) -> bool:
        source, destination = packet.source, packet.destination
        if source in UNSPECIFIED or not is_unicast(destination) or self._is_reversed(destination):
            return False
        owned = self._owned.by(frame.source)
        return not owned or source in owned

    def _is_reversed(self, destination: bytes) -> bool:
        return destination in self._reversed or self._names.get(destination) is False

    def takes(self, frame: bytes, when: Span) -> bool:
        """Whether nothing can be said of the packet itself, which is whole, has no options, and
        addresses that are settled. Then it is looked at."""
        if frame[_TTL_AT] < LOW_TTL or len(frame) > self._longest:
            return False
        return bool(frame[_FLAGS_AT] & _DF) or self._is_new(frame, when)

    def _is_new(self, frame: bytes, when: Span) -> bool:
        """The identification, which may be needed."""
        total, ident = _TOTAL_AND_IDENT.unpack_from(frame, _TOTAL_AT)
        recent, idents = (
            self._idents.get(frame[plain.ENDS_AT] + frame[plain.PROTOCOL_AT]),
            self._counted,
        )
        if total > NEVER_CUT and (recent is None or ident in recent):
            return False
        if not self._is_swapped and (not idents or ident != idents[-1]):
            if len(idents) >= SWAPPED - 1 and not (ident ^ idents[1 - SWAPPED]) & 0xFF:
                return False
            idents.append(ident)
        if total > NEVER_CUT and recent is not None:
            self._tally[Occasion.MAY_BE_CUT] += 1
            recent[ident] = (when, frame[_MARK_AT])
        return True

    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        datagram = frame.udp
        if datagram is not None and datagram.destination == DHCP_CLIENT:
            self._leased(datagram.payload)
        elif datagram is not None and datagram.source == NAME_SERVER:
            self._named(dns.addresses(bytes(datagram.payload)))
        return iter(())

    def _leased(self, payload: bytes | memoryview) -> None:
        """A lease makes an address the card's own."""
        try:
            message = dhcp.decode(bytes(payload))
        except Malformed:
            return
        if message.kind in (0, dhcp.ACK) and any(message.yiaddr):
            self._owned.add(message.mac, message.yiaddr)

    def _named(self, addresses: list[bytes]) -> None:
        """Of one and its reverse both may have been told."""
        for address in addresses:
            if address[::-1] not in self._names:
                self._names[address[::-1]] = False
        for address in addresses:
            self._names[address] = True

    def _arp(self, frame: Frame, packet: arp.Arp) -> None:
        if any(packet.sender):
            self._owned.add(frame.source, packet.sender)
        if frame.destination[0] & 1:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._idents.clear()
        self._counted.clear()

    def _count(self, packet: Ipv4) -> Iterator[Finding]:
        idents = self._counted
        if packet.source in UNSPECIFIED:
            self._begin_anew()
        elif not idents or packet.ident != idents[-1]:
            idents.append(packet.ident)
            if (packet.ident ^ idents[0]) & 0xFF or len(idents) < SWAPPED:
                return
            if _count_by_256(idents):
                self._is_swapped = True
                text = f"{packet}: identification {packet.ident:#06x}, {SWAPPED} in a row count by"
                hint = f"; its bytes are swapped if {mistakes.swapped(packet.ident):#06x} is meant"
                yield Finding(rules.IDENT_SWAPPED, f"{text} 256 (RFC 791 3.1){hint}")

    def end(self) -> Iterator[Finding]:
        """A few may be all that there was."""
        idents = self._counted
        if self._is_swapped or len(idents) < _SWAPPED_AT_END or not _count_by_256(idents):
            return
        text = f"identification {idents[-1]:#06x} in the last packet, {len(idents)} in a row count"
        hint = f"; its bytes are swapped if {mistakes.swapped(idents[-1]):#06x} is meant"
        yield Finding(rules.IDENT_SWAPPED, f"{text} by 256 (RFC 791 3.1){hint}")

    def _ident(self, when: Span, packet: Ipv4) -> Iterator[Finding]:
        is_local = packet.source in UNSPECIFIED or not is_unicast(packet.destination)
        if packet.offset or is_local:
            return  # belongs to a first fragment; nobody forwards it
        self._tally[Occasion.MAY_BE_CUT] += 1
        key = packet.source + packet.destination + bytes((packet.protocol,))
        recent = self._idents.get(key)
        if recent is None:
            recent = self._idents[key] = Bounded(MAX_IDENTS)
        ident, mark = packet.ident, bytes(packet.payload[:_MARK])
        before = recent.get(ident)
        recent[ident] = (when, mark)
        if before is not None and when.most(before[0]) < REASSEMBLY_TIME and before[1] != mark:
            text = f"identification {ident:#06x}, expected one not used in the last"
            ago = f"{when.most(before[0]):.3f} s ago"
            yield Finding(
                rules.IDENT_REUSED,
                f"{packet}: {text} {REASSEMBLY_TIME:g} s; it was {ago} (RFC 6864 4.3)",
            )


def _count_by_256(idents: Iterable[int]) -> bool:
    return all((b - a) & 0xFFFF == 0x100 for a, b in pairwise(idents))


def _ttl(frame: Frame, packet: Ipv4) -> Iterator[Finding]:
    """Low ones are how traceroute works, but not with data of a connection."""
    if packet.ttl == 0:
        yield Finding(rules.TTL_ZERO, f"{packet}: TTL 0, expected 64 (RFC 1122 3.2.1.7)")
    elif _is_meant_to_arrive(frame):
        text = f"{packet}: TTL {packet.ttl}, expected 64 (RFC 1122 3.2.1.7)"
        yield Finding(rules.TTL_LOW, text)


def _is_meant_to_arrive(frame: Frame) -> bool:
    """Data of a connection, or a question: neither traceroute nor for this wire alone."""
    if frame.udp is not None:
        return not frame.destination[0] & 1 and _is_a_question(frame.udp)
    segment = frame.tcp
    return segment is not None and segment.flags & (ACK | SYN) == ACK and bool(segment.payload)


def _is_a_question(datagram: Udp) -> bool:
    """What traceroute sends, to any port, is none."""
    try:
        return _QUESTIONS[datagram.destination](bytes(datagram.payload)) is not None
    except (KeyError, Malformed):
        return False


def _fragment(packet: Ipv4, mtu: int) -> Iterator[Finding]:
    if packet.packet[_FLAGS : _FLAGS + 2] == _SWAPPED_DF and _is_whole(packet):
        text = f"{packet}: flags and offset 0x0040, a fragment at byte 512 that is whole"
        text += ": its bytes are swapped, 0x4000 (DF) is meant"
        yield Finding(rules.FLAGS_SWAPPED, f"{text} (RFC 791 3.1)")
        return
    if packet.more and not packet.offset and _is_whole(packet) and not _may_be_cut(packet, mtu):
        text = f"{packet}: MF is set, and what the packet carries is whole: expected it clear"
        yield Finding(rules.MORE_OF_NOTHING, f"{text} (RFC 791 3.2)")
    if packet.dont_fragment:
        text = f"{packet}: DF set in a fragment, expected clear (RFC 791 3.2)"
        yield Finding(rules.DF_FRAGMENT, text)
    needed = _HEADERS.get(packet.protocol, 8)
    if not packet.offset and len(packet.payload) < needed:
        size = f"{len(packet.payload)} bytes in the first fragment, expected at least {needed}"
        yield Finding(rules.TINY_FRAGMENT, f"{packet}: {size} (RFC 1858 3)")


def _is_whole(packet: Ipv4) -> bool:
    """Lengths and checksum of what it carries are right, as they are not in the midst of data."""
    try:
        match packet.protocol:
            case ipv4.TCP:
                tcp.decode(packet)
            case ipv4.UDP:
                udp.decode(packet)
            case ipv4.ICMP:
                icmp.decode(packet.payload)
            case _:
                return False
    except Malformed:
        return False
    return True


def _may_be_cut(packet: Ipv4, mtu: int) -> bool:
    """ICMP has no length: its sum is right without a rest of zeros. No host cuts smaller pieces."""
    smallest = min(_SMALLEST_PIECE, (mtu - _HEADER) // 2)
    return packet.protocol == ipv4.ICMP and len(packet.payload) >= smallest


def _foreign(packet: Ipv4, owned: dict[bytes, None]) -> Finding:
    known = ", ".join(address_text(address) for address in owned)
    hint = mistakes.address_order(packet.source, owned.__contains__)
    text = f"{packet}: source {address_text(packet.source)}, expected {known} (RFC 1122 3.3.4.2)"
    if packet.destination in owned:
        hint = ": source and destination are exchanged"
    text += hint
    return Finding(rules.NOT_ITS_ADDRESS, text)


def padding_counted(packet: Ipv4, count: int) -> Finding:
    """Of a packet that ends in that many bytes of padding."""
    seen = len(packet.packet)
    text = f"{packet}: total length {seen}, expected {seen - count}: {count} bytes of padding"
    return Finding(rules.PADDING_COUNTED, f"{text} are counted in (RFC 791 3.1)")
