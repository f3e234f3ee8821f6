"""Short ways change nothing: what is found and what is counted is the same with and without."""

from __future__ import annotations

from random import Random
from typing import TypeVar

import pytest

from pynat.config import Config
from pynat.lint import linter as module
from pynat.lint.frame import Frame, decode
from pynat.lint.linter import Linter
from pynat.lint.span import Span
from pynat.lint.udp import SERVICES
from pynat.rules.occasions import Occasion
from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from pynat.wire import arp, ethernet, ipv4, tcp, udp
from pynat.wire.arp import Arp
from pynat.wire.tcp import ACK, Options, Segment
from tests.frames import ROUTER
from tests.frames import udp as datagram
from tests.fuzzing import seeds
from tests.lint.examples.dhcp import is_leased
from tests.lint.test_tcp_fuzz import PORTS, Talk

T = TypeVar("T")
CONFIG = Config()
ROUTER_MAC = CONFIG.network.mac
OTHER_MAC = bytes.fromhex("525400123457")
GUESTS = tuple(bytes((192, 168, 16, last)) for last in (2, 3))
PEERS = bytes((192, 0, 2, 7)), bytes((192, 0, 2, 8))
DATAGRAM_PORTS = 5000, 6000, 53, 67, 68, 13568
STEPS = 0.0, 0.0001, 0.01, 0.3, 2.0, 40.0


class Wire:
    """A guest that mostly carries its connections on, and sometimes does anything else."""

    def __init__(self, seed: int) -> None:
        self._dice = Random(seed)
        self._talks = {port: Talk() for port in PORTS}

    def frame(self) -> tuple[bytes, bool]:
        """And whether it is the guest's."""
        dice, from_guest = self._dice, self._dice.random() < 0.5
        if dice.random() < 0.02:
            return self._arp(from_guest), from_guest
        ends = self._mostly(GUESTS), self._mostly(PEERS)
        source, destination = ends if from_guest else ends[::-1]
        protocol, payload = self._payload(source, destination, from_guest)
        packet = ipv4.encode(
            source,
            destination,
            protocol,
            payload,
            ident=dice.randrange(1 << dice.choice((4, 16))),
            ttl=self._mostly((64, 3)),
            dont_fragment=dice.random() < 0.5,
        )
        padding = bytes(max(0, 46 - len(packet))) if dice.random() < 0.5 else b""
        return self._spoilt(self._in_frame(ethernet.IPV4, packet, from_guest) + padding), from_guest

    def _payload(self, source: bytes, destination: bytes, from_guest: bool) -> tuple[int, bytes]:
        dice = self._dice
        if dice.random() < 0.2:
            ports = self._mostly(DATAGRAM_PORTS), self._mostly(DATAGRAM_PORTS)
            return ipv4.UDP, udp.encode(source, ports[0], destination, ports[1], dice.randbytes(9))
        port = dice.choice(PORTS)
        segment = self._talks[port].segment(dice, port, from_guest=from_guest)
        return ipv4.TCP, tcp.encode(source, destination, segment)

    def _mostly(self, choices: tuple[T, ...]) -> T:
        return choices[0] if self._dice.random() < 0.9 else self._dice.choice(choices)

    def _in_frame(self, kind: int, packet: bytes, from_guest: bool) -> bytes:
        guest = self._mostly((GUEST_MAC, OTHER_MAC))
        ends = (ROUTER_MAC, guest) if from_guest else (guest, ROUTER_MAC)
        return ethernet.encode(*ends, kind, packet)

    def _arp(self, from_guest: bool) -> bytes:
        guest, peer = (GUEST_MAC, self._mostly(GUESTS)), (ROUTER_MAC, self._mostly(PEERS))
        (mac, sender), (target_mac, target) = (guest, peer) if from_guest else (peer, guest)
        operation = self._dice.choice((arp.REQUEST, arp.REPLY))
        packet = arp.encode(Arp(operation, mac, sender, target_mac, target))
        return self._in_frame(ethernet.ARP, packet, from_guest)

    def _spoilt(self, frame: bytes) -> bytes:
        """One in so many, at any place."""
        if self._dice.random() < 0.95:
            return frame
        at = self._dice.randrange(len(frame))
        return frame[:at] + self._dice.randbytes(1) + frame[at + 1 :]


