"""Ping both ways: the router's answer, the same data back, and its own requests (RFC 792).

A request of the router's is known again by guest, identifier, sequence number and data
(RFC 1122 3.2.2.6). Another reply may be to somebody else who pings in the router's name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pynat.config import Network
from pynat.nat.guest_output import GuestOutput
from pynat.wire import icmp
from pynat.wire.icmp import Icmp
from pynat.wire.ip import Packet

MAX_ASKED = 256  # requests that wait for a reply; then the oldest is given up
Answered = Callable[[float, float], None]  # seconds that it took; now
Reply = Callable[[bytes, Icmp, float], None]  # the guest, its reply; now


def answer(output: GuestOutput, packet: Packet, request: Icmp, now: float) -> None:
    reply = Icmp(icmp.ECHO_REPLY, 0, request.ident, request.sequence, request.payload)
    output.send_icmp(packet.destination, packet.source, reply, now)


class _Asked(NamedTuple):
    when: float
    data: bytes
    answered: Answered


class Pings:
    """Requests of the router's own."""

    def __init__(self, output: GuestOutput, network: Network, others: Reply) -> None:
        """others: gets the replies to what was not asked here."""
        self._output = output
        self._others = others
        self._ident = 0
        self._asked: dict[tuple[bytes, int, int], _Asked] = {}
        self.adopt(network)

    def adopt(self, network: Network) -> None:
        self._router = network.router.packed

    def ask(self, guest: bytes, sequence: int, data: bytes, now: float, answered: Answered) -> None:
        if len(self._asked) >= MAX_ASKED:
            del self._asked[next(iter(self._asked))]
        self._ident = (self._ident + 1) & 0xFFFF
        self._asked[guest, self._ident, sequence] = _Asked(now, data, answered)
        request = Icmp(icmp.ECHO_REQUEST, 0, self._ident, sequence, data)
        self._output.send_icmp(self._router, guest, request, now)

    def from_guest(self, packet: Packet, reply: Icmp, now: float) -> None:
        key = packet.source, reply.ident, reply.sequence
        asked = self._asked.get(key)
        if asked is None or asked.data != bytes(reply.payload):
            self._others(packet.source, reply, now)
            return
        del self._asked[key]
        asked.answered(now - asked.when, now)
