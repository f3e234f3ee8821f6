"""Datagrams of one flow in a row: what the kernel refuses is told one by one, at no great cost."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from socket import AF_INET, SOCK_DGRAM, socket
from typing import Any

import pytest

from pynat.host import datagram
from pynat.host.udp import UdpSockets
from pynat.loops import send_datagrams
from pynat.nat.messages import Event, SocketError, UdpSend, UdpSendRun
from pynat.wire.addresses import FourTuple

TOO_LONG = bytes(65_508)  # one byte more than IPv4 can carry
HERE = bytes((127, 0, 0, 1))


@pytest.fixture
def receiver() -> Iterator[socket]:
    with socket(AF_INET, SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        yield receiver


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_each_that_is_refused_is_told_and_the_rest_is_not_copied_for_it(
    receiver: socket, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[int] = []

    def counted(*words: Any) -> tuple[int, int]:
        handed.append(len(words[3]))
        return send_datagrams(*words)

    monkeypatch.setattr(datagram, "send_datagrams", counted)
    events: list[Event] = []
    sockets = UdpSockets(loop, events.append)
    to = HERE, receiver.getsockname()[1]
    ends = FourTuple((bytes((10, 0, 0, 2)), 5000), to)
    payloads = [TOO_LONG] * 1000 + [b"last"]
    sockets.send(UdpSend(1, to, b"first"))
    sockets.send_run(UdpSendRun(1, to, payloads, 64, False, ends))
    sockets.close_all()
    assert [receiver.recv(10) for _ in range(2)] == [b"first", b"last"]
    assert [one.errno for one in events if isinstance(one, SocketError)] == [errno.EMSGSIZE] * 1000
    assert sum(handed) < 40 * len(payloads)
