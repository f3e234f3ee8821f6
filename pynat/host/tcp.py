"""Host sockets of TCP flows.

They are watched together (`pynat.host.readiness`), each only while there is something to wait for.
Some flows lead to a Unix socket or a program instead (`pynat.host.destinations`).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from struct import Struct

from pynat.host import errqueue
from pynat.host.descriptors import with_room
from pynat.host.destinations import Destinations
from pynat.host.families import family_number
from pynat.host.linger import Lingering
from pynat.host.readiness import BROKEN, READABLE, WRITABLE, Readiness
from pynat.nat.messages import (
    PLENTY,
    CloseFlow,
    Event,
    PortNotKept,
    TcpConnect,
    TcpConnected,
    TcpEof,
    TcpFailed,
    TcpRead,
    TcpReceived,
    TcpSend,
    TcpSent,
    TcpShutdown,
    TcpUrgent,
    TcpWritable,
)

READ_SIZE = 64 * 1024  # bytes of one recv ...
BULK_SIZE = 8 * READ_SIZE  # ... behind one that found as much
LITTLE_ROOM = 4096  # bytes; with less, or two segments, the kernel is asked to tell of more
_IOV_MAX = 1024  # Linux's limit of pieces for one sendmsg
_SO_MEMINFO = 55  # linux/asm-generic/socket.h
_MEMINFO = Struct("6I")  # rmem alloc, rcvbuf, wmem alloc, sndbuf, forward alloc, wmem queued
_SIOCATMARK = 0x8905
_NOT_AT_MARK = bytes(4)
MAX_READ = 64 * 1024  # bytes of one turn, of all connections, and what a recv brings beyond
PASSING = {errno.ENOBUFS, errno.ENOMEM}  # the host is short of it for a moment
NOT_KEPT = {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM}
BREATH = 0.1  # seconds (wall) until what has passed is tried again
MAX_TRIES = 5  # of a connect
_UNDER_WAY = {errno.EINPROGRESS, errno.EALREADY}


@dataclass(slots=True, eq=False)
class _Connection:
    flow: int
    sock: socket.socket
    allowance: int = 0
    segment: int = 1  # bytes of the guest's at most
    in_bulk: bool = False  # the last read found more than READ_SIZE, but for a segment
    awaited: int = 0  # READABLE, WRITABLE
    connecting: bool = False
    paused: bool = False  # reading is, for a moment
    eof: bool = False
    ended: bool = False  # the guest has sent FIN: so has the kernel, or will
    is_tcp: bool = True

    def __post_init__(self) -> None:
        self.is_tcp = family_number(self.sock) != socket.AF_UNIX

    @property
    def next_read(self) -> int:
        """Bytes: whole segments where one fits."""
        size = min(BULK_SIZE if self.in_bulk else READ_SIZE, self.allowance)
        return size - size % self.segment if size > self.segment else size


class TcpSockets:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        emit: Callable[[Event], None],
        *,
        keep_ports: bool = False,
    ) -> None:
        """keep_ports: a connection has the guest's own port where it can be had."""
        self._loop = loop
        self._keep_ports = keep_ports
        self._again: dict[int, asyncio.TimerHandle] = {}  # connects that are to be tried anew
        self._read = 0  # bytes in this turn
        self._passed: dict[int, _Connection] = {}  # over, in this turn; first in the next
        self._emit = emit
        self._destinations = Destinations(loop)
        self._lingering = Lingering(loop)
        self._open: dict[int, _Connection] = {}
        self._readiness = Readiness(loop, self._ready)
        self.make_room = self._lingering.make_room  # for whoever has no descriptor left

    # ------------------------------------------------------------------ actions
    def connect(self, action: TcpConnect, tries: int = MAX_TRIES) -> None:
        self._again.pop(action.flow, None)
        try:
            sock, code = with_room(self.make_room, lambda: self._open_to(action))
        except OSError as error:
            self._not_connected(action, error.errno or errno.EIO, tries)
            return
        if code in PASSING or (code == errno.EAGAIN and family_number(sock) == socket.AF_UNIX):
            sock.close()
            self._not_connected(action, code, tries)
            return
        connection = self._open[action.flow] = _Connection(action.flow, sock)
        _set_up(connection)
        if code in _UNDER_WAY:
            connection.connecting = True
            self._await_room(connection)
        elif code:
            self._fail(action.flow, code)
        else:
            self._succeed(connection)

    def _open_to(self, action: TcpConnect) -> tuple[socket.socket, int]:
        wanted = action.four_tuple.guest[1] if self._keep_ports and action.four_tuple else 0
        if wanted and isinstance(action.to, tuple):
            sock, code = self._destinations.connect(action.to, wanted)
            if code not in NOT_KEPT:
                return sock, code
            sock.close()
            self._emit(PortNotKept(action.flow, wanted, code))
        return self._destinations.connect(action.to)

    def _not_connected(self, action: TcpConnect, code: int, tries: int) -> None:
        """What passes is waited for: a queue that is full, say, or buffers that are all in use."""
        if tries > 1 and code in PASSING | {errno.EAGAIN}:
            self._again[action.flow] = self._loop.call_later(
                BREATH, self.connect, action, tries - 1
            )
        else:
            self._emit(TcpFailed(action.flow, code))

    def adopt(self, flow: int, sock: socket.socket) -> None:
        """A connection that a forward has accepted."""
        sock.setblocking(False)
        connection = self._open[flow] = _Connection(flow, sock)
        _set_up(connection)

    def send(self, action: TcpSend) -> None:
        connection = self._open.get(action.flow)
        if connection is None:
            return  # failed in this very turn; TcpFailed is on its way
        taken = 0
        try:
            for pieces, flags in _sends(action, is_tcp=connection.is_tcp):
                size = sum(map(len, pieces))
                count = connection.sock.sendmsg(pieces, (), flags)
                taken += count
                if count < size:
                    break
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno not in PASSING:
                self._fail(action.flow, error.errno or errno.EIO)
                return
            self._emit(TcpSent(action.flow, taken, 0))
            self._loop.call_later(BREATH, self._breathed, connection)
            return
        self._emit(self._sent(connection, taken, sum(map(len, action.chunks))))

    def send_now(self, flow: int, data: bytes) -> TcpSent | None:
        """As `send`, to which None leaves it."""
        connection = self._open.get(flow)
        if connection is None:
            return None
        try:
            taken = connection.sock.send(data)
        except OSError as error:
            if error.errno not in PASSING | {errno.EAGAIN}:
                self._fail(flow, error.errno or errno.EIO)
            return None
        return self._sent(connection, taken, len(data))

    def _sent(self, connection: _Connection, taken: int, offered: int) -> TcpSent:
        room = room_in(connection.sock)
        if taken < offered or room < LITTLE_ROOM or room < 2 * connection.segment:
            self._await_room(connection)
        return TcpSent(connection.flow, taken, room)

    def shutdown(self, action: TcpShutdown) -> None:
        connection = self._open.get(action.flow)
        if connection is None:
            return
        connection.ended = True
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._fail(action.flow, error.errno or errno.EIO)

    def read(self, action: TcpRead) -> None:
        connection = self._open.get(action.flow)
        if connection is None or connection.eof:
            return
        connection.allowance, connection.segment = action.limit, action.segment
        self._watch(connection)

    def close(self, action: CloseFlow) -> None:
        self._give_up(action.flow)
        connection = self._open.pop(action.flow, None)
        if connection is not None:
            self._leave(connection, reset=action.reset)

    # ------------------------------------------------------------------ the network's end
    def leave(self) -> None:
        """No flow goes on; what the guest has sent does."""
        for flow in list(self._again):
            self._give_up(flow)
        while self._open:
            _, connection = self._open.popitem()
            self._leave(connection, reset=not connection.ended)

    @property
    def undelivered(self) -> tuple[int, int]:
        """Connections, and bytes of the guest's in them that their peers do not have."""
        return self._lingering.undelivered

    async def finish(self, limit: float) -> None:
        """After `leave`: until the peers have everything and the programs are done."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._lingering.none_left.wait()
                await self._destinations.none_left.wait()

    def close_all(self) -> None:
        """Now."""
        self.leave()
        self._readiness.close()
        self._lingering.close()
        self._destinations.close()

    # ------------------------------------------------------------------ events
    def _ready(self, connection: _Connection, events: int) -> None:
        if events & (READABLE | BROKEN) and connection.awaited & READABLE:
            self._readable(connection)
        if events & (WRITABLE | BROKEN) and connection.awaited & WRITABLE:
            self._await(connection, connection.awaited & ~WRITABLE)
            (self._connected if connection.connecting else self._writable)(connection)

    def _connected(self, connection: _Connection) -> None:
        connection.connecting = False
        code = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._fail(connection.flow, code)
        else:
            self._succeed(connection)

    def _succeed(self, connection: _Connection) -> None:
        # Or the next ICMP message would end the connection.
        errqueue.enable(connection.sock, on=False)
        self._emit(TcpConnected(connection.flow))

    def _writable(self, connection: _Connection) -> None:
        self._emit(TcpWritable(connection.flow, room_in(connection.sock)))

    def _readable(self, connection: _Connection) -> None:
        """Read on while more waits, and once behind a read that emptied the socket: often EOF is
        there, and then FIN goes with the last bytes."""
        if self._read >= MAX_READ:
            self._passed[connection.flow] = connection  # the others have had their turn's worth
            return
        asked, came = connection.next_read, 0
        while asked and (came := self._receive(connection, asked)) == asked:
            asked = connection.next_read if self._read < MAX_READ else 0
        if came > 0 and asked and connection.allowance:
            self._receive(connection, connection.next_read)
        if connection.flow in self._open:
            self._watch(connection)

    def _receive(self, connection: _Connection, size: int) -> int:
        """How many bytes came; 0 if it makes no sense to try again."""
        flow, sock = connection.flow, connection.sock
        try:
            if at_mark(sock):
                self._emit(TcpUrgent(flow))
            data = sock.recv(size)
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno in PASSING:
                self._pause(connection)
                return 0
            self._fail(flow, error.errno or errno.EIO)
            return 0
        if data:
            connection.allowance -= len(data)
            connection.in_bulk = len(data) + connection.segment > READ_SIZE
            self._count(len(data))
            self._emit(TcpReceived(flow, data))
            return len(data)
        connection.eof = True
        self._emit(TcpEof(flow))
        return 0

    def _count(self, size: int) -> None:
        if not self._read:
            self._loop.call_soon(self._forget_read)  # behind the turn that the first event asks for
        self._read += size

    def _forget_read(self) -> None:
        """Who was passed over comes before those that epoll tells of, in the same order always."""
        self._read = 0
        passed, self._passed = self._passed, {}
        for flow, connection in passed.items():
            if connection.awaited & READABLE and self._open.get(flow) is connection:
                self._readable(connection)

    def _pause(self, connection: _Connection) -> None:
        """Read on in a while."""
        connection.paused = True
        self._watch(connection)
        self._loop.call_later(BREATH, self._breathed, connection)

    def _breathed(self, connection: _Connection) -> None:
        if self._open.get(connection.flow) is not connection:
            return
        if connection.paused:
            connection.paused = False
            self._watch(connection)
        else:
            self._writable(connection)

    def _give_up(self, flow: int) -> None:
        again = self._again.pop(flow, None)
        if again is not None:
            again.cancel()

    def _watch(self, connection: _Connection) -> None:
        wanted = connection.allowance > 0 and not connection.eof and not connection.paused
        self._await(connection, connection.awaited & WRITABLE | wanted * READABLE)

    def _await_room(self, connection: _Connection) -> None:
        self._await(connection, connection.awaited | WRITABLE)

    def _await(self, connection: _Connection, events: int) -> None:
        if events != connection.awaited:
            connection.awaited = events
            self._readiness.watch(connection.sock.fileno(), connection, events)

    # ------------------------------------------------------------------ the end
    def _fail(self, flow: int, code: int) -> None:
        connection = self._open.pop(flow)
        self._rescue(connection)
        failed = TcpFailed(flow, code)
        for error in errqueue.read(connection.sock, flow):
            failed.icmp, failed.offender = error.icmp, error.offender
        self._unwatch(connection)
        connection.sock.close()
        self._emit(failed)

    def _rescue(self, connection: _Connection) -> None:
        """What came before the failure is the guest's: the kernel has acknowledged it."""
        with contextlib.suppress(OSError):
            while connection.allowance and not connection.eof:
                data = connection.sock.recv(min(READ_SIZE, connection.allowance))
                if not data:
                    return
                connection.allowance -= len(data)
                self._emit(TcpReceived(connection.flow, data))

    def _leave(self, connection: _Connection, *, reset: bool) -> None:
        self._unwatch(connection)
        eof, is_unix = connection.eof, not connection.is_tcp
        self._lingering.leave(connection.sock, reset=reset, eof=eof, is_unix=is_unix)

    def _unwatch(self, connection: _Connection) -> None:
        self._await(connection, 0)


