"""What still waits when the network ends is told then, in the log and as JSON, of no frame."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scapy.layers.inet import TCP
from scapy.layers.l2 import ARP, Ether

from pynat.config import Config, Lint
from pynat.testing.virtual import virtual
from tests.frames import GUEST, ROUTER, ether, ip


def segment(**fields: Any) -> bytes:
    """To the name server."""
    return bytes(ip(ROUTER) / TCP(sport=50_000, dport=53, **fields))


class Opens:
    """It opens a connection, and forgets it."""

    def __init__(self) -> None:
        asks = ether() / ARP(op=1, hwsrc=ether().src, psrc=GUEST, pdst=ROUTER)
        self._out = [bytes(asks), segment(flags="S", seq=99, options=[("MSS", 1460)])]

    def start(self, now: float) -> None: ...

    def from_wire(self, frame: bytes, now: float) -> None:
        came = Ether(frame)
        if TCP in came and came[TCP].flags == "SA":
            self._out.append(segment(flags="A", seq=100, ack=came[TCP].seq + 1))

    def to_wire(self) -> list[bytes]:
        out, self._out = self._out, []
        return out

    def next_timer(self) -> float | None:
        return None

    def on_timer(self, now: float) -> None: ...


def test_a_connection_that_nobody_closed(tmp_path: Path) -> None:
    journal = tmp_path / "x.jsonl"
    with virtual(Config(hermetic=True, lint=Lint(json=journal))) as network:
        network.run(Opens(), seconds=5)
        assert "TCP066" not in network.log
    told = "lint: TCP066 note: 1 open at the end: tcp 192.168.16.2:50000 > 192.168.16.1:53"
    assert told in network.log
    said = {one["code"]: one for one in map(json.loads, journal.read_text().splitlines())}
    assert said["TCP066"]["from"] is None
