"""Packets in pieces (RFC 791 3.2), as a router on the way would send them, in any order.

A packet with options, or one that is a fragment already, goes on as it is. One with DF has no
identification that is worth anything (RFC 6864 4.1), and gets one.
"""

from __future__ import annotations

from random import Random

from pynat.impair.rule import Fragment, Order
from pynat.wire import ethernet, ipv4, versions


class Cutter:
    """Of one direction."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._ident = dice.randrange(0x10000)

    def cut(self, frame: bytes, rule: Fragment) -> list[bytes]:
        if versions.BY_TYPE.get(frame[12:14]) is not ipv4:
            return [frame]
        start = ethernet.HEADER.size
        self._ident = (self._ident + 1) & 0xFFFF
        packets = ipv4.cut(frame[start:], rule.size, self._ident)
        if len(packets) < 2:
            return [frame]
        self._order(packets, rule.order)
        return [frame[:start] + packet for packet in packets]

    def _order(self, packets: list[bytes], order: Order) -> None:
        match order:
            case Order.BACKWARDS:
                packets.reverse()
            case Order.SHUFFLED:
                self._dice.shuffle(packets)
