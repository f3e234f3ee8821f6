"""All TCP flows of one network: which segment belongs to which, and what belongs to none.

A SYN of no flow opens one; a SYN with another initial sequence number on an old flow means that
the guest has restarted, so the old one goes and a new one begins. Anything else of no flow is
answered with RST (RFC 9293 3.10.7.1), which is also what clears a guest's connections after a
Bochs state restore. Initial sequence numbers follow RFC 6528: a clock plus a keyed hash.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator

from pynat.config import Config
from pynat.nat.messages import (
    Action,
    Address,
    TcpAdopt,
    TcpConnected,
    TcpEof,
    TcpFailed,
    TcpIncoming,
    TcpReceived,
    TcpSent,
    TcpWritable,
)
from pynat.nat.numbers import Numbers
from pynat.nat.outlet import Outlet
from pynat.nat.tcp.flow import Flow
from pynat.nat.tcp.seq import wrap
from pynat.nat.tcp.state import Ends, State, reset_for
from pynat.nat.unreachable import OURS, code_for, reason
from pynat.notices import FLOWS, Level
from pynat.wire import icmp, ipv4, tcp
from pynat.wire.ipv4 import Ipv4
from pynat.wire.tcp import ACK, RST, SYN, Segment

TcpEvent = TcpConnected | TcpSent | TcpWritable | TcpReceived | TcpEof | TcpFailed

MAX_FLOWS = 4096
# The one card that says it is ready while its ring is full. A full frame takes 6 of the 52 pages
# that Linux gives the ring, so 8 fit; 6 leave room for what other flows send.
NE2000_SPEED = 10  # Mbit/s
NE2000_SEGMENTS = 6
_HEADERS = 40  # bytes of IPv4 and TCP headers without options


class TcpTable:
    def __init__(self, config: Config, outlet: Outlet, numbers: Numbers) -> None:
        self._config = config
        self._outlet = outlet
        self._numbers = numbers
        self._secret = outlet.dice.randbytes(16)
        self._mss = config.tcp.mss or config.network.mtu - _HEADERS
        self._flows: dict[Ends, Flow] = {}
        self._by_number: dict[int, Flow] = {}
        self._touched: dict[Flow, None] = {}  # in the order of touching
        self._adopted: list[Action] = []
        self._flight: int | None = None

    def __len__(self) -> int:
        return len(self._flows)

    def link_speed(self, megabits: int) -> None:
        """What the guest's card says of itself; decides for flows that begin from now on."""
        self._flight = NE2000_SEGMENTS * self._mss if megabits == NE2000_SPEED else None

    def flows(self) -> Iterator[Flow]:
        return iter(self._flows.values())

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, packet: Ipv4, host: Address, now: float) -> None:
        """`host` is where a new flow to this destination would really go."""
        segment = tcp.decode(packet)
        ends = Ends(packet.source, segment.source, packet.destination, segment.destination)
        flow = self._flows.get(ends)
        if flow is not None and flow.state is State.CLOSED:  # in this very turn
            self._flush(flow, now)
            flow = None
        if flow is not None and self._is_restart(flow, segment):
            self._supersede(flow, now)
            flow = None
        if flow is not None:
            reason = flow.from_guest(segment, now)
            if reason:
                self._outlet.notices.drop(
                    reason, f"{self._name(ends)} {segment}: in {flow.state.value}", now, Level.DEBUG
                )
        elif segment.flags & (SYN | ACK | RST) == SYN:
            self._open(ends, packet, segment, host, now)
        else:
            self._no_flow(ends, segment, now)

    def knows(self, packet: Ipv4) -> bool:
        """Whether the segment belongs to a flow."""
        ports = packet.payload[:4]
        guest, remote = int.from_bytes(ports[:2], "big"), int.from_bytes(ports[2:], "big")
        return Ends(packet.source, guest, packet.destination, remote) in self._flows

    def refuse(self, packet: Ipv4, now: float) -> None:
        """RST for a segment to a port where nothing of ours listens."""
        segment = tcp.decode(packet)
        if not segment.flags & RST:
            self._send(packet.destination, packet.source, reset_for(segment), now)

    def _is_restart(self, flow: Flow, segment: Segment) -> bool:
        if segment.flags & (SYN | ACK | RST) != SYN or flow.state is State.SYN_SENT:
            return False
        return flow.receiver.irs != segment.seq

    def _supersede(self, flow: Flow, now: float) -> None:
        if flow.state is State.TIME_WAIT:
            flow.close("closed")
        else:
            flow.reset("the guest opened the same connection anew")
            self._say_closed(flow, now)
        flow.to_guest(now)  # an RST that nobody is there for any more
        self._remove(flow)

    def _open(self, ends: Ends, packet: Ipv4, syn: Segment, host: Address, now: float) -> None:
        if len(self._flows) >= MAX_FLOWS:
            self._outlet.notices.drop("tcp flows", f"{MAX_FLOWS} are open already", now)
            self._send(ends.remote, ends.guest, reset_for(syn), now)
            return
        flow = self._new(ends, now)
        flow.syn_quote = packet.quote
        flow.open_from_guest(syn, host, now)
        self._outlet.holds.expect(flow, now)

    def _no_flow(self, ends: Ends, segment: Segment, now: float) -> None:
        self._outlet.notices.drop(
            "tcp no flow", f"{self._name(ends)} {segment}: no such connection", now, Level.DEBUG
        )
        if not segment.flags & RST:
            self._send(ends.remote, ends.guest, reset_for(segment), now)

    # ------------------------------------------------------------------ from the host
    def from_host(self, event: TcpEvent, now: float) -> None:
        flow = self._by_number.get(event.flow)
        if flow is None or flow.state is State.CLOSED:
            return  # the event crossed our CloseFlow
        match event:
            case TcpConnected():
                flow.on_connected()
                self._outlet.holds.settle(flow)
                self._outlet.holds.carried(now)
                self._say(flow, "opened", now)
            case TcpSent():
                flow.on_sent(event.count, now)
            case TcpWritable():
                flow.on_writable()
            case TcpReceived():
                flow.on_received(event.data, now)
            case TcpEof():
                flow.on_eof()
            case TcpFailed():
                self._on_failed(flow, event.errno, now)

    def incoming(self, event: TcpIncoming, guest: Address, router: bytes, now: float) -> None:
        """A host program has connected to a forward: SYN to the guest, seen from the router."""
        if len(self._flows) >= MAX_FLOWS:
            self._outlet.notices.drop("tcp flows", f"{MAX_FLOWS} are open already", now)
            return  # the host side resets what nobody adopts
        port = event.peer[1]
        while Ends(guest[0], guest[1], router, port) in self._flows:
            port = self._outlet.dice.randrange(1024, 65536)
        flow = self._new(Ends(guest[0], guest[1], router, port), now)
        flow.open_from_host(now)
        self._adopted.append(TcpAdopt(event.token, flow.number))
        self._outlet.holds.carried(now)
        self._say(flow, "opened by a host program", now)

    def _on_failed(self, flow: Flow, number: int, now: float) -> None:
        connecting = flow.state is State.CONNECTING
        flow.on_failed(reason(number))
        if not connecting:
            return
        ends = flow.ends
        if number in OURS:
            self._outlet.notices.drop("host sockets", reason(number), now, Level.ERROR)
        if number in {errno.ECONNREFUSED, errno.ECONNRESET} | OURS:
            rst = Segment(
                ends.remote_port, ends.guest_port, 0, wrap(flow.receiver.nxt), RST | ACK, 0
            )
            self._send(ends.remote, ends.guest, rst, now)
        else:
            self._outlet.send_error(icmp.UNREACHABLE, code_for(number), flow.syn_quote, now)

    # ------------------------------------------------------------------ once a turn
    def to_host(self) -> list[Action]:
        actions, self._adopted = self._adopted, []
        for flow in list(self._touched):
            actions += flow.to_host()
        return actions

    def to_guest(self, now: float) -> None:
        touched, self._touched = self._touched, {}
        for flow in touched:
            self._flush(flow, now)

    def _flush(self, flow: Flow, now: float) -> None:
        for segment in flow.to_guest(now):
            self._send(flow.ends.remote, flow.ends.guest, segment, now)
        self._settle(flow, now)

    def _settle(self, flow: Flow, now: float) -> None:
        holds = self._outlet.holds
        if flow.why_closed and not flow.told_closed:
            self._say_closed(flow, now)
        if flow.state is State.CLOSED:
            self._remove(flow)
            return
        self._outlet.timers.set(flow, flow.next_timer())
        if flow.state is State.CONNECTING:
            return
        holds.carried(flow.last)
        if flow.answer_due:
            holds.expect(flow, now)
        else:
            holds.settle(flow)

    # ------------------------------------------------------------------ flows come and go
    def _new(self, ends: Ends, now: float) -> Flow:
        flow = Flow(
            self._numbers.next(),
            ends,
            self._initial_number(ends, now),
            self._mss,
            self._config.tcp.idle,
            self._touch,
        )
        flow.sender.flight = self._flight
        self._flows[ends] = flow
        self._by_number[flow.number] = flow
        return flow

    def _remove(self, flow: Flow) -> None:
        if self._by_number.pop(flow.number, None) is None:
            return
        del self._flows[flow.ends]
        self._outlet.timers.set(flow, None)
        self._outlet.holds.settle(flow)

    def _touch(self, flow: Flow) -> None:
        self._touched[flow] = None

    def _initial_number(self, ends: Ends, now: float) -> int:
        """RFC 6528 3: a 4-microsecond clock plus a keyed hash of the connection's ends."""
        text = repr((ends.guest, ends.guest_port, ends.remote, ends.remote_port)).encode()
        offset = hashlib.blake2s(text, key=self._secret, digest_size=4).digest()
        return wrap(int(now * 250_000) + int.from_bytes(offset, "big"))

    def _send(self, source: bytes, destination: bytes, segment: Segment, now: float) -> None:
        self._outlet.send_ipv4(
            source,
            destination,
            ipv4.TCP,
            tcp.encode(source, destination, segment),
            now,
            dont_fragment=True,
        )

    def _name(self, ends: Ends) -> str:
        describe = self._outlet.describe
        return (
            f"tcp {describe(ends.guest, ends.guest_port)}"
            f" > {describe(ends.remote, ends.remote_port)}"
        )

    def _say_closed(self, flow: Flow, now: float) -> None:
        flow.told_closed = True
        if flow.bytes_from_guest or flow.bytes_from_host:
            carried = f"{flow.bytes_from_guest} bytes from the guest, {flow.bytes_from_host} to it"
            self._say(flow, f"{flow.why_closed} after {carried}", now)
        else:
            self._say(flow, flow.why_closed, now)

    def _say(self, flow: Flow, what: str, now: float) -> None:
        text = f"{self._name(flow.ends)}: {what}"
        self._outlet.notices.limited("tcp flow", text, now, rate=FLOWS)
