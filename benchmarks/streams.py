"""Throughput of TCP and UDP: iperf3 as the guest, and its server on the host's loopback."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from typing import Any

from benchmarks.back_ends import BackEnd, running
from benchmarks.results import Figure, Unmeasurable

PORT = "5201"
SERVER = ("iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", PORT, "--forceflush")
TO_GUEST = ("-R",)
FROM_GUEST = ()
GRACE = 30  # seconds beyond those asked for


def tcp(net: BackEnd, direction: tuple[str, ...], flows: int) -> Figure:
    """Mbit/s of payload that arrived."""
    before = net.used()
    end = iperf(net, "-P", str(flows), *direction)
    return net.figure(end["sum_received"]["bits_per_second"] / 1e6, before)


def udp(net: BackEnd, direction: tuple[str, ...], size: int) -> Figure:
    """Datagrams a second that arrived, of a sender that knows no limit."""
    before = net.used()
    total = iperf(net, "-u", "-b", "0", "-l", str(size), *direction)["sum"]
    sent, lost = total["packets"], total["lost_packets"]
    return net.figure((sent - lost) / total["seconds"], before, lost / sent)


def iperf(net: BackEnd, *how: str) -> Any:
    """What the client's report says of the end."""
    with running(SERVER, ready="Server listening"):
        try:
            done = net.guest.run(*client(net, *how), check=False, timeout=net.seconds + GRACE)
        except subprocess.TimeoutExpired:
            raise Unmeasurable(f"iperf3 {' '.join(how)} does not end") from None
    report = json.loads(done.stdout)
    if "error" in report:
        raise Unmeasurable(f"iperf3 {' '.join(how)}: {report['error']}")
    return report["end"]


def client(net: BackEnd, *how: str) -> tuple[str, ...]:
    seconds = max(1, round(net.seconds))  # 0 is for ever
    return ("iperf3", "-J", "-c", net.router, "-p", PORT, "-t", str(seconds), *how)


@contextlib.contextmanager
def bulk(net: BackEnd, direction: tuple[str, ...]) -> Iterator[None]:
    """One flow that never rests, until the end of the block."""
    forever = ("iperf3", "-c", net.router, "-p", PORT, "-t", "3600", "--forceflush", *direction)
    with (
        running(SERVER, ready="Server listening"),
        running(net.guest.command(*forever), ready="bits/sec"),
    ):
        yield
