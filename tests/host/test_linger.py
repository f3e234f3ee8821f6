"""What the kernel has taken of the guest's, the host's programs get, however a flow ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pynat.config import Command, UnixPath
from pynat.host.tcp import TcpSockets
from pynat.nat.messages import (
    CloseFlow,
    Event,
    TcpConnect,
    TcpConnected,
    TcpSend,
    TcpSent,
    TcpShutdown,
)
from pynat.testing.script import pattern

LOOPBACK = bytes((127, 0, 0, 1))
SMALL = 4096  # bytes of the program's receive buffer: the rest waits in our kernel
LIMIT = 10.0


class Conversation:
    """Flow 1 and the program at its other end, which does not read before it is asked to."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.sockets = TcpSockets(self.loop, self.events.put_nowait)
        self.program: socket.socket

    async def connect(self) -> None:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            self.sockets.connect(TcpConnect(1, (LOOPBACK, listener.getsockname()[1])))
            self.program = listener.accept()[0]
        self.program.setblocking(False)
        assert await self.events.get() == TcpConnected(1)

    def send(self, flow: int = 1) -> bytes:
        """As much as the kernel takes, which is more than the program's does."""
        data = pattern(300_000)
        self.sockets.send(TcpSend(flow, [data]))
        sent = self.events.get_nowait()
        assert isinstance(sent, TcpSent)
        assert sent.count > 10 * SMALL
        return data[: sent.count]

    async def read(self, program: socket.socket | None = None) -> tuple[bytes, str]:
        """Everything, in small pieces, and how it ends."""
        data = bytearray()
        try:
            while piece := await self.loop.sock_recv(program or self.program, 700):
                data += piece
        except ConnectionResetError:
            return bytes(data), "reset"
        return bytes(data), "end of file"

    async def end(self) -> None:
        self.sockets.leave()
        await self.sockets.finish(LIMIT)
        self.sockets.close_all()


def scenario(run: Callable[[Conversation], Awaitable[None]]) -> None:
    async def main() -> None:
        talk = Conversation()
        await talk.connect()
        with talk.program:
            await asyncio.wait_for(run(talk), 20)
            talk.sockets.close_all()

    asyncio.run(main())


@pytest.mark.parametrize("fin", [True, False])
def test_the_network_ends_when_the_program_has_everything(fin: bool) -> None:
    async def run(talk: Conversation) -> None:
        sent = talk.send()
        if fin:
            talk.sockets.shutdown(TcpShutdown(1))
        (got, how), _ = await asyncio.gather(talk.read(), talk.end())
        assert (got == sent, how) == (True, "end of file" if fin else "reset")
        assert talk.sockets.undelivered == (0, 0)

    scenario(run)


def test_what_the_program_says_meanwhile_costs_it_nothing() -> None:
    """Unread input, and input after the close, would make the kernel throw the rest away."""

    async def run(talk: Conversation) -> None:
        sent = talk.send()
        talk.program.send(b"unread")
        talk.sockets.shutdown(TcpShutdown(1))
        ending = asyncio.create_task(talk.end())
        got = bytearray()
        while len(got) < len(sent):
            await talk.loop.sock_sendall(talk.program, bytes(1000))
            got += await talk.loop.sock_recv(talk.program, 700)
        assert got == sent
        await ending

    scenario(run)


def test_the_client_of_a_forward_gets_everything() -> None:
    async def run(talk: Conversation) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
            client.connect(listener.getsockname())
            client.setblocking(False)
            talk.sockets.adopt(2, listener.accept()[0])
            sent = talk.send(flow=2)
            talk.sockets.shutdown(TcpShutdown(2))
            (got, how), _ = await asyncio.gather(talk.read(client), talk.end())
        assert (got == sent, how) == (True, "end of file")

    scenario(run)


def test_a_program_that_never_reads_does_not_hold_the_end_up() -> None:
    async def run(talk: Conversation) -> None:
        sent = talk.send()
        talk.sockets.leave()
        await talk.sockets.finish(0.05)
        connections, octets = talk.sockets.undelivered
        assert (connections, octets > SMALL) == (1, True)
        talk.sockets.close_all()
        assert await talk.read() == (sent, "end of file")  # by the kernel alone

    scenario(run)


def test_what_the_program_has_said_last_does_not_cost_it_the_rest() -> None:
    """Nobody has looked at the socket since."""

    async def run(talk: Conversation) -> None:
        sent = talk.send()
        talk.sockets.leave()
        talk.program.send(b"unread")
        talk.sockets.close_all()
        assert await talk.read() == (sent, "end of file")

    scenario(run)


def test_a_reset_of_the_guests_comes_after_what_it_has_sent() -> None:
    async def run(talk: Conversation) -> None:
        sent = talk.send()
        talk.sockets.close(CloseFlow(1, reset=True))
        assert await talk.read() == (sent, "reset")

    scenario(run)


def test_a_reset_with_nothing_under_way_comes_at_once() -> None:
    async def run(talk: Conversation) -> None:
        talk.program.send(b"unread")
        talk.sockets.close(CloseFlow(1, reset=True))
        assert talk.sockets.undelivered == (0, 0)
        assert await talk.read() == (b"", "reset")

    scenario(run)


def test_a_started_program_reads_everything_before_it_is_ended(tmp_path: Path) -> None:
    got, go = tmp_path / "got", tmp_path / "go"
    script = f"while [ ! -e {go} ]; do sleep 0.05; done; cat > {got}"

    async def run() -> None:
        events: list[Event] = []
        sockets = TcpSockets(asyncio.get_running_loop(), events.append)
        sockets.connect(TcpConnect(1, Command(("sh", "-c", script))))
        sockets.send(TcpSend(1, [pattern(50_000)]))
        assert TcpSent(1, 50_000, room=events[-1].room) == events[-1]  # type: ignore[union-attr]
        sockets.leave()
        assert sockets.undelivered[0] == 1
        go.touch()
        await sockets.finish(LIMIT)
        assert got.read_bytes() == pattern(50_000)
        sockets.close_all()

    asyncio.run(run())


def test_a_unix_sockets_program_reads_on_after_the_end(tmp_path: Path) -> None:
    async def run() -> None:
        events: list[Event] = []
        sockets = TcpSockets(asyncio.get_running_loop(), events.append)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "socket"))
            listener.listen()
            sockets.connect(TcpConnect(1, UnixPath(str(tmp_path / "socket"))))
            program = listener.accept()[0]
        with program:
            sockets.send(TcpSend(1, [pattern(50_000)]))
            program.send(b"unread")
            sockets.leave()
            assert sockets.undelivered == (0, 0)
            assert program.makefile("rb").read() == pattern(50_000)
            sockets.close_all()

    asyncio.run(run())
