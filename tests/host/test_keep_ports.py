"""`nat.keep_ports`: the host's socket has the guest's own port, where it can be had."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator

import pytest

from pynat.host import destinations
from pynat.host.tcp import TcpSockets
from pynat.host.udp import UdpSockets
from pynat.nat.messages import (
    CloseFlow,
    Event,
    PortNotKept,
    SocketError,
    TcpConnect,
    TcpConnected,
    TcpFailed,
    UdpReceived,
    UdpSend,
)
from pynat.wire.addresses import Address, FourTuple

LOOPBACK = bytes((127, 0, 0, 1))
GUEST = bytes((192, 168, 16, 2))


@pytest.fixture
def free() -> int:
    """A port that neither TCP nor UDP has."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = int(tcp.getsockname()[1])
            with contextlib.suppress(OSError):  # another test's UDP socket may have it
                udp.bind(("127.0.0.1", port))
                return port


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def port_of_caller(listener: socket.socket) -> int:
    sock, peer = listener.accept()
    sock.close()
    return int(peer[1])


def four_tuple(port: int, to: Address) -> FourTuple:
    return FourTuple((GUEST, port), to)


def connected(port: int, to: int, *, flows: int = 1, keep: bool = True) -> list[Event]:
    """What comes of as many connects from the guest's port, each closed before the next."""

    async def run() -> list[Event]:
        events: list[Event] = []
        sockets = TcpSockets(asyncio.get_running_loop(), events.append, keep_ports=keep)
        for flow in range(1, flows + 1):
            sockets.connect(TcpConnect(flow, (LOOPBACK, to), four_tuple(port, (LOOPBACK, to))))
            sockets.close(CloseFlow(flow, reset=True))
        sockets.close_all()
        return events

    return asyncio.run(run())


def test_a_connection_has_the_guests_port(listener: socket.socket, free: int) -> None:
    assert connected(free, listener.getsockname()[1]) == [TcpConnected(1)]
    assert port_of_caller(listener) == free


def test_it_is_off_unless_set(listener: socket.socket, free: int) -> None:
    assert connected(free, listener.getsockname()[1], keep=False) == [TcpConnected(1)]
    assert port_of_caller(listener) != free


def test_a_port_that_somebody_listens_at_is_replaced(listener: socket.socket, free: int) -> None:
    with socket.create_server(("127.0.0.1", free)):
        events = connected(free, listener.getsockname()[1])
    assert events == [PortNotKept(1, free, errno.EADDRINUSE), TcpConnected(1)]


def test_two_connections_of_one_port_to_different_servers(
    listener: socket.socket, free: int
) -> None:
    async def run() -> None:
        events: list[Event] = []
        sockets = TcpSockets(asyncio.get_running_loop(), events.append, keep_ports=True)
        with socket.create_server(("127.0.0.1", 0)) as other:
            for flow, server in enumerate((listener, other, other), 1):
                to = (LOOPBACK, server.getsockname()[1])
                sockets.connect(TcpConnect(flow, to, four_tuple(free, to)))
            assert port_of_caller(listener) == port_of_caller(other) == free
            assert port_of_caller(other) != free  # the host has this connection already
        sockets.close_all()
        assert events == [
            TcpConnected(1),
            TcpConnected(2),
            PortNotKept(3, free, errno.EADDRNOTAVAIL),
            TcpConnected(3),
        ]

    asyncio.run(run())


def test_a_connection_does_not_meet_itself(free: int) -> None:
    """A connect from a port to itself succeeds, where nobody listens."""
    assert connected(free, free) == [
        PortNotKept(1, free, errno.EADDRINUSE),
        TcpFailed(1, errno.ECONNREFUSED),
    ]


def answered(
    port: int, to: socket.socket, destination: int | None = None
) -> tuple[int, list[Event]]:
    """The port that a datagram comes from, and what else was said."""

    async def run() -> tuple[int, list[Event]]:
        events: asyncio.Queue[Event] = asyncio.Queue()
        sockets = UdpSockets(asyncio.get_running_loop(), events.put_nowait, keep_ports=True)
        there = (LOOPBACK, destination or to.getsockname()[1])
        sockets.send(UdpSend(1, there, b"x", four_tuple=four_tuple(port, there)))
        source = to.recvfrom(10)[1]
        to.sendto(b"y", source)
        said: list[Event] = []
        while not isinstance(event := await asyncio.wait_for(events.get(), 10), UdpReceived):
            said.append(event)
        sockets.close_all()
        return int(source[1]), said

    return asyncio.run(run())


@pytest.fixture
def echo() -> Iterator[socket.socket]:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.bind(("127.0.0.1", 0))
        yield sock


def test_a_datagram_has_the_guests_port(echo: socket.socket, free: int) -> None:
    assert answered(free, echo) == (free, [])


def test_a_port_that_is_taken_is_replaced(echo: socket.socket, free: int) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", free))
        port, said = answered(free, echo)
    assert port != free
    assert said == [PortNotKept(1, free, errno.EADDRINUSE)]


def test_a_datagram_does_not_come_back_to_its_sender(echo: socket.socket) -> None:
    taken = echo.getsockname()[1]
    port, said = answered(taken, echo)
    assert (port != taken, said) == (True, [])


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
@pytest.mark.parametrize("keep", [True, False])
def test_no_later_datagram_comes_back_either(host: str, keep: bool, echo: socket.socket) -> None:
    """Nobody can listen at a port that the flow's own socket has."""

    async def run() -> None:
        events: list[Event] = []
        loop = asyncio.get_running_loop()
        sockets = UdpSockets(loop, events.append, keep_ports=keep)
        there = (LOOPBACK, echo.getsockname()[1])
        sockets.send(UdpSend(1, there, b"x", four_tuple=four_tuple(0, there)))
        itself = (socket.inet_aton(host), echo.recvfrom(10)[1][1])
        sockets.send(UdpSend(1, itself, b"y"))
        assert events == [SocketError(1, errno.ECONNREFUSED, itself, b"y")]
        sockets.send(UdpSend(1, there, b"z"))
        assert echo.recv(10) == b"z"
        sockets.close_all()

    asyncio.run(run())


def test_one_port_at_both_ends_is_none_the_less_carried(echo: socket.socket, free: int) -> None:
    """To all, that is: no host of ours has that address."""
    to = (bytes((255, 255, 255, 255)), free)

    async def run() -> list[Event]:
        events: list[Event] = []
        sockets = UdpSockets(asyncio.get_running_loop(), events.append, keep_ports=True)
        sockets.send(UdpSend(1, to, b"x", four_tuple=four_tuple(free, to)))
        sockets.close_all()
        return events

    (refused,) = asyncio.run(run())
    assert isinstance(refused, SocketError)
    assert refused.errno != errno.ECONNREFUSED  # but the kernel's: no SO_BROADCAST, or no route


def test_a_connection_of_any_port_does_not_meet_itself(
    free: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel may choose the very port that the guest has named."""

    def bound(_: bytes, kind: int) -> socket.socket:
        sock = socket.socket(type=kind | socket.SOCK_NONBLOCK)
        sock.bind(("127.0.0.1", free))
        return sock

    monkeypatch.setattr(destinations, "open_for", bound)
    assert connected(free, free, keep=False) == [TcpFailed(1, errno.ECONNREFUSED)]
