"""Flows over addresses of 16 bytes, through the code that carries those of 4.

The codec of IPv6 is the tests' own (tests/ipv6.py); scapy is the guest, and judges every checksum.
"""

from __future__ import annotations

import errno
from dataclasses import replace
from ipaddress import IPv6Address, IPv6Network
from random import Random
from typing import Any, cast

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    IPerror6,
    IPv6,
    UDPerror,
    defragment6,
)
from scapy.layers.inet6 import IPv6ExtHdrFragment as Fragment
from scapy.layers.l2 import Ether

from pynat.capture.flow_names import FlowNames
from pynat.config import Config, Forward, ShownSource, Transport
from pynat.impair.frame_view import FrameView
from pynat.inprocess.hosts import InProcessHosts, ReceivedDatagram
from pynat.lint.frame import Frame
from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.lint.tcp.checker import TcpChecker
from pynat.log.notices import Notices
from pynat.nat.echo import EchoTable
from pynat.nat.flow_numbers import FlowNumbers
from pynat.nat.messages import (
    Action,
    EchoReply,
    EchoSend,
    Event,
    InProcessAddress,
    SocketError,
    TcpAdopt,
    TcpConnect,
    TcpConnected,
    TcpEof,
    TcpFailed,
    TcpIncoming,
    TcpReceived,
    TcpSend,
    TcpSent,
    TcpShutdown,
    UdpAnswer,
    UdpIncoming,
    UdpReceived,
    UdpSend,
)
from pynat.nat.rows import Row, tcp_row
from pynat.nat.tcp.memory import MemoryBudget
from pynat.nat.tcp.table import TcpEvent, TcpTable
from pynat.nat.udp import UdpTable
from pynat.net.datagram import Datagram
from pynat.router.guest_net import GuestNet
from pynat.router.incoming import IncomingFlows
from pynat.router.ip_output import IpOutput
from pynat.testing.lab import GUEST_MAC
from pynat.wire import icmp, tcp, udp, versions
from pynat.wire.addresses import FourTuple
from pynat.wire.frame_run import frames_of
from pynat.wire.icmp import Icmp
from tests import ipv6

GUEST_TEXT, REMOTE_TEXT, ROUTER_TEXT = "2001:db8:1::2", "2001:db8:2::7", "2001:db8:1::1"
GUEST, REMOTE, ROUTER = (
    IPv6Address(text).packed for text in (GUEST_TEXT, REMOTE_TEXT, ROUTER_TEXT)
)
NETWORK: dict[str, Any] = {
    "net": IPv6Network("2001:db8:1::/64"),
    "router": IPv6Address(ROUTER_TEXT),
    "guest": IPv6Address(GUEST_TEXT),
    "dns": IPv6Address(ROUTER_TEXT),
}
FORWARD = Forward(Transport.UDP, IPv6Address("::1"), 0, None, 7, shown=ShownSource.PEER)


@pytest.fixture(autouse=True)
def version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(versions.BY_LENGTH, ipv6.LENGTH, ipv6)
    monkeypatch.setitem(versions.BY_NUMBER, ipv6.NUMBER, ipv6)
    monkeypatch.setitem(versions.BY_TYPE, ipv6.ETHERTYPE.to_bytes(2, "big"), ipv6)


