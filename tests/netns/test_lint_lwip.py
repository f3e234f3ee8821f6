"""lwIP as the guest, over a TAP device: another stack that gets its network, and no bad word."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pynat.host.tcp import reset_on_close
from pynat.testing.namespace import Namespace
from pynat.testing.script import pattern
from pynat.testing.servers import TcpServer, TcpSink, TcpSource, UdpEcho, sha256
from tests.netns.lwip.build import guest_program
from tests.netns.network import DEVICE, GUEST, ROUTER, TapNetwork

pytestmark = pytest.mark.lwip

SIZE = 300_000
WITHOUT_IPV6 = ("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")


@pytest.fixture
def network(tmp_path: Path) -> Iterator[TapNetwork]:
    """Linux has no address at the device, so only lwIP uses it."""
    with Namespace() as guest:
        guest.run(*WITHOUT_IPV6)
        config = 'forwards = ["tcp:127.0.0.1:0-:7000"]'
        with TapNetwork(tmp_path, config, options=(), guest=guest) as network:
            yield network


def reset_it(connection: socket.socket) -> None:
    connection.recv(1)
    reset_on_close(connection)
    connection.close()


def test_lwip(network: TapNetwork) -> None:
    data = pattern(SIZE)
    with (
        UdpEcho() as echo,
        TcpSource(data) as source,
        TcpSink() as sink,
        TcpServer(reset_it) as resetting,
    ):
        wanted = {
            "resolve host.internal": ROUTER,
            f"ping {ROUTER}": "pong",
            f"echo {ROUTER} {echo.port} 1": "same",
            f"echo {ROUTER} {echo.port} 4000": "same",
            f"fetch {ROUTER} {source.port}": f"{SIZE} {sum(data)}",
            f"slow {ROUTER} {source.port}": f"{SIZE} {sum(data)}",
            f"push {ROUTER} {sink.port} {SIZE}": f"{sha256(data)} {SIZE}",
            f"fetch {ROUTER} 1": "refused",
            f"push {ROUTER} {resetting.port} 1": "refused",
            f"reset {ROUTER} {resetting.port}": "aborted",
            "serve 7000": "listening",
        }
        verbs = " ".join(wanted).split()
        with network.guest.running(str(guest_program()), DEVICE, *verbs) as guest:
            assert guest.stdout is not None
            said = [guest.stdout.readline().strip() for _ in range(len(wanted) + 1)]
            assert said == [f"address {GUEST}", *wanted.values()], network.log
            with network.dial_forward(7000) as sock, sock.makefile("r") as answer:
                sock.sendall(b"hello lwIP\n")
                sock.shutdown(socket.SHUT_WR)
                assert answer.read() == "hello lwIP\n"
            assert guest.stdout.read() == "served\n"
            assert guest.wait(10) == 0
