"""The host's ports: what happens when there are none left, and the guest's own ones."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

from pynat.testing.servers import TcpServer, UdpEcho
from tests.netns.network import ROUTER, TapNetwork

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
FEW = "61000 61003"


@contextlib.contextmanager
def few_ports() -> Iterator[None]:
    """In this namespace, which is the host's; the guest's has its own range."""
    before = RANGE.read_text()
    RANGE.write_text(FEW)
    try:
        yield
    finally:
        RANGE.write_text(before)


def test_a_host_without_ports_says_so(make_network: Callable[[str], TapNetwork]) -> None:
    network = make_network("")
    with (
        UdpEcho() as echo,
        TcpServer(lambda sock: sock.sendall(sock.recv(1))) as server,
        few_ports(),
    ):
        # Each datagram comes from a port of its own; the first of each two may be lost.
        said = network.client("ask_from_many", ROUTER, echo.port, 12)
        assert said == "12 answered"
        assert network.client("connect_many", ROUTER, server.port, 12) == "4 ECONNREFUSED"
    log = network.log
    assert "NET009 host sockets: udp 192.168.16.2:" in log
    assert "no descriptor or port left, used longest ago, closed" in log
    assert "cannot assign requested address (EADDRNOTAVAIL): the host has no free port" in log


def test_the_guests_ports_are_kept(make_network: Callable[[str], TapNetwork]) -> None:
    network = make_network("[nat]\nkeep_ports = true\n")
    came = SimpleQueue[int]()

    def note(sock: socket.socket) -> None:
        came.put(sock.getpeername()[1])
        sock.recv(1)

    with TcpServer(note) as server:
        assert network.client("connect_from", ROUTER, server.port, 5021) == "connected"
    assert came.get(timeout=30) == 5021
    with socket.create_server(("127.0.0.1", 0)) as busy, TcpServer(note) as server:
        taken = busy.getsockname()[1]
        assert network.client("connect_from", ROUTER, server.port, taken) == "connected"
    assert came.get(timeout=30) != taken
    why = "address already in use (EADDRINUSE) (nat.keep_ports)"
    assert f"port {taken} of the guest's is another of the host's: {why}" in network.log
