"""Sockets of both families, on both loopbacks."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator

import pytest

from pynat.host.families import family_of
from pynat.host.tcp import TcpSockets
from pynat.host.udp import UdpSockets
from pynat.nat.messages import (
    Event,
    SocketError,
    TcpConnect,
    TcpConnected,
    TcpFailed,
    UdpReceived,
    UdpSend,
)
from pynat.wire import icmp
from pynat.wire.addresses import Address, loopback

HERE = [loopback(bytes(4)), loopback(bytes(16))]
REFUSED = {4: (icmp.UNREACHABLE, icmp.PORT), 16: None}  # where its codes are not RFC 792's


@pytest.fixture(params=HERE, ids=["ipv4", "ipv6"])
def here(request: pytest.FixtureRequest) -> bytes:
    return bytes(request.param)


@pytest.fixture
def server(here: bytes) -> Iterator[socket.socket]:
    family = family_of(here)
    with socket.socket(family.number, socket.SOCK_DGRAM) as sock:
        sock.bind(family.name((here, 0)))
        yield sock


def asked(to: Address, also: Callable[[], None] = lambda: None) -> Event:
    """The first event of a flow that sends a datagram there."""

    async def run() -> Event:
        events: asyncio.Queue[Event] = asyncio.Queue()
        sockets = UdpSockets(asyncio.get_running_loop(), events.put_nowait)
        sockets.send(UdpSend(1, to, b"question", ttl=9, dont_fragment=True))
        also()
        async with asyncio.timeout(10):
            event = await events.get()
        sockets.close_all()
        return event

    return asyncio.run(run())


def test_a_datagram_goes_and_its_answer_comes(here: bytes, server: socket.socket) -> None:
    port = server.getsockname()[1]

    def answer() -> None:
        data, peer = server.recvfrom(100)
        server.sendto(data + b"!", peer)

    assert asked((here, port), answer) == UdpReceived(1, (here, port), b"question!")


def test_a_port_where_nobody_listens_is_told(here: bytes, server: socket.socket) -> None:
    to = here, int(server.getsockname()[1])
    server.close()
    told = asked(to)
    refused = REFUSED[len(here)]
    assert told == SocketError(1, errno.ECONNREFUSED, to, b"question", refused, here)


def connected(to: Address) -> list[Event]:
    async def run() -> list[Event]:
        events: asyncio.Queue[Event] = asyncio.Queue()
        sockets = TcpSockets(asyncio.get_running_loop(), events.put_nowait)
        sockets.connect(TcpConnect(1, to))
        async with asyncio.timeout(10):
            event = await events.get()
        sockets.close_all()
        return [event]

    return asyncio.run(run())


def test_a_connection_is_of_the_family_of_its_address(here: bytes) -> None:
    family = family_of(here)
    with socket.create_server(family.name((here, 0)), family=family.number) as listener:
        to = here, int(listener.getsockname()[1])
        assert connected(to) == [TcpConnected(1)]
    (failed,) = connected(to)
    assert isinstance(failed, TcpFailed)
    assert failed.errno == errno.ECONNREFUSED
