"""The router's answer to ping: the same data back (RFC 792, RFC 1122 3.2.2.6)."""

from __future__ import annotations

from pynat.nat.outlet import Outlet
from pynat.wire import icmp
from pynat.wire.icmp import Icmp
from pynat.wire.ip import Packet


def answer(outlet: Outlet, packet: Packet, request: Icmp, now: float) -> None:
    reply = Icmp(icmp.ECHO_REPLY, 0, request.ident, request.sequence, request.payload)
    outlet.send_icmp(packet.destination, packet.source, reply, now)
