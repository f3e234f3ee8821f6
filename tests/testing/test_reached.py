"""Into guests that are not in Bochs: a stack in Python, in virtual time, and Linux's own."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pynat.control.protocol import Refused
from pynat.testing.kit import TapGuest, VirtualGuest
from pynat.testing.kit.evidence import told
from pynat.testing.lab import GUEST_MAC
from pynat.wire import arp, ethernet, icmp, ipv4, tcp, udp
from pynat.wire.icmp import Icmp
from pynat.wire.ipv4 import Ipv4
from pynat.wire.tcp import ACK, FIN, RST, SYN, Segment
from tests.bochs.processes import Watch

GUEST, ROUTER = bytes((192, 168, 16, 2)), bytes((192, 168, 16, 1))
PORT = 7


class Answering:
    """A stack that sends all back: pings, and datagrams and bytes that come to port 7."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._router_mac = ethernet.BROADCAST
        self._sent = 0  # of the connection's numbers

    def start(self, now: float) -> None:
        self.ask(9, b"up", source=PORT)

    def to_wire(self) -> list[bytes]:
        frames, self._waiting = self._waiting, []
        return frames

    def next_timer(self) -> float | None:
        return None

    def on_timer(self, now: float) -> None: ...

    def ask(self, port: int, payload: bytes, source: int) -> None:
        """A datagram that nobody has asked for."""
        self._packet(ipv4.UDP, udp.encode(GUEST, source, ROUTER, port, payload))

    def from_wire(self, frame: bytes, now: float) -> None:
        self._router_mac = frame[6:12]
        if frame[12:14] == ethernet.ARP.to_bytes(2, "big"):
            answer = arp.Arp(arp.REPLY, GUEST_MAC, GUEST, self._router_mac, ROUTER)
            self._send(ethernet.ARP, arp.encode(answer))
            return
        packet = ipv4.decode(memoryview(frame)[14:])
        answers = {ipv4.ICMP: self._ping, ipv4.UDP: self._datagram, ipv4.TCP: self._segment}
        answers[packet.protocol](packet)

    def _ping(self, packet: Ipv4) -> None:
        asked = icmp.decode(packet.payload)
        if asked.type == icmp.ECHO_REQUEST:
            reply = Icmp(icmp.ECHO_REPLY, 0, asked.ident, asked.sequence, asked.payload)
            self._packet(ipv4.ICMP, icmp.encode(reply))

    def _datagram(self, packet: Ipv4) -> None:
        datagram = udp.decode(packet)
        if datagram.destination == PORT:
            self.ask(datagram.source, datagram.payload, source=PORT)
        else:
            refusal = Icmp(icmp.UNREACHABLE, icmp.PORT, 0, 0, bytes(packet.packet[:28]))
            self._packet(ipv4.ICMP, icmp.encode(refusal))

    def _segment(self, packet: Ipv4) -> None:
        segment = tcp.decode(packet)
        ack = segment.seq + len(segment.payload) + bool(segment.flags & (SYN | FIN))
        data = bytes(segment.payload)
        if segment.flags & RST:
            return
        if segment.destination != PORT:
            flags = RST | ACK
        elif segment.flags & SYN:
            flags, self._sent = SYN | ACK, 0
        elif data or segment.flags & FIN:
            flags = ACK | segment.flags & FIN
        else:
            return
        answer = Segment(PORT, segment.source, self._sent, ack, flags, 8000, data)
        answer.source = segment.destination
        self._packet(ipv4.TCP, tcp.encode(GUEST, ROUTER, answer))
        self._sent += len(data) + bool(flags & (SYN | FIN))

    def _packet(self, protocol: int, payload: bytes) -> None:
        self._send(ethernet.IPV4, ipv4.encode(GUEST, ROUTER, protocol, payload))

    def _send(self, kind: int, payload: bytes) -> None:
        self._waiting.append(ethernet.encode(self._router_mac, GUEST_MAC, kind, payload))


@pytest.fixture
def guest(tmp_path: Path) -> VirtualGuest:
    return VirtualGuest(Answering(), tmp_path, {})


def test_a_virtual_guest_is_asked_as_any_other(guest: VirtualGuest) -> None:
    with guest:
        assert guest.ping(count=2) == [0.0, 0.0]
        guest.wait_listen(PORT)
        with guest.connect(PORT) as connection:
            connection.sendall(b"hello")
            assert connection.recv(100) == b"hello"
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100) == b""
        with pytest.raises(Refused, match="refused"):
            guest.connect(8)


def test_the_summary_needs_no_end_and_is_the_same_behind_it(guest: VirtualGuest) -> None:
    with guest:
        guest.ping(count=2)
        within = str(guest.lint.summary())
    assert "ICMP           works: ping came" in within
    assert "what to mend" in within or "nothing is to be mended" in within
    assert str(guest.lint.summary()) == within


