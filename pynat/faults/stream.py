"""One TCP connection with a peer: accepted late or never, reset, stalled, closed as its misbehavior
says, and served by the small server that it is beside that.

What a server says without end, or at length, is made as the flow has room for it, so nothing is
kept but what an echo has not got rid of yet. All times are the guest's.
"""

from __future__ import annotations

from pynat.faults.servers import daytime, generated
from pynat.faulty_host import Closing, Misbehavior, Service
from pynat.inprocess.connection import Connection
from pynat.nat.messages import PLENTY
from pynat.timers import Timers

MAX_PENDING = 64 * 1024  # bytes of an answer that waits for room; then nothing more is taken
MAX_REQUEST = 8192  # bytes of a request whose end is waited for


class FaultyStream:
    def __init__(
        self, connection: Connection, misbehavior: Misbehavior, service: Service, timers: Timers
    ) -> None:
        self._connection = connection
        self._misbehavior = misbehavior
        self._service = service
        self._timers = timers
        self._received = 0  # bytes
        self._request = bytearray()
        self._said = 0  # bytes of what is made as it goes
        self._left: int | None = 0  # bytes that are still to be made; None is without end
        self._begun = False
        self._full = False  # something was not taken
        self._stalled = False  # the window is closed, until the timer
        self._has_stalled = False
        self._answered = False  # nothing more will be said
        connection.watch(self._changed, self._receive)

    # ------------------------------------------------------------------ opening
    def open(self, now: float) -> None:
        connection, misbehavior = self._connection, self._misbehavior
        connection.defer()
        if misbehavior.refuses is not None:
            connection.refuse(misbehavior.refuses)
        elif misbehavior.silent:
            pass
        elif misbehavior.accepts_after:
            self._timers.set(self, now + misbehavior.accepts_after)
        else:
            self._accept()

    def _accept(self) -> None:
        self._connection.accept()
        if self._misbehavior.urgent:
            self._connection.urge()

    def _begin(self, now: float) -> None:
        """The guest has acknowledged the SYN-ACK."""
        connection, misbehavior = self._connection, self._misbehavior
        self._begun = True
        if misbehavior.resets_after == 0:
            connection.abort()
            return
        if misbehavior.resets_within is not None:
            self._timers.set(self, now + misbehavior.resets_within)
        elif misbehavior.stalls_for and not misbehavior.stalls_after:
            self._stall(now)
        if misbehavior.closing is Closing.AT_ONCE:
            connection.finish()
        match self._service:
            case Service.DAYTIME:
                connection.write(daytime(now))
                self._answered = True
            case Service.CHARGEN:
                self._left = None

    def on_timer(self, now: float) -> None:
        connection = self._connection
        if not connection.is_accepted:
            self._accept()
        elif self._stalled:
            self._stalled = self._full = False
            connection.resume()
        elif self._misbehavior.resets_within is not None:
            connection.abort()

    # ------------------------------------------------------------------ from the guest
    def _receive(self, data: bytes, now: float) -> tuple[int, int]:
        connection, misbehavior = self._connection, self._misbehavior
        room = self._room
        self._full = self._stalled or room <= 0
        if self._full:
            return 0, 0
        if self._service is Service.ECHO and len(data) > room:
            data, self._full = data[:room], True
        self._received += len(data)
        if misbehavior.resets_after is not None and self._received >= misbehavior.resets_after:
            connection.abort()
        self._hear(data)
        return len(data), self._more(now)

    def _more(self, now: float) -> int:
        """Bytes that would be taken next."""
        misbehavior = self._misbehavior
        if not (misbehavior.stalls_for and misbehavior.stalls_after) or self._has_stalled:
            return PLENTY
        room = max(0, misbehavior.stalls_after - self._received)
        if not room:
            self._stall(now)
        return room

    def _hear(self, data: bytes) -> None:
        if self._misbehavior.closing is Closing.AT_ONCE:
            return
        match self._service:
            case Service.ECHO:
                self._connection.write(data)
            case Service.PAGE if not self._answered:
                self._request += data
                lines = self._request.replace(b"\r", b"")
                if b"\n\n" in lines or len(self._request) >= MAX_REQUEST:
                    self._answer_page()

    def _answer_page(self) -> None:
        size = self._misbehavior.size
        head = f"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n"
        self._connection.write(head.encode())
        self._left = size
        self._answered = True
        self._request.clear()

    def _stall(self, now: float) -> None:
        self._stalled = self._has_stalled = True
        self._timers.set(self, now + self._misbehavior.stalls_for)

    # ------------------------------------------------------------------ to the guest
    def _changed(self, now: float) -> None:
        connection = self._connection
        if connection.established and not self._begun:
            self._begin(now)
        if connection.eof and self._misbehavior.resets_on_fin:
            connection.abort()
        if connection.why:
            self._timers.set(self, None)
        else:
            self._go_on()

    def _go_on(self) -> None:
        connection = self._connection
        self._say()
        if self._full and self._room > 0 and not self._stalled:
            self._full = False
            connection.resume()
        if connection.eof:
            self._answered = True
            self._left = self._left or 0
        said = self._answered and not connection.pending and not self._left
        if said and connection.has_room and self._misbehavior.closing is Closing.ORDINARY:
            connection.finish()

    def _say(self) -> None:
        connection = self._connection
        while connection.room > 0 and self._left != 0 and not connection.finishing:
            size = connection.room if self._left is None else min(connection.room, self._left)
            connection.write(generated(self._said, size))
            self._said += size
            if self._left is not None:
                self._left -= size

    @property
    def _room(self) -> int:
        return self._connection.may_keep(MAX_PENDING)
