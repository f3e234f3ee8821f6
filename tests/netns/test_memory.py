"""The engine's memory does not grow with connections that nobody reads."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from pynat.testing.servers import TcpSource, pseudo_random
from tests.netns.network import HANGS, OFFLOAD, ROUTER, TapNetwork

pytestmark = pytest.mark.timeout(HANGS)

FLOWS = 400
SIZE = 320 << 10  # bytes for each: 256 KiB of them would be held, 100 MiB in all
BUDGET = 16 << 20
OVERHEAD = 24 << 20  # what flows, sockets and the bytes of one turn take beside it


@pytest.mark.parametrize("device", ["", OFFLOAD], ids=["frames", "runs"])
def test_connections_that_do_not_read(
    make_network: Callable[[str], TapNetwork], device: str
) -> None:
    network = make_network(f"[tcp]\nmemory = {BUDGET}\n{device}")
    data = pseudo_random(8, SIZE)
    with TcpSource(data) as server:
        network.client("dial", ROUTER, server.port)
        before = network.memory()
        most = 0
        said: list[str] = []
        verb = ("read_late", ROUTER, server.port, 8, SIZE, FLOWS)
        client = threading.Thread(target=lambda: said.append(network.client(*verb)))
        client.start()
        while client.is_alive():
            most = max(most, network.memory() - before)
            client.join(0.05)
    assert said == [f"{FLOWS} whole"]
    assert most < BUDGET + OVERHEAD
    assert "from now on each may hold" in network.log
