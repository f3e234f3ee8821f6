"""Sockets of TCP flows, to programs on the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import socket
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import pytest

from pynat.host import tcp
from pynat.host.destinations import Destinations
from pynat.host.linger import reset_on_close
from pynat.host.tcp import LITTLE_ROOM, TcpSockets, at_mark, room_in
from pynat.nat.messages import (
    PLENTY,
    CloseFlow,
    Destination,
    Event,
    TcpConnect,
    TcpConnected,
    TcpEof,
    TcpFailed,
    TcpRead,
    TcpReceived,
    TcpSend,
    TcpSent,
    TcpUrgent,
    TcpWritable,
)

LOOPBACK = bytes((127, 0, 0, 1))
PATIENCE = 30  # seconds of a scenario: a timer of each event would stay in the loop for a while
Wanted = TypeVar("Wanted", bound=Event)


class Connected:
    """Flow 1, connected to `program`."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.sockets = TcpSockets(asyncio.get_running_loop(), self.events.put_nowait)
        self.program: socket.socket

    async def connect(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.sockets.connect(TcpConnect(1, (LOOPBACK, listener.getsockname()[1])))
            await self.expect(TcpConnected)
            self.program = listener.accept()[0]

    async def expect(self, kind: type[Wanted]) -> Wanted:
        event = await self.events.get()
        assert isinstance(event, kind), event
        return event

    async def emptied(self, total: int) -> TcpWritable:
        """The next event, once the program has read `total` bytes."""
        read = 0
        self.program.setblocking(False)
        while self.events.empty() or read < total:
            with contextlib.suppress(BlockingIOError):
                read += len(self.program.recv(65_536))
            await asyncio.sleep(0)
        return await self.expect(TcpWritable)


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[Connected]:
    flow = Connected()
    await flow.connect()
    with flow.program:
        yield flow
        flow.sockets.close_all()


def scenario(run: Callable[[Connected], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(PATIENCE), connected() as flow:
            await run(flow)

    asyncio.run(main())


@pytest.fixture
def slow_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """As to a host farther away than the loopback, whose answer is not there at once."""
    connect = Destinations.connect

    def later(self: Destinations, to: Destination) -> tuple[socket.socket, int]:
        sock, code = connect(self, to)
        assert code in (0, errno.EINPROGRESS)
        return sock, errno.EINPROGRESS

    monkeypatch.setattr(Destinations, "connect", later)


def test_an_urgent_byte_of_the_guest_goes_out_of_band() -> None:
    async def run(flow: Connected) -> None:
        flow.sockets.send(TcpSend(1, [b"be", b"fore!aft", b"er"], 6))
        sent = await flow.expect(TcpSent)
        assert sent.count == 12
        flow.program.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        seen = b""
        while not at_mark(flow.program):
            seen += flow.program.recv(1)
        assert seen == b"before"
        assert flow.program.recv(100)[:1] == b"!"

    scenario(run)


def test_an_urgent_byte_of_the_program_is_announced_before_it() -> None:
    async def run(flow: Connected) -> None:
        flow.program.sendall(b"before")
        flow.program.send(b"!", socket.MSG_OOB)
        flow.program.sendall(b"after")
        flow.sockets.read(TcpRead(1, 1000))
        received: list[object] = []
        while sum(len(item) for item in received if isinstance(item, bytes)) < 12:
            event = await flow.events.get()
            received.append(event.data if isinstance(event, TcpReceived) else event)
        mark = received.index(TcpUrgent(1))
        before = b"".join(item for item in received[:mark] if isinstance(item, bytes))
        after = b"".join(item for item in received[mark:] if isinstance(item, bytes))
        assert (before, after) == (b"before", b"!after")

    scenario(run)


def test_room_shrinks_while_the_program_does_not_read_and_comes_back() -> None:
    scenario(_room_shrinks_and_comes_back)


def test_room_comes_back_to_who_was_connected_late(slow_connect: None) -> None:
    scenario(_room_shrinks_and_comes_back)


async def _room_shrinks_and_comes_back(flow: Connected) -> None:
    rooms = []
    total = 0
    while True:
        flow.sockets.send(TcpSend(1, [bytes(16_384)]))
        sent = await flow.expect(TcpSent)
        total += sent.count
        rooms.append(sent.room)
        if sent.count < 16_384 or sent.room < LITTLE_ROOM:
            break
    assert rooms[-1] < LITTLE_ROOM
    # What was promised was taken: the kernel refused nothing while there was room.
    assert (await flow.emptied(total)).room > LITTLE_ROOM


@pytest.mark.parametrize("segment", [1460, 8960, 65_480])
def test_room_for_less_than_a_segment_is_not_the_last_word(segment: int) -> None:
    """A sender waits for a window of a whole segment (RFC 9293 3.8.6.2.1)."""

    async def run(flow: Connected) -> None:
        flow.sockets.read(TcpRead(1, segment, segment))
        total, room = 0, PLENTY
        while room >= segment:
            flow.sockets.send(TcpSend(1, [bytes(segment)]))
            sent = await flow.expect(TcpSent)
            total, room = total + sent.count, sent.room
        assert (await flow.emptied(total)).room >= segment

    scenario(run)


def test_what_room_says_is_taken() -> None:
    """The window follows it, so what is promised to the guest must fit."""

    async def run(flow: Connected) -> None:
        room = PLENTY
        while room > LITTLE_ROOM:
            room = room_in(flow.sockets._open[1].sock)
            flow.sockets.send(TcpSend(1, [bytes(min(room, 5000))]))
            sent = await flow.expect(TcpSent)
            assert sent.count == min(room, 5000)
            room = sent.room

    scenario(run)


def test_bytes_are_taken_at_once() -> None:
    async def run(flow: Connected) -> None:
        sent = flow.sockets.send_now(1, b"a segment")
        assert sent is not None
        assert (sent.count, sent.room > LITTLE_ROOM) == (9, True)
        assert flow.program.recv(100) == b"a segment"
        assert flow.sockets.send_now(2, b"of no connection") is None
        assert flow.events.empty()

    scenario(run)


def test_what_is_not_taken_at_once_is_asked_for_again() -> None:
    async def run(flow: Connected) -> None:
        while (sent := flow.sockets.send_now(1, bytes(1 << 20))) and sent.count == 1 << 20:
            pass
        assert flow.sockets.send_now(1, b"more") is None
        flow.sockets.send(TcpSend(1, [b"more"]))
        assert await flow.expect(TcpSent) == TcpSent(1, 0, 0)
        while flow.events.empty():
            flow.program.recv(1 << 20)
            await asyncio.sleep(0)
        await flow.expect(TcpWritable)

    scenario(run)


def test_what_fails_at_once_is_told_once() -> None:
    async def run(flow: Connected) -> None:
        reset_on_close(flow.program)
        flow.program.close()
        assert flow.sockets.send_now(1, b"a segment") is None
        flow.sockets.send(TcpSend(1, [b"a segment"]))
        assert await flow.expect(TcpFailed) == TcpFailed(1, errno.ECONNRESET)
        assert flow.events.empty()

    scenario(run)


def test_a_program_that_resets_is_reported_after_what_it_sent() -> None:
    async def run(flow: Connected) -> None:
        flow.program.sendall(b"last words")
        flow.program.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        flow.program.close()
        flow.sockets.read(TcpRead(1, 1000))
        events: list[Event] = []
        while not events or isinstance(events[-1], TcpReceived):
            events.append(await flow.events.get())
        assert events[-1] == TcpFailed(1, errno.ECONNRESET)

    scenario(run)


def test_the_end_of_the_program_comes_once() -> None:
    async def run(flow: Connected) -> None:
        flow.program.sendall(b"x")
        flow.program.close()
        flow.sockets.read(TcpRead(1, 1000))
        assert (await flow.expect(TcpReceived)).data == b"x"
        await flow.expect(TcpEof)
        flow.sockets.read(TcpRead(1, 1000))
        flow.sockets.close(CloseFlow(1))
        await asyncio.sleep(0)
        assert flow.events.empty()

    scenario(run)


def test_a_connect_that_takes_its_time_succeeds_once(slow_connect: None) -> None:
    async def run(flow: Connected) -> None:  # connect() has expected TcpConnected
        for _ in range(5):
            await asyncio.sleep(0)
        assert flow.events.empty()

    scenario(run)


def test_a_refused_connect_keeps_its_errno() -> None:
    async def run() -> None:
        events: asyncio.Queue[Event] = asyncio.Queue()
        sockets = TcpSockets(asyncio.get_running_loop(), events.put_nowait)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            sockets.connect(TcpConnect(1, (LOOPBACK, free.getsockname()[1])))
            event = await asyncio.wait_for(events.get(), 10)
        assert isinstance(event, TcpFailed)
        assert event.errno == errno.ECONNREFUSED

    asyncio.run(run())


def test_the_socket_of_a_command_has_room_too() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert 0 < room_in(one) <= PLENTY
        assert not at_mark(one)


# ---------------------------------------------------------------- a host that is short of something
class Short:
    """A socket whose calls fail so many times with ENOBUFS."""

    def __init__(self, sock: socket.socket, *names: str, times: int = 2) -> None:
        self._sock = sock
        self._names = names
        self.times = times

    def __getattr__(self, name: str) -> Any:
        if name in self._names and self.times:
            self.times -= 1
            return self._fail
        return getattr(self._sock, name)

    def _fail(self, *_: object) -> None:
        raise OSError(errno.ENOBUFS, "no buffer space available")


def test_a_send_that_finds_no_buffers_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "BREATH", 0.001)

    async def run(flow: Connected) -> None:
        connection = flow.sockets._open[1]
        connection.sock = Short(connection.sock, "sendmsg")  # type: ignore[assignment]
        for _ in range(2):
            flow.sockets.send(TcpSend(1, [b"hello"]))
            assert await flow.expect(TcpSent) == TcpSent(1, 0, 0)
            assert (await flow.expect(TcpWritable)).room > 0
        flow.sockets.send(TcpSend(1, [b"hello"]))
        assert (await flow.expect(TcpSent)).count == 5
        assert flow.program.recv(10) == b"hello"

    scenario(run)


def test_a_receive_that_finds_no_buffers_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "BREATH", 0.001)

    async def run(flow: Connected) -> None:
        connection = flow.sockets._open[1]
        connection.sock = short = Short(connection.sock, "recv")  # type: ignore[assignment]
        flow.program.sendall(b"hello")
        flow.sockets.read(TcpRead(1, 100))
        assert (await flow.expect(TcpReceived)).data == b"hello"
        assert short.times == 0

    scenario(run)


@pytest.mark.parametrize("fails", [2, 100])
def test_a_connect_that_finds_no_buffers_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    monkeypatch.setattr(tcp, "BREATH", 0.001)

    async def run() -> None:
        events: asyncio.Queue[Event] = asyncio.Queue()
        sockets = TcpSockets(asyncio.get_running_loop(), events.put_nowait)
        connect = sockets._destinations.connect
        failed: list[int] = []

        def short(*arguments: Any) -> tuple[socket.socket, int]:
            if len(failed) < fails:
                failed.append(errno.ENOBUFS)
                return socket.socket(), errno.ENOBUFS
            return connect(*arguments)

        monkeypatch.setattr(sockets._destinations, "connect", short)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            sockets.connect(TcpConnect(1, (LOOPBACK, listener.getsockname()[1])))
            event = await asyncio.wait_for(events.get(), 10)
        wanted = TcpConnected(1) if fails == 2 else TcpFailed(1, errno.ENOBUFS)
        assert (event, len(failed)) == (wanted, min(fails, tcp.MAX_TRIES))
        sockets.close_all()

    asyncio.run(run())


def test_a_connect_that_is_given_up_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        events: list[Event] = []
        sockets = TcpSockets(asyncio.get_running_loop(), events.append)
        monkeypatch.setattr(
            sockets._destinations, "connect", lambda *_: (socket.socket(), errno.ENOBUFS)
        )
        sockets.connect(TcpConnect(1, (LOOPBACK, 1)))
        sockets.close(CloseFlow(1))
        assert sockets._again == {}
        sockets.connect(TcpConnect(2, (LOOPBACK, 1)))
        sockets.close_all()
        assert (sockets._again, events) == ({}, [])

    asyncio.run(run())


def test_what_waits_is_read_in_whole_segments_and_in_one_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tcp, "READ_SIZE", 1000)
    monkeypatch.setattr(tcp, "BULK_SIZE", 2000)

    async def run(flow: Connected) -> None:
        monkeypatch.setattr(tcp, "MAX_READ", 2500)
        flow.program.sendall(bytes(5000))
        read: list[Event] = []
        flow.sockets._emit = read.append
        flow.sockets.read(TcpRead(1, 5000, 300))
        connection = flow.sockets._open[1]
        flow.sockets._readable(connection)
        assert read == [TcpReceived(1, bytes(900)), TcpReceived(1, bytes(1800))]
        monkeypatch.setattr(tcp, "MAX_READ", 5000)
        flow.sockets.read(TcpRead(1, 250, 300))
        flow.sockets._readable(connection)
        flow.sockets.read(TcpRead(1, 5000, 300))
        flow.sockets._readable(connection)
        assert read[2:4] == [TcpReceived(1, bytes(250)), TcpReceived(1, bytes(900))]

    scenario(run)


