"""How long a byte of the guest's waits for its acknowledgement beside a bulk flow.

Linux is asked again and again how much it holds unacknowledged, TIOCOUTQ of tcp(7).
"""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
import termios
import time
from collections.abc import Callable

from benchmarks.back_ends import ROOT, BackEnd
from benchmarks.results import Figure
from benchmarks.streams import bulk
from pynat.testing.servers import TcpSink

PAUSE = 0.005  # seconds between bytes
GLANCE = 0.000_05  # and between questions


def ack(net: BackEnd, share: Callable[[list[float]], float], beside: tuple[str, ...]) -> Figure:
    """Milliseconds. share: what to take of all. beside: the direction of the bulk flow."""
    return Figure(share(net.once(("ack", beside), lambda: times(net, beside))))


def times(net: BackEnd, beside: tuple[str, ...]) -> list[float]:
    with TcpSink() as sink, bulk(net, beside):
        where = (net.router, str(sink.port), str(round(net.seconds / PAUSE)))
        done = net.guest.run(sys.executable, "-m", __name__, *where, cwd=ROOT)
    return [float(each) for each in done.stdout.split()]


# ---------------------------------------------------------------------- in the guest
def main(host: str, port: str, count: str) -> None:
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(int(count)):
            print(milliseconds(connection))
            time.sleep(PAUSE)


def milliseconds(connection: socket.socket) -> float:
    start = time.monotonic()
    connection.sendall(b"x")
    while unacknowledged(connection):
        time.sleep(GLANCE)
    return (time.monotonic() - start) * 1000


def unacknowledged(connection: socket.socket) -> int:
    octets = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
    return int(struct.unpack("i", octets)[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
