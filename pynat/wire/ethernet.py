"""Ethernet II.

 0  6  destination
 6  6  source
12  2  type
14     payload, padded to 46 bytes (a packet's own length says where it ends)
"""

from __future__ import annotations

from struct import Struct

HEADER = Struct("!6s6sH")

IPV4 = 0x0800
ARP = 0x0806
IPV6 = 0x86DD

_FIRST_TYPE = 0x0600
_SWAPPED = {0x0008: ("IPv4", IPV4), 0x0608: ("ARP", ARP), 0xDD86: ("IPv6", IPV6)}
_OTHERS = {0x8100: ": a VLAN tag (802.1Q)", 0x88A8: ": a VLAN tag (802.1ad)", 0x88CC: ": LLDP"}

BROADCAST = b"\xff" * 6


def encode(destination: bytes, source: bytes, kind: int, payload: bytes) -> bytes:
    return HEADER.pack(destination, source, kind) + payload


def text(mac: bytes) -> str:
    return mac.hex(":")


def named(kind: int) -> str:
    """The type field, with what it means where a guest may have meant it (IEEE 802.3 3.2.6)."""
    if kind in _SWAPPED:
        name, right = _SWAPPED[kind]
        return f"{kind:#06x}: {name} with its bytes swapped, expected {right:#06x} (RFC 894)"
    if kind < _FIRST_TYPE:
        return f"{kind:#06x}: an 802.3 length, Ethernet II types begin at {_FIRST_TYPE:#06x}"
    return f"{kind:#06x}{_OTHERS.get(kind, '')}; {IPV4:#06x} is IPv4, {ARP:#06x} ARP (RFC 894)"


def is_swapped(kind: int) -> bool:
    """Whether a known type has its bytes in the wrong order. (0x0008 is also the length of an 802.3
    frame, one with less in it than any protocol has.)"""
    return kind in _SWAPPED
