"""ARP: whom the router answers, whom it learns, whom it asks."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.l2 import ARP, Ether

from pynat.testing.lab import GUEST_MAC, Lab
from pynat.testing.script import introduce
from tests.frames import GUEST, ROUTER, ROUTER_MAC, ping, read

MAC = GUEST_MAC.hex(":")


@pytest.fixture
def lab() -> Lab:
    return Lab()


def arp(lab: Lab, **fields: Any) -> list[Any]:
    packet = ARP(hwsrc=MAC, **fields)
    lab.from_guest(bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / packet))
    return read(lab)


def test_the_router_answers_for_its_own_address(lab: Lab) -> None:
    (reply,) = arp(lab, op=1, psrc=GUEST, pdst=ROUTER)
    assert (reply.dst, reply.src, reply[ARP].op) == (MAC, ROUTER_MAC, 2)
    assert (reply[ARP].hwsrc, reply[ARP].psrc) == (ROUTER_MAC, ROUTER)
    assert (reply[ARP].hwdst, reply[ARP].pdst) == (MAC, GUEST)


@pytest.mark.parametrize("address", ["192.168.16.3", "192.168.16.254", "10.0.0.1"])
def test_nobody_elses_address_is_answered_and_the_log_says_so(lab: Lab, address: str) -> None:
    assert arp(lab, op=1, psrc=GUEST, pdst=address) == []
    assert f"who has {address}" in lab.log[-1]
    assert lab.drops == {"arp not ours": 1}


def test_a_probe_of_the_routers_address_is_answered(lab: Lab) -> None:
    (reply,) = arp(lab, op=1, psrc="0.0.0.0", pdst=ROUTER)
    assert reply[ARP].psrc == ROUTER


def test_a_probe_or_announcement_of_the_guests_own_address_is_left_alone(lab: Lab) -> None:
    assert arp(lab, op=1, psrc="0.0.0.0", pdst=GUEST) == []
    assert arp(lab, op=1, psrc=GUEST, pdst=GUEST) == []
    assert lab.drops == {}


def test_a_guest_that_claims_the_routers_address_is_told_on(lab: Lab) -> None:
    assert arp(lab, op=1, psrc=ROUTER, pdst=ROUTER) == []
    assert lab.log[-1].startswith("error")
    assert "claims 192.168.16.1" in lab.log[-1]


def test_the_router_asks_before_it_sends(lab: Lab) -> None:
    lab.from_guest(ping(ROUTER))
    (question,) = read(lab)
    assert (question.dst, question[ARP].op, question[ARP].pdst) == ("ff:ff:ff:ff:ff:ff", 1, GUEST)
    (echo,) = arp(lab, op=2, psrc=GUEST, hwdst=ROUTER_MAC, pdst=ROUTER)
    assert (echo.dst, echo["ICMP"].type) == (MAC, 0)


def test_it_asks_three_times_a_second_apart_and_then_says_what_was_lost(lab: Lab) -> None:
    lab.from_guest(ping(ROUTER))
    lab.wait(0.5)
    assert len(read(lab)) == 1
    lab.wait(1)
    assert len(read(lab)) == 1
    lab.wait(60)
    assert len(read(lab)) == 1
    assert "nobody answered 3 requests for 192.168.16.2; 1 packets lost" in lab.log[-1]
    assert lab.router.next_timer() is None


def test_packets_wait_in_order_and_in_bounds(lab: Lab) -> None:
    for _ in range(70):
        lab.from_guest(ping(ROUTER))
    assert len(read(lab)) == 1
    assert len(arp(lab, op=2, psrc=GUEST, pdst=ROUTER)) == 64
    assert lab.drops == {"arp queue full": 6}


def test_a_changed_mac_is_believed(lab: Lab) -> None:
    introduce(lab)
    other = bytes.fromhex("525400aaaaaa")
    introduce(lab, mac=other)
    lab.from_guest(ping(ROUTER))
    (echo,) = read(lab)
    assert echo.dst == other.hex(":")


@pytest.mark.parametrize("cut", range(28))
def test_a_short_packet_is_counted(lab: Lab, cut: int) -> None:
    whole = bytes(Ether(src=MAC, dst=ROUTER_MAC) / ARP(op=1, psrc=GUEST, pdst=ROUTER))
    lab.from_guest(whole[: 14 + cut])
    assert lab.drops == {"arp length": 1}


def test_another_kind_of_arp_is_named(lab: Lab) -> None:
    arp(lab, op=1, hwtype=6, psrc=GUEST, pdst=ROUTER)
    assert lab.drops == {"arp kind": 1}


@pytest.mark.parametrize("mac", ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", ROUTER_MAC])
def test_what_is_no_guests_mac_is_not_learned(lab: Lab, mac: str) -> None:
    packet = ARP(op=1, hwsrc=mac, psrc=GUEST, pdst=ROUTER)
    lab.from_guest(bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / packet))
    assert lab.router.guest.neighbors.mac_of(bytes((192, 168, 16, 2))) is None
    assert lab.drops == {"arp sender": 1}