def test_one_turn_reads_so_much_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "MAX_READ", 1000)

    async def run(flow: Connected) -> None:
        flow.program.sendall(bytes(5000))
        read: list[int] = []

        def emit(event: Event) -> None:
            assert isinstance(event, TcpReceived)
            read.append(len(event.data))

        flow.sockets._emit = emit
        flow.sockets.read(TcpRead(1, 700))
        connection = flow.sockets._open[1]
        flow.sockets._readable(connection)
        connection.allowance = 700
        flow.sockets._readable(connection)
        connection.allowance = 700
        flow.sockets._readable(connection)
        assert read == [700, 700]
        await asyncio.sleep(0)  # the turn
        flow.sockets._readable(connection)
        assert read == [700, 700, 700]

    scenario(run)


def test_connections_that_always_have_more_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one turn there is room for one of them."""
    monkeypatch.setattr(tcp, "READ_SIZE", 1000)
    monkeypatch.setattr(tcp, "BULK_SIZE", 1000)
    monkeypatch.setattr(tcp, "MAX_READ", 1000)

    async def main() -> None:
        read = Counter({1: 0, 2: 0, 3: 0})

        def emit(event: Event) -> None:
            assert isinstance(event, TcpReceived)
            read[event.flow] += len(event.data)

        sockets = TcpSockets(asyncio.get_running_loop(), emit)
        with contextlib.ExitStack() as programs:
            for flow in (1, 2, 3):
                program, ours = socket.socketpair()
                programs.enter_context(program).sendall(bytes(20_000))
                sockets.adopt(flow, ours)
            for _ in range(100):
                for flow in (1, 2, 3):
                    sockets.read(TcpRead(flow, 100_000))
                await asyncio.sleep(0)
                if sum(read.values()) >= 15_000:
                    break
            sockets.close_all()
        assert max(read.values()) - min(read.values()) <= 1000, read

    asyncio.run(main())


def test_an_idle_connection_holds_little() -> None:
    """The rest of 4 KiB is the flow's: tests/nat/test_tcp_idle.py."""
    many, warm = 200, 20

    async def run(flow: Connected) -> None:
        listener = socket.create_server(("127.0.0.1", 0), backlog=many + warm)
        to = (LOOPBACK, listener.getsockname()[1])

        async def connect(numbers: range) -> int:
            for number in numbers:
                flow.sockets.connect(TcpConnect(number, to))
                await flow.expect(TcpConnected)
                flow.sockets.read(TcpRead(number, 65_536))
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        with listener:
            tracemalloc.start()
            before = await connect(range(2, 2 + warm))
            held = await connect(range(2 + warm, 2 + warm + many)) - before
            tracemalloc.stop()
            assert held / many < 400
            for number in range(2, 2 + warm + many):
                flow.sockets.close(CloseFlow(number, reset=True))

    scenario(run)
