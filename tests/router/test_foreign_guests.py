"""A guest that was set up for another net: it is told of, or its net is adopted."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet

from pynat.config import Config, Network, network_of
from pynat.config.check import is_host, why_no_net
from pynat.config.toml import read_toml
from pynat.nat.messages import UdpReceived, UdpSend
from pynat.testing.lab import GUEST_MAC, Lab
from tests.frames import ROUTER_MAC, read

MAC = GUEST_MAC.hex(":")


def ask(lab: Lab, guest: str, target: str) -> list[Any]:
    packet = ARP(op=1, hwsrc=MAC, psrc=guest, pdst=target)
    lab.from_guest(bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / packet))
    return read(lab)


def send(lab: Lab, packet: Packet) -> list[Any]:
    lab.from_guest(bytes(Ether(src=MAC, dst=ROUTER_MAC) / packet))
    return read(lab)


def toml(written: str) -> Config:
    return read_toml(written, "net.toml")


def adopting() -> Lab:
    return Lab(toml("network.adopt = true"))


# ---------------------------------------------------------------- told
@pytest.mark.parametrize(
    ("guest", "gateway", "keys"),
    [
        ("10.0.2.15", "10.0.2.2", 'layout = "slirp"'),
        ("10.0.2.99", "10.0.2.3", 'layout = "slirp"'),
        ("192.168.10.15", "192.168.10.1", 'layout = "vnet"'),
        ("192.168.1.10", "192.168.1.1", 'network.net = "192.168.1.0/24"'),
        (
            "192.168.1.10",
            "192.168.1.254",
            'network.net = "192.168.1.0/24" and network.router = "192.168.1.254"',
        ),
        (
            "172.16.9.9",
            "172.16.0.1",
            'network.net = "172.16.0.0/16"',
        ),
        ("10.0.2.15", "10.0.2.1", 'network.net = "10.0.2.0/24"'),
    ],
)
def test_the_key_that_makes_it_work_is_named_at_once(guest: str, gateway: str, keys: str) -> None:
    lab = Lab()
    assert ask(lab, guest, gateway) == []
    (line,) = lab.log
    assert line.startswith(
        f"error dropped: ARP008 arp other net: ARP who has {gateway}, tell {guest}:"
    )
    assert f"address {guest} and its gateway {gateway}" in line
    assert f"write {keys} into the file that script= names" in line
    assert "network.adopt = true" in line
    # and it does
    config = toml(keys.replace(" and ", "\n"))
    (reply,) = ask(Lab(config), guest, gateway)
    assert (reply[ARP].op, reply[ARP].psrc) == (2, gateway)


def test_a_guest_to_which_forwards_lead_is_named_too() -> None:
    lab = Lab(toml('forwards = ["tcp::8080-:80"]'))
    ask(lab, "192.168.1.10", "192.168.1.1")
    keys = 'network.net = "192.168.1.0/24" and network.guest = "192.168.1.10"'
    assert f"write {keys} into" in lab.log[-1]
    other = Lab(toml('forwards = ["tcp::8080-192.168.16.9:80"]'))
    ask(other, "192.168.1.10", "192.168.1.1")
    assert 'write network.net = "192.168.1.0/24" into' in other.log[-1]


def test_it_is_said_once_for_each_guest() -> None:
    lab = Lab()
    for _ in range(5):
        ask(lab, "10.0.2.15", "10.0.2.2")
        lab.wait(1)
    ask(lab, "192.168.1.10", "192.168.1.1")
    assert [line.split()[0] for line in lab.log].count("error") == 2
    assert lab.drops == {"arp other net": 6}


@pytest.mark.parametrize(
    ("guest", "target"),
    [
        ("0.0.0.0", "10.0.2.15"),  # a probe
        ("10.0.2.15", "10.0.2.15"),  # an announcement
        ("192.168.16.2", "10.0.2.2"),  # no route
        ("10.0.2.15", "192.168.1.1"),
        ("10.0.2.15", "127.0.0.1"),
        ("10.0.2.0", "10.0.2.2"),
        ("255.255.255.255", "224.0.0.1"),
        ("0.0.0.7", "0.0.0.1"),
        ("169.254.7.7", "169.254.9.9"),
    ],
)
@pytest.mark.parametrize("adopt", [False, True])
def test_what_is_no_guest_of_another_net(guest: str, target: str, adopt: bool) -> None:
    lab = adopting() if adopt else Lab()
    assert ask(lab, guest, target) == []
    assert "arp other net" not in lab.drops
    assert lab.router.net.network == lab.config.network


def test_a_packet_from_another_net_names_the_key_too() -> None:
    lab = Lab()
    send(lab, IP(src="192.168.1.10", dst="192.0.2.7") / UDP(dport=9))
    assert '; for a guest of that net write network.net = "192.168.1.0/24"' in lab.log[-1]
    send(lab, IP(src="8.8.8.8", dst="192.0.2.7") / UDP(dport=9))
    assert "network.net" not in lab.log[-1]


# ---------------------------------------------------------------- adopted
def test_the_net_is_adopted_and_everything_follows() -> None:
    lab = adopting()
    (reply,) = ask(lab, "192.168.1.10", "192.168.1.254")
    assert (reply[ARP].op, reply[ARP].psrc, reply.src) == (2, "192.168.1.254", ROUTER_MAC)
    assert lab.log == [
        "info adopted the net of ARP who has 192.168.1.254, tell 192.168.1.10: network"
        " 192.168.1.0/24, router 192.168.1.254, guest 192.168.1.10, DNS 192.168.1.254"
    ]
    (pong,) = send(lab, IP(src="192.168.1.10", dst="192.168.1.254") / ICMP(id=1, seq=2))
    assert (pong[IP].src, pong[IP].dst, pong[ICMP].type) == ("192.168.1.254", "192.168.1.10", 0)
    datagram = IP(src="192.168.1.10", dst="192.0.2.7") / UDP(sport=7, dport=9) / b"hello"
    send(lab, datagram)
    (sent,) = [action for action in lab.to_host() if isinstance(action, UdpSend)]
    lab.from_host(UdpReceived(sent.flow, (bytes((192, 0, 2, 7)), 9), b"back"))
    (back,) = read(lab)
    assert (back[IP].dst, bytes(back[UDP].payload)) == ("192.168.1.10", b"back")
    send(lab, IP(src="192.168.1.10", dst="192.168.1.254") / UDP(sport=8, dport=99) / b"x")
    (to_host,) = [action for action in lab.to_host() if isinstance(action, UdpSend)]
    assert to_host.to == (bytes((127, 0, 0, 1)), 99)  # the router is the host


def test_dns_and_dhcp_follow() -> None:
    lab = adopting()
    ask(lab, "10.0.2.15", "10.0.2.2")
    (dns,) = ask(lab, "10.0.2.15", "10.0.2.3")
    assert dns[ARP].psrc == "10.0.2.3"  # slirp's
    query = bytes.fromhex("0001 0100 0001 0000 0000 0000 04686f737408696e7465726e616c00 0001 0001")
    (answer,) = send(lab, IP(src="10.0.2.15", dst="10.0.2.3") / UDP(sport=5, dport=53) / query)
    assert answer[IP].src == "10.0.2.3"
    assert bytes(answer[UDP].payload)[-4:] == bytes((10, 0, 2, 2))
    other = "52:54:00:00:00:09"
    discover = BOOTP(op=1, chaddr=bytes.fromhex(other.replace(":", "")), flags=0x8000) / DHCP(
        options=[("message-type", "discover"), "end"]
    )
    packet = IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67) / discover
    lab.from_guest(bytes(Ether(src=other, dst="ff:ff:ff:ff:ff:ff") / packet))
    (offer,) = read(lab)
    assert offer[BOOTP].yiaddr == "10.0.2.16"  # .15 is in use
    options: dict[str, str] = dict(
        option for option in offer[DHCP].options if isinstance(option, tuple)
    )
    assert (options["router"], options["name_server"]) == ("10.0.2.2", "10.0.2.3")


def test_the_old_addresses_are_ours_no_more() -> None:
    lab = adopting()
    ask(lab, "192.168.1.10", "192.168.1.1")
    assert ask(lab, "192.168.1.10", "192.168.16.1") == []
    (gone,) = send(lab, IP(src="192.168.1.10", dst="192.168.1.77") / UDP(dport=9))
    assert gone[IP].src == "192.168.1.1"  # host unreachable
    send(lab, IP(src="192.168.16.2", dst="192.0.2.7") / UDP(dport=9))
    assert lab.drops["ipv4 source"] == 1


def test_one_net_is_adopted_and_the_next_one_is_told() -> None:
    lab = adopting()
    ask(lab, "192.168.1.10", "192.168.1.1")
    assert ask(lab, "10.0.2.15", "10.0.2.2") == []
    assert lab.router.net.network.net == network_of_("192.168.1.10", "192.168.1.1").net
    assert "this network's 192.168.1.0/24 (RFC 1122 3.3.1.1): write" in lab.log[-1]


def test_a_guest_of_our_own_net_changes_nothing() -> None:
    lab = adopting()
    (reply,) = ask(lab, "192.168.16.2", "192.168.16.1")
    assert reply[ARP].op == 2
    assert lab.router.net.network == lab.config.network


def network_of_(guest: str, gateway: str) -> Network:
    found = network_of(IPv4Address(guest), IPv4Address(gateway), Network(mtu=1400, adopt=True))
    assert found is not None
    return found


def test_what_is_not_an_address_stays_as_it_is() -> None:
    found = network_of_("192.168.1.10", "192.168.1.1")
    assert replace(found, mtu=1500) == Network(
        net=found.net, router=found.router, dns=found.router, guest=found.guest, adopt=True
    )


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.booleans())
def test_every_net_that_is_found_is_one_that_a_configuration_may_have(
    guest: int, gateway: int, near: bool
) -> None:
    other = (guest & ~0xFFFF | gateway & 0xFFFF) if near else gateway
    found = network_of(IPv4Address(guest), IPv4Address(other), Network())
    if found is not None and guest != other:
        assert why_no_net(found.net) == ""
        assert all(is_host(one, found.net) for one in (found.router, found.dns, found.guest))
        assert found.guest not in (found.router, found.dns)
