"""IPv4 (RFC 791 3.1), and cutting a packet into fragments (RFC 791 3.2).

 0  1  version 4, header length in 32-bit words
 1  1  type of service
 2  2  total length
 4  2  identification
 6  2  flags (bit 14 DF, bit 13 MF), fragment offset in 8-byte units
 8  1  time to live
 9  1  protocol
10  2  header checksum
12  4  source
16  4  destination
20     options, payload
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any

from pynat import rules
from pynat.errors import Malformed
from pynat.wire import ethernet, icmp, ip, mistakes
from pynat.wire.addresses import dotted as dotted  # noqa: PLC0414 - where all is IPv4
from pynat.wire.checksum import finish, ones_sum, valid
from pynat.wire.icmp import Icmp
from pynat.wire.ip import Outline

_HEADER = Struct("!BBHHHBBH4s4s")
_SIZE_AND_IDENT = Struct("!HH")
_WITHOUT_CHECKSUM = Struct("!BBHHHBB")

ETHERTYPE = ethernet.IPV4
HEADER_SIZE = _HEADER.size

ICMP, TCP, UDP = ip.ICMP, ip.TCP, ip.UDP

DF = 0x4000
_MF = 0x2000
_OFFSET = 0x1FFF

DEFAULT_TTL = 64
MAX_PACKET = 65_535  # bytes of a packet
QUOTED = 576 - 20 - 8  # bytes; RFC 1812 4.3.2.3: as much as fits an ICMP packet of 576

# options (RFC 791 3.1): one byte, or kind, length and the rest
_END, _NO_OPERATION = 0, 1
SOURCE_ROUTES = frozenset({131, 137})  # loose, strict


LIMITED_BROADCAST = b"\xff" * 4


class BadOption(Malformed):
    """The one fault of a header that its sender is told by ICMP (RFC 1812 4.3.3.5).

    pointer: the byte of the header at which the option begins. quote: the packet's beginning.
    """

    def __init__(self, detail: str, pointer: int, quote: bytes) -> None:
        super().__init__(rules.ipv4.OPTION, detail)
        self.pointer = pointer
        self.quote = quote


def outline(data: bytes | memoryview, start: int = 0) -> Outline | None:
    """Of the packet at `start`; None if no header is there."""
    if len(data) < start + _HEADER.size:
        return None
    first, _, total, _, fragment, _, protocol, _, source, destination = _HEADER.unpack_from(
        data, start
    )
    body, end = start + (first & 15) * 4, min(len(data), start + total)
    return Outline(protocol, source, destination, body, end, bool(fragment & _OFFSET))


def flow_key(frame: bytes) -> tuple[bytes, int]:
    """Protocol, addresses and ports as they lie in an untagged frame, and where the ports are."""
    at = 14 + (frame[14] & 15) * 4 if len(frame) > 14 else 14
    return frame[23:24] + frame[26:34] + frame[at : at + 4], at


def named(packet: bytes | memoryview) -> str:
    """`udp 192.168.16.2:1000 > 192.0.2.7:53`, as far as the bytes go; none of it is checked."""
    found = outline(packet)
    return ip.named(found, packet) if found else f"{len(packet)} bytes of IPv4"


@dataclass(slots=True)  # not frozen: that triples the cost of making one
class Ipv4:
    """One packet; `packet` is the whole of it, `payload` a view behind the options."""

    source: bytes
    destination: bytes
    protocol: int
    ttl: int
    ident: int
    dont_fragment: bool
    is_fragment: bool
    offset: int  # bytes
    packet: memoryview
    payload: memoryview
    more: bool = False  # MF: more fragments follow
    options: tuple[int, ...] = ()  # their kinds

    def __str__(self) -> str:
        return f"{named(self.packet)} length {len(self.payload)}"

    @property
    def header(self) -> memoryview:
        return self.packet[: len(self.packet) - len(self.payload)]

    @property
    def ends(self) -> bytes:
        return self.source + self.destination

    @property
    def padding(self) -> bytes:
        """What follows the packet in its frame."""
        frame = self.packet.obj
        start, end = ethernet.HEADER.size, ethernet.HEADER.size + len(self.packet)
        is_there = isinstance(frame, bytes) and frame[start:end] == self.packet
        return bytes(frame)[end:] if is_there else b""

    @property
    def around(self) -> mistakes.Around:
        return len(self.packet) - len(self.payload), self.padding

    @property
    def quote(self) -> bytes:
        """What an ICMP error quotes: the header with its options, and what fits (RFC 1812)."""
        return bytes(self.packet[:QUOTED])


def decode(data: memoryview) -> Ipv4:
    if len(data) < _HEADER.size:
        raise Malformed(rules.ipv4.LENGTH, f"{len(data)} bytes, a header has 20 (RFC 791 3.1)")
    first, _, total, ident, fragment, ttl, protocol, _, source, destination = _HEADER.unpack_from(
        data
    )
    if first >> 4 != 4:
        hint = mistakes.half_bytes(first, range(0x45, 0x50))
        raise Malformed(rules.ipv4.VERSION, f"version {first >> 4}, expected 4 (RFC 791 3.1){hint}")
    header = (first & 15) * 4
    if header < _HEADER.size:
        raise Malformed(rules.ipv4.HEADER_LENGTH, f"{first & 15} words, at least 5 (RFC 791 3.1)")
    if not header <= total <= len(data):
        hint = mistakes.byte_order(total, range(header, len(data) + 1))
        if not hint and total < header and total + header <= len(data):
            hint = mistakes.header_missing(header)
        if total == len(data) + ethernet.HEADER.size:
            hint = hint or f": Ethernet's {ethernet.HEADER.size} bytes must not be counted in"
        raise Malformed(
            rules.ipv4.TOTAL_LENGTH,
            f"total length {total}, expected {header} (the header) to {len(data)} (what the frame"
            f" carries) (RFC 791 3.1){hint}",
        )
    check = ones_sum(data[:header])
    if not valid(check):
        seen = int.from_bytes(data[10:12], "big")
        hint = mistakes.in_ipv4(bytes(data[:header]), bytes(data[header:total]))
        raise Malformed(
            rules.ipv4.CHECKSUM,
            f"header checksum {seen:#06x}, expected {finish(check - seen):#06x} (RFC 791 3.1)"
            f"{hint}",
        )
    offset, more = (fragment & _OFFSET) * 8, bool(fragment & _MF)
    if offset or more:
        _check_fragment(data[:total], header, offset, more=more, behind=len(data) - total)
    return Ipv4(
        source,
        destination,
        protocol,
        ttl,
        ident,
        bool(fragment & DF),
        bool(offset or more),
        offset,
        data[:total],
        data[header:total],
        more,
        _options(data[:total], header) if header > _HEADER.size else (),
    )


def _check_fragment(data: memoryview, header: int, offset: int, *, more: bool, behind: int) -> None:
    """behind: bytes between its end and the frame's."""
    length = len(data) - header
    if more and length % 8:
        if behind == header and not (length + header) % 8:
            raise mistakes.total_too_small(length, header)
        text = f"{length} bytes with MF, expected a multiple of 8 (RFC 791 3.2)"
        says = int.from_bytes(data[header + 4 : header + 6], "big")
        if data[9] == UDP and not offset and says == length:
            text += ": the datagram is whole, MF must be clear"
        raise Malformed(rules.ipv4.FRAGMENT_LENGTH, text)
    if not length:
        raise Malformed(rules.ipv4.FRAGMENT_EMPTY, f"no data at offset {offset} (RFC 791 3.2)")
    if header + offset + length > MAX_PACKET:
        raise Malformed(
            rules.ipv4.FRAGMENT_BEYOND,
            f"{length} bytes at offset {offset} make a packet of {header + offset + length},"
            f" a packet has at most {MAX_PACKET} (RFC 791 3.1)",
        )