class World:
    """The flow tables and the way to the guest, of a network whose net is one of IPv6."""

    def __init__(self) -> None:
        self.log: list[str] = []
        network = replace(Config().network, **NETWORK)
        config = replace(Config(), network=network)
        notices = Notices(lambda _, text: self.log.append(text))
        self.side = IpOutput(config, notices, Random(1))
        self.side.neighbors.learn(GUEST, GUEST_MAC, 0.0)
        names, numbers = GuestNet(network, ()), FlowNumbers()
        memory = MemoryBudget(config.tcp.memory)
        self.tcp = TcpTable(config, self.side, numbers, names.as_guest_sees, memory, lambda _: None)
        self.udp = UdpTable(config, self.side, numbers, names.as_guest_sees)
        self.echo = EchoTable(config, self.side, numbers, names.as_guest_sees)
        self.incoming = IncomingFlows(network, self.tcp, self.udp, self.side)
        self.incoming.open(1, FORWARD)
        self.mac = network.mac.hex(":")
        self.now = 1.0

    def frame(self, layers: Any, to: str = REMOTE_TEXT) -> bytes:
        ether = Ether(src=GUEST_MAC.hex(":"), dst=self.mac)
        return bytes(ether / IPv6(src=GUEST_TEXT, dst=to, hlim=64) / layers)

    def to_host(self) -> list[Action]:
        return self.side.asked() + self.tcp.to_host(self.now)

    def to_guest(self) -> list[Any]:
        """Packets, with right checksums and lengths."""
        self.tcp.to_guest(self.now)
        self.tcp.settle(self.now)
        packets = [Ether(frame) for frame in frames_of(self.side.frames())]
        for packet in packets:
            assert (packet.dst, packet.src) == (GUEST_MAC.hex(":"), self.mac)
            assert packet[IPv6].dst == GUEST_TEXT
            verify(packet[IPv6])
        return packets


def verify(packet: Any) -> None:
    again = packet.copy()
    del again.plen
    for layer in (TCP, UDP, ICMPv6DestUnreach, ICMPv6EchoReply):
        if layer in again and Fragment not in again:
            field = "cksum" if "ICMP" in layer.__name__ else "chksum"
            delattr(again[layer], field)
    assert bytes(again) == bytes(packet)


@pytest.fixture
def world() -> World:
    return World()


# ---------------------------------------------------------------- TCP
class Connection:
    """A guest's, from `isn`; numbers are relative."""

    isn = 1000

    def __init__(self, world: World) -> None:
        self.world = world
        self.ours = 0
        self.flow = 0

    def frame(self, flags: str, seq: int, ack: int = 0, data: bytes = b"", **fields: Any) -> bytes:
        numbers = {"seq": self.isn + seq, "ack": (self.ours + ack) % 2**32 if ack else 0}
        header = TCP(sport=40_000, dport=80, flags=flags, window=65_535, **numbers, **fields)
        return self.world.frame(header / data)

    def guest(self, *segment: Any, **fields: Any) -> None:
        frame = self.frame(*segment, **fields)
        assert self.world.tcp.run_from_guest([frame], 0, self.world.now) == 0
        self.world.tcp.from_guest(ipv6.decode(frame), (REMOTE, 80), self.world.now)

    def host(self, event: TcpEvent) -> None:
        self.world.tcp.from_host(event, self.world.now)

    def actions(self) -> list[Any]:
        return self.world.tcp.to_host(self.world.now)

    def segments(self) -> list[str]:
        return [self._text(packet) for packet in self.world.to_guest()]

    def _text(self, packet: Any) -> str:
        header = packet[TCP]
        assert packet[IPv6].src == REMOTE_TEXT
        if header.flags.S:
            self.ours = header.seq
        seq, ack = header.seq - self.ours, header.ack - self.isn
        length = len(bytes(header.payload))
        return f"{header.flags} {seq}:{seq + length} ack {ack}"

    def row(self) -> Row:
        (flow,) = self.world.tcp.flows()
        return tcp_row(flow, self.world.now)


def opened(world: World) -> Connection:
    guest = Connection(world)
    guest.guest("S", 0, options=[("MSS", 1440)])
    (connect,) = guest.actions()
    ends = FourTuple((GUEST, 40_000), (REMOTE, 80))
    assert connect == TcpConnect(connect.flow, (REMOTE, 80))
    assert connect.four_tuple == ends
    guest.flow = connect.flow
    guest.host(TcpConnected(guest.flow))
    (synack,) = world.to_guest()
    assert dict(synack[TCP].options)["MSS"] == 1500 - 40 - 20
    assert guest._text(synack) == "SA 0:0 ack 1"
    guest.guest("A", 1, 1)
    guest.actions()
    return guest