def test_flows_that_came_to_nothing_are_told_as_one(guest: VirtualGuest) -> None:
    with guest:
        for _ in range(3):
            with pytest.raises(Refused):
                guest.connect(8)
        guest.connect(PORT).close()
        flows = dict(told(guest))["flows"].splitlines()
    assert flows[0] == "tcp 192.168.16.1 > 192.168.16.2:8: reset by the guest, 3 times"
    assert flows[-1].endswith(": reset by the network; 0 bytes from the guest, 0 to it")


def test_datagrams_of_a_virtual_guest(guest: VirtualGuest) -> None:
    with guest:
        with guest.udp(PORT) as asking:
            asking.send(b"hello")
            assert asking.recv() == b"hello"
            asking.settimeout(3600)
            before = time.monotonic()
            with pytest.raises(TimeoutError):
                asking.recv()
            assert time.monotonic() - before < 60  # an hour of the guest's
        with guest.udp(own=514) as listening:
            assert isinstance(guest.stack, Answering)
            guest.stack.ask(514, b"log", source=2000)
            assert listening.recvfrom() == (b"log", 2000)
        with pytest.raises(ValueError, match="port 65536: expected one from 1 to 65535"):
            guest.udp(65_536)
        with guest.udp(8) as nobody:
            nobody.send(b"hello")
            with pytest.raises(ConnectionRefusedError, match="nobody listens at port 8"):
                nobody.recv()


def test_the_wire_of_a_virtual_guest_is_changed_meanwhile(guest: VirtualGuest) -> None:
    with guest:
        guest.run(1)
        guest.link_down()
        assert guest.ping(count=1) == []
        guest.link_up()
        assert guest.ping(count=1) == [0.0]


FAULTY = """
from pynat.net import Net
net = Net(hermetic=True, seed=5)
@net.at(0.001)
async def look():
    raise ValueError("the guest did it")
"""


def test_the_network_of_a_guest_without_a_machine_speaks(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(FAULTY)
    with VirtualGuest(Answering(), tmp_path, {"script": str(tmp_path / "net.py")}) as guest:
        guest.run(1)
        assert guest.log.startswith("   0.000  network 192.168.16.0/24")
        assert guest.seed == 5
        (error,) = guest.errors
        assert error.startswith("ValueError: the guest did it; in look (")
        assert asyncio.run(guest.aio.ping(count=1)) == [0.0]


def test_what_only_a_machine_has_is_told(guest: VirtualGuest) -> None:
    with pytest.raises(AttributeError, match=r"^guest\.expect: VirtualGuest has no serial port"):
        guest.expect("ready")
    with pytest.raises(AttributeError, match=r"^guest\.reset: VirtualGuest has no machine; only"):
        guest.reset()


SERVES = """
import socket, sys
kind, port = sys.argv[1:]
ours = socket.socket(type=getattr(socket, kind))
ours.bind(("192.168.16.2", int(port)))
if kind == "SOCK_STREAM":
    ours.listen()
print("up", flush=True)
while kind == "SOCK_STREAM":
    try:
        with ours.accept()[0] as theirs:
            theirs.recv(9999)
            theirs.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nhello")
    except ConnectionError:
        pass  # it was only asked whether it listens
while kind == "SOCK_DGRAM":
    ours.sendto(*ours.recvfrom(9999))
"""


@pytest.mark.netns
def test_linux_is_asked_as_any_other(tmp_path: Path) -> None:
    with TapGuest(tmp_path, {"hermetic": True}) as tap:
        assert len(tap.ping(count=2)) == 2
        program = (sys.executable, "-c", SERVES)
        with tap.namespace.running(*program, "SOCK_DGRAM", "7") as echo:
            assert echo.stdout is not None
            assert echo.stdout.readline() == "up\n"
            with tap.udp(7) as asking:
                asking.send(b"hello")
                assert asking.recv() == b"hello"
        with tap.udp(9) as nobody:
            nobody.send(b"hello")
            with pytest.raises(ConnectionRefusedError, match="nobody listens at port 9"):
                nobody.recv()
        with tap.namespace.running(*program, "SOCK_STREAM", "80"):
            tap.wait_listen(80)
            assert tap.http().body == b"hello"


IN_A_GUEST = """
import os, pathlib, sys
from pynat.testing.kit import TapGuest
with TapGuest(pathlib.Path(sys.argv[1]), {"hermetic": True}) as tap:
    with tap.namespace.running("sh", "-c", "echo up; exec sleep 1000") as program:
        program.stdout.readline()
        print(pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text(), flush=True)
        sys.stdin.readline()
"""


@pytest.mark.netns
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_linux_where_the_test_is_killed(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", IN_A_GUEST, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as test:
        assert test.stdout is not None
        watches = [Watch(int(pid)) for pid in test.stdout.readline().split()]
        test.send_signal(number)
        assert test.wait(20) == -number
    ended = dict(zip(("namespace", "network", "program"), watches, strict=True))
    assert [what for what, watch in ended.items() if not watch.ended_within(20)] == []
