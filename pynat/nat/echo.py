"""Ping to everybody but the router (RFC 792): the guest's echo requests through a host socket.

Each (guest address, identifier) has one flow; the host side maps identifiers, because a ping
socket has its own. Replies and ICMP errors go back with the guest's identifier. A flow goes after
`IDLE` seconds. Other ICMP from the guest never comes here: the router drops it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass

from pynat.nat.messages import (
    Action,
    CloseFlow,
    EchoDenied,
    EchoReply,
    EchoSend,
    SocketError,
)
from pynat.nat.names import Names
from pynat.nat.numbers import Numbers
from pynat.nat.outlet import Outlet
from pynat.nat.unreachable import code_for, reason
from pynat.notices import Level
from pynat.wire import icmp, ipv4
from pynat.wire.icmp import Icmp
from pynat.wire.ipv4 import Ipv4

MAX_FLOWS = 256  # one socket each
IDLE = 60.0  # seconds; RFC 5508 3.2 asks for 60 at least


@dataclass(slots=True, eq=False)
class _Echo:
    number: int
    ident: int
    guest: bytes
    remote: bytes  # of the last request, as the guest names it
    table: EchoTable
    names: Names
    quote: bytes = b""  # of the last request

    def on_timer(self, now: float) -> None:
        self.table.close(self)


class EchoTable:
    def __init__(
        self, outlet: Outlet, numbers: Numbers, to_guest_address: Callable[[bytes], bytes]
    ) -> None:
        """`to_guest_address`: how the guest names a host's address (loopback is the router)."""
        self._as_guest_sees = to_guest_address
        self._outlet = outlet
        self._numbers = numbers
        self._flows: dict[tuple[bytes, int], _Echo] = {}
        self._by_number: dict[int, _Echo] = {}
        self._actions: list[Action] = []

    def from_guest(self, packet: Ipv4, request: Icmp, host: bytes, now: float) -> None:
        """`host` is where the request really goes."""
        key = (packet.source, request.ident)
        flow = self._flows.get(key)
        if flow is None:
            if len(self._flows) >= MAX_FLOWS:
                self._outlet.notices.drop("ping flows", f"{MAX_FLOWS} identifiers in use", now)
                return
            flow = _Echo(
                self._numbers.next(),
                request.ident,
                packet.source,
                packet.destination,
                self,
                Names(self._as_guest_sees),
            )
            self._flows[key] = self._by_number[flow.number] = flow
        flow.remote = packet.destination
        flow.names.sent((packet.destination, 0), (host, 0))
        flow.quote = packet.quote
        self._outlet.timers.set(flow, now + IDLE)
        self._outlet.holds.expect(flow.number, now)
        self._actions.append(
            EchoSend(
                flow.number,
                host,
                request.ident,
                request.sequence,
                request.payload,
                packet.ttl - 1,
            )
        )

    def from_host(self, event: EchoReply | EchoDenied, now: float) -> None:
        flow = self._by_number.get(event.flow)
        if flow is None:
            return
        self._outlet.holds.settle(flow.number)
        match event:
            case EchoReply():
                reply = Icmp(icmp.ECHO_REPLY, 0, flow.ident, event.sequence, event.payload)
                source = flow.names.of((event.source, 0))[0]
                self._outlet.send_ipv4(source, flow.guest, ipv4.ICMP, icmp.encode(reply), now)
            case EchoDenied():
                self._outlet.notices.drop("ping not permitted", event.detail, now, Level.ERROR)
                self._outlet.send_error(icmp.UNREACHABLE, icmp.PROHIBITED, flow.quote, now)

    def on_error(self, event: SocketError, now: float) -> bool:
        """Whether the flow was ours."""
        flow = self._by_number.get(event.flow)
        if flow is None:
            return False
        self._outlet.holds.settle(flow.number)
        self._outlet.notices.limited(
            "ping error",
            f"ping {ipv4.dotted(flow.guest)} > {ipv4.dotted(flow.remote)}: {reason(event.errno)}",
            now,
        )
        kind, code = event.icmp or (icmp.UNREACHABLE, code_for(event.errno))
        if event.errno == errno.ECONNREFUSED and event.icmp is None:
            code = icmp.HOST  # an echo has no port that could refuse
        sender = flow.names.of((event.offender, 0))[0] if event.offender else None
        self._outlet.send_error(kind, code, flow.quote, now, sender=sender, mtu=event.mtu)
        return True

    def close(self, flow: _Echo) -> None:
        del self._flows[flow.guest, flow.ident], self._by_number[flow.number]
        self._outlet.holds.settle(flow.number)
        self._actions.append(CloseFlow(flow.number))

    def to_host(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions
