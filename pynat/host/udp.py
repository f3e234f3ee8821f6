"""Host sockets of UDP flows: one for each address and port of the guest.

It is of the family of the first address that the flow sends to.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

from pynat.host import errqueue
from pynat.host.datagram import DatagramSocket
from pynat.host.descriptors import MakeRoom, no_room, with_room
from pynat.host.families import family_of, open_for
from pynat.loops import receive_datagrams
from pynat.nat.messages import (
    Event,
    PortNotKept,
    SocketError,
    UdpReceived,
    UdpReceivedRun,
    UdpSend,
    UdpSendRun,
)
from pynat.wire.addresses import is_unicast

# Datagrams of one socket before the others have their turn. More of them in a row fill the buffer
# of the program in the guest, 92 long ones, before it has had the processor.
_MAX_RECEIVED_AT_ONCE = 16
_MAX_SENT_AT_ONCE = 64
# Bytes that may wait at a socket; Linux allows twice as many, since it counts its own overhead. A
# sender fills its usual 208 KiB, 92 long datagrams, in less time than another program has the
# processor.
_MAX_WAITING = 512 * 1024
_SOURCE = itemgetter(0)


class UdpSockets:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        emit: Callable[[Event], None],
        *,
        broadcast: bool = False,
        keep_ports: bool = False,
        make_room: MakeRoom = no_room,
    ) -> None:
        """broadcast: whether the kernel may let datagrams to broadcast addresses out.

        keep_ports: a flow has the guest's own port where it can be had.
        """
        self._keep_ports = keep_ports
        self._make_room = make_room
        self._loop = loop
        self._emit = emit
        self._broadcast = broadcast
        self._open: dict[int, DatagramSocket] = {}

    def send(self, action: UdpSend) -> None:
        try:
            sock = self._open.get(action.flow) or with_room(
                self._make_room, lambda: self._create(action)
            )
            if sock.port == action.to[1] and _is_here(action.to[0]):
                raise OSError(errno.ECONNREFUSED, "nobody but the flow itself has this port")
        except OSError as error:
            number = error.errno or errno.EIO
            self._emit(SocketError(action.flow, number, action.to, action.payload))
            return
        for told in sock.send(
            action.flow, action.payload, action.to, action.ttl, action.dont_fragment
        ):
            self._emit(told)

    def send_run(self, action: UdpSendRun) -> None:
        """In parts, of which what is left is copied behind each error."""
        payloads, some = action.payloads, _MAX_SENT_AT_ONCE
        if len(payloads) <= some:
            self._send_some(action)
            return
        for at in range(0, len(payloads), some):
            self._send_some(replace(action, payloads=payloads[at : at + some]))

    def _send_some(self, action: UdpSendRun) -> None:
        """What the kernel does not take at once is sent by itself, which says why."""
        sock, at, count = self._open.get(action.flow), 0, len(action.payloads)
        while at < count:
            if sock is not None and sock.port != action.to[1]:
                at += sock.send_run(action, at)
            if at < count:
                self.send(action.single(at))
                at += 1

    def close(self, flow: int) -> None:
        opened = self._open.pop(flow, None)
        if opened is not None:
            self._loop.remove_reader(opened.sock.fileno())
            opened.sock.close()

    def close_all(self) -> None:
        for flow in list(self._open):
            self.close(flow)

    def _create(self, action: UdpSend) -> DatagramSocket:
        flow = action.flow
        sock = open_for(action.to[0], socket.SOCK_DGRAM)
        try:
            self._bind(sock, action)
        except OSError:
            sock.close()
            raise
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _MAX_WAITING)
        if self._broadcast:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        opened = self._open[flow] = DatagramSocket(sock)
        self._loop.add_reader(sock.fileno(), self._readable, flow, opened)
        return opened

    def _bind(self, sock: socket.socket, action: UdpSend) -> None:
        """To a port, now: a send that finds none says only EAGAIN (ip(7))."""
        wanted = action.four_tuple.guest[1] if self._keep_ports and action.four_tuple else 0
        if wanted and action.to[1] == wanted and _is_here(action.to[0]):
            wanted = 0  # it would send to itself
        try:
            sock.bind(("", wanted))
        except OSError as error:
            if not wanted:
                raise
            self._emit(PortNotKept(action.flow, wanted, error.errno or errno.EIO))
            sock.bind(("", 0))

    def _readable(self, flow: int, opened: DatagramSocket) -> None:
        received, error = receive_datagrams(opened.sock, _MAX_RECEIVED_AT_ONCE)
        if error:
            for told in errqueue.read(opened.sock, flow):
                self._emit(told)
        for source, run in groupby(received, _SOURCE):
            payloads = [payload for _, payload in run]
            one = len(payloads) == 1
            self._emit(
                UdpReceived(flow, source, *payloads)
                if one
                else UdpReceivedRun(flow, source, payloads)
            )


def _is_here(address: bytes) -> bool:
    """Whether it is this host's own, the loopback's included."""
    if not is_unicast(address):
        return False
    family = family_of(address)
    with open_for(address, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(family.name((address, 0)))
            probe.connect(family.name((address, 9)))  # not to all of a net
        except OSError:
            return False
    return True
