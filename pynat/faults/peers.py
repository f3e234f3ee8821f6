"""Peers that misbehave: hosts within the process, with no socket (pynat.peer, docs/peers.md).

A TCP flow that leads to a Peer ends here instead of at a host socket: its actions are taken out of
the stream of actions and answered with the events that a socket would give, only later, or never.
What a peer says as a program (echo, chargen, a page) is made as the flow has room for it, so
nothing is kept but what an echo has not got rid of yet. UDP is answered at once. All times are the
guest's.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pynat import rules
from pynat.nat.messages import (
    PLENTY,
    Action,
    CloseFlow,
    Event,
    TcpConnect,
    TcpConnected,
    TcpEof,
    TcpFailed,
    TcpRead,
    TcpReceived,
    TcpSend,
    TcpSent,
    TcpShutdown,
    TcpUrgent,
    TcpWritable,
)
from pynat.nat.outlet import Outlet
from pynat.nat.tcp.memory import Memory
from pynat.nat.unreachable import code_for
from pynat.peer import Behaviour, Closing, Peer, Service, Twist
from pynat.timers import Timers
from pynat.wire import icmp, ipv4, udp
from pynat.wire.ipv4 import Ipv4
from pynat.wire.udp import Udp

KEPT = 64 * 1024  # bytes of an answer that waits for room; then nothing more is taken
LONGEST_REQUEST = 8192  # bytes of a request whose end is waited for
MOST_LATE = 256  # datagrams that wait for their time
LINE = 72  # characters of a line of chargen (RFC 864)
_ASCII = bytes(range(33, 127)) + b" "
_TURN = b"".join(
    (_ASCII * 2)[start : start + LINE] + b"\r\n" for start in range(len(_ASCII))
)  # after which chargen begins anew
_BY_PORT = {7: Service.ECHO, 9: Service.DISCARD, 13: Service.DAYTIME, 19: Service.CHARGEN}


def generated(start: int, size: int) -> bytes:
    """`size` characters of chargen's endless text, from character `start` on."""
    start %= len(_TURN)
    return (_TURN * (1 + (start + size) // len(_TURN)))[start : start + size]


def _service(behaviour: Behaviour, port: int) -> Service:
    if behaviour.service is Service.BY_PORT:
        return _BY_PORT.get(port, Service.PAGE)
    return behaviour.service


def _daytime(now: float) -> bytes:
    """The guest's clock, as if it had begun with 1970."""
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(now))
    return when.strftime("%A, %B %d, %Y %H:%M:%S-UTC\r\n").encode()


@dataclass(slots=True, eq=False)
class _Stream:
    flow: int
    behaviour: Behaviour
    service: Service
    hosts: PeerHosts
    received: int = 0  # bytes
    request: bytearray = field(default_factory=bytearray)
    out: bytearray = field(default_factory=bytearray)
    said: int = 0  # bytes of what is made as it goes
    left: int | None = 0  # bytes that are still to be made; None is without end
    allowance: int = 0  # bytes that the flow has room for
    connected: bool = False
    established: bool = False
    full: bool = False  # a TcpSend was not taken
    stalled: bool = False  # the window is closed, until the timer
    has_stalled: bool = False
    guest_done: bool = False
    answered: bool = False  # nothing more will be said
    ended: bool = False
    counted: int = 0  # bytes that the budget of all flows knows of

    def on_timer(self, now: float) -> None:
        self.hosts.on_timer(self, now)


class PeerHosts:
    def __init__(self, timers: Timers, memory: Memory) -> None:
        self._timers = timers
        self._memory = memory
        self._streams: dict[int, _Stream] = {}
        self._events: list[Event] = []

    def take(self, actions: list[Action], now: float) -> list[Action]:
        """Do what is ours among `actions`; the rest comes back."""
        return [action for action in actions if not self._mine(action, now)]

    def events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _mine(self, action: Action, now: float) -> bool:
        if isinstance(action, TcpConnect):
            if isinstance(action.to, Peer):
                self._connect(action.flow, action.to, now)
                return True
            return False
        if not isinstance(action, TcpSend | TcpShutdown | TcpRead | CloseFlow):
            return False
        stream = self._streams.get(action.flow)
        if stream is None:
            return False
        match action:
            case TcpSend(chunks=chunks):
                self._take_in(stream, chunks, now)
            case TcpShutdown():
                stream.guest_done = True
                if stream.behaviour.resets_on_fin:
                    self._reset(stream)
                else:
                    self._go_on(stream)
            case TcpRead(limit=limit):
                self._read(stream, limit, now)
            case CloseFlow():
                self._forget(stream)
        return True

    # ------------------------------------------------------------------ opening
    def _connect(self, flow: int, peer: Peer, now: float) -> None:
        behaviour = peer.behaviour
        if behaviour.refuses is not None:
            self._events.append(TcpFailed(flow, behaviour.refuses))
            return
        service = _service(behaviour, peer.port)
        stream = self._streams[flow] = _Stream(flow, behaviour, service, self)
        if behaviour.silent:
            return
        if behaviour.accepts_after:
            self._timers.set(stream, now + behaviour.accepts_after)
        else:
            self._accept(stream)

    def _accept(self, stream: _Stream) -> None:
        stream.connected = True
        self._events.append(TcpConnected(stream.flow))

    def _established(self, stream: _Stream, now: float) -> None:
        """The guest has acknowledged the SYN-ACK: the first TcpRead says so."""
        behaviour = stream.behaviour
        stream.established = True
        if behaviour.resets_after == 0:
            self._reset(stream)
            return
        if behaviour.resets_within is not None:
            self._timers.set(stream, now + behaviour.resets_within)
        elif behaviour.stalls_for and not behaviour.stalls_after:
            self._stall(stream, now)
        if behaviour.urgent:
            self._events.append(TcpUrgent(stream.flow))
        match stream.service:
            case Service.DAYTIME:
                stream.out += _daytime(now)
                stream.answered = True
            case Service.CHARGEN:
                stream.left = None
        if behaviour.closing is Closing.AT_ONCE:
            stream.out.clear()
            stream.left = 0
            self._end(stream)

    def on_timer(self, stream: _Stream, now: float) -> None:
        if not stream.connected:
            self._accept(stream)
        elif stream.stalled:
            stream.stalled = stream.full = False
            self._events.append(TcpWritable(stream.flow, PLENTY))
        elif stream.behaviour.resets_within is not None:
            self._reset(stream)

    # ------------------------------------------------------------------ from the guest
    def _take_in(self, stream: _Stream, chunks: list[bytes | memoryview], now: float) -> None:
        data = b"".join(chunks)
        behaviour = stream.behaviour
        room = self._room(stream)
        stream.full = stream.stalled or room <= 0
        if stream.full:
            self._events.append(TcpSent(stream.flow, 0, 0))
            return
        if stream.service is Service.ECHO and len(data) > room:
            data, stream.full = data[:room], True
        stream.received += len(data)
        if behaviour.resets_after is not None and stream.received >= behaviour.resets_after:
            self._reset(stream)
            return
        if behaviour.stalls_for and behaviour.stalls_after and not stream.has_stalled:
            room = max(0, behaviour.stalls_after - stream.received)
            if not room:
                self._stall(stream, now)
            self._events.append(TcpSent(stream.flow, len(data), room))
        else:
            self._events.append(TcpSent(stream.flow, len(data)))
        self._hear(stream, data)
        self._go_on(stream)

    def _hear(self, stream: _Stream, data: bytes) -> None:
        if stream.ended:
            return
        match stream.service:
            case Service.ECHO:
                stream.out += data
            case Service.PAGE if not stream.answered:
                stream.request += data
                lines = stream.request.replace(b"\r", b"")
                if b"\n\n" in lines or len(stream.request) >= LONGEST_REQUEST:
                    self._answer_page(stream)

    def _answer_page(self, stream: _Stream) -> None:
        size = stream.behaviour.size
        head = f"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n"
        stream.out += head.encode()
        stream.left = size
        stream.answered = True
        stream.request.clear()

    def _stall(self, stream: _Stream, now: float) -> None:
        stream.stalled = stream.has_stalled = True
        self._timers.set(stream, now + stream.behaviour.stalls_for)

    # ------------------------------------------------------------------ to the guest
    def _read(self, stream: _Stream, limit: int, now: float) -> None:
        stream.allowance = limit
        if not stream.established:
            self._established(stream, now)
        if stream.flow in self._streams:
            self._go_on(stream)

    def _go_on(self, stream: _Stream) -> None:
        while stream.allowance > 0 and (data := self._next(stream)):
            stream.allowance -= len(data)
            self._events.append(TcpReceived(stream.flow, data))
        self._count(stream, len(stream.out))
        if stream.full and self._room(stream) > 0 and not stream.stalled:
            stream.full = False
            self._events.append(TcpWritable(stream.flow))
        if stream.guest_done:
            stream.answered = True
            if stream.left is None:
                stream.left = 0
        said = stream.answered and not stream.out and not stream.left
        if said and stream.allowance > 0 and stream.behaviour.closing is Closing.ORDINARY:
            self._end(stream)

    def _next(self, stream: _Stream) -> bytes:
        room = stream.allowance
        if stream.out:
            data = bytes(stream.out[:room])
            del stream.out[: len(data)]
            return data
        size = room if stream.left is None else min(room, stream.left)
        data = generated(stream.said, size)
        stream.said += size
        if stream.left is not None:
            stream.left -= size
        return data

    def _end(self, stream: _Stream) -> None:
        if not stream.ended:
            stream.ended = True
            self._events.append(TcpEof(stream.flow))

    def _reset(self, stream: _Stream) -> None:
        self._events.append(TcpFailed(stream.flow, errno.ECONNRESET))
        self._forget(stream)

    def _room(self, stream: _Stream) -> int:
        return self._memory.beside(KEPT) - len(stream.out)

    def _count(self, stream: _Stream, kept: int) -> None:
        """In the budget of all flows."""
        self._memory.used += kept - stream.counted
        stream.counted = kept

    def _forget(self, stream: _Stream) -> None:
        self._count(stream, 0)
        del self._streams[stream.flow]
        self._timers.set(stream, None)


# ---------------------------------------------------------------------- UDP
class PeerDatagrams:
    """What a peer answers to a datagram: nothing, an error, the echo, a text; once or twice."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._late: dict[_Answer, None] = {}

    def from_guest(self, packet: Ipv4, datagram: Udp, peer: Peer, now: float) -> None:
        behaviour = peer.behaviour
        if behaviour.refuses is not None:
            code = code_for(behaviour.refuses)
            sender = packet.destination if code == icmp.PORT else None
            self._outlet.send_error(icmp.UNREACHABLE, code, packet.quote, now, sender=sender)
            return
        answer = None if behaviour.silent else self._answer(datagram, behaviour, now)
        if answer is None:
            return
        ends = packet.destination, datagram.destination, packet.source, datagram.source
        payload = udp.encode(*ends, answer)
        times = 2 if Twist.DUPLICATE in behaviour.manner.twists else 1
        late = _Answer(self, packet.destination, packet.source, payload, times)
        if not behaviour.accepts_after:
            self.send(late, now)
        elif len(self._late) < MOST_LATE:
            self._late[late] = None
            self._outlet.timers.set(late, now + behaviour.accepts_after)
        else:
            text = f"{packet}: {MOST_LATE} answers of {peer} wait already"
            self._outlet.notices.drop(rules.net.PEER_ANSWERS, text, now)

    def _answer(self, datagram: Udp, behaviour: Behaviour, now: float) -> bytes | None:
        match _service(behaviour, datagram.destination):
            case Service.ECHO:
                return bytes(datagram.payload)
            case Service.CHARGEN:
                return generated(0, 2 * (LINE + 2))  # RFC 864: 0 to 512 characters
            case Service.DAYTIME:
                return _daytime(now)
            case _:
                return None

    def send(self, answer: _Answer, now: float) -> None:
        self._late.pop(answer, None)
        for _ in range(answer.times):
            self._outlet.send_packet(answer.source, answer.to, ipv4.UDP, answer.payload, now)


@dataclass(slots=True, eq=False)
class _Answer:
    peers: PeerDatagrams
    source: bytes
    to: bytes
    payload: bytes  # with the UDP header
    times: int

    def on_timer(self, now: float) -> None:
        self.peers.send(self, now)
