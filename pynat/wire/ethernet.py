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

BROADCAST = b"\xff" * 6


def encode(destination: bytes, source: bytes, kind: int, payload: bytes) -> bytes:
    return HEADER.pack(destination, source, kind) + payload


def text(mac: bytes) -> str:
    return mac.hex(":")
