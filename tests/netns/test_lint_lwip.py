"""lwIP as the guest, over a TAP device: another stack that gets its network, and no bad word.

TapNetwork holds what the linter says against docs/lint.md.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from pynat.config.peers import zoo
from pynat.faults.servers import generated
from pynat.faulty_host import PAGE_SIZE
from pynat.host.linger import reset_on_close
from pynat.testing.namespace import Namespace
from pynat.testing.script import pattern
from pynat.testing.servers import TcpServer, TcpSink, TcpSource, UdpEcho, sha256
from tests.netns.lwip.build import guest_program
from tests.netns.network import DEVICE, GUEST, HANGS, ROUTER, TapNetwork

pytestmark = [pytest.mark.lwip, pytest.mark.timeout(HANGS)]

WITHOUT_IPV6 = ("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")
DATA = pattern(300_000)
SUM = f"{len(DATA)} {sum(DATA)}"
ZOO = """
zoo = true
[peers]
"192.0.2.8" = "zerowindow for 2s"
"""
ADDRESSES = {
    faulty_host.name.removesuffix(".test"): str(faulty_host.address) for faulty_host in zoo()
}
ADDRESSES["closed"] = "192.0.2.8"
HEAD = (
    f"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {PAGE_SIZE}\r\n\r\n".encode()
)
SLOW = {"late"}
HARD = {
    *("late", "closed", "shrink", "tinymss", "plain", "reorder", "duplicate", "overlap"),
    *("wrap", "lateack", "noack", "dupack", "badsynack", "nomss", "unknown", "illegal", "shifted"),
    *(
        "dataoptions",
        "crossedack",
        "dsack",
        "finagain",
    ),  # not oldstamps: it sends timestamps and has no PAWS
}
BAD_WIRE = """
seed = 2
impair = ["loss 1% duplicate 2% corrupt 1% delay 10ms 5ms reorder 5%"]
"""


@contextlib.contextmanager
def lwip_network(folder: Path, config: str) -> Iterator[TapNetwork]:
    """Linux has no address at the device, so only lwIP uses it."""
    with Namespace() as guest:
        guest.run(*WITHOUT_IPV6)
        with TapNetwork(
            folder, config, options=(), guest=guest, stack="lwIP", captured=True
        ) as network:
            yield network


def reset_it(connection: socket.socket) -> None:
    connection.recv(1)
    reset_on_close(connection)
    connection.close()


def test_lwip(tmp_path: Path) -> None:
    with (
        lwip_network(tmp_path, 'forwards = ["tcp:127.0.0.1:0-:7000"]') as network,
        UdpEcho() as echo,
        TcpSource(DATA) as source,
        TcpSink() as sink,
        TcpServer(reset_it) as resetting,
    ):
        wanted = {
            "resolve host.internal": ROUTER,
            f"ping {ROUTER}": "pong",
            f"echo {ROUTER} {echo.port} 1": "same",
            f"echo {ROUTER} {echo.port} 4000": "same",
            f"fetch {ROUTER} {source.port}": SUM,
            f"slow {ROUTER} {source.port}": SUM,
            f"push {ROUTER} {sink.port} {len(DATA)}": f"{sha256(DATA)} {len(DATA)}",
            f"fetch {ROUTER} 1": "refused",
            f"push {ROUTER} {resetting.port} 1": "refused",
            f"reset {ROUTER} {sink.port}": "aborted",
            "serve 7000": "listening",
        }
        with network.guest.running(*command(wanted)) as guest:
            assert guest.stdout is not None
            said = [guest.stdout.readline().strip() for _ in range(len(wanted) + 1)]
            assert said == [f"address {GUEST}", *wanted.values()], network.log
            with network.dial_forward(7000) as sock, sock.makefile("r") as answer:
                sock.sendall(b"hello lwIP\n")
                sock.shutdown(socket.SHUT_WR)
                assert answer.read() == "hello lwIP\n"
            assert guest.stdout.read() == "served\n"
            assert guest.wait(10) == 0


def test_lwip_over_a_bad_wire(tmp_path: Path) -> None:
    with (
        lwip_network(tmp_path, BAD_WIRE) as network,
        TcpSource(DATA) as source,
        TcpSink() as sink,
    ):
        wanted = {
            f"fetch {ROUTER} {source.port}": SUM,
            f"slow {ROUTER} {source.port}": SUM,
            f"push {ROUTER} {sink.port} {len(DATA)}": f"{sha256(DATA)} {len(DATA)}",
        }
        said = network.guest.run(*command(wanted)).stdout.splitlines()
        assert said == [f"address {GUEST}", *wanted.values()], network.log


def test_lwip_among_peers_that_misbehave(tmp_path: Path) -> None:
    """What comes is right each time; `push` goes where nothing comes back."""
    page = HEAD + generated(0, PAGE_SIZE)
    wanted = {f"get {ADDRESSES[name]}": f"{len(page)} {sum(page)}" for name in sorted(HARD)}
    wanted |= {f"push {ADDRESSES[name]} 9 4000": "no answer" for name in sorted(HARD - SLOW)}
    wanted |= {f"get {ADDRESSES['refuse']}": "refused"}
    with lwip_network(tmp_path, ZOO) as network:
        said = network.guest.run(*command(wanted)).stdout.splitlines()
        assert dict(zip(wanted, said[1:], strict=True)) == wanted, network.log


def command(wanted: Iterable[str]) -> list[str]:
    return [str(guest_program()), DEVICE, *" ".join(wanted).split()]