def _sends(action: TcpSend, *, is_tcp: bool) -> Iterator[tuple[list[bytes | memoryview], int]]:
    """What to give to each sendmsg, with its flags; the urgent byte is one of its own.

    To a program or a Unix socket it is a byte like any other.
    """
    if action.urgent is None or not is_tcp:
        for at in range(0, len(action.chunks), _IOV_MAX):
            yield action.chunks[at : at + _IOV_MAX], 0
        return
    data = b"".join(action.chunks)
    before, after = data[: action.urgent], data[action.urgent + 1 :]
    if before:
        yield [before], 0
    yield [data[action.urgent : action.urgent + 1]], socket.MSG_OOB
    if after:
        yield [after], 0


def room_in(sock: socket.socket) -> int:
    """Bytes that the kernel's send buffer will take, for certain; PLENTY where it does not tell.

    The kernel counts its own overhead along with the bytes, so a quarter is left aside.
    """
    try:
        memory = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        _, _, allocated, limit, _, queued = _MEMINFO.unpack_from(memory)
    except (OSError, struct.error):
        return PLENTY
    return int(max(0, limit - max(allocated, queued)) * 3 // 4)


def at_mark(sock: socket.socket) -> bool:
    """Whether the next byte is the urgent one (sockatmark(3))."""
    try:
        return fcntl.ioctl(sock.fileno(), _SIOCATMARK, _NOT_AT_MARK) != _NOT_AT_MARK
    except OSError:
        return False  # not TCP


def _set_up(connection: _Connection) -> None:
    sock = connection.sock
    if connection.is_tcp:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the guest gathers, or does not
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
