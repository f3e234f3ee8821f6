"""Host ports that lead to the guest: listeners for TCP, bound sockets for UDP.

A TCP connection is accepted at once and announced as TcpIncoming with a token; the engine claims
it with TcpAdopt in the same turn or it is reset. UDP datagrams are announced with their source;
the guest's answers leave from the same socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Sequence

from pynat.config import Forward, Protocol
from pynat.errors import ConfigError
from pynat.host.descriptors import checked
from pynat.host.tcp import reset_on_close
from pynat.nat.messages import Event, TcpIncoming, UdpAnswer, UdpIncoming

BACKLOG = 128
BREATH = 1.0  # seconds (wall) without accepting when no descriptor is free
_MAX = 65_535
_REMEDIES = {
    errno.EADDRNOTAVAIL: "name an address of this host, such as 127.0.0.1",
    errno.EACCES: "ports below 1024 are the administrator's: choose one above",
}
_AT_ONCE = 32


class Forwards:
    def __init__(
        self,
        rules: Sequence[Forward],
        loop: asyncio.AbstractEventLoop,
        emit: Callable[[Event], None],
    ) -> None:
        self._loop = loop
        self._emit = emit
        self._sockets: list[socket.socket] = []
        self._unclaimed: dict[int, socket.socket] = {}
        self._tokens = 0
        self.listening: list[str] = []
        try:
            for number, rule in enumerate(rules):
                self._open(number, rule)
        except BaseException:
            self.close()
            raise

    def claim(self, token: int) -> socket.socket:
        return self._unclaimed.pop(token)

    def answer(self, action: UdpAnswer) -> None:
        with contextlib.suppress(OSError):  # the program is gone; UDP promises it nothing
            self._sockets[action.rule].sendto(
                action.payload, (socket.inet_ntoa(action.to[0]), action.to[1])
            )

    def reset_unclaimed(self) -> None:
        while self._unclaimed:
            _, sock = self._unclaimed.popitem()
            reset_on_close(sock)
            sock.close()

    def close(self) -> None:
        self.reset_unclaimed()
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            sock.close()

    def _open(self, number: int, rule: Forward) -> None:
        tcp = rule.protocol is Protocol.TCP
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        sock = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK)
        self._sockets.append(sock)
        if tcp:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((str(rule.host_address), rule.host_port))
            if tcp:
                sock.listen(BACKLOG)
        except OSError as error:
            raise ConfigError(
                f"{rule.source or 'forwards'}: {rule}: cannot listen on {rule.host_address}"
                f" port {rule.host_port}: {error.strerror};"
                f" {_REMEDIES.get(error.errno or 0, 'choose another port, or 0 for any')}"
            ) from error
        callback = self._accept if tcp else self._receive
        self._loop.add_reader(sock, callback, number, sock)
        address, port = sock.getsockname()
        guest = f"{rule.guest_address or 'the guest'} port {rule.guest_port}"
        self.listening.append(f"{rule.protocol} {address} port {port} leads to {guest}")

    def _accept(self, number: int, listener: socket.socket) -> None:
        try:
            sock, (address, port) = listener.accept()
            checked(sock)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):  # else the loop would spin on it
                self._loop.remove_reader(listener)
                self._loop.call_later(BREATH, self._accept_again, number, listener)
            return  # or the peer has gone again
        self._tokens += 1
        self._unclaimed[self._tokens] = sock
        self._emit(TcpIncoming(number, self._tokens, (socket.inet_aton(address), port)))

    def _accept_again(self, number: int, listener: socket.socket) -> None:
        if listener.fileno() >= 0:
            self._loop.add_reader(listener, self._accept, number, listener)

    def _receive(self, number: int, sock: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                payload, (address, port) = sock.recvfrom(_MAX)
            except OSError:
                return
            self._emit(UdpIncoming(number, (socket.inet_aton(address), port), payload))
