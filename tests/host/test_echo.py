"""Ping through real sockets, to the loopback."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from pynat.host.descriptors import open_socket
from pynat.host.echo import EchoSockets
from pynat.nat.messages import EchoDenied, EchoReply, EchoSend, Event, SocketError

LOOPBACK = bytes((127, 0, 0, 1))
KINDS = [socket.SOCK_DGRAM, socket.SOCK_RAW]


def allow(monkeypatch: pytest.MonkeyPatch, kinds: list[int]) -> None:
    """Only these kinds of ICMP socket exist."""

    def only(family: int, kind: int, protocol: int = 0) -> socket.socket:
        if kind not in kinds:
            raise PermissionError(errno.EPERM, "not permitted")
        return open_socket(family, kind, protocol)

    monkeypatch.setattr("pynat.host.echo.open_socket", only)


def permitted(kind: int) -> bool:
    try:
        socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
    except OSError:
        return False
    return True


async def ask(*sends: EchoSend) -> list[Event]:
    loop = asyncio.get_running_loop()
    events: asyncio.Queue[Event] = asyncio.Queue()
    sockets = EchoSockets(loop, events.put_nowait)
    try:
        for send in sends:
            sockets.send(send)
        return [await asyncio.wait_for(events.get(), 10) for _ in sends]
    finally:
        sockets.close_all()


def test_a_shortage_is_no_denial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raw sockets are no way out where ping sockets are allowed."""

    def short(family: int, kind: int, protocol: int = 0) -> socket.socket:
        number = errno.EMFILE if kind == socket.SOCK_DGRAM else errno.EPERM
        raise OSError(number, "none")

    monkeypatch.setattr("pynat.host.echo.open_socket", short)
    told = asyncio.run(ask(EchoSend(1, LOOPBACK, 7, 3, b"one")))
    assert told == [SocketError(1, errno.EMFILE, (LOOPBACK, 0))]


@pytest.mark.parametrize("kind", KINDS)
def test_replies_keep_the_guests_identifiers(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == socket.SOCK_RAW and not permitted(kind):
        pytest.skip("raw sockets are the administrator's")
    if kind == socket.SOCK_DGRAM and not permitted(kind):
        kind = socket.SOCK_RAW  # net.ipv4.ping_group_range has not our group
        if not permitted(kind):
            pytest.skip("this host permits no ping")
    allow(monkeypatch, [kind])
    sends = [EchoSend(1, LOOPBACK, 7, 3, b"one"), EchoSend(2, LOOPBACK, 8, 4, b"two")]
    replies = sorted(asyncio.run(ask(*sends)), key=repr)
    assert replies == [
        EchoReply(1, LOOPBACK, 7, 3, b"one"),
        EchoReply(2, LOOPBACK, 8, 4, b"two"),
    ]


def test_a_host_that_permits_nothing_says_how_to_change_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allow(monkeypatch, [])
    (denied,) = asyncio.run(ask(EchoSend(1, LOOPBACK, 7, 3, b"one")))
    assert isinstance(denied, EchoDenied)
    assert "net.ipv4.ping_group_range" in denied.detail
