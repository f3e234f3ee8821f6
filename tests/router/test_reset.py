"""What a reset of the guest's machine ends, and what goes on."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import TCP

from pynat.config import Config, Forward, Transport
from pynat.nat.messages import (
    Action,
    CloseFlow,
    Resolve,
    Resolved,
    TcpAdopt,
    TcpIncoming,
    UdpAnswer,
    UdpIncoming,
    UdpSend,
)
from pynat.testing.lab import Lab, introduce
from tests.frames import ROUTER, ping, read, udp
from tests.router.test_reassembly import cut

REMOTE = "192.0.2.7"
PROGRAM = (bytes((127, 0, 0, 1)), 40_000)


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    introduce(lab)
    return lab


def after_reset(lab: Lab) -> list[Action]:
    """What is asked of the host; nothing comes to the guest."""
    lab.to_host()
    lab.to_guest()
    lab.router.reset_guest(lab.now)
    lab.turn()
    assert lab.to_guest() == []
    return lab.to_host()


def test_datagrams_and_pings_under_way_come_to_nobody(lab: Lab) -> None:
    lab.from_guest(udp(REMOTE, 7, b"x"))
    lab.from_guest(ping(REMOTE))
    assert after_reset(lab) == [CloseFlow(1), CloseFlow(2)]
    assert not lab.router.flows(lab.now)


def test_an_answer_of_dns_comes_to_nobody(lab: Lab) -> None:
    query = bytes(DNS(id=1, qd=DNSQR(qname="a.test")))
    lab.from_guest(udp(ROUTER, 53, query))
    (asked,) = [one for one in lab.to_host() if isinstance(one, Resolve)]
    assert after_reset(lab) == []
    lab.from_host(Resolved(asked.query_id, bytes(DNS(id=1, qr=1, qd=DNSQR(qname="a.test")))))
    assert lab.to_guest() == []


def test_pieces_of_two_machines_are_no_packet(lab: Lab) -> None:
    first, second = cut(udp(REMOTE, 9, bytes(2000), id=1))
    lab.from_guest(first)
    after_reset(lab)
    lab.from_guest(second)
    assert not any(isinstance(one, UdpSend) for one in lab.to_host())
    assert len(lab.router.reassembly) == 1


def test_what_comes_through_forwards_goes_on() -> None:
    """A connection that the old machine has not answered is for the new one."""
    here = IPv4Address("127.0.0.1")
    forwards = (
        Forward(Transport.UDP, here, 5353, None, 53),
        Forward(Transport.TCP, here, 8080, None, 80),
    )
    lab = Lab(Config(forwards=forwards))
    introduce(lab)
    lab.from_host(UdpIncoming(0, PROGRAM, b"question"))
    lab.from_host(TcpIncoming(1, 9, PROGRAM))
    assert [one.sport for one in read(lab)] == [PROGRAM[1]] * 2
    assert any(isinstance(one, TcpAdopt) for one in lab.to_host())
    assert after_reset(lab) == []
    lab.wait(1.5)
    assert any(TCP in one and one[TCP].flags == "S" for one in read(lab))
    lab.from_guest(udp(ROUTER, PROGRAM[1], b"answer", sport=53))
    assert lab.to_host() == [UdpAnswer(0, PROGRAM, b"answer")]
