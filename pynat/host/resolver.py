"""Asking the host's resolvers (RFC 1035 section 7, RFC 5452 section 9, RFC 7766).

One asyncio task per question. It asks the resolvers in turn, `tries` rounds of them, and gives
each a share of the time-out; an earlier one that answers late still counts, since its socket
stays open until the question is settled. A resolver that refuses (ICMP error, SERVFAIL, REFUSED)
is passed over at once and not asked again, and when all have refused the question is settled
without waiting. What a resolver said about a failure (RFC 8914) reaches the guest.

Each attempt has its own connected socket, so its own port, and its own id, and takes only an
answer to the question asked: nobody but the resolver can answer without seeing the question.

The resolvers are those of the configuration, or those of /etc/resolv.conf, all of them, read
again when the file has changed (a laptop moves between networks while a guest runs). As in libc,
none at all means 127.0.0.1. Its options (rotate, timeout, search) do not matter here: the guest
has its own search list, and the time-out is the configuration's.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import secrets
import socket
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from pynat.config import Dns, IpAddress
from pynat.host.descriptors import MakeRoom, no_room, open_socket, with_room
from pynat.host.families import family_of
from pynat.nat.messages import Event, Resolve, Resolved
from pynat.nat.unreachable import NO_DESCRIPTOR

Server = tuple[IpAddress, int]

FALLBACK: Server = (ip_address("127.0.0.1"), 53)
HEADER = 12  # bytes of a DNS header
MAX_MESSAGE = 65535
QR = 0x80  # in byte 2
RCODE = 0x0F  # in byte 3
SERVFAIL, NOTIMP, REFUSED = 2, 4, 5  # another resolver may know better


class Resolver:
    def __init__(
        self,
        config: Dns,
        loop: asyncio.AbstractEventLoop,
        emit: Callable[[Event], None],
        resolv_conf: Path = Path("/etc/resolv.conf"),
        make_room: MakeRoom = no_room,
    ) -> None:
        self._config = config
        self._loop = loop
        self._emit = emit
        self._resolv_conf = resolv_conf
        self._make_room = make_room
        self._seen: tuple[int, int, int] | None = None
        self._from_file: tuple[Server, ...] = ()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, action: Resolve) -> None:
        task = self._loop.create_task(self._resolve(action))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Forget all questions; nothing is emitted any more."""
        for task in self._tasks:
            task.cancel()

    def servers(self) -> tuple[Server, ...]:
        if self._config.resolvers:
            return self._config.resolvers
        try:
            status = self._resolv_conf.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen != self._seen:
                written = self._resolv_conf.read_text(errors="replace")
                self._from_file, self._seen = nameservers(written), seen
        except OSError:
            self._from_file, self._seen = (), None
        return self._from_file or (FALLBACK,)

    async def _resolve(self, action: Resolve) -> None:
        attempts = _Attempts(self._loop, action, self._make_room)
        answer = None
        try:
            async with asyncio.timeout(self._config.timeout):
                answer = await attempts.run(self.servers(), self._config)
        except TimeoutError:
            answer = attempts.failure
        finally:
            attempts.end()
        self._emit(Resolved(action.query_id, answer, 0 if answer else attempts.shortage))


