"""The last descriptors of the process are Bochs's."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address

import pytest

from pynat.config import Dns
from pynat.host.descriptors import RESERVE
from pynat.host.echo import EchoSockets
from pynat.host.resolver import Resolver
from pynat.host.tcp import TcpSockets
from pynat.host.udp import UdpSockets
from pynat.nat.messages import (
    EchoDenied,
    EchoSend,
    Event,
    Resolve,
    Resolved,
    SocketError,
    TcpConnect,
    TcpFailed,
    UdpSend,
)

LOOPBACK = bytes((127, 0, 0, 1))
NOWHERE = (LOOPBACK, 9)
QUERY = bytes.fromhex("0007 0100 0001 0000 0000 0000 0474657374 00 0001 0001")


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


Emit = Callable[[Event], None]


def tcp(loop: asyncio.AbstractEventLoop, emit: Emit) -> Callable[[], None]:
    sockets = TcpSockets(loop, emit)
    sockets.connect(TcpConnect(1, NOWHERE))
    return sockets.close_all


def udp(loop: asyncio.AbstractEventLoop, emit: Emit) -> Callable[[], None]:
    sockets = UdpSockets(loop, emit)
    sockets.send(UdpSend(1, NOWHERE, b"x"))
    return sockets.close_all


def echo(loop: asyncio.AbstractEventLoop, emit: Emit) -> Callable[[], None]:
    sockets = EchoSockets(loop, emit)
    sockets.send(EchoSend(1, LOOPBACK, 7, 3, b"x"))
    return sockets.close_all


def resolve(loop: asyncio.AbstractEventLoop, emit: Emit, *, by_tcp: bool) -> Callable[[], None]:
    resolver = Resolver(Dns(resolvers=((IPv4Address("127.0.0.1"), 9),)), loop, emit)
    resolver.start(Resolve(1, QUERY, by_tcp))
    return resolver.close


def dns(loop: asyncio.AbstractEventLoop, emit: Emit) -> Callable[[], None]:
    return resolve(loop, emit, by_tcp=False)


def dns_by_tcp(loop: asyncio.AbstractEventLoop, emit: Emit) -> Callable[[], None]:
    return resolve(loop, emit, by_tcp=True)


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (tcp, TcpFailed(1, errno.EMFILE)),
        (udp, SocketError(1, errno.EMFILE, NOWHERE, b"x")),
        (echo, SocketError(1, errno.EMFILE, (LOOPBACK, 0))),
        (dns, Resolved(1, None, errno.EMFILE)),
        (dns_by_tcp, Resolved(1, None, errno.EMFILE)),
    ],
)
def test_no_socket_takes_from_the_reserve(
    start: Callable[[asyncio.AbstractEventLoop, Emit], Callable[[], None]],
    told: Event,
) -> None:
    async def run() -> None:
        events: asyncio.Queue[Event] = asyncio.Queue()
        with none_free():
            close = start(asyncio.get_running_loop(), events.put_nowait)
            event = await asyncio.wait_for(events.get(), 10)
            close()
        if isinstance(event, EchoDenied):
            pytest.skip("this host permits no ping")
        assert event == told

    asyncio.run(run())