def _options(data: memoryview, header: int) -> tuple[int, ...]:
    kinds: list[int] = []
    at = _HEADER.size
    while at < header and data[at] != _END:
        if data[at] == _NO_OPERATION:
            at += 1
            continue
        room = header - at
        length = data[at + 1] if room > 1 else 0
        if not 2 <= length <= room:
            detail = f"option {data[at]} at byte {at} with length {length}, expected 2 to {room}"
            raise BadOption(f"{detail} (RFC 791 3.1)", at, bytes(data[:QUOTED]))
        kinds.append(data[at])
        at += length
    return tuple(kinds)


def encode(
    source: bytes,
    destination: bytes,
    protocol: int,
    payload: bytes,
    *,
    ident: int = 0,
    ttl: int = DEFAULT_TTL,
    dont_fragment: bool = False,
) -> bytes:
    """A packet without options."""
    fragment = DF if dont_fragment else 0
    start = header(source, destination, protocol, len(payload), ident, ttl, fragment)
    return start + payload


def fragments(
    source: bytes, destination: bytes, protocol: int, payload: bytes, *, ident: int, mtu: int
) -> Iterator[bytes]:
    """Packets without options of at most `mtu` bytes that carry `payload` together."""
    size = (mtu - _HEADER.size) & ~7
    for start in range(0, len(payload), size):
        end = start + size
        flags = _MF if end < len(payload) else 0
        piece = payload[start:end]
        fragment = flags | start // 8
        yield (
            header(source, destination, protocol, len(piece), ident, DEFAULT_TTL, fragment) + piece
        )


