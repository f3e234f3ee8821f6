"""A thousand connections at once and ten thousand in turn; nothing is left of them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import resource
import threading
from collections.abc import Iterator

import pytest

from tests.netns.network import ROUTER, TapNetwork

AT_ONCE = 1_000
IN_TURN = 10_000
SMALL = 2_000  # bytes each
GROWTH = 8 << 20  # bytes: an allocator's, not ten thousand flows'


@pytest.fixture(autouse=True)
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def hashing_server() -> Iterator[int]:
    """Answers each connection, at its end, with the SHA-256 of what came; yields its port."""
    loop = asyncio.new_event_loop()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(hashlib.sha256(await reader.read()).digest())
        writer.close()

    server = loop.run_until_complete(asyncio.start_server(talk, "127.0.0.1", 0, backlog=AT_ONCE))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.mark.timeout(120)
def test_many_flows_are_whole_and_leave_nothing(network: TapNetwork) -> None:
    descriptors = network.descriptors()
    with hashing_server() as port:
        said = network.client("at_once", ROUTER, port, AT_ONCE, SMALL, timeout=90)
        assert said == f"{AT_ONCE} good"
        network.settle()
        assert network.descriptors() == descriptors
        memory = network.memory()
        said = network.client("in_turn", ROUTER, port, IN_TURN, SMALL, timeout=90)
        assert said == f"{IN_TURN} good"
    network.settle()
    assert network.descriptors() == descriptors
    assert network.memory() - memory < GROWTH
