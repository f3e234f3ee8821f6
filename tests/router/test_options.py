"""IP options: skipped where they do no harm, refused where they say which way to go."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.inet import (
    ICMP,
    IP,
    TCP,
    UDP,
    IPOption,
    IPOption_LSRR,
    IPOption_NOP,
    IPOption_Router_Alert,
    IPOption_RR,
    IPOption_SSRR,
    IPOption_Timestamp,
)

from pynat.nat.messages import EchoSend, TcpConnect, UdpSend
from pynat.testing.lab import Lab
from pynat.testing.script import introduce
from tests.frames import GUEST, ROUTER, ip, ping, read, udp

REMOTE = "192.0.2.7"
HARMLESS = [
    IPOption_RR(length=7, routers=["0.0.0.0"]),
    IPOption_Timestamp(),
    IPOption_Router_Alert(),
    IPOption_NOP(),
]


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    introduce(lab)
    return lab


@pytest.mark.parametrize("option", HARMLESS, ids=lambda option: option.name)
def test_harmless_options_are_skipped_for_every_protocol(lab: Lab, option: Any) -> None:
    lab.from_guest(udp(REMOTE, 9, b"data", options=[option]))
    lab.from_guest(ping(REMOTE, b"echo", options=[option]))
    lab.from_guest(bytes(ip(REMOTE, options=[option]) / TCP(sport=1, dport=80, flags="S")))
    lab.from_guest(ping(ROUTER, b"router", options=[option]))
    assert [type(action) for action in lab.to_host()] == [UdpSend, EchoSend, TcpConnect]
    (reply,) = read(lab)
    assert bytes(reply[ICMP].payload)[:6] == b"router"
    assert lab.drops == {}


@pytest.mark.parametrize("option", [IPOption_LSRR, IPOption_SSRR], ids=["loose", "strict"])
@pytest.mark.parametrize("destination", [REMOTE, ROUTER])
def test_a_source_route_is_refused(lab: Lab, option: Any, destination: str) -> None:
    route = option(length=7, pointer=4, routers=["198.51.100.1"])
    lab.from_guest(bytes(ip(destination, options=[route], id=77) / UDP(sport=1, dport=2) / b"x"))
    assert lab.to_host() == []
    assert lab.drops == {"ipv4 source route": 1}
    (error,) = read(lab)
    assert (error[IP].src, error[ICMP].type, error[ICMP].code) == (ROUTER, 3, 5)
    quoted = error["IP in ICMP"]
    assert (quoted.src, quoted.id, quoted.ihl) == (GUEST, 77, 7)  # the options are quoted too
    assert quoted.options[0].routers == ["198.51.100.1"]


def test_an_error_quotes_as_much_as_576_bytes_hold(lab: Lab) -> None:
    options = [IPOption_RR(length=7, routers=["0.0.0.0"])]
    sent = udp(REMOTE, 33434, bytes(1400), ttl=1, id=4711, options=options)
    lab.from_guest(sent)
    (frame,) = lab.to_guest()
    assert len(frame) == 14 + 576
    assert frame[14 + 20 + 8 :] == sent[14 : 14 + 548]
    lab.from_guest(ping(REMOTE, b"", ttl=1))
    (frame,) = lab.to_guest()
    assert len(frame) == 14 + 28 + 28


@pytest.mark.parametrize("length", [0, 1, 41])
@pytest.mark.parametrize("destination", [REMOTE, ROUTER])
def test_an_option_of_wrong_length_is_named_and_pointed_at(
    lab: Lab, length: int, destination: str
) -> None:
    options = [IPOption_NOP(), IPOption(option=7, length=length)]
    sent = bytes(ip(destination, options=options, id=78) / ICMP(type=8))
    lab.from_guest(sent)
    assert lab.to_host() == []
    assert lab.drops == {"ipv4 option": 1}
    assert f"option 7 at byte 21 with length {length}, expected 2 to 3" in lab.log[-1]
    (error,) = read(lab)
    assert (error[ICMP].type, error[ICMP].code, error[ICMP].ptr) == (12, 0, 21)
    assert bytes(error[ICMP])[8:] == sent[14:]


def test_nobody_is_told_of_a_wrong_option_in_a_broadcast(lab: Lab) -> None:
    sent = bytearray(bytes(ip(REMOTE, options=[IPOption(option=7, length=0)]) / ICMP(type=8)))
    sent[:6] = b"\xff" * 6
    lab.from_guest(bytes(sent))
    assert read(lab) == []
    assert lab.drops == {"ipv4 option": 1}
