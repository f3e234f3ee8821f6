"""UDP (RFC 768).

0  2  source port
2  2  destination port
4  2  length of header and data
6  2  checksum over pseudo-header, header and data; 0 = the sender made none
8     data
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from pynat import rules
from pynat.errors import Malformed
from pynat.loops import udp_frames, udp_one, udp_run
from pynat.wire import ip, ipv4, mistakes
from pynat.wire.addresses import Address
from pynat.wire.checksum import finish, ones_sum, pseudo_header, valid
from pynat.wire.ip import Packet

HEADER = Struct("!HHHH")
_CUT = 512  # bytes of a first fragment at least, as senders cut them


@dataclass(slots=True)  # not frozen: that triples the cost of making one
class Udp:
    source: int
    destination: int
    payload: bytes

    def __str__(self) -> str:
        return f"UDP {self.source} > {self.destination} length {len(self.payload)}"


def decode(packet: Packet) -> Udp:
    data = packet.payload
    if len(data) < HEADER.size:
        raise _too_short(packet)
    source, destination, length, checksum = HEADER.unpack_from(data)
    if not HEADER.size <= length <= len(data):
        raise _wrong_length(packet, length)
    data = data[:length]
    if checksum:
        total = pseudo_header(packet.source, packet.destination, ip.UDP, length) + ones_sum(data)
        if not valid(total):
            if length + HEADER.size == len(packet.payload):
                raise _wrong_length(packet, length)
            if behind := _goes_on_behind(packet):
                raise behind
            if _is_valid_as_carried(packet):
                raise _wrong_length(packet, length, ": the checksum is that of all bytes")
            hint = mistakes.in_udp(bytes(data), packet.ends, packet.around)
            raise Malformed(
                rules.udp.CHECKSUM,
                f"checksum {checksum:#06x}, expected {finish(total - checksum) or 0xFFFF:#06x}"
                f" (RFC 768){hint}",
            )
    return Udp(source, destination, bytes(data[HEADER.size :]))


def _too_short(packet: Packet) -> Malformed:
    """For a header; where that goes on behind the packet, its own length says so."""
    header, behind = packet.around
    whole = bytes(packet.payload) + behind
    if whole[4:6] == (len(packet.payload) + header).to_bytes(2, "big"):
        return mistakes.total_too_small(len(packet.payload), header)
    text = f"{len(packet.payload)} bytes, a header has 8 (RFC 768)"
    return _goes_on_behind(packet, is_cut=True) or Malformed(rules.udp.LENGTH, text)


def _goes_on_behind(packet: Packet, *, is_cut: bool = False) -> Malformed | None:
    pseudo = pseudo_header(packet.source, packet.destination, ip.UDP, 0)
    return mistakes.goes_on_behind(packet.payload, pseudo, packet.around, is_cut=is_cut)


def _is_valid_as_carried(packet: Packet) -> bool:
    """With all that the packet carries, whatever the length says."""
    data = packet.payload
    return valid(
        pseudo_header(packet.source, packet.destination, ip.UDP, len(data)) + ones_sum(data)
    )


def _wrong_length(packet: Packet, length: int, hint: str = "") -> Malformed:
    """UDP's own, or IPv4's, which leaves the end of the datagram out."""
    carried = len(packet.payload)
    header, behind = packet.around
    if length == carried + header <= carried + len(behind):
        return mistakes.total_too_small(carried, header)
    if length > carried and (wrong := _goes_on_behind(packet, is_cut=True)):
        return wrong
    hint = hint or mistakes.byte_order(length, range(HEADER.size, carried + 1))
    if length + HEADER.size == carried:
        hint = mistakes.header_missing(HEADER.size)
    elif length == carried + header:
        hint = f": IPv4's {header} bytes of header must not be counted in"
    if not hint and length > carried >= _CUT and not carried % 8:
        hint = "; a first fragment has MF set"
    expected = carried if hint.startswith(":") else f"8 to {carried}, which the packet carries"
    text = f"length {length}, expected {expected} (RFC 768){hint}"
    return Malformed(rules.udp.LENGTH, text)


def encode(
    source: bytes, source_port: int, destination: bytes, destination_port: int, payload: bytes
) -> bytes:
    """The datagram, to be carried from `source` to `destination`."""
    length = HEADER.size + len(payload)
    total = (
        pseudo_header(source, destination, ip.UDP, length)
        + source_port
        + destination_port
        + length
        + ones_sum(payload)
    )
    checksum = finish(total) or 0xFFFF
    return HEADER.pack(source_port, destination_port, length, checksum) + payload


def decode_one(frame: bytes) -> tuple[int, int, int] | None:
    """Bytes of padding behind it and the ports, if the frame carries a datagram that is right.

    None says only that `decode` must look at it.
    """
    return udp_one(frame)


PROTOCOL = bytes((ip.UDP,))  # in a frame that `decode_run` takes
_PACKET_AT, _HEADERS = 14, 28


class DatagramRun(NamedTuple):
    """Datagrams of one flow in a row."""

    ttl: int
    dont_fragment: bool
    payloads: list[bytes]
    quotes: list[bytes]  # what ICMP errors would quote of the last ones


def decode_run(frames: list[bytes], at: int, mac: bytes, quotes: int) -> DatagramRun | None:
    """The frame `at`, and those behind it between the same ends with the same TTL and DF.

    Each of them is to `mac`, with a TTL to go on with, without options or fragments. None says only
    that `decode` must look at the frame: anything may be wrong with it, or nothing. quotes: so many
    at most.
    """
    found = udp_run(frames, at, mac)
    if found is None:
        return None
    sizes = [_HEADERS + len(payload) for payload in found[2]]
    come = zip(frames[at : at + len(sizes)][-quotes:], sizes[-quotes:], strict=True)
    return DatagramRun(*found, [_quote(frame, size) for frame, size in come])


def _quote(frame: bytes, size: int) -> bytes:
    return frame[_PACKET_AT : _PACKET_AT + min(ipv4.QUOTED, size)]


def encode_run(
    link_header: bytes, source: Address, destination: Address, ident: int, payloads: list[bytes]
) -> list[bytes]:
    """Frames of IPv4 that carry them, none longer than the MTU; `ident` is that of the first."""
    header = ipv4.blank_header(source[0], destination[0], ip.UDP)
    ports = HEADER.pack(source[1], destination[1], 0, 0)
    return udp_frames(b"".join((link_header, header, ports)), ident & 0xFFFF, payloads)
