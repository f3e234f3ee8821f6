"""What a turn costs: lwIP as the guest, whose window holds eight segments.

Such a stack waits for the network most of the time, so what counts is how long a single frame takes
to be dealt with, not how many of them are dealt with at once.
"""

from __future__ import annotations

import socket
import time

from benchmarks.back_ends import DEVICE, BackEnd
from benchmarks.results import Figure, Unmeasurable
from pynat.testing.servers import TcpServer, TcpSink
from tests.netns.lwip.build import guest_program

SIZE = 5_000_000  # bytes


def step(net: BackEnd) -> Figure:
    """Seconds for SIZE bytes, each segment sent when the one before is acknowledged."""
    with TcpSink() as sink:
        return timed(net, "step", sink.port, f" {SIZE}")


def echo(net: BackEnd) -> Figure:
    """Seconds for SIZE bytes there and back."""
    with TcpServer(send_back) as server:
        return timed(net, "push", server.port, "no answer")  # which would be a line


def send_back(connection: socket.socket) -> None:
    while data := connection.recv(65_536):
        connection.sendall(data)


def timed(net: BackEnd, verb: str, port: int, answer: str) -> Figure:
    """From when lwIP has its address to the line that ends with `answer`."""
    command = (str(guest_program()), DEVICE, verb, net.router, str(port), str(SIZE))
    with net.guest.running(*command) as lwip:
        assert lwip.stdout is not None
        lwip.stdout.readline()
        before, start = net.used(), time.monotonic()
        line = lwip.stdout.readline().rstrip()
        figure = net.figure(time.monotonic() - start, before)
    if not line.endswith(answer):
        raise Unmeasurable(f"lwIP's {verb} ended with {line!r}")
    return figure
