"""Ethernet II.

 0  6  destination
 6  6  source
12  2  type
14     payload, padded to 46 bytes (a packet's own length says where it ends)

A tag before the type (IEEE 802.1Q): 0x8100, then 16 bits, of which the lower 12 are the number of a
VLAN. Number 0 is none: such a tag only carries a priority, and everybody takes the frame.
"""

from __future__ import annotations

from struct import Struct

HEADER = Struct("!6s6sH")

IPV4 = 0x0800
ARP = 0x0806
IPV6 = 0x86DD

_VLANS = (0x8100, 0x88A8)
_VLAN = 0x0FFF
_MAX_TAGS = 2
_KNOWN_TYPES = (IPV4, ARP, IPV6)
_FIRST_TYPE = 0x0600
_SWAPPED = {0x0008: ("IPv4", IPV4), 0x0608: ("ARP", ARP), 0xDD86: ("IPv6", IPV6)}
_OTHERS = {0x8100: ": a VLAN tag (802.1Q)", 0x88A8: ": a VLAN tag (802.1ad)", 0x88CC: ": LLDP"}

BROADCAST = b"\xff" * 6
_ARP_BEGINS = bytes.fromhex("0001 0800 06 04 00")
_V4 = 4  # bytes of an address


def encode(destination: bytes, source: bytes, kind: int, payload: bytes) -> bytes:
    return HEADER.pack(destination, source, kind) + payload


def group(address: bytes) -> bytes:
    """The MAC address of an IP group (RFC 1112 6.4, RFC 2464 7)."""
    if len(address) == _V4:
        return b"\x01\x00\x5e" + bytes((address[1] & 0x7F, *address[2:]))
    return b"\x33\x33" + address[-4:]


def text(mac: bytes) -> str:
    return mac.hex(":")


def untagged(frame: bytes, vlan: int = 0) -> bytes:
    """The frame without tags that only carry a priority, if something known is behind them.

    vlan: the number of the VLAN that the whole wire is in; its tags go too.
    """
    kind = int.from_bytes(frame[12:14], "big")
    at = 12
    while kind in _VLANS and _vlan(frame, at) in (0, vlan) and at < 12 + 4 * _MAX_TAGS:
        at += 4
        kind = int.from_bytes(frame[at : at + 2], "big")
    return frame[:12] + frame[at:] if at > 12 and kind in _KNOWN_TYPES else frame


def packet_at(frame: bytes) -> int:
    """Where what it carries begins, behind all tags."""
    at = HEADER.size
    while int.from_bytes(frame[at - 2 : at], "big") in _VLANS:
        at += 4
    return at


def vlan_of(frame: bytes) -> int:
    """The number of its VLAN; 0 is none."""
    return _vlan(frame, 12) if int.from_bytes(frame[12:14], "big") in _VLANS else 0


def _vlan(frame: bytes, at: int) -> int:
    return int.from_bytes(frame[at + 2 : at + 4], "big") & _VLAN


def named(frame: bytes) -> str:
    """The type field, with what it means where a guest may have meant it (IEEE 802.3 3.2.6)."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind in _SWAPPED:
        name, right = _SWAPPED[kind]
        return f"{kind:#06x}: {name} with its bytes swapped, expected {right:#06x} (RFC 894)"
    if kind < _FIRST_TYPE:
        return f"{kind:#06x}: an 802.3 length, Ethernet II types begin at {_FIRST_TYPE:#06x}"
    of = ""
    if kind in _VLANS and (number := _vlan(frame, 12)):
        of = f" of VLAN {number}; untagged frames and those of VLAN 0 are taken"
    return f"{kind:#06x}{_OTHERS.get(kind, '')}{of}; {IPV4:#06x} is IPv4, {ARP:#06x} ARP (RFC 894)"


def hidden(frame: bytes) -> str:
    """Which packet of this network's stands behind a type that is not its own; "" if none does."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind >= _FIRST_TYPE and kind not in _VLANS:
        return ""
    at = packet_at(frame) if kind in _VLANS else HEADER.size
    if frame[at : at + len(_ARP_BEGINS)] == _ARP_BEGINS:
        return "ARP"
    length = int.from_bytes(frame[at + 2 : at + 4], "big")
    return "IPv4" if frame[at : at + 1] == b"\x45" and 20 <= length <= len(frame) - at else ""


def is_tagged(frame: bytes) -> bool:
    return int.from_bytes(frame[12:14], "big") in _VLANS


def is_swapped(kind: int) -> bool:
    """Whether a known type has its bytes in the wrong order. (0x0008 is also the length of an 802.3
    frame, one with less in it than any protocol has.)"""
    return kind in _SWAPPED
