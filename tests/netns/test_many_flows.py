"""A thousand connections at once and ten thousand in turn; nothing is left of them."""

from __future__ import annotations

import contextlib
import hashlib
import resource
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.netns.network import EACH_DEVICE, HANGS, ROUTER, TapNetwork

pytestmark = pytest.mark.timeout(HANGS)
DEVICES = {name: EACH_DEVICE[name] for name in ("frames", "runs")}

AT_ONCE = 1_000
IN_TURN = 10_000
SMALL = 2_000  # bytes each
GIVEN_BACK = 5.0  # s, until nothing is left of them
GROWTH = 8 << 20  # bytes: an allocator's, not ten thousand flows'


@pytest.fixture(autouse=True)
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def hashing_server() -> Iterator[int]:
    """Answers each connection, at its end, with the SHA-256 of what came; yields its port.

    One after the other: the kernel keeps the others open meanwhile.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=AT_ONCE) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return  # the server has been shut down
                with connection, connection.makefile("rb") as stream:
                    connection.sendall(hashlib.sha256(stream.read()).digest())

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def wait_for_descriptors(network: TapNetwork, number: int) -> None:
    """Until the engine has so many open; what it is asked between may overtake the last ACKs."""
    deadline = time.monotonic() + GIVEN_BACK
    while network.descriptors() != number and time.monotonic() < deadline:
        network.settle()
    assert network.descriptors() == number


def test_many_flows_are_whole_and_leave_nothing(network: TapNetwork) -> None:
    descriptors = network.descriptors()
    with hashing_server() as port:
        said = network.client("at_once", ROUTER, port, AT_ONCE, SMALL)
        assert said == f"{AT_ONCE} good"
        wait_for_descriptors(network, descriptors)
        memory = network.memory()
        said = network.client("in_turn", ROUTER, port, IN_TURN, SMALL)
        assert said == f"{IN_TURN} good"
    wait_for_descriptors(network, descriptors)
    assert network.memory() - memory < GROWTH
