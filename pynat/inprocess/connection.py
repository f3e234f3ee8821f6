"""A TCP connection of the guest, as the host within the process has it.

    from the guest   TcpSend -> `received` -> read()      at most CAPACITY bytes wait (fewer while
                                                          memory is short); what does not fit is not
                                                          taken, so the window closes
    to the guest     write() -> `pending` -> TcpReceived  as far as TcpRead has allowed

Who serves it is told, by `watch`, once anything has come of the guest: bytes, its FIN, room for
more, the end. A service with a `sink` gets the bytes there instead, and says how much it takes.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Protocol

from pynat.nat.messages import (
    PLENTY,
    Event,
    TcpConnected,
    TcpEof,
    TcpFailed,
    TcpReceived,
    TcpSend,
    TcpSent,
    TcpUrgent,
    TcpWritable,
)
from pynat.nat.tcp.memory import MemoryBudget
from pynat.wire.addresses import FourTuple

CAPACITY = 64 * 1024  # bytes of the guest that wait to be taken
MAX_PENDING = 256 * 1024  # bytes for the guest that its service should let wait, beside its flow's


class ConnectionOwner(Protocol):
    """Those that a connection belongs to (pynat.inprocess.hosts)."""

    memory: MemoryBudget

    def emit(self, event: Event) -> None: ...
    def touch(self, connection: Connection) -> None: ...
    def forget(self, connection: Connection) -> None: ...


Sink = Callable[[bytes, float], tuple[int, int]]  # how many it takes, and how many more it would


def _ignore(now: float) -> None:
    """Of a connection that nobody looks at yet."""


def _throw_away(offered: bytes, now: float) -> tuple[int, int]:  # noqa: ARG001
    return len(offered), PLENTY


class Connection:
    def __init__(self, hosts: ConnectionOwner, four_tuple: FourTuple, flow: int = 0) -> None:
        """flow: its number, or 0 while the guest's flow has none yet."""
        self.flow = flow
        self.four_tuple = four_tuple
        self.changed: Callable[[float], None] = _ignore
        self._sink: Sink = self._keep
        self.waits = False  # for accept() or refuse(); else it is accepted at once
        self.is_accepted = False
        self.received = bytearray()
        self.established = False  # the guest has acknowledged our SYN
        self.eof = False  # the guest sends nothing behind what is received
        self.why = ""  # why it is over: nothing goes either way any more
        self.broken = False  # and it did not end as it should
        self.finishing = False  # our side is to be closed behind what is pending
        self._hosts = hosts
        self._counted = 0  # bytes that the budget of all flows knows of
        self._promised = CAPACITY  # room that the guest's flow knows of
        self._out = bytearray()
        self._allowance = 0  # bytes that the flow has room for
        self._finished = False  # TcpEof is out

    # ------------------------------------------------------------------ for who serves it
    def watch(self, changed: Callable[[float], None], sink: Sink | None = None) -> None:
        """Call `changed` whenever anything has come of the guest; sink: gets its bytes."""
        self.changed = changed
        if sink is not None:
            self._sink = sink

    def defer(self) -> None:
        """It is not accepted before accept(), and may be refused."""
        self.waits = True

    def accept(self) -> None:
        if not self.why:
            self.is_accepted = True
            self._hosts.emit(TcpConnected(self.flow))

    def refuse(self, number: int = errno.ECONNREFUSED) -> None:
        """As a host that cannot be connected to; number: why."""
        self._fail(number)

    @property
    def pending(self) -> int:
        """Bytes written that the guest's flow has no room for yet."""
        return len(self._out)

    @property
    def has_room(self) -> bool:
        """Whether the next byte written would go."""
        return self._allowance > 0

    @property
    def room(self) -> int:
        """Bytes that would go at once."""
        return self._allowance

    @property
    def may_wait(self) -> int:
        """Bytes that may still be written for a guest that does not read."""
        return self.may_keep(MAX_PENDING)

    def may_keep(self, most: int) -> int:
        """The same, for a service that keeps less."""
        return self._hosts.memory.beside(most) - len(self._out)

    def read(self, count: int) -> bytes:
        """At most so many bytes of the guest's; that makes room for others."""
        data = bytes(self.received[:count])
        del self.received[:count]
        self._count()
        self.tell_room()
        return data

    def tell_room(self) -> None:
        """If it is worth it."""
        room, capacity = self._room, self._capacity
        worth_telling = room - self._promised >= capacity // 4 or room == capacity > self._promised
        if worth_telling and not self.why:
            self._promised = room
            self._hosts.emit(TcpWritable(self.flow, room))

    @property
    def _capacity(self) -> int:
        return self._hosts.memory.beside(CAPACITY)

    @property
    def _room(self) -> int:
        return max(0, self._capacity - len(self.received))

    def _count(self) -> None:
        """In the budget of all flows; nothing of a connection that is over."""
        kept = 0 if self.why else len(self.received) + len(self._out)
        self._hosts.memory.charge(kept - self._counted)
        self._counted = kept

    def discard(self) -> None:
        """Whatever the guest sends is thrown away, now and later."""
        self._sink = _throw_away
        self.read(len(self.received))

    def resume(self) -> None:
        """The sink takes something again."""
        self._hosts.emit(TcpWritable(self.flow))

    def urge(self) -> None:
        """The next byte that is written is urgent (RFC 6093)."""
        self._hosts.emit(TcpUrgent(self.flow))

    def write(self, data: bytes) -> None:
        if not self.why and not self.finishing:
            self._out += data
            self._flush()
            self._hosts.touch(self)

    def finish(self) -> None:
        """FIN behind what has been written."""
        if not self.why:
            self.finishing = True
            self._flush()

    def abort(self) -> None:
        """RST."""
        self._fail(errno.ECONNRESET)

    def _fail(self, number: int) -> None:
        if self.why:
            return
        if self.flow:
            self._hosts.emit(TcpFailed(self.flow, number))
        self.over("aborted by its host", broken=True)
        self._hosts.forget(self)

    # ------------------------------------------------------------------ what the guest's flow wants
    def adopted(self, flow: int) -> None:
        """The guest's flow has this number."""
        self.flow = flow

    def receive(self, action: TcpSend, now: float) -> None:
        count, room = self._sink(b"".join(action.chunks), now)
        if not self.why:
            self._hosts.emit(TcpSent(self.flow, count, room))
            self._hosts.touch(self)

    def _keep(self, offered: bytes, now: float) -> tuple[int, int]:
        taken = offered[: self._room]
        self.received += taken
        self._promised = self._room
        self._count()
        return len(taken), self._promised

    def shut(self) -> None:
        self.eof = True
        self._hosts.touch(self)

    def allow(self, limit: int) -> None:
        """The first time it means that the guest has taken up the connection."""
        self.established = True
        self._allowance = limit
        self._flush()
        self._hosts.touch(self)

    def over(self, why: str, *, broken: bool) -> None:
        """Nothing can come or go any more. What was received stays, unless it has broken."""
        self.why, self.broken, self.eof = why or "closed", broken, True
        self._out.clear()
        if broken:
            self.received.clear()
        self._count()
        self._hosts.touch(self)

    def _flush(self) -> None:
        if self._out and self._allowance > 0:
            data = bytes(self._out[: self._allowance])
            del self._out[: len(data)]
            self._allowance -= len(data)
            self._hosts.emit(TcpReceived(self.flow, data))
        self._count()
        if self.finishing and self.established and not self._out and not self._finished:
            self._finished = True
            self._hosts.emit(TcpEof(self.flow))
