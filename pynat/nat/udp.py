"""UDP between the guest and everybody else.

From the guest: each guest (address, port) has one host socket, whatever it sends to, and any
remote may answer to it (endpoint-independent mapping and filtering, RFC 4787 4.1, 5). The mapping
goes after `udp.idle` seconds without a datagram in either direction (RFC 4787 4.3 wants 2 minutes
at least). One that has only asked servers at port 53 goes `udp.dns_idle` seconds after an answer,
because a resolver takes a new port for each question (RFC 5452 9.2); RFC 4787 4.3 REQ-5 a allows
that for well-known ports. At `udp.flows` flows, or when the host has no descriptor left, the one
used longest ago goes. Errors of the socket become ICMP errors that quote the guest's own datagram.

From a host program through a forward: the guest sees the program at the router's address, at the
program's own port where that is free; what the guest sends there, from the port that the forward
leads to, goes back to the program. That takes precedence over the program of the same port on the
host's loopback, for as long as the mapping lives and for that one port of the guest's: an answer
cannot be told from a datagram that just looks the same. Those mappings idle away in the same
manner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from pynat import rules
from pynat.config import ROUTER_PORTS, Config, Network, Transport
from pynat.log.notices import FLOW_RATE, Level
from pynat.nat.flow_numbers import FlowNumbers
from pynat.nat.guest_output import GuestOutput
from pynat.nat.idle_timeout import IdleTimeout
from pynat.nat.messages import (
    CloseFlow,
    InProcessAddress,
    SocketError,
    UdpAnswer,
    UdpIncoming,
    UdpReceived,
    UdpReceivedRun,
    UdpSend,
    UdpSendRun,
)
from pynat.nat.quoted_packets import MAX_UDP_QUOTES, QuotedPackets
from pynat.nat.reverse_translation import ReverseTranslation
from pynat.nat.rows import Row, seconds
from pynat.nat.unreachable import NO_DESCRIPTOR, NO_PORT, OURS, reason, shortage, what_to_tell
from pynat.wire import ip, plain, udp, versions
from pynat.wire.addresses import Address, FourTuple, end_text, is_unicast
from pynat.wire.ip import Packet
from pynat.wire.udp import Udp

DNS_PORT = 53
MAX_PEERS = 4096  # of forwards
MAX_WAYS = 16_384  # remembered; then all are forgotten


class _FlowTimeout(IdleTimeout):
    """With its timer."""

    def __init__(self, output: GuestOutput, seconds: float, gone: Callable[[float], None]) -> None:
        super().__init__(output.wall, seconds)
        self._timers = output.timers
        self._gone = gone

    def used(self, now: float, seconds: float | None = None) -> None:
        """seconds: from now on it may be idle for so long."""
        if seconds is not None:
            self.seconds = seconds
        IdleTimeout.used(self, now)
        self._timers.set(self, self.due)

    def stop(self) -> None:
        self._timers.set(self, None)

    def on_timer(self, now: float) -> None:
        if self.is_over(now):
            self._gone(now)
        else:
            self._timers.set(self, self.due)


@dataclass(slots=True)
class UdpFlow:
    number: int
    guest: Address
    idle: _FlowTimeout
    names: ReverseTranslation
    opened: float
    remote: Address  # to which the guest has sent last
    from_guest: int = 0  # datagrams
    from_host: int = 0
    bytes_from_guest: int = 0  # of payload
    bytes_from_host: int = 0
    only_dns: bool = True  # it has talked to nobody else
    is_held: bool = True  # guest time is, while somebody outside owes an answer
    sent: QuotedPackets = field(default_factory=lambda: QuotedPackets(MAX_UDP_QUOTES))

    def row(self, now: float) -> Row:
        return {
            "number": self.number,
            "protocol": "udp",
            "state": "open",
            "guest": end_text(self.guest),
            "remote": end_text(self.remote),
            "datagrams_from_guest": self.from_guest,
            "datagrams_from_host": self.from_host,
            "bytes_from_guest": self.bytes_from_guest,
            "bytes_from_host": self.bytes_from_host,
            "age": seconds(now - self.opened),
            "idle": seconds(now - self.idle.last),
            "timer": seconds(self.idle.due - now),
        }


@dataclass(slots=True)
class _Inbound:
    """A host program that has sent to a forward."""

    forward: int
    peer: Address
    guest: Address
    shown: Address  # where the guest sees it
    idle: _FlowTimeout

    def row(self, now: float) -> Row:
        return {
            "forward": self.forward,
            "protocol": "udp",
            "state": "forwarded",
            "guest": end_text(self.guest),
            "remote": end_text(self.shown),
            "idle": seconds(now - self.idle.last),
            "timer": seconds(self.idle.due - now),
        }


class Way(NamedTuple):
    """Where a flow has sent a datagram to; the next one there need not be decoded."""

    number: int  # of the flow, which may be gone
    remote: Address


class UdpTable:
    def __init__(
        self,
        config: Config,
        output: GuestOutput,
        numbers: FlowNumbers,
        to_guest_address: Callable[[bytes], bytes],
    ) -> None:
        """`to_guest_address`: how the guest names a host's address (loopback is the router)."""
        self._config = config
        self._output = output
        self._numbers = numbers
        self._as_guest_sees = to_guest_address
        self._mac = config.network.mac  # the router's
        self.adopt(config.network)
        self._idle = config.udp.idle
        self._dns_idle = min(config.udp.dns_idle, config.udp.idle)
        self._flows: dict[Address, UdpFlow] = {}
        self._by_number: dict[int, UdpFlow] = {}
        self._inbound: dict[tuple[int, Address], _Inbound] = {}
        self._inbound_shown: dict[tuple[Address, Address], _Inbound] = {}

    def adopt(self, network: Network) -> None:
        self._router = network.router.packed
        self._ways: dict[bytes, Way] = {}  # by the four-tuple's key

    def move(self, mac: bytes) -> None:
        """The router has this MAC address from now on."""
        self._mac = mac

    def __len__(self) -> int:
        return len(self._flows)

    def rows(self, now: float) -> list[Row]:
        flows: list[UdpFlow | _Inbound] = [*self._flows.values(), *self._inbound.values()]
        return [flow.row(now) for flow in flows]

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, packet: Packet, datagram: Udp, host: Address, now: float) -> None:
        guest = (packet.source, datagram.source)
        inbound = self._inbound_to(packet, datagram)
        if inbound is not None:
            inbound.idle.used(now)
            self._output.ask(UdpAnswer(inbound.forward, inbound.peer, datagram.payload))
            return
        remote = (packet.destination, datagram.destination)
        flow = self._flows.get(guest) or self._open(guest, remote, now)
        self._sends(flow, remote, host, [datagram.payload], now)
        flow.sent.append((host, packet.quote))
        ttl, payload = packet.ttl - 1, datagram.payload
        four_tuple = FourTuple(guest, remote)
        self._output.ask(UdpSend(flow.number, host, payload, ttl, packet.dont_fragment, four_tuple))
        if is_unicast(host[0]):  # a broadcast leads elsewhere than its address says
            self._remember(flow, remote)

    def _remember(self, flow: UdpFlow, remote: Address) -> None:
        if len(self._ways) >= MAX_WAYS:
            self._ways.clear()
        self._ways[FourTuple(flow.guest, remote).key] = Way(flow.number, remote)

    def _sends(
        self, flow: UdpFlow, remote: Address, host: Address, payloads: list[bytes], now: float
    ) -> None:
        self._flows[flow.guest] = self._flows.pop(flow.guest, flow)  # the last in order of use
        flow.from_guest += len(payloads)
        flow.bytes_from_guest += sum(map(len, payloads))
        flow.remote = remote
        flow.names.sent(remote, host)
        flow.only_dns &= host[1] == DNS_PORT
        flow.idle.used(now, self._idle)
        flow.is_held = not isinstance(host, InProcessAddress)
        if flow.is_held:
            if is_unicast(host[0]):
                self._output.time_hold.expect(flow.number, now)
            self._output.time_hold.carried(flow.number, now)

    def run_from_guest(
        self, frames: list[bytes], at: int, outside: Callable[[Address], Address | None], now: float
    ) -> int:
        """The short way of datagrams in a row that go where such a one has gone before.

        How many frames from `at` on were such; 0 leaves the frame to `from_guest`. outside: where
        what the guest names leads, if it leads out of this process.
        """
        way = self._ways.get(frames[at][plain.KEY_AT])
        flow = self._by_number.get(way.number) if way is not None else None
        if way is None or flow is None or self._inbound:
            return 0
        host, run = outside(way.remote), udp.decode_run(frames, at, self._mac, MAX_UDP_QUOTES)
        if host is None or run is None:
            return 0
        self._sends(flow, way.remote, host, run.payloads, now)
        flow.sent.extend((host, quote) for quote in run.quotes)
        ends = FourTuple(flow.guest, way.remote)
        sent = UdpSendRun(flow.number, host, run.payloads, run.ttl - 1, run.dont_fragment, ends)
        self._output.ask(sent)
        return len(run.payloads)

    # ------------------------------------------------------------------ from the host
    def from_host(self, event: UdpReceived, now: float) -> None:
        self.run_from_host(UdpReceivedRun(event.flow, event.source, [event.payload]), now)

    def run_from_host(self, event: UdpReceivedRun, now: float) -> None:
        flow = self._by_number.get(event.flow)
        if flow is None:
            return
        flow.idle.used(now, self._dns_idle if flow.only_dns else None)
        flow.from_host += len(event.payloads)
        flow.bytes_from_host += sum(map(len, event.payloads))
        self._output.time_hold.answered(flow.number)
        if flow.is_held:
            self._output.time_hold.carried(flow.number, now)
        source = flow.names.of(event.source)
        self._output.send_datagrams(source, flow.guest, event.payloads, now)

    def on_error(self, event: SocketError, now: float) -> bool:
        """Whether the flow was ours."""
        flow = self._by_number.get(event.flow)
        if flow is None:
            return False
        self._output.time_hold.answered(flow.number)
        if event.to is None or event.errno in OURS:
            why = f"{self._name(flow)}: {shortage(event.errno)}"
            if event.errno in NO_PORT:
                self._output.notices.drop(rules.net.HOST_SOCKETS, why, now, Level.ERROR)
            else:
                self._output.notices.drop(rules.net.UDP_SOCKET, why, now)
            if event.errno in NO_PORT | NO_DESCRIPTOR:
                self._make_room(flow, now)
            return True
        remote = flow.names.of(event.to)
        self._output.notices.limited(
            "udp error",
            f"{self._name(flow)} > {end_text(remote)}: {reason(event.errno)}",
            now,
        )
        quote = flow.sent.pop_quote(event.to, event.payload)
        if quote is None:
            lost = udp.encode(*flow.guest, *remote, event.payload)
            quote = versions.quote(flow.guest[0], remote[0], ip.UDP, lost)
        told = what_to_tell(event)
        sender = flow.names.of((event.offender, 0))[0] if event.offender else None
        if told is not None:
            self._output.send_error(*told, quote, now, sender=sender, mtu=event.mtu)
        return True

    def incoming(self, event: UdpIncoming, guest: Address, shown: bytes, now: float) -> None:
        """`shown`: the address from which the guest sees it."""
        inbound = self._inbound.get((event.forward, event.source))
        if inbound is None:
            if len(self._inbound) >= MAX_PEERS:
                self._output.notices.drop(rules.net.UDP_PEERS, f"more than {MAX_PEERS}", now)
                return
            inbound = self._admit(event, guest, shown)
        inbound.idle.used(now)
        self._output.time_hold.carried((event.forward, event.source), now)
        self._output.send_datagrams(inbound.shown, guest, [event.payload], now)

    def knows(self, packet: Packet, datagram: Udp) -> bool:
        """Whether the guest answers a host program that has sent to a forward."""
        return self._inbound_to(packet, datagram) is not None

    def _inbound_to(self, packet: Packet, datagram: Udp) -> _Inbound | None:
        if not self._inbound:
            return None
        guest = (packet.source, datagram.source)
        return self._inbound_shown.get((guest, (packet.destination, datagram.destination)))

    def forget_forward(self, rule: int) -> None:
        for inbound in [one for one in self._inbound.values() if one.forward == rule]:
            inbound.idle.stop()
            self._dismiss(inbound)

    # ------------------------------------------------------------------ mappings come and go
    def _open(self, guest: Address, remote: Address, now: float) -> UdpFlow:
        limit = self._config.udp.flows
        if len(self._flows) >= limit:
            oldest = next(iter(self._flows.values()))
            self._close(oldest, now, f"{limit} flows are open (udp.flows), used longest ago")
        flow = UdpFlow(
            self._numbers.next(),
            guest,
            _FlowTimeout(self._output, self._idle, lambda now: self._idled(flow, now)),
            ReverseTranslation(self._as_guest_sees),
            now,
            remote,
        )
        self._by_number[flow.number] = flow
        self._say(flow, "opened", now)
        return flow

    def _make_room(self, flow: UdpFlow, now: float) -> None:
        """For the next datagram of this flow, which could get no socket."""
        oldest = next(iter(self._flows.values()))
        if oldest is not flow:
            self._close(oldest, now, "the host has no descriptor or port left, used longest ago")

    def _idled(self, flow: UdpFlow, now: float) -> None:
        key = "udp.idle" if flow.idle.seconds == self._idle else "udp.dns_idle"
        self._close(flow, now, f"idle for {flow.idle.seconds:g} s ({key})")

    def reset_guest(self, now: float) -> None:
        """What programs send through forwards still finds its way."""
        for flow in list(self._flows.values()):
            self._close(flow, now, "the guest was reset")

    def _close(self, flow: UdpFlow, now: float, why: str) -> None:
        del self._flows[flow.guest], self._by_number[flow.number]
        flow.idle.stop()
        self._output.time_hold.release(flow.number)
        self._output.ask(CloseFlow(flow.number))
        self._numbers.gone(flow.number, why, lambda: flow.row(now))
        carried = f"{flow.from_guest} datagrams from the guest, {flow.from_host} to it"
        self._say(flow, f"{why}, closed after {carried}", now)

    def _say(self, flow: UdpFlow, what: str, now: float) -> None:
        text = f"{self._name(flow)}: {what}"
        self._output.notices.limited("udp flow", text, now, rate=FLOW_RATE)

    def _admit(self, event: UdpIncoming, guest: Address, shown: bytes) -> _Inbound:
        port = event.source[1]
        while (guest, (shown, port)) in self._inbound_shown or (
            shown == self._router
            and port in ROUTER_PORTS[Transport.UDP]  # no program is seen there
        ):
            port = self._output.dice.randrange(1024, 65536)
        inbound = _Inbound(
            event.forward,
            event.source,
            guest,
            (shown, port),
            _FlowTimeout(self._output, self._idle, lambda _: self._dismiss(inbound)),
        )
        self._inbound[event.forward, event.source] = inbound
        self._inbound_shown[guest, inbound.shown] = inbound
        return inbound

    def _dismiss(self, inbound: _Inbound) -> None:
        self._output.time_hold.release((inbound.forward, inbound.peer))
        del self._inbound[inbound.forward, inbound.peer]
        del self._inbound_shown[inbound.guest, inbound.shown]

    def _name(self, flow: UdpFlow) -> str:
        return f"udp {end_text(flow.guest)}"
