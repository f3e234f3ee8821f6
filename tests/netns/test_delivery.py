"""What the guest holds acknowledged reaches a server that reads slowly, or late."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pynat.testing.servers import TcpServer, pseudo_random, sha256
from tests.netns.network import OFFLOAD, ROUTER, TapNetwork
from tests.netns.stacks import LWIP

SMALL = 16_384  # bytes of the server's receive buffer
TINY = 4096
SIZE = 1_000_000
STALL = 10  # seconds; a guest that counts retransmissions gives up earlier


class SlowReader:
    """Reads nothing before it is told to, then small pieces; perhaps it answers."""

    def __init__(self, answer: bytes = b"", piece: int = 1000) -> None:
        self._piece = piece
        self.go = threading.Event()
        self.over = threading.Event()
        self.got = bytearray()
        self.end = ""
        self._answer = answer

    def talk(self, connection: socket.socket) -> None:
        self.go.wait()
        try:
            while piece := connection.recv(self._piece):
                self.got += piece
            self.end = "end of file"
            connection.sendall(self._answer)
        except ConnectionResetError:
            self.end = "reset"
        self.over.set()


def await_the_end(network: TapNetwork) -> None:
    """Until it has said that it waits for slow hosts."""
    pause = threading.Event()
    while "the network ends in 5 s at most" not in network.log:
        assert network.process.poll() is None, network.log
        pause.wait(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("fin", ["fin", ""])
@pytest.mark.parametrize("device", ["", OFFLOAD], ids=["frames", "runs"])
def test_the_end_of_the_network_costs_nothing(
    make_network: Callable[[str], TapNetwork], number: signal.Signals, fin: str, device: str
) -> None:
    network, reader = make_network(device), SlowReader()
    with TcpServer(reader.talk, receive_buffer=SMALL) as server:
        assert network.client("leave", ROUTER, server.port, 5, SIZE, fin) == "acknowledged"
        network.process.send_signal(number)
        await_the_end(network)
        reader.go.set()
        network.process.wait(20)
        assert reader.over.wait(20)
    assert reader.got == pseudo_random(5, SIZE)
    assert reader.end == ("end of file" if fin else "reset")


def test_a_second_signal_does_not_wait_and_the_kernel_goes_on(
    make_network: Callable[[str], TapNetwork],
) -> None:
    network, reader = make_network(""), SlowReader()
    with TcpServer(reader.talk, receive_buffer=SMALL) as server:
        network.client("leave", ROUTER, server.port, 6, SIZE, "fin")
        network.process.send_signal(signal.SIGTERM)
        await_the_end(network)
        network.end(signal.SIGTERM)
        reader.go.set()
        assert reader.over.wait(20)
    assert (reader.got == pseudo_random(6, SIZE), reader.end) == (True, "end of file")


def test_a_server_that_stops_reading_does_not_cost_the_connection(
    make_network: Callable[[str], TapNetwork],
) -> None:
    network, reader = make_network(""), SlowReader(b"thanks\n", 65_536)
    network.guest.run("sysctl", "-w", "net.ipv4.tcp_retries2=3")
    with TcpServer(reader.talk, receive_buffer=TINY) as server:
        threading.Timer(STALL, reader.go.set).start()
        assert network.client("push", ROUTER, server.port, 7, 4 * SIZE) == "thanks"
    assert reader.got == pseudo_random(7, 4 * SIZE)


@pytest.mark.lwip
def test_nor_does_it_with_lwip(tmp_path: Path) -> None:
    reader = SlowReader(f"{sha256(b'')} 0\n".encode(), 65_536)
    with (
        LWIP.network(tmp_path, "") as network,
        TcpServer(reader.talk, receive_buffer=TINY) as server,
    ):
        threading.Timer(25, reader.go.set).start()  # lwIP gives up after 12 time-outs
        wanted = {f"push {ROUTER} {server.port} {4 * SIZE}": f"{sha256(b'')} 0"}
        said = network.guest.run(*LWIP.command(wanted), timeout=80, check=False).stdout.splitlines()
        assert said[1:] == [*wanted.values()], network.log
    assert len(reader.got) == 4 * SIZE
