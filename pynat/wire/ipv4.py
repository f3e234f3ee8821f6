"""IPv4 (RFC 791 3.1).

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

from dataclasses import dataclass
from struct import Struct

from pynat.errors import Malformed
from pynat.wire.checksum import finish, ones_sum, valid

_HEADER = Struct("!BBHHHBBH4s4s")
_WITHOUT_CHECKSUM = Struct("!BBHHHBB")

ICMP = 1
TCP = 6
UDP = 17

DF = 0x4000
_MF = 0x2000
_OFFSET = 0x1FFF

DEFAULT_TTL = 64


def dotted(address: bytes) -> str:
    return "{}.{}.{}.{}".format(*address)


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

    def __str__(self) -> str:
        return (
            f"{dotted(self.source)} > {dotted(self.destination)} "
            f"protocol {self.protocol} length {len(self.payload)}"
        )

    @property
    def quote(self) -> bytes:
        """What an ICMP error quotes: the header and 8 bytes (RFC 792); 20 more help debugging."""
        return bytes(self.packet[: len(self.packet) - len(self.payload) + 28])


def decode(data: memoryview) -> Ipv4:
    if len(data) < _HEADER.size:
        raise Malformed("ipv4 length", f"{len(data)} bytes, a header has 20 (RFC 791 3.1)")
    first, _, total, ident, fragment, ttl, protocol, _, source, destination = _HEADER.unpack_from(
        data
    )
    if first >> 4 != 4:
        raise Malformed("ipv4 version", f"version {first >> 4}, expected 4 (RFC 791 3.1)")
    header = (first & 15) * 4
    if header < _HEADER.size:
        raise Malformed("ipv4 header length", f"{first & 15} words, at least 5 (RFC 791 3.1)")
    if not header <= total <= len(data):
        raise Malformed(
            "ipv4 total length",
            f"total length {total}, the header has {header} and the frame carries {len(data)}"
            " (RFC 791 3.1)",
        )
    check = ones_sum(data[:header])
    if not valid(check):
        seen = int.from_bytes(data[10:12], "big")
        raise Malformed(
            "ipv4 checksum",
            f"header checksum {seen:#06x}, expected {finish(check - seen):#06x} (RFC 791 3.1)",
        )
    return Ipv4(
        source,
        destination,
        protocol,
        ttl,
        ident,
        bool(fragment & DF),
        bool(fragment & (_MF | _OFFSET)),
        (fragment & _OFFSET) * 8,
        data[:total],
        data[header:total],
    )


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
    start = _WITHOUT_CHECKSUM.pack(
        0x45, 0, 20 + len(payload), ident, DF if dont_fragment else 0, ttl, protocol
    )
    check = finish(ones_sum(start + source + destination))
    return b"".join((start, check.to_bytes(2, "big"), source, destination, payload))