def cut(packet: bytes, mtu: int, ident: int) -> list[bytes]:
    """The packet in fragments, as a router makes them; as it is where there is nothing to cut.

    ident: for one that has none (RFC 6864 4.1). What stands behind the packet is left out.
    """
    if len(packet) < _HEADER.size:
        return [packet]
    fields = list(_HEADER.unpack_from(packet))
    start, _, length, own, fragment = fields[:5]
    if start != _HEADER.size // 4 | 4 << 4 or fragment & ~DF or not mtu < length <= len(packet):
        return [packet]
    payload = packet[_HEADER.size : length]
    size = (mtu - _HEADER.size) & ~7
    return [
        _fragment(fields, payload, at, size, ident if fragment & DF else own)
        for at in range(0, len(payload), size)
    ]


def _fragment(fields: list[Any], payload: bytes, at: int, size: int, ident: int) -> bytes:
    """fields: of the header of the packet."""
    piece = payload[at : at + size]
    more = _MF if at + size < len(payload) else 0
    fields[2:5] = _HEADER.size + len(piece), ident, more | at // 8
    fields[7] = 0
    fields[7] = finish(ones_sum(_HEADER.pack(*fields)))
    return _HEADER.pack(*fields) + piece


def resized(header: bytes | memoryview, length: int, ident: int) -> bytes:
    """The header for another packet, which carries `length` bytes."""
    changed = bytearray(header)
    changed[2:6] = _SIZE_AND_IDENT.pack(len(header) + length, ident & 0xFFFF)
    changed[10:12] = bytes(2)
    changed[10:12] = finish(ones_sum(bytes(changed))).to_bytes(2, "big")
    return bytes(changed)


def atomic_header(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    """With DF and identification 0, as RFC 6864 4.1 allows where nobody may fragment."""
    return header(source, destination, protocol, length, fragment=DF)


def blank_header(source: bytes, destination: bytes, protocol: int) -> bytes:
    """What the headers of a run share: length, identification and sum are 0 in it."""
    start = _WITHOUT_CHECKSUM.pack(0x45, 0, 0, 0, 0, DEFAULT_TTL, protocol)
    return b"".join((start, bytes(2), source, destination))


def encode_icmp(_source: bytes, _destination: bytes, message: Icmp) -> tuple[int, bytes]:
    """ICMP for IPv4 sums no pseudo-header."""
    return ICMP, icmp.encode(message)


def header(
    source: bytes,
    destination: bytes,
    protocol: int,
    length: int,
    ident: int = 0,
    ttl: int = DEFAULT_TTL,
    fragment: int = 0,
) -> bytes:
    """The header of a packet that carries `length` bytes; `fragment` is the whole field."""
    total, words = 20 + length, (ttl << 8) + protocol
    addresses = int.from_bytes(source + destination, "big")
    check = finish(0x4500 + total + ident + fragment + words + addresses)
    return _HEADER.pack(0x45, 0, total, ident, fragment, ttl, protocol, check, source, destination)
