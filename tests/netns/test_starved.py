"""An engine that gets no processor for seconds: the guest's stack is right, and is told nothing.

TapNetwork holds what the linter says against docs/lint.md.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pynat.testing.servers import TcpSink, TcpSource, pseudo_random, sha256
from tests.netns.network import DEVICE, HANGS, ROUTER, TapNetwork

pytestmark = pytest.mark.timeout(HANGS)

SIZE = 20_000
BUSY = (sys.executable, "-c", "while True: pass")


@contextmanager
def starved(pid: int) -> Iterator[None]:
    """The process has what a busy one on the same processor leaves to it: hardly anything."""
    own = {min(os.sched_getaffinity(0))}
    with subprocess.Popen(BUSY) as busy:
        try:
            os.sched_setaffinity(busy.pid, own)
            os.sched_setaffinity(pid, own)
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
            yield
        finally:
            busy.kill()


def test_a_busy_machine_is_not_the_guests_fault(tmp_path: Path) -> None:
    data = pseudo_random(1, SIZE)
    with (
        TapNetwork(tmp_path) as network,
        TcpSource(data) as source,
        TcpSink() as sink,
    ):
        for asks in ("mcast_solicit", "ucast_solicit"):  # 3 times, and then there is no such host
            network.guest.run("sysctl", "-w", f"net.ipv4.neigh.{DEVICE}.{asks}={HANGS}")
        with starved(network.process.pid):
            assert network.client("fetch", ROUTER, source.port) == f"{sha256(data)} {SIZE}"
            assert network.client("push", ROUTER, sink.port, 1, SIZE) == f"{sha256(data)} {SIZE}"
