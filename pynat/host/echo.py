"""Host sockets for ping: an unprivileged ping socket where net.ipv4.ping_group_range allows it,
else a raw socket where this process may have one, else EchoDenied.

A ping socket rewrites the identifier and receives only its own replies, without IP header; a raw
socket receives every ICMP message of the host, with IP header, so each flow has an identifier of
its own and takes only what matches.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass

from pynat.errors import Malformed
from pynat.host import errqueue
from pynat.host.descriptors import open_socket
from pynat.nat.messages import EchoDenied, EchoReply, EchoSend, Event, SocketError
from pynat.wire import icmp, ipv4
from pynat.wire.icmp import Icmp

_MAX = 65_535

DENIED = (
    "this host allows neither ping sockets nor raw sockets; allow it with"
    " `sudo sysctl net.ipv4.ping_group_range='0 2147483647'`"
)


@dataclass(slots=True)
class _Ping:
    sock: socket.socket
    raw: bool
    ident: int  # on the host's side, for raw sockets
    guest_ident: int


class EchoSockets:
    def __init__(self, loop: asyncio.AbstractEventLoop, emit: Callable[[Event], None]) -> None:
        self._loop = loop
        self._emit = emit
        self._open: dict[int, _Ping] = {}

    def send(self, action: EchoSend) -> None:
        ping = self._open.get(action.flow)
        if ping is None:
            ping = self._create(action)
            if ping is None:
                self._emit(EchoDenied(action.flow, DENIED))
                return
        request = Icmp(icmp.ECHO_REQUEST, 0, ping.ident, action.sequence, action.payload)
        try:
            ping.sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, max(1, action.ttl))
            ping.sock.sendto(icmp.encode(request), (socket.inet_ntoa(action.to), 0))
        except OSError as error:
            self._emit(SocketError(action.flow, error.errno or errno.EIO, (action.to, 0)))

    def close(self, flow: int) -> None:
        ping = self._open.pop(flow, None)
        if ping is not None:
            self._loop.remove_reader(ping.sock.fileno())
            ping.sock.close()

    def close_all(self) -> None:
        for flow in list(self._open):
            self.close(flow)

    def _create(self, action: EchoSend) -> _Ping | None:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
            try:
                sock = open_socket(socket.AF_INET, kind, socket.IPPROTO_ICMP)
            except OSError:
                continue
            errqueue.enable(sock)
            # flow numbers are never reused, so their low bits serve as identifiers of raw sockets
            ping = _Ping(sock, kind == socket.SOCK_RAW, action.flow & 0xFFFF, action.ident)
            self._open[action.flow] = ping
            self._loop.add_reader(sock.fileno(), self._readable, action.flow, ping)
            return ping
        return None

    def _readable(self, flow: int, ping: _Ping) -> None:
        for error in errqueue.read(ping.sock, flow):
            self._emit(error)
        try:
            data, (address, _) = ping.sock.recvfrom(_MAX)
            message = memoryview(data)
            if ping.raw:
                message = ipv4.decode(message).payload
            reply = icmp.decode(message)
        except (OSError, Malformed):
            return  # nothing there, told by the queue, or not for us
        if reply.type != icmp.ECHO_REPLY or (ping.raw and reply.ident != ping.ident):
            return
        self._emit(
            EchoReply(
                flow, socket.inet_aton(address), ping.guest_ident, reply.sequence, reply.payload
            )
        )
