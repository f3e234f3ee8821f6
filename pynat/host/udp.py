"""Host sockets of UDP flows: one for each address and port of the guest."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

from pynat.host import errqueue
from pynat.host.descriptors import open_socket
from pynat.nat.messages import Event, SocketError, UdpReceived, UdpSend

_MAX = 65_535  # bytes of one recvfrom
_AT_ONCE = 32  # datagrams of one socket before the others have their turn


class UdpSockets:
    def __init__(self, loop: asyncio.AbstractEventLoop, emit: Callable[[Event], None]) -> None:
        self._loop = loop
        self._emit = emit
        self._open: dict[int, socket.socket] = {}

    def send(self, action: UdpSend) -> None:
        try:
            sock = self._open.get(action.flow) or self._create(action.flow)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, max(1, action.ttl))
            host = (socket.inet_ntoa(action.to[0]), action.to[1])
            try:
                sock.sendto(action.payload, host)
            except OSError:
                # maybe an earlier datagram's error, told in full on the error queue: send this one
                sock.sendto(action.payload, host)
        except OSError as error:
            number = error.errno or errno.EIO
            self._emit(SocketError(action.flow, number, action.to, action.payload))

    def close(self, flow: int) -> None:
        sock = self._open.pop(flow, None)
        if sock is not None:
            self._loop.remove_reader(sock.fileno())
            sock.close()

    def close_all(self) -> None:
        for flow in list(self._open):
            self.close(flow)

    def _create(self, flow: int) -> socket.socket:
        sock = open_socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._open[flow] = sock
        errqueue.enable(sock)
        self._loop.add_reader(sock.fileno(), self._readable, flow, sock)
        return sock

    def _readable(self, flow: int, sock: socket.socket) -> None:
        for error in errqueue.read(sock, flow):
            self._emit(error)
        for _ in range(_AT_ONCE):
            try:
                payload, (address, port) = sock.recvfrom(_MAX)
            except OSError:
                return  # nothing more, or an error that the queue has told in full
            self._emit(UdpReceived(flow, (socket.inet_aton(address), port), payload))
