"""DNS over TCP (RFC 7766) at the router: a server inside the process, with no socket.

A flow whose host address is `ADDRESS` ends here instead of at a host socket: the actions that the
flow queues are taken out of the stream of actions, and answered with the same events that a
socket would give. Each message has a two-byte length before it (RFC 1035 4.2.2); several may be
outstanding on one connection, and answers go back as they come (RFC 7766 6.2.1.1).
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
)
from pynat.services.dns import DnsForwarder


@dataclass(slots=True, eq=False)
class _Stream:
    received: bytearray = field(default_factory=bytearray)
    outstanding: int = 0
    guest_done: bool = False


class DnsStreams:
    ADDRESS: Address = (b"", 53)  # no host has this one

    def __init__(self, forwarder: DnsForwarder) -> None:
        self._forwarder = forwarder
        self._streams: dict[int, _Stream] = {}
        self._events: list[Event] = []

    def take(self, actions: list[Action], now: float) -> list[Action]:
        """Do what is ours among `actions`; the rest comes back."""
        return [action for action in actions if not self._mine(action, now)]

    def events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _mine(self, action: Action, now: float) -> bool:
        match action:
            case TcpConnect(flow, to) if to == self.ADDRESS:
                self._streams[flow] = _Stream()
                self._events.append(TcpConnected(flow))
            case TcpSend(flow, chunks) if flow in self._streams:
                stream = self._streams[flow]
                for chunk in chunks:
                    stream.received += chunk
                self._events.append(TcpSent(flow, sum(map(len, chunks))))
                self._ask(flow, stream, now)
            case TcpShutdown(flow) if flow in self._streams:
                self._streams[flow].guest_done = True
                self._end_if_idle(flow)
            case CloseFlow(flow) if flow in self._streams:
                del self._streams[flow]
            case TcpRead(flow) if flow in self._streams:
                pass  # answers are small and few: they need no allowance
            case _:
                return False
        return True

    def _ask(self, flow: int, stream: _Stream, now: float) -> None:
        while len(stream.received) >= 2:
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
        self._events.append(TcpReceived(flow, len(message).to_bytes(2, "big") + message))
        self._end_if_idle(flow)

    def _end_if_idle(self, flow: int) -> None:
        stream = self._streams[flow]
        if stream.guest_done and not stream.outstanding:
            self._events.append(TcpEof(flow))