def test_whatever_is_on_the_wire() -> None:
    for seed in seeds(40):
        wire, dice, now = Wire(seed), Random(seed), 0.0
        short, long = Linter(CONFIG), Linter(CONFIG, short_ways=False)
        for _ in range(300):
            now += dice.choice(STEPS)
            frame, from_guest = wire.frame()
            looks = [one.from_guest if from_guest else one.to_guest for one in (short, long)]
            found = [look(frame, now) for look in looks]
            assert found[0] == found[1], f"seed {seed}, frame {frame.hex()}"
        assert short.end(now) == long.end(now), f"seed {seed}"
        assert short.counts() == long.counts(), f"seed {seed}"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Frames that went the long way."""
    frames: list[bytes] = []

    def counting(frame: bytes, when: float | Span) -> Frame | None:
        frames.append(frame)
        return decode(frame, when)

    monkeypatch.setattr(module, "decode", counting)
    return frames


def test_what_carries_a_connection_on_goes_the_short_way(decoded: list[bytes]) -> None:
    linter = opened()
    for number in range(500):
        sent, came = 1 + number * 1000, 1 + number * 10
        data = Segment(50_000, 80, sent, came, ACK, 65_535, bytes(1000))
        linter.from_guest(tcp_frame(data, number), 0.1)
        answer = Segment(80, 50_000, came, sent + 1000, ACK, 65_535, bytes(10))
        linter.to_guest(tcp_frame(answer, number, from_guest=False), 0.1)
    assert len(decoded) < 10
    assert linter.counts()[Occasion.DATA] == 500


def test_a_datagram_of_no_protocol_of_ours_goes_it_too(decoded: list[bytes]) -> None:
    linter = opened()
    for number in range(500):
        payload = udp.encode(GUESTS[0], 5000, PEERS[0], 6000, b"data")
        linter.from_guest(in_frame(ipv4.UDP, payload, number), 0.1)
    assert len(decoded) < 10
    assert linter.counts()[Occasion.DATAGRAM] == 500


def test_so_does_one_from_an_address_that_was_announced(decoded: list[bytes]) -> None:
    """Once it is clear that the guest has probed and announced enough."""
    linter = opened()
    own = arp.encode(Arp(arp.REQUEST, GUEST_MAC, GUESTS[1], bytes(6), GUESTS[1]))
    probe = arp.encode(Arp(arp.REQUEST, GUEST_MAC, bytes(4), bytes(6), GUESTS[1]))
    for when, packet in ((1, probe), (2, probe), (3, probe), (5, own), (7, own)):
        frame = ethernet.encode(ethernet.BROADCAST, GUEST_MAC, ethernet.ARP, packet)
        linter.from_guest(frame, when)
    decoded.clear()
    for number in range(500):
        payload = udp.encode(GUESTS[1], 5000, PEERS[0], 6000, b"data")
        packet = ipv4.encode(GUESTS[1], PEERS[0], ipv4.UDP, payload, ident=number)
        frame = ethernet.encode(ROUTER_MAC, GUEST_MAC, ethernet.IPV4, packet)
        linter.from_guest(frame, 60.0)
    assert len(decoded) < 10


@pytest.mark.parametrize("port", [0, 53, 67, 68, 69, *SERVICES])
def test_a_datagram_of_a_protocol_of_ours_does_not(decoded: list[bytes], port: int) -> None:
    linter = opened()
    decoded.clear()
    for number in range(20):
        payload = udp.encode(GUESTS[0], 5000, PEERS[0], port, b"data")
        linter.from_guest(in_frame(ipv4.UDP, payload, number), 0.1)
    assert len(decoded) == 20


def test_what_becomes_due_on_the_way_is_found() -> None:
    """Both ways are compared at the end of each test."""
    lab = LintedLab()
    lab.router.faults.add("dhcp lease 60")
    is_leased(lab)
    for _ in range(600):
        lab.wait(0.1)
        lab.from_guest(datagram(ROUTER, 6000, b"data"))
    assert lab.found["DHCP041"] == 1


def opened() -> Linter:
    """With a connection of whose beginning all is said."""
    linter = Linter(CONFIG)
    syn = Options(mss=1460)
    for segment in (
        Segment(50_000, 80, 0, 0, tcp.SYN, 65_535, options=syn),
        Segment(80, 50_000, 0, 1, tcp.SYN | ACK, 65_535, options=syn),
        Segment(50_000, 80, 1, 1, ACK, 65_535),
    ):
        from_guest = segment.destination == 80
        look = linter.from_guest if from_guest else linter.to_guest
        look(tcp_frame(segment, 0, from_guest=from_guest), 0.0)
    return linter


def tcp_frame(segment: Segment, ident: int, *, from_guest: bool = True) -> bytes:
    ends = (GUESTS[0], PEERS[0]) if from_guest else (PEERS[0], GUESTS[0])
    return in_frame(ipv4.TCP, tcp.encode(*ends, segment), ident, from_guest=from_guest)


def in_frame(protocol: int, payload: bytes, ident: int, *, from_guest: bool = True) -> bytes:
    ends = (GUESTS[0], PEERS[0]) if from_guest else (PEERS[0], GUESTS[0])
    macs = (ROUTER_MAC, GUEST_MAC) if from_guest else (GUEST_MAC, ROUTER_MAC)
    packet = ipv4.encode(*ends, protocol, payload, ident=ident)
    return ethernet.encode(*macs, ethernet.IPV4, packet)
