"""Into the guest, from the control socket: pings, and connections that need no port of the host.

The guest sees the router. A connection's bytes go over the control socket as they are, once the
guest has taken it up: FIN and RST are those of the socket, and so is the pace.
"""

from __future__ import annotations

from pynat.control.conversation import Client, Conversation
from pynat.control.protocol import Answer
from pynat.engine import Engine
from pynat.inprocess.connection import MAX_PENDING, Connection
from pynat.nat.rows import seconds
from pynat.wire.addresses import Address

PIECE = 64 * 1024  # bytes that are sent to the client at once


class Ping(Conversation):
    """One echo request after the other; each is answered, or the time is over."""

    def __init__(self, engine: Engine, guest: bytes, count: int, size: int, timeout: float) -> None:
        self._engine = engine
        self._guest = guest
        self._count = count
        self._data = bytes(n & 0xFF for n in range(size))
        self._timeout = timeout
        self._replies: list[Answer] = []
        self._sent = 0
        self._client: Client | None = None

    def begin(self, client: Client, now: float) -> None:
        self._client = client
        self._engine.router.output.timers.set(self, now + self._timeout)
        self._next(now)

    def _next(self, now: float) -> None:
        self._sent += 1
        pings = self._engine.router.pings
        pings.ask(self._guest, self._sent, self._data, now, self._answered)
        self._engine.wake()

    def _answered(self, took: float, now: float) -> None:
        if self._client is None:
            return
        self._replies.append({"sequence": self._sent, "seconds": seconds(took)})
        if self._sent < self._count:
            self._next(now)
        else:
            self._end()

    def on_timer(self, now: float) -> None:
        self._end()

    def _end(self) -> None:
        client = self._client
        self.stop()
        if client is not None:
            client.answer({"sent": self._sent, "replies": self._replies})

    def stop(self) -> None:
        self._client = None
        self._engine.router.output.timers.set(self, None)


class Connect(Conversation):
    is_stream = True

    def __init__(self, engine: Engine, guest: Address, router: Address, timeout: float) -> None:
        self._engine = engine
        self._ends = guest, router
        self._timeout = timeout
        self._client: Client | None = None
        self._connection: Connection | None = None
        self._taken_up = False
        self._early = bytearray()  # of the client, before there is a connection
        self._ends_early = False
        self._has_room = True
        self._guest_done = False

    def begin(self, client: Client, now: float) -> None:
        self._client = client
        client.pause(False)
        self._engine.router.output.timers.set(self, now + self._timeout)
        self._connection = self._engine.router.in_process.call(*self._ends)
        self._connection.watch(self._changed)
        self.data(bytes(self._early))
        if self._ends_early:
            self.eof()

    def _changed(self, now: float) -> None:
        """Called in the midst of a turn."""
        connection, client = self._connection, self._client
        if connection is None or client is None:
            return
        if not self._taken_up:
            if connection.established:
                self._engine.router.output.timers.set(self, None)
                self._taken_up = True
                self._has_room = client.tell({"flow": connection.flow})
            elif connection.why:
                self._fail(connection.why)
                return
        self._carry(connection, client)

    def _carry(self, connection: Connection, client: Client) -> None:
        while connection.received and self._has_room:
            self._has_room = client.send(connection.read(PIECE))
        client.pause(connection.pending > MAX_PENDING)
        if connection.eof and not connection.received and not self._guest_done:
            self._guest_done = True
            client.finish(broken=connection.broken)

    def on_timer(self, now: float) -> None:
        self._fail(f"timeout: no answer to the SYN within {self._timeout:g} s of guest time")

    def _fail(self, why: str) -> None:
        client, self._client = self._client, None
        self.stop()
        if client is not None:
            client.refuse(why)

    def data(self, data: bytes) -> None:
        if self._connection is None:
            self._early += data
            return
        self._connection.write(data)
        if self._client is not None and self._connection.pending > MAX_PENDING:
            self._client.pause(True)
        self._engine.wake()

    def eof(self) -> None:
        if self._connection is None:
            self._ends_early = True
            return
        self._connection.finish()
        self._engine.wake()

    def room(self) -> None:
        self._has_room = True
        if self._connection is not None and self._client is not None:
            self._carry(self._connection, self._client)
            self._engine.wake()

    def stop(self) -> None:
        """A client that has gone resets what is not over."""
        connection, self._connection, self._client = self._connection, None, None
        self._engine.router.output.timers.set(self, None)
        if connection is not None:
            connection.abort()
            self._engine.wake()
