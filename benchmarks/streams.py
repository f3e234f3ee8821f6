"""Throughput of TCP and UDP: iperf3 as the guest, and its server on the host's loopback."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from typing import Any

from benchmarks.back_ends import BackEnd, Used, running
from benchmarks.results import Figure, Unmeasurable

PORT = "5201"
SERVER = ("iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", PORT, "--forceflush")
TO_GUEST = ("-R",)
FROM_GUEST = ()
MAX_LOSS = 0.01
LEAST, MOST = 10_000, 400_000  # datagrams a second
TRIALS = 6
TRIAL = 0.5  # seconds
GRACE = 30  # seconds beyond those asked for


def tcp(net: BackEnd, direction: tuple[str, ...], flows: int) -> Figure:
    """Mbit/s of payload that arrived."""
    before = net.used()
    end = iperf(net, "-P", str(flows), "-t", str(whole_seconds(net)), *direction)
    return net.figure(end["sum_received"]["bits_per_second"] / 1e6, before)


def udp(net: BackEnd, direction: tuple[str, ...], size: int) -> Figure:
    """Datagrams a second that arrived, of a sender that knows no limit."""
    before = net.used()
    how = ("-b", "0", "-t", str(whole_seconds(net)))
    return arrived(net, before, iperf(net, "-u", "-l", str(size), *how, *direction))


def arrived(net: BackEnd, before: Used, end: Any) -> Figure:
    total = end["sum"]
    sent, lost = total["packets"], total["lost_packets"]
    return net.figure((sent - lost) / total["seconds"], before, lost / sent)


def throughput(net: BackEnd, direction: tuple[str, ...], size: int) -> Figure:
    """Datagrams a second of which at most MAX_LOSS is lost (RFC 1242 3.17, as RFC 2544 26.1 looks
    for it): between LEAST and MOST, to one part in 2 ** TRIALS of their ratio.
    """
    best, ratio = Figure(0.0), MOST / LEAST
    low, step = 0.0, 0.5
    for _ in range(TRIALS):
        rate = LEAST * ratio ** (low + step)
        trial = at_rate(net, direction, size, rate)
        assert trial.loss is not None
        if trial.loss <= MAX_LOSS:
            best, low = max(best, trial, key=lambda figure: figure.value), low + step
        step /= 2
    return best


def at_rate(net: BackEnd, direction: tuple[str, ...], size: int, rate: float) -> Figure:
    before = net.used()
    how = ("-b", f"{rate * size * 8:.0f}", "-k", f"{rate * TRIAL:.0f}")
    return arrived(net, before, iperf(net, "-u", "-l", str(size), *how, *direction))


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
    return ("iperf3", "-J", "-c", net.router, "-p", PORT, *how)


def whole_seconds(net: BackEnd) -> int:
    return max(1, round(net.seconds))  # 0 is for ever


@contextlib.contextmanager
def bulk(net: BackEnd, direction: tuple[str, ...]) -> Iterator[None]:
    """One flow that never rests, until the end of the block."""
    forever = ("iperf3", "-c", net.router, "-p", PORT, "-t", "3600", "--forceflush", *direction)
    with (
        running(SERVER, ready="Server listening"),
        running(net.guest.command(*forever), ready="bits/sec"),
    ):
        yield