class _Attempts:
    """One question and the sockets on which it has been asked."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, action: Resolve, make_room: MakeRoom
    ) -> None:
        self._loop = loop
        self._make_room = make_room
        self._query = action.query
        self._question_end = _question_end(action.query)
        self._ask_one = self._ask_tcp if action.tcp else self._ask_udp
        self._running: dict[asyncio.Task[bytes | None], Server] = {}
        self._refused: set[Server] = set()
        self.failure: bytes | None = None  # what a resolver said that did not know
        self.shortage = 0  # the errno of a socket that was not to be had

    async def run(self, servers: tuple[Server, ...], config: Dns) -> bytes | None:
        share = config.timeout / (len(servers) * config.tries)
        for server in servers * config.tries:
            if server in self._refused:
                continue
            self._running[self._loop.create_task(self._ask_one(server))] = server
            until = self._loop.time() + share
            while self._running and server not in self._refused:
                left = until - self._loop.time()
                if left <= 0:
                    break
                if answer := await self._settled(left):
                    return answer
        while self._running:
            if answer := await self._settled(None):
                return answer
        return self.failure

    def end(self) -> None:
        for task in self._running:
            task.cancel()

    async def _settled(self, seconds: float | None) -> bytes | None:
        """Wait for a first answer; who refuses is noted."""
        done, _ = await asyncio.wait(
            self._running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            server = self._running.pop(task)
            answer = task.result()
            if answer is not None and answer[3] & RCODE not in (SERVFAIL, NOTIMP, REFUSED):
                return answer
            self._refused.add(server)
            self.failure = answer or self.failure
        return None

    async def _ask_udp(self, server: Server) -> bytes | None:
        ident = secrets.token_bytes(2)
        with contextlib.suppress(OSError), self._socket(server, socket.SOCK_DGRAM) as sock:
            sock.connect(_sockaddr(server))
            sock.send(ident + self._query[2:])
            while True:
                answer = await self._loop.sock_recv(sock, MAX_MESSAGE)
                if self._answers(answer, ident):
                    return self._query[:2] + answer[2:]
        return None

    async def _ask_tcp(self, server: Server) -> bytes | None:
        ident = secrets.token_bytes(2)
        message = ident + self._query[2:]
        with contextlib.suppress(OSError), self._socket(server, socket.SOCK_STREAM) as sock:
            await self._loop.sock_connect(sock, _sockaddr(server))
            await self._loop.sock_sendall(sock, len(message).to_bytes(2, "big") + message)
            length = int.from_bytes(await self._exactly(sock, 2), "big")
            answer = await self._exactly(sock, length)
            if self._answers(answer, ident):
                return self._query[:2] + answer[2:]
        return None

    def _socket(self, server: Server, kind: socket.SocketKind) -> socket.socket:
        try:
            return with_room(self._make_room, lambda: open_socket(_family(server), kind))
        except OSError as error:
            if error.errno in NO_DESCRIPTOR:
                self.shortage = error.errno
            raise

    async def _exactly(self, sock: socket.socket, count: int) -> bytes:
        received = b""
        while len(received) < count:
            piece = await self._loop.sock_recv(sock, count - len(received))
            if not piece:
                raise ConnectionResetError(errno.ECONNRESET, "the resolver closed too early")
            received += piece
        return received

    def _answers(self, answer: bytes, ident: bytes) -> bool:
        """Same id and question. Who cannot read a question may leave it out."""
        if len(answer) < HEADER or answer[:2] != ident or not answer[2] & QR:
            return False
        if answer[4:6] == b"\0\0":
            return answer[3] & RCODE != 0
        asked = self._query[HEADER : self._question_end]
        given = answer[HEADER : self._question_end]
        return asked[-4:] == given[-4:] and asked.lower() == given.lower()


def nameservers(written: str) -> tuple[Server, ...]:
    """The addresses in a resolv.conf, in their order (man resolv.conf)."""
    servers = []
    for line in written.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            with contextlib.suppress(ValueError):
                servers.append((ip_address(words[1]), 53))
    return tuple(dict.fromkeys(servers))


def _family(server: Server) -> int:
    return family_of(server[0].packed).number


def _sockaddr(server: Server) -> tuple[str, int] | tuple[str, int, int, int]:
    """A link-local address needs its interface as a number, which a name may no longer have."""
    address, port = server
    if not isinstance(address, IPv6Address):
        return str(address), port
    scope = address.scope_id or "0"
    try:
        index = int(scope) if re.fullmatch("[0-9]{1,9}", scope) else socket.if_nametoindex(scope)
    except ValueError:  # a NUL in it
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from None
    return str(address).partition("%")[0], port, 0, index


def _question_end(query: bytes) -> int:
    """Where the one question ends; the forwarder has checked that there is one."""
    at = HEADER
    while at < len(query) and query[at]:
        at += 1 + query[at]
    return at + 5
