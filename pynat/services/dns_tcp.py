"""DNS over TCP (RFC 7766) at the router, as a host within the process.

Each message has a two-byte length before it (RFC 1035 4.2.2); several may be outstanding on one
connection, and answers go back as they come (RFC 7766 6.2.1.1). A guest that asks and does not read
is asked to wait like one with a full socket: nothing more is taken from it until its flow has room
for answers and none waits. An answer that comes then all the same and is too much is SERVFAIL. A
question that is longer than any is a fault, and the end of the connection.
"""

from __future__ import annotations

from pynat.config import Network
from pynat.inprocess.connection import Connection
from pynat.inprocess.hosts import InProcessHosts
from pynat.services.dns import NameServer
from pynat.wire.dns import HEADER, SERVFAIL, refusal

DNS_PORT = 53
MAX_QUESTIONS_AT_ONCE = 64  # questions of one connection that wait for the host
MAX_QUESTION = 2048  # bytes of a question: a name, an OPT record, padding (RFC 8467 4.1)
_LENGTH = 2  # bytes before each message


class DnsStreams:
    def __init__(self, server: NameServer, hosts: InProcessHosts, network: Network) -> None:
        """hosts: within the process, of which it becomes one."""
        self._server = server
        self._hosts = hosts
        self._place = (network.dns.packed, DNS_PORT)
        hosts.serve_tcp(self._place, self.serve)

    def adopt(self, network: Network) -> None:
        before, self._place = self._place, (network.dns.packed, DNS_PORT)
        self._hosts.move_tcp(before, self._place)

    def serve(self, connection: Connection, now: float) -> None:
        connection.watch(_Stream(connection, self._server).go_on)


class _Stream:
    def __init__(self, connection: Connection, server: NameServer) -> None:
        self._connection = connection
        self._server = server
        self._outstanding = 0

    def go_on(self, now: float) -> None:
        connection = self._connection
        while self._may_ask and (message := self._next_message(now)) is not None:
            self._outstanding += 1
            self._server.ask(message, tcp=True, now=now, answer=self._answer)
        if connection.eof and self._may_ask and not self._outstanding:
            connection.finish()

    @property
    def _may_ask(self) -> bool:
        connection = self._connection
        is_read = connection.has_room and not connection.pending and not connection.finishing
        return is_read and self._outstanding < MAX_QUESTIONS_AT_ONCE

    def _next_message(self, now: float) -> bytes | None:
        connection = self._connection
        received = connection.received
        size = int.from_bytes(received[:_LENGTH], "big")
        if size > MAX_QUESTION and len(received) >= _LENGTH + HEADER.size:
            head = bytes(received[_LENGTH:])
            self._write(self._server.too_long(head, size, MAX_QUESTION, now))
            connection.discard()
            connection.finish()
            return None
        if len(received) < _LENGTH + size or not received:
            return None
        return connection.read(_LENGTH + size)[_LENGTH:]

    def _answer(self, message: bytes, now: float) -> None:
        self._outstanding -= 1
        if _LENGTH + len(message) > self._connection.may_wait:
            message = refusal(message, SERVFAIL)
        self._write(message)

    def _write(self, message: bytes) -> None:
        self._connection.write(len(message).to_bytes(_LENGTH, "big") + message)
