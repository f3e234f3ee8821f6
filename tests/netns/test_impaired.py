"""Linux's TCP and ours over a bad wire: slower, but every byte, once, in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.testing.servers import TcpSink, TcpSource, pseudo_random, sha256
from tests.netns.network import ROUTER, TapNetwork

SIZE = 512 << 10
WIRES = [
    "loss = 0.01",
    "loss = 0.05",
    "reorder = 0.05",
    "duplicate = 0.05",
    "corrupt = 0.02",
    "delay = 0.02",
    "loss = 0.01\nreorder = 0.05\nduplicate = 0.02\ncorrupt = 0.01\ndelay = 0.02",
]


@pytest.mark.parametrize("wire", WIRES)
def test_streams_are_whole(tmp_path: Path, wire: str) -> None:
    data = pseudo_random(1, SIZE)
    with (
        TapNetwork(tmp_path, f"seed = 1\n[impair]\n{wire}\n") as network,
        TcpSource(data) as source,
        TcpSink() as sink,
    ):
        assert network.client("fetch", ROUTER, source.port) == f"{sha256(data)} {SIZE}"
        assert network.client("push", ROUTER, sink.port, 1, SIZE) == f"{sha256(data)} {SIZE}"
        network.end()
        assert "impaired frames: " in network.log
        assert "engine fault" not in network.log
