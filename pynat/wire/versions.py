"""The versions of IP that there are: which one an address, a packet or a frame is of.

A further one is a codec with the names of `pynat.wire.ip.Version`, and an entry in each table.
"""

from __future__ import annotations

from pynat.wire import ip, ipv4
from pynat.wire.addresses import Address
from pynat.wire.ip import Outline, Version

QUOTED = ipv4.QUOTED

BY_LENGTH: dict[int, Version] = {4: ipv4}  # bytes of an address
BY_NUMBER: dict[int, Version] = {4: ipv4}  # in the first half of a packet's first byte
BY_TYPE: dict[bytes, Version] = {ipv4.ETHERTYPE.to_bytes(2, "big"): ipv4}  # of a frame


def of(address: bytes) -> Version:
    return BY_LENGTH[len(address)]


def outline(packet: bytes | memoryview) -> Outline | None:
    """None if no header is there. One with a wrong number is read as its frame has it: as IPv4."""
    version = BY_NUMBER.get(packet[0] >> 4, ipv4) if packet else ipv4
    return version.outline(packet)


def in_frame(frame: bytes) -> Outline | None:
    """Of the packet in an untagged frame; the outline's places are those in the frame."""
    version = BY_TYPE.get(frame[12:14])
    return version.outline(frame, 14) if version else None


def named(packet: bytes | memoryview) -> str:
    """`udp 192.168.16.2:1000 > 192.0.2.7:53`, as far as the bytes go; none of it is checked."""
    found = outline(packet)
    return ip.named(found, packet) if found else f"{len(packet)} bytes of IPv4"


def ends(packet: bytes | memoryview, protocol: int) -> tuple[Address, Address] | None:
    """Source and destination of a packet of this protocol, as far as the bytes go."""
    found = outline(packet)
    return ip.ends(found, packet) if found and found.protocol == protocol else None


def named_in(frame: bytes) -> str:
    """The same of the packet in an untagged frame; "" where there is none."""
    return named(memoryview(frame)[14:]) if frame[12:14] in BY_TYPE else ""


def flow_key(frame: bytes) -> tuple[bytes, int]:
    """The same for all untagged frames of a flow's direction, or else of one sender and kind.

    And where what the packet carries begins, 0 where there is none.
    """
    version = BY_TYPE.get(frame[12:14])
    return version.flow_key(frame) if version else (frame[6:38], 0)


def reverse(key: bytes) -> bytes:
    """The flow key of the other direction."""
    middle = (len(key) - 3) // 2
    return b"".join((key[:1], key[middle:-4], key[1:middle], key[-2:], key[-4:-2]))


def quote(source: bytes, destination: bytes, protocol: int, payload: bytes) -> bytes:
    """What an ICMP error quotes of a packet that has not been kept."""
    return of(source).encode(source, destination, protocol, payload)[:QUOTED]
