"""Ping to everybody but the router (RFC 792): the guest's echo requests through a host socket.

Each (guest address, identifier) has one flow; the host side maps identifiers, because a ping
socket has its own. Replies go back with the guest's identifier, and ICMP errors quote the guest's
own request. A flow goes after `icmp.idle` seconds, or when it is the one of `icmp.flows` that was
used longest ago. Other ICMP from the guest never comes here: the router drops it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pynat import rules
from pynat.config import Config
from pynat.log.notices import FLOW_RATE, Level
from pynat.nat.flow_numbers import FlowNumbers
from pynat.nat.guest_output import GuestOutput
from pynat.nat.idle_timeout import IdleTimeout
from pynat.nat.messages import (
    CloseFlow,
    EchoDenied,
    EchoReply,
    EchoSend,
    SocketError,
)
from pynat.nat.quoted_packets import MAX_ECHO_QUOTES, QuotedPackets
from pynat.nat.reverse_translation import ReverseTranslation
from pynat.nat.rows import Row, seconds
from pynat.nat.unreachable import OURS, reason, what_to_tell
from pynat.wire import icmp
from pynat.wire.addresses import address_text
from pynat.wire.icmp import Icmp
from pynat.wire.ip import Packet


@dataclass(slots=True, eq=False)
class _Echo:
    number: int
    ident: int
    guest: bytes
    remote: bytes  # of the last request, as the guest names it
    table: EchoTable
    names: ReverseTranslation
    opened: float
    idle: IdleTimeout  # since the last request
    requests: int = 0
    replies: int = 0
    sent: QuotedPackets = field(
        default_factory=lambda: QuotedPackets(MAX_ECHO_QUOTES)
    )  # by sequence number
    quote: bytes = b""  # of the last request

    def row(self, now: float) -> Row:
        return {
            "number": self.number,
            "protocol": "echo",
            "state": "open",
            "guest": f"{address_text(self.guest)} id {self.ident}",
            "remote": address_text(self.remote),
            "datagrams_from_guest": self.requests,
            "datagrams_from_host": self.replies,
            "age": seconds(now - self.opened),
            "idle": seconds(now - self.idle.last),
            "timer": seconds(self.idle.due - now),
        }

    def on_timer(self, now: float) -> None:
        self.table.idled(self, now)


class EchoTable:
    def __init__(
        self,
        config: Config,
        output: GuestOutput,
        numbers: FlowNumbers,
        to_guest_address: Callable[[bytes], bytes],
    ) -> None:
        """`to_guest_address`: how the guest names a host's address (loopback is the router)."""
        self._config = config.icmp
        self._as_guest_sees = to_guest_address
        self._output = output
        self._numbers = numbers
        self._flows: dict[tuple[bytes, int], _Echo] = {}
        self._by_number: dict[int, _Echo] = {}

    def __len__(self) -> int:
        return len(self._flows)

    def rows(self, now: float) -> list[Row]:
        return [flow.row(now) for flow in self._flows.values()]

    def from_guest(self, packet: Packet, request: Icmp, host: bytes, now: float) -> None:
        """`host` is where the request really goes."""
        key = (packet.source, request.ident)
        flow = self._flows.pop(key, None) or self._open(packet, request, now)
        self._flows[key] = flow  # the last in the order of use
        flow.idle.used(now)
        flow.requests += 1
        flow.remote = packet.destination
        flow.names.sent((packet.destination, 0), (host, 0))
        flow.quote = packet.quote
        flow.sent.append((request.sequence, flow.quote))
        self._output.timers.set(flow, flow.idle.due)
        self._output.time_hold.expect(flow.number, now)
        self._output.ask(
            EchoSend(
                flow.number,
                host,
                request.ident,
                request.sequence,
                request.payload,
                packet.ttl - 1,
                packet.dont_fragment,
            )
        )

    def from_host(self, event: EchoReply | EchoDenied, now: float) -> None:
        flow = self._by_number.get(event.flow)
        if flow is None:
            return
        self._output.time_hold.answered(flow.number)
        match event:
            case EchoReply():
                reply = Icmp(icmp.ECHO_REPLY, 0, flow.ident, event.sequence, event.payload)
                flow.replies += 1
                source = flow.names.of((event.source, 0))[0]
                self._output.send_icmp(source, flow.guest, reply, now)
            case EchoDenied():
                self._output.notices.drop(rules.net.PING_FORBIDDEN, event.detail, now, Level.ERROR)
                self._output.send_error(icmp.UNREACHABLE, icmp.PROHIBITED, flow.quote, now)

    def on_error(self, event: SocketError, now: float) -> bool:
        """Whether the flow was ours."""
        flow = self._by_number.get(event.flow)
        if flow is None:
            return False
        self._output.time_hold.answered(flow.number)
        remote = flow.names.of(event.to)[0] if event.to else flow.remote
        text = f"{self._name(flow)} > {address_text(remote)}: {reason(event.errno)}"
        if event.errno in OURS:
            self._output.notices.drop(rules.net.PING_SOCKET, text, now)
            return True
        self._output.notices.limited("ping error", text, now)
        sequence = int.from_bytes(event.payload[6:8], "big")
        quote = flow.sent.pop_quote(sequence, event.payload[8:]) or flow.quote
        told = what_to_tell(event, icmp.HOST)  # an echo has no port that could refuse
        sender = flow.names.of((event.offender, 0))[0] if event.offender else None
        if told is not None:
            self._output.send_error(*told, quote, now, sender=sender, mtu=event.mtu)
        return True

    def _open(self, packet: Packet, request: Icmp, now: float) -> _Echo:
        limit = self._config.flows
        if len(self._flows) >= limit:
            oldest = next(iter(self._flows.values()))
            text = f"{self._name(oldest)}: {limit} are open (icmp.flows), used longest ago, closed"
            self._output.notices.limited("ping flow", text, now, rate=FLOW_RATE)
            self.close(oldest)
        flow = _Echo(
            self._numbers.next(),
            request.ident,
            packet.source,
            packet.destination,
            self,
            ReverseTranslation(self._as_guest_sees),
            now,
            IdleTimeout(self._output.wall, self._config.idle),
        )
        self._by_number[flow.number] = flow
        return flow

    def _name(self, flow: _Echo) -> str:
        return f"ping {address_text(flow.guest)} identifier {flow.ident}"

    def idled(self, flow: _Echo, now: float) -> None:
        if flow.idle.is_over(now):
            self.close(flow)
        else:
            self._output.timers.set(flow, flow.idle.due)

    def reset_guest(self) -> None:
        for flow in list(self._flows.values()):
            self.close(flow)

    def close(self, flow: _Echo) -> None:
        del self._flows[flow.guest, flow.ident], self._by_number[flow.number]
        self._output.timers.set(flow, None)
        self._output.time_hold.answered(flow.number)
        self._output.ask(CloseFlow(flow.number))
