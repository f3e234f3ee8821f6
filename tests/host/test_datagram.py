"""Many datagrams of one flow: those in a row as one message of the kernel's, those that wait."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from pynat.host import datagram
from pynat.host.datagram import DatagramSocket
from pynat.host.udp import UdpSockets
from pynat.loops import send_datagrams
from pynat.nat.messages import Event, UdpReceived, UdpReceivedRun, UdpSend, UdpSendRun
from pynat.wire.addresses import FourTuple

HERE = bytes((127, 0, 0, 1))
PAYLOADS = [bytes([number]) * 100 for number in range(9)]


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


@pytest.fixture
def ours() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        yield sock


def run_to(server: socket.socket) -> UdpSendRun:
    to = HERE, server.getsockname()[1]
    return UdpSendRun(1, to, PAYLOADS, 64, True, FourTuple((HERE, 1), to))


def asked_to_join(monkeypatch: pytest.MonkeyPatch, refused: int) -> list[bool]:
    """Of each call. refused: errno of those that are to be joined, which send nothing."""
    asked: list[bool] = []

    def watched(sock: socket.socket, *arguments: Any) -> tuple[int, int]:
        asked.append(arguments[-1])
        return (0, refused) if refused and arguments[-1] else send_datagrams(sock, *arguments)

    monkeypatch.setattr(datagram, "send_datagrams", watched)
    return asked


def test_a_long_row_is_one_message(
    ours: socket.socket, server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_to_join(monkeypatch, 0)
    assert DatagramSocket(ours).send_run(run_to(server), 0) == len(PAYLOADS)
    assert [server.recv(1000) for _ in PAYLOADS] == PAYLOADS
    assert asked == [True]


def test_a_few_are_not(
    ours: socket.socket, server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_to_join(monkeypatch, 0)
    assert DatagramSocket(ours).send_run(run_to(server), 2) == len(PAYLOADS) - 2
    assert asked == [False]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO, errno.EMSGSIZE])
def test_where_it_cannot_be_each_goes_by_itself_from_then_on(
    number: int, ours: socket.socket, server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, sock = asked_to_join(monkeypatch, number), DatagramSocket(ours)
    for _ in range(2):
        assert sock.send_run(run_to(server), 0) == len(PAYLOADS)
        assert [server.recv(1000) for _ in PAYLOADS] == PAYLOADS
    assert asked == [True, False, False]


def test_an_old_kernel_is_not_asked(
    ours: socket.socket, server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take the size for nothing, and send one long datagram."""
    monkeypatch.setattr(datagram, "_UDP_SEGMENT", 9999)
    asked = asked_to_join(monkeypatch, 0)
    assert DatagramSocket(ours).send_run(run_to(server), 0) == len(PAYLOADS)
    assert [server.recv(1000) for _ in PAYLOADS] == PAYLOADS
    assert asked == [False]


def test_more_waits_than_a_socket_usually_holds(server: socket.socket) -> None:
    """Linux's 208 KiB have room for 277 of these, with what it counts for each."""
    answers = [number.to_bytes(2, "big") for number in range(400)]

    async def run() -> list[bytes]:
        events: asyncio.Queue[Event] = asyncio.Queue()
        sockets, got = UdpSockets(asyncio.get_running_loop(), events.put_nowait), list[bytes]()
        sockets.send(UdpSend(1, (HERE, server.getsockname()[1]), b"question"))
        _, peer = server.recvfrom(100)
        for answer in answers:
            server.sendto(answer, peer)
        async with asyncio.timeout(10):
            while len(got) < len(answers):
                match await events.get():
                    case UdpReceived(_, _, payload):
                        got.append(payload)
                    case UdpReceivedRun(_, _, payloads):
                        got += payloads
        sockets.close_all()
        return got

    assert asyncio.run(run()) == answers
