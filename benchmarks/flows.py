"""What flows cost as they become many, and what one costs that is idle.

The guest opens as many connections as are wanted, to a server that sends back what it gets. Then
either all of them are used in turn, some at a time, or none while iperf3 has a flow beside them. At
last they are closed, and what the back end still holds of them is looked at.
"""

from __future__ import annotations

import contextlib
import resource
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from subprocess import PIPE, Popen
from typing import cast

from benchmarks.back_ends import ROOT, BackEnd, Opener, running
from benchmarks.results import Figure, Unmeasurable
from benchmarks.streams import FROM_GUEST, tcp

COUNTS = (1, 10, 100, 1_000, 10_000)
MOST = COUNTS[-1]
AT_ONCE = 32  # exchanges under way
PIECE = 16_384  # bytes there, and back
BACK = 5.0  # seconds after which nothing is to be held of flows that are closed
BACKLOG = 1_024
CONFIG = f"[tcp]\nflows = {2 * MOST}\n"


@dataclass(slots=True)
class Flows:
    """A back end with flows in it. The figures before the second flow are its own."""

    net: BackEnd
    client: Popen[str]
    descriptors: int = 0
    memory: int = 0
    number: int = 0

    def ask(self, *words: object) -> float:
        assert self.client.stdin is not None
        assert self.client.stdout is not None
        print(*words, file=self.client.stdin, flush=True)
        line = self.client.stdout.readline()
        if not line:
            raise Unmeasurable(f"the guest's end has ended at {' '.join(map(str, words))}")
        return float(line)

    def grow(self, number: int) -> None:
        if number != self.number:
            self.number = round(self.ask("grow", number))


@contextlib.contextmanager
def opened(contender: str, opener: Opener) -> Iterator[Flows]:
    take_all_descriptors()
    server = (sys.executable, "-m", __name__, "serve")
    with opener(contender) as net, running(server, ready=" ", cwd=ROOT) as host:
        assert host.stdout is not None
        port = host.stdout.readline().strip()
        command = net.guest.command(sys.executable, "-m", __name__, "dial", net.router, port)
        with Popen(command, stdin=PIPE, stdout=PIPE, text=True, cwd=ROOT) as client:
            flows = Flows(net, client)
            flows.grow(1)
            flows.ask("use", 0.1)
            flows.descriptors, flows.memory = net.descriptors(), net.memory()
            yield flows
            client.communicate()


# ---------------------------------------------------------------------- what is measured
def used(flows: Flows, number: int) -> Figure:
    """Mbit/s there and as many back, all flows used in turn."""
    flows.grow(number)
    before = flows.net.used()
    return flows.net.figure(flows.ask("use", flows.net.seconds) * PIECE * 8 / 1e6, before)


def idle(flows: Flows, number: int) -> Figure:
    """Mbit/s of one flow beside so many idle ones."""
    flows.grow(number)
    return tcp(flows.net, FROM_GUEST, 1)


def held(flows: Flows) -> Figure:
    """KiB of memory for each of the most flows, each used once."""
    flows.grow(MOST)
    return Figure((flows.net.memory() - flows.memory) / 1024 / (MOST - 1))


def given_back(flows: Flows) -> Figure:
    """Seconds until all descriptors are closed."""
    return Figure(flows.net.once("closed", lambda: close(flows))[0])


def kept(flows: Flows) -> Figure:
    """KiB of memory a flow that are not given back by then."""
    return Figure(flows.net.once("closed", lambda: close(flows))[1])


def close(flows: Flows) -> tuple[float, float]:
    flows.grow(MOST)
    flows.ask("grow", 1)
    start = time.monotonic()
    while flows.net.descriptors() > flows.descriptors and time.monotonic() - start < 4 * BACK:
        time.sleep(0.05)
    took = time.monotonic() - start
    time.sleep(max(0.0, BACK - took))
    return took, (flows.net.memory() - flows.memory) / 1024 / MOST


def take_all_descriptors() -> None:
    """Of this process, and of all that it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# ---------------------------------------------------------------------- on the host
def serve() -> None:
    """Send back what comes; prints the port."""
    selector = selectors.DefaultSelector()
    server = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    selector.register(server, selectors.EVENT_READ)
    print("", server.getsockname()[1], flush=True)
    while True:
        for key, _ in selector.select():
            ready = cast(socket.socket, key.fileobj)
            if ready is server:
                selector.register(server.accept()[0], selectors.EVENT_READ)
            elif data := ready.recv(65_536):
                ready.sendall(data)
            else:
                selector.unregister(ready)
                ready.close()


# ---------------------------------------------------------------------- in the guest
class Dialed:
    """Connections, the ones that have rested longest first."""

    def __init__(self, host: str, port: int) -> None:
        self._server = host, port
        self._rested: deque[socket.socket] = deque()

    def grow(self, number: int) -> int:
        """Or shrink: how many there are, each used before it counts."""
        while len(self._rested) > number:
            self._rested.pop().close()
        while len(self._rested) < number:
            connection = socket.create_connection(self._server)
            connection.sendall(b"x")
            assert connection.recv(1) == b"x"
            self._rested.append(connection)
        return number

    def use(self, seconds: float) -> float:
        """Exchanges a second, of PIECE bytes each."""
        start, done = time.monotonic(), 0
        with selectors.DefaultSelector() as selector:
            for _ in range(min(AT_ONCE, len(self._rested))):
                self._begin(selector)
            while selector.get_map():
                for connection in answered(selector):
                    done += 1
                    self._rested.append(connection)
                    if time.monotonic() - start < seconds:
                        self._begin(selector)
        return done / (time.monotonic() - start)

    def _begin(self, selector: selectors.BaseSelector) -> None:
        connection = self._rested.popleft()
        connection.sendall(bytes(PIECE))
        selector.register(connection, selectors.EVENT_READ, [PIECE])


def answered(selector: selectors.BaseSelector) -> Iterator[socket.socket]:
    """Those of which all has come back. The list is what is still to come."""
    for key, _ in selector.select():
        connection = cast(socket.socket, key.fileobj)
        key.data[0] -= len(connection.recv(65_536))
        if key.data[0] == 0:
            selector.unregister(connection)
            yield connection


def dial(host: str, port: str) -> None:
    """Does what stdin says, a line each."""
    dialed = Dialed(host, int(port))
    for line in sys.stdin:
        match line.split():
            case ["grow", number]:
                print(dialed.grow(int(number)), flush=True)
            case ["use", seconds]:
                print(dialed.use(float(seconds)), flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            serve()
        case ["dial", host, port]:
            dial(host, port)