def test_a_connection_from_handshake_to_close(world: World) -> None:
    guest = opened(world)
    guest.guest("PA", 1, 1, b"hello")
    (send,) = (one for one in guest.actions() if isinstance(one, TcpSend))
    assert b"".join(send.chunks) == b"hello"
    guest.host(TcpSent(guest.flow, 5))
    assert guest.segments() == ["A 1:1 ack 6"]
    guest.host(TcpReceived(guest.flow, bytes(3000)))
    guest.actions()
    assert guest.segments() == ["A 1:1441 ack 6", "A 1441:2881 ack 6", "PA 2881:3001 ack 6"]
    guest.guest("A", 6, 3001)
    row = guest.row()
    assert row["guest"] == f"[{GUEST_TEXT}]:40000"
    assert row["remote"] == f"[{REMOTE_TEXT}]:80"
    assert (row["bytes_from_guest"], row["bytes_from_host"]) == (5, 3000)
    assert (row["state"], row["in_flight"]) == ("ESTABLISHED", 0)
    guest.guest("FA", 6, 3001)
    assert TcpShutdown(guest.flow) in guest.actions()
    assert guest.segments() == ["A 3001:3001 ack 7"]
    guest.host(TcpEof(guest.flow))
    guest.actions()
    assert guest.segments() == ["FA 3001:3001 ack 7"]
    guest.guest("A", 7, 3002)
    guest.actions()
    assert guest.segments() == []
    assert len(world.tcp) == 0
    ends = f"tcp [{GUEST_TEXT}]:40000 > [{REMOTE_TEXT}]:80"
    assert f"{ends}: opened" in world.log
    assert any(line.startswith(f"{ends}: ") and "closed" in line for line in world.log)


def test_a_segment_of_no_connection_is_reset(world: World) -> None:
    guest = Connection(world)
    guest.guest("A", 5, data=b"lost")
    (reset,) = world.to_guest()
    assert reset[TCP].flags == "R"
    assert f"[{GUEST_TEXT}]:40000" in world.log[0]


def test_a_connect_that_fails_is_an_error_about_the_syn(world: World) -> None:
    guest = Connection(world)
    frame = guest.frame("S", 0)
    guest.guest("S", 0)
    (connect,) = guest.actions()
    guest.host(TcpFailed(connect.flow, errno.EHOSTUNREACH))
    (error,) = world.to_guest()
    assert error[IPv6].src == ROUTER_TEXT
    assert error[ICMPv6DestUnreach].code == 0
    assert bytes(error[IPerror6]) == frame[14:]


def test_a_host_that_cannot_speak_to_the_guest_is_not_the_errors_sender(world: World) -> None:
    guest = Connection(world)
    guest.guest("S", 0)
    (connect,) = guest.actions()
    guest.host(TcpFailed(connect.flow, errno.EHOSTUNREACH, offender=bytes((192, 0, 2, 9))))
    (error,) = world.to_guest()
    assert error[IPv6].src == ROUTER_TEXT


def test_a_forward_leads_in(world: World) -> None:
    world.incoming.tcp(TcpIncoming(1, 5, (REMOTE, 5000)), world.now)
    assert [type(one) for one in world.to_host()] == [TcpAdopt]
    (syn,) = world.to_guest()
    assert (syn[IPv6].src, syn[TCP].sport, syn[TCP].dport) == (REMOTE_TEXT, 5000, 7)
    assert syn[TCP].flags == "S"


