"""The last descriptors of the process are Bochs's; what only lingers makes room before."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import cast

import pytest

from pynat.config import Config, Dns, Forward, Tftp, Transport
from pynat.host.descriptors import RESERVE
from pynat.host.host import Host
from pynat.nat.messages import (
    Action,
    CloseFlow,
    EchoDenied,
    EchoReply,
    EchoSend,
    Event,
    FileFailed,
    FileOpen,
    FileOpened,
    ForwardTrouble,
    Resolve,
    Resolved,
    SocketError,
    TcpConnect,
    TcpConnected,
    TcpFailed,
    TcpIncoming,
    TcpSend,
    TcpSent,
    UdpReceived,
    UdpSend,
)

LOOPBACK = bytes((127, 0, 0, 1))
QUERY = bytes.fromhex("0007 0100 0001 0000 0000 0000 0474657374 00 0001 0001")
LIMIT = 10.0
LOTS = bytes(16 << 20)  # more than both kernels' buffers take


@contextmanager
def none_free() -> Iterator[None]:
    """The next descriptor is one of the reserve."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    following = os.dup(0)
    os.close(following)
    resource.setrlimit(resource.RLIMIT_NOFILE, (following + RESERVE, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Echo(asyncio.DatagramProtocol):
    """Answers everything, as a name server too: with the bit that says so."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data[:2] + b"\x81" + data[3:], addr)


class Outside:
    """The engine's host, and programs of the loopback."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events: asyncio.Queue[Event] = asyncio.Queue()

    async def begin(self) -> None:
        loop = asyncio.get_running_loop()
        (self._folder / "boot").write_bytes(b"x")
        self._programs, _ = await loop.create_datagram_endpoint(Echo, ("127.0.0.1", 0))
        self.udp = (LOOPBACK, self._programs.get_extra_info("sockname")[1])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.tcp = (LOOPBACK, self._listener.getsockname()[1])
        config = replace(
            Config(),
            dns=Dns(resolvers=((IPv4Address("127.0.0.1"), self.udp[1]),)),
            tftp=Tftp(root=self._folder),
        )
        self.host = Host(config, loop, self._wake, self._fault)
        forward = Forward(Transport.TCP, IPv4Address("127.0.0.1"), 0, None, 80)
        self._forward = self.host.forwards.open(1, forward)
        self._client = socket.socket()

    def _wake(self) -> None:
        for event in self.host.events():
            self._events.put_nowait(event)

    def _fault(self, now: float) -> None:
        raise AssertionError("an action has failed")

    async def event(self) -> Event:
        return await asyncio.wait_for(self._events.get(), LIMIT)

    async def linger(self, flow: int) -> None:
        """A flow goes whose peer has not read what the guest holds acknowledged."""
        self.host.perform([TcpConnect(flow, self.tcp)])
        assert await self.event() == TcpConnected(flow)
        self.host.perform([TcpSend(flow, [LOTS]), CloseFlow(flow, reset=True)])
        sent = await self.event()
        assert isinstance(sent, TcpSent)
        assert 0 < sent.count < len(LOTS)

    def start(self, what: str) -> None:
        actions: dict[str, Action] = {
            "tcp": TcpConnect(1, self.tcp),
            "udp": UdpSend(1, self.udp, b"hello"),
            "echo": EchoSend(1, LOOPBACK, 7, 3, b"x"),
            "dns": Resolve(1, QUERY),
            "file": FileOpen(1, (b"boot",)),
        }
        if what == "forward":
            self._client.connect(("127.0.0.1", self._forward.host_port))
        else:
            self.host.perform([actions[what]])

    def end(self) -> None:
        self.host.close()
        self._programs.close()
        self._listener.close()
        self._client.close()


GOOD: dict[str, type[Event]] = {
    "tcp": TcpConnected,
    "udp": UdpReceived,
    "echo": EchoReply,
    "dns": Resolved,
    "file": FileOpened,
    "forward": TcpIncoming,
}


def first(what: str, folder: Path, *, lingering: int) -> tuple[Event, int]:
    """What comes of it where every descriptor but the reserve is in use; how many linger then."""

    async def run() -> tuple[Event, int]:
        outside = Outside(folder)
        await outside.begin()
        for flow in range(100, 100 + lingering):
            await outside.linger(flow)
        with none_free():
            outside.start(what)
            event = await outside.event()
        still = outside.host.undelivered[0]
        outside.end()
        await asyncio.sleep(0)  # transports close their sockets in the next turn
        return event, still

    event, still = asyncio.run(run())
    if isinstance(event, EchoDenied):
        pytest.skip("this host permits no ping")
    return event, still


@pytest.mark.parametrize("what", GOOD)
def test_nothing_takes_from_the_reserve(what: str, tmp_path: Path) -> None:
    event, _ = first(what, tmp_path, lingering=0)
    assert isinstance(event, TcpFailed | SocketError | Resolved | FileFailed | ForwardTrouble), (
        event
    )
    assert event.errno == errno.EMFILE


@pytest.mark.parametrize("what", GOOD)
def test_what_lingers_longest_makes_room(what: str, tmp_path: Path) -> None:
    event, still = first(what, tmp_path, lingering=2)
    assert isinstance(event, GOOD[what])
    assert not isinstance(event, Resolved) or event.answer
    assert still == (what != "file")  # the way to a file takes one more, for a moment
