"""Linux's TCP and ours over a bad wire: slower, but every byte, once, in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.testing.servers import TcpSink, TcpSource, pseudo_random, sha256
from tests.netns.network import HANGS, OFFLOAD, ROUTER, TapNetwork

pytestmark = pytest.mark.timeout(HANGS)

SIZE = 512 << 10
WIRES = [
    "loss 1%",
    "loss 5%",
    "loss gemodel 1% 30%",
    "delay 5ms reorder 95%",
    "duplicate 5%",
    "corrupt 2%",
    "delay 20ms 5ms distribution normal rate 50mbit",
    "loss 1% duplicate 2% corrupt 1% delay 20ms 5ms reorder 5%",
]


@pytest.mark.parametrize(
    ("wire", "device"), [*((wire, "") for wire in WIRES), (WIRES[-1], OFFLOAD)]
)
def test_streams_are_whole(tmp_path: Path, wire: str, device: str) -> None:
    config = f'seed = 1\nimpair = ["{wire}"]\n{device}'
    data = pseudo_random(1, SIZE)
    with (
        TapNetwork(tmp_path, config, captured=True) as network,
        TcpSource(data) as source,
        TcpSink() as sink,
    ):
        assert network.client("fetch", ROUTER, source.port) == f"{sha256(data)} {SIZE}"
        assert network.client("push", ROUTER, sink.port, 1, SIZE) == f"{sha256(data)} {SIZE}"
        network.end()
        assert "frames treated" in network.log
        assert "engine fault" not in network.log
