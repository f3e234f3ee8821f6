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
from pynat.host.datagram import DatagramSocket
from pynat.host.descriptors import MakeRoom, no_room, open_socket, with_room
from pynat.nat.messages import EchoDenied, EchoReply, EchoSend, Event, SocketError
from pynat.wire import icmp, ipv4
from pynat.wire.icmp import Icmp

_MAX_REPLY = 65_535
_MAX_REPLIES_AT_ONCE = 32  # replies of one socket before the others have their turn
_NOT_PERMITTED = (errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT)

DENIED = (
    "this host allows neither ping sockets nor raw sockets; allow it with"
    " `sudo sysctl net.ipv4.ping_group_range='0 2147483647'`"
)


@dataclass(slots=True)
class _Ping:
    socket: DatagramSocket
    raw: bool
    ident: int  # on the host's side, for raw sockets
    guest_ident: int


class EchoSockets:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        emit: Callable[[Event], None],
        make_room: MakeRoom = no_room,
    ) -> None:
        self._loop = loop
        self._make_room = make_room
        self._emit = emit
        self._open: dict[int, _Ping] = {}

    def send(self, action: EchoSend) -> None:
        to = (action.to, 0)
        try:
            ping = self._open.get(action.flow) or with_room(
                self._make_room, lambda: self._create(action)
            )
        except OSError as error:
            denied = error.errno in _NOT_PERMITTED
            number = error.errno or errno.EIO
            self._emit(
                EchoDenied(action.flow, DENIED) if denied else SocketError(action.flow, number, to)
            )
            return
        request = Icmp(icmp.ECHO_REQUEST, 0, ping.ident, action.sequence, action.payload)
        data = icmp.encode(request)
        for told in ping.socket.send(action.flow, data, to, action.ttl, action.dont_fragment):
            self._emit_if_owned(told, ping)

    def close(self, flow: int) -> None:
        ping = self._open.pop(flow, None)
        if ping is not None:
            self._loop.remove_reader(ping.socket.sock.fileno())
            ping.socket.sock.close()

    def close_all(self) -> None:
        for flow in list(self._open):
            self.close(flow)

    def _create(self, action: EchoSend) -> _Ping:
        try:
            sock = open_socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
        except OSError as error:
            if error.errno not in _NOT_PERMITTED:
                raise
            sock = open_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        # flow numbers are never reused, so their low bits serve as identifiers of raw sockets
        ident = action.flow & 0xFFFF
        ping = _Ping(DatagramSocket(sock), sock.type == socket.SOCK_RAW, ident, action.ident)
        self._open[action.flow] = ping
        self._loop.add_reader(sock.fileno(), self._readable, action.flow, ping)
        return ping

    def _emit_if_owned(self, error: SocketError, ping: _Ping) -> None:
        """A raw socket is told of every ping of this host that has failed."""
        if not ping.raw or error.payload[4:6] == ping.ident.to_bytes(2, "big"):
            self._emit(error)

    def _readable(self, flow: int, ping: _Ping) -> None:
        sock = ping.socket.sock
        for error in errqueue.read(sock, flow):
            self._emit_if_owned(error, ping)
        for _ in range(_MAX_REPLIES_AT_ONCE):
            try:
                data, peer = sock.recvfrom(_MAX_REPLY)
            except OSError:
                return  # nothing there, or told by the queue
            reply = _reply(data, raw=ping.raw)
            if reply is not None and (not ping.raw or reply.ident == ping.ident):
                self._emit(
                    EchoReply(
                        flow,
                        ping.socket.family.packed(peer)[0],
                        ping.guest_ident,
                        reply.sequence,
                        reply.payload,
                    )
                )


def _reply(data: bytes, *, raw: bool) -> Icmp | None:
    """A raw socket receives whole packets, and all ICMP messages of this host."""
    message = memoryview(data)
    try:
        found = icmp.decode(ipv4.decode(message).payload if raw else message)
    except Malformed:
        return None
    return found if found.type == icmp.ECHO_REPLY else None
