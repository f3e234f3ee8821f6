"""A second version of IP, for tests alone: IPv6 without extension headers but one (RFC 8200).

pynat has no IPv6. What it has for flows takes addresses of either length; this codec, entered into
`pynat.wire.versions`, is all that is needed to see it work. Its own judge is scapy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from pynat.wire import ethernet, icmp
from pynat.wire.checksum import finish, ones_sum, pseudo_header
from pynat.wire.icmp import Icmp
from pynat.wire.ip import Outline
from pynat.wire.mistakes import Around

ETHERTYPE = ethernet.IPV6
HEADER_SIZE = 40
_HEADER = Struct("!IHBB16s16s")
_FRAGMENT = Struct("!BBHI")

NUMBER, LENGTH = 6, 16
ICMPV6, FRAGMENT = 58, 44

# RFC 7915 4.2
_TYPES = {
    (icmp.ECHO_REPLY, 0): (129, 0),
    (icmp.UNREACHABLE, icmp.NET): (1, 0),
    (icmp.UNREACHABLE, icmp.HOST): (1, 0),
    (icmp.UNREACHABLE, icmp.PORT): (1, 4),
    (icmp.UNREACHABLE, icmp.PROHIBITED): (1, 1),
}


@dataclass(slots=True)
class Ipv6:
    source: bytes
    destination: bytes
    protocol: int
    ttl: int
    packet: memoryview
    payload: memoryview
    dont_fragment: bool = True
    is_fragment: bool = False
    ident: int = 0
    offset: int = 0
    more: bool = False

    @property
    def ends(self) -> bytes:
        return self.source + self.destination

    @property
    def around(self) -> Around:
        return HEADER_SIZE, b""

    @property
    def quote(self) -> bytes:
        return bytes(self.packet[: 1280 - HEADER_SIZE - 8])


def decode(frame: bytes) -> Ipv6:
    packet = memoryview(frame)[ethernet.HEADER.size :]
    _, length, protocol, ttl, source, destination = _HEADER.unpack_from(packet)
    end = HEADER_SIZE + length
    return Ipv6(source, destination, protocol, ttl, packet[:end], packet[HEADER_SIZE:end])


def atomic_header(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    return _HEADER.pack(NUMBER << 28, length, protocol, 64, source, destination)


def encode(
    source: bytes,
    destination: bytes,
    protocol: int,
    payload: bytes,
    *,
    ident: int = 0,
    dont_fragment: bool = False,
) -> bytes:
    return atomic_header(source, destination, protocol, len(payload)) + payload


def fragments(
    source: bytes, destination: bytes, protocol: int, payload: bytes, *, ident: int, mtu: int
) -> Iterator[bytes]:
    size = (mtu - HEADER_SIZE - _FRAGMENT.size) & ~7
    for start in range(0, len(payload), size):
        piece = payload[start : start + size]
        more = start + size < len(payload)
        body = _FRAGMENT.pack(protocol, 0, start | more, ident) + piece
        yield encode(source, destination, FRAGMENT, body)


def outline(data: bytes | memoryview, start: int = 0) -> Outline | None:
    if len(data) < start + HEADER_SIZE:
        return None
    _, length, protocol, _, source, destination = _HEADER.unpack_from(data, start)
    body = start + HEADER_SIZE
    return Outline(protocol, source, destination, body, min(len(data), body + length), False)


def flow_key(frame: bytes) -> tuple[bytes, int]:
    return frame[20:21] + frame[22:58], 54


def encode_icmp(source: bytes, destination: bytes, message: Icmp) -> tuple[int, bytes]:
    kind, code = _TYPES[message.type, message.code]
    data = icmp.encode(Icmp(kind, code, message.ident, message.sequence, message.payload))
    data = data[:2] + b"\0\0" + data[4:]
    total = pseudo_header(source, destination, ICMPV6, len(data)) + ones_sum(data)
    return ICMPV6, data[:2] + finish(total).to_bytes(2, "big") + data[4:]
