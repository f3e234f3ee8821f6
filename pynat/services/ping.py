"""The router's answer to ping: the same data back (RFC 792, RFC 1122 3.2.2.6)."""

from __future__ import annotations

from pynat.nat.outlet import Outlet
from pynat.wire import icmp, ipv4
from pynat.wire.icmp import Icmp
from pynat.wire.ipv4 import Ipv4


def answer(outlet: Outlet, packet: Ipv4, request: Icmp, now: float) -> None:
    reply = Icmp(icmp.ECHO_REPLY, 0, request.ident, request.sequence, request.payload)
    outlet.send_ipv4(packet.destination, packet.source, ipv4.ICMP, icmp.encode(reply), now)
