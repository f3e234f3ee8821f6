"""TCP between Linux and the host: streams whole both ways, ends of every kind seen as they are."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from scapy.utils import RawPcapReader

from pynat.host.linger import reset_on_close
from pynat.testing.servers import Log, TcpServer, TcpSink, TcpSource, pseudo_random, sha256
from tests.netns.client import receive_urgent
from tests.netns.conftest import look_at_the_end
from tests.netns.network import EACH_DEVICE, HANGS, OFFLOAD, ROUTER, TapNetwork

pytestmark = pytest.mark.timeout(HANGS)
DEVICES = EACH_DEVICE

SIZE = 8 << 20
WAIT = 60  # seconds


def test_a_stream_to_the_guest_is_whole(network: TapNetwork) -> None:
    data = pseudo_random(1, SIZE)
    with TcpSource(data) as server:
        assert network.client("fetch", ROUTER, server.port) == f"{sha256(data)} {SIZE}"


def test_a_stream_from_the_guest_is_whole(network: TapNetwork) -> None:
    with TcpSink() as server:
        said = network.client("push", ROUTER, server.port, 2, SIZE)
        assert said == f"{sha256(pseudo_random(2, SIZE))} {SIZE}"


def test_both_at_once(network: TapNetwork) -> None:
    data = pseudo_random(3, SIZE)
    with TcpSource(data) as source, TcpSink() as sink:
        said: list[str] = []
        other = threading.Thread(
            target=lambda: said.append(network.client("push", ROUTER, sink.port, 4, SIZE))
        )
        other.start()
        assert network.client("fetch", ROUTER, source.port) == f"{sha256(data)} {SIZE}"
        other.join()
    assert said == [f"{sha256(pseudo_random(4, SIZE))} {SIZE}"]


@pytest.mark.parametrize("mtu", [576, 9000, 65520])
@pytest.mark.parametrize(("device", "linted"), EACH_DEVICE.values(), ids=EACH_DEVICE)
def test_frames_of_any_length(mtu: int, device: str, linted: bool, tmp_path: Path) -> None:
    data = pseudo_random(5, SIZE)
    with TapNetwork(tmp_path, f"[network]\nmtu = {mtu}\n{device}", linted=linted) as network:
        with TcpSource(data) as source:
            assert network.client("fetch", ROUTER, source.port) == f"{sha256(data)} {SIZE}"
        with TcpSink() as sink:
            said = network.client("push", ROUTER, sink.port, 6, SIZE)
        assert said == f"{sha256(pseudo_random(6, SIZE))} {SIZE}"
        done = network.guest.run("ping", "-c", "1", "-s", str(mtu - 28), ROUTER)
    assert f"{mtu - 20} bytes from {ROUTER}" in done.stdout
    look_at_the_end(network)


def test_a_capture_amid_runs_has_the_frames_of_a_wire(tmp_path: Path) -> None:
    data, path = pseudo_random(7, SIZE), tmp_path / "amid.pcap"
    with TapNetwork(tmp_path, OFFLOAD, linted=False) as network:
        for ask in (("start", str(path)), ("stop",)):
            with TcpSource(data) as source, TcpSink() as sink:
                assert network.client("fetch", ROUTER, source.port) == f"{sha256(data)} {SIZE}"
                said = network.client("push", ROUTER, sink.port, 7, SIZE)
            assert said == f"{sha256(data)} {SIZE}"
            network.ctl("capture", *ask)
        network.settle()
    look_at_the_end(network)
    with RawPcapReader(str(path)) as reader:
        lengths = [len(frame) for frame, _ in reader]
    assert max(lengths) == 1514
    assert sum(lengths) > 2 * SIZE
    told = [line for line in network.log.splitlines() if line.startswith("tap.offload")]
    assert ["is cut" in line for line in told] == [True, False]


def test_a_host_by_its_own_address(network: TapNetwork, far_host: str) -> None:
    with socket.create_server((far_host, 0)) as server:
        port = server.getsockname()[1]
        assert network.client("dial", far_host, port) == "connected"


# ---------------------------------------------------------------------- half-close
def test_the_guest_closes_first_and_still_reads(network: TapNetwork) -> None:
    with TcpSink() as server:
        said = network.guest.run(
            "socat", "-t", "60", "-", f"TCP:{ROUTER}:{server.port}", input="from socat\n"
        ).stdout
        assert said == f"{sha256(b'from socat' + bytes([10]))} 11\n"


def test_nc_closes_first_and_still_reads(network: TapNetwork) -> None:
    with TcpSink() as server:
        said = network.guest.run("nc", "-N", ROUTER, str(server.port), input="from nc\n").stdout
        assert said == f"{sha256(b'from nc' + bytes([10]))} 8\n"


def test_the_host_closes_first_and_still_reads(network: TapNetwork) -> None:
    late: Log[bytes] = Log()

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"from the host\n")
        connection.shutdown(socket.SHUT_WR)
        late.add(b"".join(iter(lambda: connection.recv(100), b"")))

    with TcpServer(talk) as server:
        answer = "SYSTEM:cat >/dev/null; echo after the end"
        network.guest.run("socat", "-t", "60", f"TCP:{ROUTER}:{server.port}", answer)
        assert late.wait_for(bool, WAIT) == b"after the end\n"


# ---------------------------------------------------------------------- refused and unreachable
def test_a_closed_port_is_refused(network: TapNetwork) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert network.client("dial", ROUTER, port) == "ECONNREFUSED"


@pytest.mark.parametrize(
    ("host", "error"), [("203.0.113.9", "EHOSTUNREACH"), ("198.18.0.1", "ENETUNREACH")]
)
@pytest.mark.parametrize("verb", ["dial", "ask_udp"])
def test_an_unreachable_host_is_so_for_the_guest(
    network: TapNetwork, host: str, error: str, verb: str
) -> None:
    """203.0.113.0/24 is unreachable in the sealed namespace, and there is no default route."""
    assert network.client(verb, host, 7) == error


# ---------------------------------------------------------------------- resets
def test_the_host_resets(network: TapNetwork) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(100)
        reset_on_close(connection)
        connection.close()

    with TcpServer(talk) as server:
        assert network.client("wait_for_end", ROUTER, server.port) == "ECONNRESET"


def test_the_guest_resets(network: TapNetwork) -> None:
    ends: Log[int] = Log()

    def talk(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"go on\n")
        try:
            connection.recv(100)
            ends.add(0)
        except OSError as error:
            ends.add(error.errno or 0)

    with TcpServer(talk) as server:
        assert network.client("reset", ROUTER, server.port) == "reset"
        assert ends.wait_for(lambda _: True, WAIT) == errno.ECONNRESET


# ---------------------------------------------------------------------- urgent data
def test_urgent_bytes_both_ways(network: TapNetwork) -> None:
    got: Log[tuple[bytes, bytes]] = Log()

    def talk(connection: socket.socket) -> None:
        got.add(receive_urgent(connection))
        connection.sendall(b"c")
        connection.send(b"?", socket.MSG_OOB)
        connection.sendall(b"d")
        connection.recv(1)

    with TcpServer(talk) as server:
        said = network.client("urgent", ROUTER, server.port)
    assert got.all() == [(b"ab", b"!")]
    assert said == "cd ?"


# ---------------------------------------------------------------------- into the guest
def test_a_forward_lets_the_host_in(make_network: Callable[[str], TapNetwork]) -> None:
    network = make_network('forwards = ["tcp:127.0.0.1:0-:7000"]')
    listener = ("socat", "-d", "-d", "-t", "60", "TCP-LISTEN:7000", "EXEC:sha256sum")
    data = pseudo_random(5, 1 << 20)
    with network.guest.running(*listener) as server:
        assert server.stderr is not None
        assert "listening" in server.stderr.readline()
        with network.dial_forward(7000) as sock, sock.makefile("r") as answer:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            assert answer.read().split()[0] == sha256(data)
