"""ICMP errors to the guest: when one is sent, and when none may be (RFC 1122 3.2.2)."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP

from pynat.router.icmp_errors import IcmpErrorLimiter
from pynat.testing.lab import Lab
from pynat.testing.script import introduce
from tests.frames import GUEST, ROUTER, ether, ip, ping, read, udp

REMOTE = "192.0.2.7"
PROBES = {
    "udp": udp(REMOTE, 33434, b"x", ttl=1, id=77),
    "echo": ping(REMOTE, ttl=1, id=77),
    "tcp": bytes(ip(REMOTE, ttl=1, id=77) / TCP(sport=1, dport=80, flags="S")),
    "another protocol": bytes(ip(REMOTE, ttl=1, id=77, proto=132) / b"12345678"),
    "ttl 0": udp(REMOTE, 33434, b"x", ttl=0, id=77),
}


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    introduce(lab)
    return lab


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES)
def test_time_to_live_of_one_is_exceeded_at_the_router(lab: Lab, probe: bytes) -> None:
    lab.from_guest(probe)
    (error,) = read(lab)
    assert (error[IP].src, error[ICMP].type, error[ICMP].code) == (ROUTER, 11, 0)
    assert bytes(error[ICMP])[8:] == probe[14:]
    assert lab.to_host() == []


@pytest.mark.parametrize("probe", [ping(ROUTER, ttl=1), udp(ROUTER, 9, b"x", ttl=1)])
def test_the_router_itself_is_reached_with_a_time_to_live_of_one(lab: Lab, probe: bytes) -> None:
    lab.from_guest(probe)
    assert not [packet for packet in read(lab) if packet[ICMP].type == 11]


def about(kind: int) -> Any:
    return ICMP(type=kind) / IP(src=GUEST, dst=REMOTE) / UDP(sport=1, dport=2)


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        *((ip(REMOTE, ttl=1) / about(kind), "an ICMP error") for kind in (3, 4, 5, 11, 12)),
        (ip(REMOTE, frag=1) / bytes(40), "not the first"),
        (ip("255.255.255.255") / UDP(sport=1, dport=2), "broadcast"),
        (ip("192.168.16.255") / UDP(sport=1, dport=2), "broadcast"),
        (ip("224.0.0.5") / UDP(sport=1, dport=2), "multicast"),
        (ip(REMOTE, src="0.0.0.0") / UDP(sport=1, dport=2), "not one host"),
        (ip(REMOTE, src="127.0.0.1") / UDP(sport=1, dport=2), "not one host"),
        (ip(REMOTE, src="192.168.16.255") / UDP(sport=1, dport=2), "not one host"),
        (ip(REMOTE, src="240.0.0.1") / UDP(sport=1, dport=2), "not one host"),
        (ip(REMOTE, src="224.0.0.5") / UDP(sport=1, dport=2), "not one host"),
    ],
)
def test_when_no_error_may_be_sent(packet: Any, why: str) -> None:
    gate = IcmpErrorLimiter(bytes((192, 168, 16, 255)))
    said = gate.why_not(bytes(packet)[14:])
    assert said is not None
    assert why in said


def test_there_is_no_error_about_what_is_no_packet() -> None:
    assert (
        IcmpErrorLimiter(bytes((192, 168, 16, 255))).why_not(bytes(19)) == "about what is no packet"
    )


@pytest.mark.parametrize("kind", [0, 8, 13, 17])
def test_icmp_that_is_no_error_may_have_one(kind: int) -> None:
    gate = IcmpErrorLimiter(bytes((192, 168, 16, 255)))
    assert gate.why_not(bytes(ip(REMOTE) / ICMP(type=kind))[14:]) is None


def test_nothing_is_sent_about_a_packet_in_a_broadcast_frame(lab: Lab) -> None:
    frame = ether() / IP(src=GUEST, dst=REMOTE, ttl=1) / UDP(sport=1, dport=2)
    frame.dst = "ff:ff:ff:ff:ff:ff"
    lab.from_guest(bytes(frame))
    assert read(lab) == []
    assert lab.drops == {"ipv4 host in a broadcast frame": 1}


def test_an_error_does_not_beget_an_error(lab: Lab) -> None:
    lab.from_guest(bytes(ip(REMOTE, ttl=1) / about(3)))
    assert read(lab) == []
    assert lab.drops == {"icmp forbidden": 1}
