"""Frames of which a capture has only the beginning (a snapshot length).

Of a TCP segment the headers are enough: its data become zeros, and its checksum right, since nobody
can know either. That is done to all right segments of such a capture, also to those that are whole,
so that data that come again are the same. Of all else a frame that is not whole is left out.
"""

from __future__ import annotations

from pynat.errors import Malformed
from pynat.wire import ethernet, ipv4
from pynat.wire.checksum import finish, ones_sum, pseudo_header, valid

_HEADERS = 14 + 20 + 20  # bytes, of Ethernet, IPv4 and TCP
_IPV4 = ethernet.IPV4.to_bytes(2, "big")
_CHECKSUM = 16  # where it is in TCP's header


def mended(frame: bytes, length: int) -> bytes | None:
    """length: of the frame on the wire. None where there is too little of it."""
    as_it_is = frame if len(frame) >= length else None
    if len(frame) < _HEADERS or frame[12:14] != _IPV4 or frame[23] != ipv4.TCP:
        return as_it_is
    start = 14 + (frame[14] & 15) * 4
    data = start + (frame[start + 12 : start + 13] or b"\xff")[0] // 16 * 4
    padded = frame[:data].ljust(max(length, len(frame)), b"\0")
    try:
        packet = ipv4.decode(memoryview(padded)[14:])
    except Malformed:
        return padded  # its header, which is there, is wrong
    if packet.is_fragment or len(packet.payload) < data - start or data > len(frame):
        return as_it_is
    if as_it_is and not valid(_total(frame, packet, start)):
        return frame
    at = start + _CHECKSUM
    blank = padded[:at] + b"\0\0" + padded[at + 2 :]
    return blank[:at] + finish(_total(blank, packet, start)).to_bytes(2, "big") + blank[at + 2 :]


def _total(frame: bytes, packet: ipv4.Ipv4, start: int) -> int:
    size = len(packet.payload)
    total = pseudo_header(packet.source, packet.destination, ipv4.TCP, size)
    return total + ones_sum(memoryview(frame)[start : start + size])