# ---------------------------------------------------------------- UDP
def sent(world: World, data: bytes = b"question") -> tuple[bytes, UdpSend]:
    frame = world.frame(UDP(sport=5000, dport=9) / data)
    packet = ipv6.decode(frame)
    world.udp.from_guest(packet, udp.decode(packet), (REMOTE, 9), world.now)
    (action,) = world.to_host()
    assert isinstance(action, UdpSend)
    return frame, action


def test_datagrams_go_and_come(world: World) -> None:
    _, action = sent(world)
    assert (action.to, action.payload, action.ttl) == ((REMOTE, 9), b"question", 63)
    assert action.four_tuple == FourTuple((GUEST, 5000), (REMOTE, 9))
    world.udp.from_host(UdpReceived(action.flow, (REMOTE, 9), b"answer"), world.now)
    (answer,) = world.to_guest()
    assert (answer[IPv6].src, answer[UDP].sport, answer[UDP].dport) == (REMOTE_TEXT, 9, 5000)
    assert bytes(answer[UDP].payload) == b"answer"
    (row,) = world.udp.rows(world.now)
    assert (row["guest"], row["remote"]) == (f"[{GUEST_TEXT}]:5000", f"[{REMOTE_TEXT}]:9")


def test_a_long_datagram_comes_in_fragments(world: World) -> None:
    _, action = sent(world)
    world.udp.from_host(UdpReceived(action.flow, (REMOTE, 9), b"x" * 3000), world.now)
    pieces = world.to_guest()
    assert all(len(piece[IPv6]) <= 1500 and Fragment in piece for piece in pieces)
    whole = IPv6(bytes(defragment6([piece[IPv6] for piece in pieces])))
    verify(whole)
    assert bytes(whole[UDP].payload) == b"x" * 3000


@pytest.mark.parametrize("said", [b"question", b"something else"])
def test_an_error_quotes_the_datagram(world: World, said: bytes) -> None:
    frame, action = sent(world)
    refused = (icmp.UNREACHABLE, icmp.PORT)
    event = SocketError(action.flow, errno.ECONNREFUSED, (REMOTE, 9), said, refused, REMOTE)
    assert world.udp.on_error(event, world.now)
    (error,) = world.to_guest()
    assert (error[IPv6].src, error[ICMPv6DestUnreach].code) == (REMOTE_TEXT, 4)
    assert (error[IPerror6].dst, error[UDPerror].dport) == (REMOTE_TEXT, 9)
    assert (bytes(error[IPerror6])[8:] == frame[22:]) is (said == b"question")


@pytest.mark.parametrize(
    ("peer", "seen"), [(REMOTE, REMOTE_TEXT), (bytes((192, 0, 2, 9)), ROUTER_TEXT)]
)
def test_a_forward_shows_a_peer_that_the_guest_can_answer(
    world: World, peer: bytes, seen: str
) -> None:
    world.incoming.udp(UdpIncoming(1, (peer, 5000), b"hello"), world.now)
    (datagram,) = world.to_guest()
    assert (datagram[IPv6].src, datagram[UDP].dport) == (seen, 7)
    packet = ipv6.decode(world.frame(UDP(sport=7, dport=5000) / b"yes", seen))
    world.udp.from_guest(packet, udp.decode(packet), (REMOTE, 5000), world.now)
    assert world.to_host() == [UdpAnswer(1, (peer, 5000), b"yes")]


# ---------------------------------------------------------------- ping
def test_a_ping_is_answered(world: World) -> None:
    packet = ipv6.decode(world.frame(b""))
    world.echo.from_guest(packet, Icmp(icmp.ECHO_REQUEST, 0, 7, 3, b"data"), REMOTE, world.now)
    (action,) = world.to_host()
    assert isinstance(action, EchoSend)
    assert action == EchoSend(action.flow, REMOTE, 7, 3, b"data", 63, True)
    world.echo.from_host(EchoReply(action.flow, REMOTE, 7, 3, b"data"), world.now)
    (reply,) = world.to_guest()
    assert reply[IPv6].src == REMOTE_TEXT
    assert (reply[ICMPv6EchoReply].id, reply[ICMPv6EchoReply].seq) == (7, 3)
    (row,) = world.echo.rows(world.now)
    assert (row["guest"], row["remote"]) == (f"{GUEST_TEXT} id 7", REMOTE_TEXT)


