"""Host ports and paths that lead to the guest: listeners for TCP, bound sockets for UDP.

Each forward has a number that the engine chose; it can be opened and shut at any time. A TCP
connection is accepted at once and announced as TcpIncoming with a token; the engine claims it
with TcpAdopt in the same turn or it is reset. UDP datagrams are announced with their source; the
guest's answers leave from the same socket. What is shut takes nothing new; accepted connections
live on.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from ipaddress import IPv6Address
from pathlib import Path

from pynat.config import Forward, Transport
from pynat.errors import ConfigError
from pynat.host import unix
from pynat.host.descriptors import MakeRoom, accept, no_room, with_room
from pynat.host.families import BY_NUMBER, family_of, open_for
from pynat.host.linger import reset_on_close
from pynat.nat.messages import (
    Event,
    ForwardTrouble,
    TcpIncoming,
    UdpAnswer,
    UdpIncoming,
)
from pynat.wire.addresses import Address

BREATH = 1.0  # seconds (wall) without accepting when the host has no descriptor or buffer free
_MAX_DATAGRAM = 65_535
_REMEDIES = {
    errno.EADDRNOTAVAIL: "name an address of this host, such as 127.0.0.1",
    errno.EACCES: "ports below 1024 are the administrator's: choose one above",
    errno.EMFILE: "this process may open no more files: raise `ulimit -n`, or forward less",
}
_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_MAX_AT_ONCE = 32
_EPHEMERAL = range(49152, 65536)  # RFC 6335 6: ports for programs that have none
_LOOPBACK = bytes((127, 0, 0, 1))


class Forwards:
    def __init__(
        self,
        backlog: int,
        loop: asyncio.AbstractEventLoop,
        emit: Callable[[Event], None],
        make_room: MakeRoom = no_room,
    ) -> None:
        self._backlog = backlog
        self._make_room = make_room
        self._loop = loop
        self._emit = emit
        self._open: dict[int, socket.socket] = {}
        self._unclaimed: dict[int, socket.socket] = {}
        self._tokens = 0

    # ------------------------------------------------------------------ rules come and go
    def open(self, number: int, forward: Forward) -> Forward:
        """The rule with the port that it really has. Raises ConfigError, with a remedy."""
        try:
            sock = with_room(self._make_room, lambda: self._listen(forward))
        except OSError as error:
            raise ConfigError(
                f"{forward.source or 'forward'}: {forward}: cannot listen on {_place(forward)}:"
                f" {error.strerror or error}; {_remedy(forward, error)}"
            ) from None
        self._open[number] = sock
        self._loop.add_reader(sock.fileno(), partial(self._ready(forward), number, sock))
        if isinstance(forward.host_address, Path):
            return forward
        return replace(forward, host_port=sock.getsockname()[1])

    def shut(self, number: int) -> None:
        sock = self._open.pop(number)
        self._loop.remove_reader(sock.fileno())
        sock.close()

    def close(self) -> None:
        self.reset_unclaimed()
        for number in list(self._open):
            self.shut(number)

    def _listen(self, forward: Forward) -> socket.socket:
        if isinstance(forward.host_address, Path):
            return unix.listen(forward.host_address, self._backlog)
        tcp = forward.protocol is Transport.TCP
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        sock = open_for(forward.host_address.packed, kind)
        try:
            if tcp:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((str(forward.host_address), forward.host_port))
            if tcp:
                sock.listen(self._backlog)
        except OSError:
            sock.close()
            raise
        return sock

    def _ready(self, forward: Forward) -> Callable[[int, socket.socket], None]:
        return self._accept if forward.protocol is Transport.TCP else self._receive

    # ------------------------------------------------------------------ actions
    def claim(self, token: int) -> socket.socket:
        return self._unclaimed.pop(token)

    @property
    def has_unclaimed(self) -> bool:
        return bool(self._unclaimed)

    def reset_unclaimed(self) -> None:
        while self._unclaimed:
            _, sock = self._unclaimed.popitem()
            reset_on_close(sock)
            sock.close()

    def answer(self, action: UdpAnswer) -> None:
        sock = self._open.get(action.forward)
        if sock is None:
            return  # shut in this very turn
        to = family_of(action.to[0]).name(action.to)
        try:
            sock.sendto(action.payload, to)
        except OSError as error:
            self._trouble(action.forward, error, f"an answer to {to[0]} port {to[1]}")

    # ------------------------------------------------------------------ events
    def _accept(self, number: int, listener: socket.socket) -> None:
        try:
            sock, peer = with_room(self._make_room, lambda: accept(listener))
        except BlockingIOError:
            return
        except OSError as error:
            self._trouble(number, error, "accept")
            if error.errno in _SHORT:  # else the loop would spin on it
                self._loop.remove_reader(listener.fileno())
                self._loop.call_later(BREATH, self._accept_again, number, listener)
            return
        self._tokens += 1
        self._unclaimed[self._tokens] = sock
        self._emit(TcpIncoming(number, self._tokens, self._address(sock.family, peer)))

    def _accept_again(self, number: int, listener: socket.socket) -> None:
        if listener.fileno() >= 0:
            self._loop.add_reader(listener.fileno(), self._accept, number, listener)

    def _receive(self, number: int, sock: socket.socket) -> None:
        for _ in range(_MAX_AT_ONCE):
            try:
                payload, peer = sock.recvfrom(_MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError as error:
                self._trouble(number, error, "receive")
                return
            self._emit(UdpIncoming(number, self._address(sock.family, peer), payload))

    def _address(self, family: int, peer: tuple[str, int]) -> Address:
        if family == socket.AF_UNIX:
            return _LOOPBACK, _EPHEMERAL[self._tokens % len(_EPHEMERAL)]
        return BY_NUMBER[family].packed(peer)

    def _trouble(self, number: int, error: OSError, what: str) -> None:
        self._emit(ForwardTrouble(number, error.errno or errno.EIO, what))


def _place(forward: Forward) -> str:
    match forward.host_address:
        case Path() as path:
            return str(path)
        case IPv6Address() as address:
            return f"[{address}] port {forward.host_port}"
        case address:
            return f"{address} port {forward.host_port}"


def _remedy(forward: Forward, error: OSError) -> str:
    if isinstance(forward.host_address, Path):
        return "name a path in a folder of yours where nothing else is"
    return _REMEDIES.get(error.errno or 0, "choose another port, or 0 for any")
