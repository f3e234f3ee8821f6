"""IGMP: how a guest says which groups it is in (RFC 1112, RFC 2236, RFC 3376).

0  1  type: report of version 1 0x12, 2 0x16, 3 0x22; leave 0x17
1  1  (versions 1 and 2: time in which to answer)
2  2  checksum of the message
4  4  group, in versions 1 and 2
"""

from __future__ import annotations

from collections.abc import Iterator

from pynat.lint.frame import Finding, Frame
from pynat.lint.tally import Tally
from pynat.rules import ipv4 as rules
from pynat.rules.occasions import Occasion
from pynat.wire import mistakes
from pynat.wire.addresses import address_text
from pynat.wire.checksum import finish, ones_sum
from pynat.wire.ipv4 import Ipv4

PROTOCOL = 2
_SHORTEST = 8  # bytes
_CHECKSUM = slice(2, 4)
_TO_THE_GROUP = {0x12, 0x16}  # types of reports
_TO = {0x17: bytes((224, 0, 0, 2)), 0x22: bytes((224, 0, 0, 22))}  # others


class IgmpChecker:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def to_guest(self, _frame: Frame) -> Iterator[Finding]:
        return iter(())

    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        packet = frame.ip
        if packet is None or packet.protocol != PROTOCOL or packet.is_fragment:
            return iter(())
        return self._message(packet)

    def _message(self, packet: Ipv4) -> Iterator[Finding]:
        self._tally[Occasion.IGMP] += 1
        message = bytes(packet.payload)
        if len(message) < _SHORTEST:
            text = f"{packet}: {len(message)} bytes, expected {_SHORTEST} at least (RFC 2236 2)"
            yield Finding(rules.IGMP_CHECKSUM, text)
            return
        if finish(ones_sum(message)):
            yield _checksum(packet, message)
        if packet.ttl != 1:
            text = f"{packet}: IGMP with time to live {packet.ttl}, expected 1 (RFC 2236 2)"
            yield Finding(rules.IGMP_WAY, text)
        to = message[4:8] if message[0] in _TO_THE_GROUP else _TO.get(message[0])
        if to is not None and packet.destination != to:
            text = f"{packet}: IGMP type {message[0]:#04x}, expected to {address_text(to)}"
            yield Finding(rules.IGMP_WAY, f"{text} (RFC 2236 9)")


def _checksum(packet: Ipv4, message: bytes) -> Finding:
    seen = int.from_bytes(message[_CHECKSUM], "big")
    expected = finish(ones_sum(message[:2] + bytes(2) + message[4:]))
    hint = mistakes.byte_order(seen, (expected,)) if seen else ": none was made"
    text = f"{packet}: IGMP checksum {seen:#06x}, expected {expected:#06x} (RFC 2236 2.3){hint}"
    return Finding(rules.IGMP_CHECKSUM, text)
