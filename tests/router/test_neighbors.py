"""ARP: whom the router answers, whom it learns, whom it asks."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether

from pynat.config import Config, Dhcp, Network
from pynat.nat.messages import UdpReceived
from pynat.router import neighbors
from pynat.testing.lab import GUEST_MAC, Lab
from pynat.testing.script import introduce
from tests.frames import GUEST, ROUTER, ROUTER_MAC, ping, read, udp

MAC = GUEST_MAC.hex(":")
OTHER = bytes.fromhex("525400aaaaaa")


@pytest.fixture
def lab() -> Lab:
    return Lab()


def mac_of(lab: Lab, address: str) -> bytes | None:
    return lab.router.output.neighbors.fresh_mac(IPv4Address(address).packed, lab.now)


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
    is_near = address.startswith("192.168.16.")
    assert lab.drops == {"arp not ours" if is_near else "arp for a host far away": 1}


def test_a_probe_of_the_routers_address_is_answered(lab: Lab) -> None:
    (reply,) = arp(lab, op=1, psrc="0.0.0.0", pdst=ROUTER)
    assert reply[ARP].psrc == ROUTER


def test_a_probe_or_announcement_of_the_guests_own_address_is_left_alone(lab: Lab) -> None:
    assert arp(lab, op=1, psrc="0.0.0.0", pdst=GUEST) == []
    assert len(lab.router.output.neighbors) == 0  # a probe says where nobody is
    assert arp(lab, op=1, psrc=GUEST, pdst=GUEST) == []
    assert lab.drops == {}


@pytest.mark.parametrize("op", [1, 2])
def test_an_announcement_says_where_a_guest_is(lab: Lab, op: int) -> None:
    arp(lab, op=op, psrc="192.168.16.40", pdst="192.168.16.40")
    assert mac_of(lab, "192.168.16.40") == GUEST_MAC
    lab.from_guest(ping(ROUTER, src="192.168.16.40"))
    (echo,) = read(lab)  # no question first
    assert (echo.dst, echo["IP"].dst) == (MAC, "192.168.16.40")


@pytest.mark.parametrize("target", [ROUTER, GUEST, "192.168.16.9"])
@pytest.mark.parametrize("op", [1, 2])
def test_a_guest_that_claims_the_routers_address_is_told_on(lab: Lab, op: int, target: str) -> None:
    (announcement,) = arp(lab, op=op, psrc=ROUTER, pdst=target)
    assert (announcement.dst, announcement[ARP].op) == ("ff:ff:ff:ff:ff:ff", 1)
    assert (announcement[ARP].psrc, announcement[ARP].pdst) == (ROUTER, ROUTER)
    assert announcement[ARP].hwsrc == ROUTER_MAC
    assert lab.log[-1].startswith("error")
    assert f"{MAC} claims 192.168.16.1" in lab.log[-1]


def test_the_routers_address_is_defended_every_ten_seconds_at_most(lab: Lab) -> None:
    """Two that both defend would announce for ever (RFC 5227 2.4)."""
    defences = []
    for _ in range(25):
        defences.append(len(arp(lab, op=1, psrc=ROUTER, pdst=ROUTER)))
        lab.wait(1)
    assert [second for second, count in enumerate(defences) if count] == [0, 10, 20]
    assert lab.drops == {"arp conflict": 25}


def test_the_dns_address_is_defended_too() -> None:
    lab = Lab(Config(network=replace(Network(), dns=IPv4Address("192.168.16.3"))))
    assert len(arp(lab, op=1, psrc=ROUTER, pdst=ROUTER)) == 1
    (announcement,) = arp(lab, op=1, psrc="192.168.16.3", pdst="192.168.16.3")
    assert announcement[ARP].psrc == "192.168.16.3"


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
    assert "nobody answered 3 requests for 192.168.16.2 (RFC 826); 1 packets lost" in lab.log[-1]
    assert lab.router.next_timer() is None


def test_packets_wait_in_order_and_in_bounds(lab: Lab) -> None:
    for _ in range(70):
        lab.from_guest(ping(ROUTER))
    assert len(read(lab)) == 1
    assert len(arp(lab, op=2, psrc=GUEST, pdst=ROUTER)) == 64
    assert lab.drops == {"arp queue full": 6}


def test_a_changed_mac_is_believed(lab: Lab) -> None:
    introduce(lab)
    introduce(lab, mac=OTHER)
    lab.from_guest(ping(ROUTER))
    (echo,) = read(lab)
    assert echo.dst == OTHER.hex(":")


def test_two_macs_with_one_address_are_reported(lab: Lab) -> None:
    introduce(lab)
    lab.wait(2.5)
    introduce(lab)
    assert lab.log == []
    lab.wait(1.5)
    introduce(lab, mac=OTHER)
    assert lab.log[-1] == (
        f"error 192.168.16.2 is at {OTHER.hex(':')} now, and was at {MAC} 1.5 s ago: a changed"
        " card, or two guests with one address (RFC 5227 2.4)"
    )


def test_an_address_that_was_silent_for_long_may_have_another_mac(lab: Lab) -> None:
    introduce(lab)
    lab.wait(601)
    introduce(lab, mac=OTHER)
    assert lab.log == []


def test_several_addresses_of_one_mac_and_several_macs(lab: Lab) -> None:
    """A card with aliases, and one behind which a guest bridges."""
    macs = {"192.168.16.2": GUEST_MAC, "192.168.16.50": GUEST_MAC, "192.168.16.60": OTHER}
    for address, mac in macs.items():
        introduce(lab, address, mac)
    for address, mac in macs.items():
        lab.from_guest(ping(ROUTER, src=address))
        (echo,) = read(lab)
        assert (echo.dst, echo["IP"].dst) == (mac.hex(":"), address)
    assert lab.log == []


def test_a_static_guest_needs_neither_dhcp_nor_an_introduction(lab: Lab) -> None:
    lab.from_guest(udp("192.0.2.7", 9, b"x", src="192.168.16.77"))
    lab.from_host(UdpReceived(1, (bytes((192, 0, 2, 7)), 9), b"answer"))
    (question,) = read(lab)
    assert question[ARP].pdst == "192.168.16.77"
    (answer,) = arp(lab, op=2, psrc="192.168.16.77", hwdst=ROUTER_MAC, pdst=ROUTER)
    assert bytes(answer["UDP"].payload)[:6] == b"answer"


@pytest.mark.parametrize(("silent", "address"), [(599, "192.168.16.3"), (601, "192.168.16.2")])
def test_dhcp_gives_no_address_that_somebody_has_lately_used(
    lab: Lab, silent: float, address: str
) -> None:
    introduce(lab, "192.168.16.2", OTHER)
    lab.wait(silent)
    assert dhcp_answer(lab, ("message-type", "discover")) == address


def dhcp_answer(lab: Lab, *options: object) -> str:
    """The address that the one answer names."""
    asking = (
        Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff")
        / IP(src="0.0.0.0", dst="255.255.255.255")
        / UDP(sport=68, dport=67)
        / BOOTP(chaddr=GUEST_MAC)
        / DHCP(options=[*options, "end"])
    )
    lab.from_guest(bytes(asking))
    (answer,) = read(lab)
    return str(answer[BOOTP].yiaddr)


def test_an_address_that_another_guest_has_meanwhile_is_not_given_back() -> None:
    lab = Lab(Config(dhcp=Dhcp(lease=60)))
    wanted = ("requested_addr", "192.168.16.2")
    server = ("server_id", ROUTER)
    assert dhcp_answer(lab, ("message-type", "discover")) == "192.168.16.2"
    assert dhcp_answer(lab, ("message-type", "request"), server, wanted) == "192.168.16.2"
    lab.wait(61)
    assert dhcp_answer(lab, ("message-type", "discover")) == "192.168.16.2"
    lab.wait(61)
    introduce(lab, "192.168.16.2", OTHER)
    assert dhcp_answer(lab, ("message-type", "discover"), wanted) == "192.168.16.3"


def test_the_table_says_when_each_was_last_heard(lab: Lab) -> None:
    lab.wait(5)
    arp(lab, op=1, psrc=GUEST, pdst=ROUTER)
    lab.wait(20)
    neighbors = lab.router.output.neighbors
    assert neighbors.rows(lab.now) == [{"address": GUEST, "mac": MAC, "heard": 20.0}]


@pytest.mark.parametrize("cut", range(28))
def test_a_short_packet_is_counted(lab: Lab, cut: int) -> None:
    whole = bytes(Ether(src=MAC, dst=ROUTER_MAC) / ARP(op=1, psrc=GUEST, pdst=ROUTER))
    lab.from_guest(whole[: 14 + cut])
    assert lab.drops == {"arp length": 1}


def test_another_kind_of_arp_is_named(lab: Lab) -> None:
    arp(lab, op=1, hwtype=6, psrc=GUEST, pdst=ROUTER)
    assert lab.drops == {"arp kind": 1}


@pytest.mark.parametrize(
    "mac", ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "00:00:00:00:00:00", ROUTER_MAC]
)
def test_what_is_no_guests_mac_is_not_learned(lab: Lab, mac: str) -> None:
    packet = ARP(op=1, hwsrc=mac, psrc=GUEST, pdst=ROUTER)
    lab.from_guest(bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / packet))
    assert mac_of(lab, GUEST) is None
    assert lab.drops == {"arp sender": 1}


@pytest.mark.parametrize(
    "address",
    ["10.0.2.15", "192.168.16.0", "192.168.16.255", "224.0.0.1", "127.0.0.1", "255.255.255.255"],
)
@pytest.mark.parametrize("op", [1, 2])
@pytest.mark.parametrize("target", [ROUTER, "sender"])
def test_what_is_no_guests_address_is_not_learned(
    lab: Lab, address: str, op: int, target: str
) -> None:
    arp(lab, op=op, psrc=address, pdst=address if target == "sender" else ROUTER)
    assert mac_of(lab, address) is None
    assert len(lab.router.output.neighbors) == 0
    assert f"sender {address}, expected a host of 192.168.16.0/24" in lab.log[0]


def test_no_mac_of_the_guests_takes_the_routers_addresses(lab: Lab) -> None:
    for target in (ROUTER, GUEST):
        arp(lab, op=2, psrc=ROUTER, pdst=target)
    assert mac_of(lab, ROUTER) is None


# ---------------------------------------------------------------- addresses that it lends itself
LENT = IPv4Address("192.168.16.254").packed
GATEWAY = IPv4Address(ROUTER).packed


def spare(lab: Lab) -> list[str]:
    return [str(IPv4Address(one)) for one in lab.router.output.neighbors.spare()]


def lend(lab: Lab) -> None:
    lab.router.output.neighbors.lend(LENT, lab.now)


def test_the_last_addresses_at_which_nobody_is_are_spare() -> None:
    lab = Lab(replace(Config(), network=Network(dns=IPv4Address("192.168.16.251"))))
    arp(lab, op=1, psrc="192.168.16.253", pdst=ROUTER)
    lab.router.output.send_packet(GATEWAY, IPv4Address("192.168.16.250").packed, 17, b"", lab.now)
    assert spare(lab) == [f"192.168.16.{last}" for last in (254, 252, 249, 248, 247)]


def test_a_lent_address_is_the_routers_for_a_while(lab: Lab) -> None:
    lend(lab)
    (reply,) = arp(lab, op=1, psrc=GUEST, pdst="192.168.16.254")
    assert (reply[ARP].op, reply[ARP].psrc, reply[ARP].hwsrc) == (2, "192.168.16.254", ROUTER_MAC)
    lab.wait(neighbors.LENT)
    assert arp(lab, op=1, psrc=GUEST, pdst="192.168.16.254") == []


def test_who_probes_for_a_lent_address_or_claims_it_may_have_it(lab: Lab) -> None:
    lend(lab)
    assert arp(lab, op=1, psrc="0.0.0.0", pdst="192.168.16.254") == []
    arp(lab, op=1, psrc="192.168.16.254", pdst="192.168.16.254")
    assert arp(lab, op=1, psrc=GUEST, pdst="192.168.16.254") == []
    assert "192.168.16.254" not in spare(lab)


def test_a_net_without_room_has_none_to_spare() -> None:
    lab = Lab(replace(Config(), network=Network(IPv4Network("192.168.16.0/30"))))
    assert spare(lab) == [GUEST]
    introduce(lab)
    assert spare(lab) == []


def test_what_a_ping_from_there_brings_is_swallowed_and_nothing_else(lab: Lab) -> None:
    lend(lab)
    ends = IP(src=GUEST, dst="192.168.16.254")
    refused = ICMP(type=3, code=10) / IP(src="192.168.16.254", dst=GUEST) / ICMP()
    packets = ((ICMP(type=0), 0), (refused, 0), (ICMP(type=8), 1), (UDP(sport=1, dport=2), 2))
    for packet, drops in packets:
        lab.from_guest(bytes(Ether(src=MAC, dst=ROUTER_MAC) / ends / packet))
        assert sum(lab.drops.values()) == drops
