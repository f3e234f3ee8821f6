"""DNS over TCP (RFC 7766) at the router, as a host within the process.

Each message has a two-byte length before it (RFC 1035 4.2.2); several may be outstanding on one
connection, and answers go back as they come (RFC 7766 6.2.1.1). A guest that asks and does not read
is asked to wait like one with a full socket: nothing more is taken from it until its flow has room
for answers.
"""

from __future__ import annotations

from pynat.inner.connection import Connection
from pynat.services.dns import Asked

AT_ONCE = 64  # questions of one connection that wait for the host
_LENGTH = 2  # bytes before each message


class DnsStreams:
    def __init__(self, server: Asked) -> None:
        self._server = server

    def serve(self, connection: Connection) -> None:
        stream = _Stream(connection, self._server)
        connection.changed = stream.go_on


class _Stream:
    def __init__(self, connection: Connection, server: Asked) -> None:
        self._connection = connection
        self._server = server
        self._received = bytearray()
        self._outstanding = 0

    def go_on(self, now: float) -> None:
        connection = self._connection
        while self._may_ask and (message := self._next_message()) is not None:
            self._outstanding += 1
            self._server.ask(message, tcp=True, now=now, answer=self._answer)
        if connection.eof and self._may_ask and not self._outstanding:
            connection.finish()

    @property
    def _may_ask(self) -> bool:
        return self._connection.has_room and self._outstanding < AT_ONCE

    def _next_message(self) -> bytes | None:
        """It may be as long as all that a connection keeps, so it is gathered here."""
        self._gather(_LENGTH)
        end = _LENGTH + int.from_bytes(self._received[:_LENGTH], "big")
        self._gather(end)
        if len(self._received) < end:
            return None
        message = bytes(self._received[_LENGTH:])
        self._received.clear()
        return message

    def _gather(self, size: int) -> None:
        self._received += self._connection.take(max(0, size - len(self._received)))

    def _answer(self, message: bytes, now: float) -> None:
        self._outstanding -= 1
        self._connection.write(len(message).to_bytes(_LENGTH, "big") + message)
