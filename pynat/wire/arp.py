"""ARP for IPv4 over Ethernet (RFC 826).

 0  2  hardware type, 1
 2  2  protocol type, 0x0800
 4  1  hardware length, 6
 5  1  protocol length, 4
 6  2  operation: 1 request, 2 reply
 8  6  sender MAC
14  4  sender IPv4
18  6  target MAC
24  4  target IPv4
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from pynat import rules
from pynat.errors import Malformed
from pynat.wire import ethernet, mistakes
from pynat.wire.ipv4 import dotted

_LAYOUT = Struct("!HHBBH6s4s6s4s")
_PREFIX = (1, 0x0800, 6, 4)
_TYPE = ethernet.ARP.to_bytes(2, "big")

REQUEST = 1
REPLY = 2


@dataclass(frozen=True, slots=True)
class Arp:
    operation: int
    sender_mac: bytes
    sender: bytes
    target_mac: bytes
    target: bytes

    @property
    def is_probe(self) -> bool:
        """Whether somebody has the address that the sender would take (RFC 5227 1.1)."""
        return not any(self.sender)

    @property
    def is_announcement(self) -> bool:
        """The sender's own address, told to all (RFC 5227 1.1)."""
        return self.sender == self.target

    @property
    def is_for_itself(self) -> bool:
        """A probe or an announcement."""
        return self.is_probe or self.is_announcement

    def __str__(self) -> str:
        if self.operation == REQUEST:
            return f"ARP who has {dotted(self.target)}, tell {dotted(self.sender)}"
        return f"ARP {dotted(self.sender)} is at {self.sender_mac.hex(':')}"


def decode(data: bytes | memoryview) -> Arp:
    if len(data) < _LAYOUT.size:
        raise Malformed(rules.arp.LENGTH, f"{len(data)} bytes, expected 28 (RFC 826)")
    *prefix, operation, sender_mac, sender, target_mac, target = _LAYOUT.unpack_from(data)
    if tuple(prefix) != _PREFIX:
        hint = mistakes.byte_order(prefix[0], (1,)) or mistakes.byte_order(prefix[1], (0x0800,))
        if (prefix[3], prefix[2]) == _PREFIX[2:]:
            hint = hint or ": the two lengths are exchanged"
        raise Malformed(
            rules.arp.KIND,
            "hardware, protocol, lengths {}, {:#06x}, {}, {}, expected 1 (Ethernet), 0x0800 (IPv4),"
            " 6, 4 (RFC 826){}".format(*prefix, hint),
        )
    return Arp(operation, sender_mac, sender, target_mac, target)


def sender_in(frame: bytes) -> bytes:
    """The sender's address in an untagged frame; b"" if it is none of ARP."""
    return frame[28:32] if frame[12:14] == _TYPE else b""


def encode(arp: Arp) -> bytes:
    return _LAYOUT.pack(
        *_PREFIX, arp.operation, arp.sender_mac, arp.sender, arp.target_mac, arp.target
    )
