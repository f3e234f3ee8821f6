"""How late an answer to a ping of the router is, alone and beside a bulk flow."""

from __future__ import annotations

import re
from collections.abc import Callable
from statistics import quantiles

from benchmarks.back_ends import BackEnd
from benchmarks.results import Figure, Unmeasurable
from benchmarks.streams import bulk

INTERVAL = 0.01  # seconds


def ping(
    net: BackEnd, share: Callable[[list[float]], float], beside: tuple[str, ...] | None = None
) -> Figure:
    """share: what to take of all. beside: the direction of the bulk flow."""
    return Figure(share(net.once(("ping", beside), lambda: times(net, beside))))


def late(values: list[float]) -> float:
    """The 99th percentile."""
    return quantiles(values, n=100)[-1]


def times(net: BackEnd, beside: tuple[str, ...] | None) -> list[float]:
    """Milliseconds, after one ping that ARP may delay."""
    if beside is not None:
        with bulk(net, beside):
            return times(net, None)
    count = round(net.seconds / INTERVAL) + 1
    done = net.guest.run("ping", "-c", str(count), "-i", str(INTERVAL), net.router, check=False)
    found = [float(each) for each in re.findall(r"time=([\d.]+) ms", done.stdout)][1:]
    if len(found) < count / 2:
        raise Unmeasurable(f"{len(found)} of {count} pings were answered")
    return found
