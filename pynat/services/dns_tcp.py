"""DNS over TCP (RFC 7766) at the router: a server inside the process, with no socket.

A flow whose host address is `ADDRESS` ends here instead of at a host socket: the actions that the
flow queues are taken out of the stream of actions, and answered with the same events that a
socket would give. Each message has a two-byte length before it (RFC 1035 4.2.2); several may be
outstanding on one connection, and answers go back as they come (RFC 7766 6.2.1.1). A guest that
asks and does not read is asked to wait like one with a full socket: nothing more is taken from it
until its flow has room for answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pynat.nat.messages import (
    Action,
    Address,
    CloseFlow,
    Event,
    TcpConnect,
    TcpConnected,
    TcpEof,
    TcpRead,
    TcpReceived,
    TcpSend,
    TcpSent,
    TcpShutdown,
    TcpWritable,
)
from pynat.services.dns import DnsForwarder

AT_ONCE = 64  # questions of one connection that wait for the host


@dataclass(slots=True, eq=False)
class _Stream:
    received: bytearray = field(default_factory=bytearray)
    outstanding: int = 0
    allowance: int = 0  # bytes of answers that the flow has room for
    full: bool = False  # a TcpSend was not taken
    guest_done: bool = False
    ended: bool = False

    @property
    def may_ask(self) -> bool:
        return self.allowance > 0 and self.outstanding < AT_ONCE


class DnsStreams:
    ADDRESS: Address = (b"", 53)  # no host has this one

    def __init__(self, forwarder: DnsForwarder) -> None:
        self._forwarder = forwarder
        self._streams: dict[int, _Stream] = {}
        self._events: list[Event] = []
        self._resumed: set[int] = set()  # flows whose answer has come since the last `take`

    def take(self, actions: list[Action], now: float) -> list[Action]:
        """Do what is ours among `actions`; the rest comes back."""
        rest = [action for action in actions if not self._mine(action, now)]
        resumed, self._resumed = self._resumed, set()
        for flow in resumed & self._streams.keys():
            self._go_on(flow, self._streams[flow], now)
        return rest

    def events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _mine(self, action: Action, now: float) -> bool:
        match action:
            case TcpConnect(flow, to) if to == self.ADDRESS:
                self._streams[flow] = _Stream()
                self._events.append(TcpConnected(flow))
            case TcpSend(flow, chunks) if flow in self._streams:
                self._take_in(flow, self._streams[flow], chunks, now)
            case TcpShutdown(flow) if flow in self._streams:
                self._streams[flow].guest_done = True
                self._go_on(flow, self._streams[flow], now)
            case CloseFlow(flow) if flow in self._streams:
                del self._streams[flow]
            case TcpRead(flow, limit) if flow in self._streams:
                self._allow(flow, self._streams[flow], limit, now)
            case _:
                return False
        return True

    def _take_in(
        self, flow: int, stream: _Stream, chunks: list[bytes | memoryview], now: float
    ) -> None:
        stream.full = not stream.may_ask
        if stream.full:
            self._events.append(TcpSent(flow, 0))
            return
        for chunk in chunks:
            stream.received += chunk
        self._events.append(TcpSent(flow, sum(map(len, chunks))))
        self._ask(flow, stream, now)

    def _allow(self, flow: int, stream: _Stream, limit: int, now: float) -> None:
        stream.allowance = limit
        self._go_on(flow, stream, now)

    def _go_on(self, flow: int, stream: _Stream, now: float) -> None:
        self._ask(flow, stream, now)
        if not stream.may_ask:
            return
        if stream.full:
            stream.full = False
            self._events.append(TcpWritable(flow))
        elif stream.guest_done and not stream.outstanding and not stream.ended:
            stream.ended = True
            self._events.append(TcpEof(flow))

    def _ask(self, flow: int, stream: _Stream, now: float) -> None:
        while len(stream.received) >= 2 and stream.may_ask:
            end = 2 + int.from_bytes(stream.received[:2], "big")
            if len(stream.received) < end:
                return
            message = bytes(stream.received[2:end])
            del stream.received[:end]
            stream.outstanding += 1
            self._forwarder.ask(
                message, tcp=True, now=now, answer=lambda reply: self._answer(flow, reply)
            )

    def _answer(self, flow: int, message: bytes) -> None:
        stream = self._streams.get(flow)
        if stream is None:
            return  # the guest has gone
        stream.outstanding -= 1
        stream.allowance -= 2 + len(message)
        self._events.append(TcpReceived(flow, len(message).to_bytes(2, "big") + message))
        self._resumed.add(flow)
