"""iperf3 runs, in both directions and over both protocols. How fast is for `make bench`.

So the client has a number of bytes to send, however long that takes. iperf3 counts what the other
end has read by then: over TCP several megabytes may still be in buffers of kernels.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.netns.network import EACH_DEVICE, HANGS, ROUTER, TapNetwork

pytestmark = pytest.mark.timeout(HANGS)
DEVICES = EACH_DEVICE

TCP: tuple[int, list[str]] = (30_000_000, [])  # bytes to send, how
UDP = (2_000_000, ["-u", "-b", "20M"])


@pytest.fixture
def iperf_port() -> Iterator[str]:
    """Of a server for one run: between two it closes its port."""
    port = "5201"
    command = ("iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", port, "--forceflush")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        while "listening" not in server.stdout.readline():
            assert server.poll() is None
        yield port
        server.terminate()


@pytest.mark.parametrize("direction", [[], ["-R"]], ids=["to host", "to guest"])
@pytest.mark.parametrize(("size", "protocol"), [TCP, UDP], ids=["tcp", "udp"])
def test_iperf(
    network: TapNetwork, iperf_port: str, size: int, protocol: list[str], direction: list[str]
) -> None:
    command = ("iperf3", "-J", "-n", str(size), "-c", ROUTER, "-p", iperf_port)
    report = json.loads(network.guest.run(*command, *protocol, *direction).stdout)
    assert "error" not in report
    end = report["end"]
    assert end["sum_sent"]["bytes"] >= size
    assert end["sum_received"]["bytes"] > 1_000_000