# ---------------------------------------------------------------- who looks on
def test_a_capture_names_the_flow(world: World) -> None:
    guest = opened(world)
    first, answer = guest.frame("S", 0), guest.frame("A", 1, 1)
    guest.host(TcpReceived(guest.flow, b"x"))
    guest.actions()
    world.tcp.to_guest(world.now)
    world.tcp.settle(world.now)
    (back,) = frames_of(world.side.frames())
    names = FlowNames()
    name = names.of_first(first, from_guest=True)
    assert name == f"tcp [{GUEST_TEXT}]:40000 > [{REMOTE_TEXT}]:80 #1"
    assert names.of_first(answer, from_guest=True) == ""
    assert names.of_first(back, from_guest=False) == ""
    assert FlowNames().of_first(back, from_guest=False).startswith(f"tcp [{REMOTE_TEXT}]:80 >")


def test_a_rule_of_a_bad_wire_finds_its_host(world: World) -> None:
    there = FrameView(Connection(world).frame("S", 0))
    assert there.kinds == {"ip", "tcp", "syn"}
    assert there.has_host(REMOTE)
    assert there.has_host(GUEST)
    assert not there.has_host(ROUTER)


def linted(frame: bytes, when: float) -> Frame:
    packet = ipv6.decode(frame)
    span = Span(when, when)
    header = (frame[:6], frame[6:12], ipv6.ETHERTYPE)
    return Frame(span, frame, *header, ip=cast(Any, packet), tcp=tcp.decode(packet))


def test_the_linter_follows_the_connection(world: World) -> None:
    guest, checker = opened(world), TcpChecker(1500, Tally())
    (finding,) = checker.from_guest(linted(guest.frame("S", 0), 1.0))
    assert finding.rule.name == "tcp syn without mss"
    assert finding.text.startswith(f"tcp [{GUEST_TEXT}]:40000 > [{REMOTE_TEXT}]:80 S 0:1(0)")
    ends = IPv6(src=REMOTE_TEXT, dst=GUEST_TEXT)
    numbers = {"seq": guest.ours, "ack": guest.isn + 1}
    synack = Ether() / ends / TCP(sport=80, dport=40_000, flags="SA", **numbers)
    assert list(checker.to_guest(linted(bytes(synack), 1.1))) == []
    data = guest.frame("A", 1, 1, b"data")
    assert list(checker.from_guest(linted(data, 1.2))) == []
    assert len(checker) == 1
    piece = linted(data, 1.3)
    assert piece.ip is not None
    piece.tcp, piece.ip.is_fragment, piece.ip.more = None, True, True
    assert list(checker.from_guest(piece)) == []
    assert len(checker) == 1  # and waits for the rest


def test_a_host_within_the_process_answers() -> None:
    heard: list[Datagram] = []

    def service(received: ReceivedDatagram) -> None:
        heard.append(Datagram(received, lambda: None))
        heard[0].reply(b"yes")

    hosts = InProcessHosts(lambda _: None, MemoryBudget(1 << 20))
    hosts.udp[REMOTE, 9] = service
    ends = FourTuple((GUEST, 5000), (REMOTE, 9))
    asked = UdpSend(4, InProcessAddress(REMOTE, 9), b"question", four_tuple=ends)
    assert hosts.carry_out([asked], 1.0) == []
    answers: list[Event] = [UdpReceived(4, InProcessAddress(REMOTE, 9), b"yes")]
    assert hosts.events() == answers
    assert str(heard[0].source) == f"[{GUEST_TEXT}]:5000"
    assert str(heard[0].destination) == f"[{REMOTE_TEXT}]:9"
