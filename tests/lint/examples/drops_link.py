"""Ethernet frames and ARP packets that are dropped."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

from pynat.nat.messages import UdpReceived
from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from tests.frames import GUEST, ROUTER, ROUTER_MAC, ping, udp
from tests.lint.examples import clean, example

MAC = GUEST_MAC.hex(":")


def arp(**fields: Any) -> bytes:
    """The guest asks for the router, unless `fields` say otherwise."""
    wanted = {"op": 1, "hwsrc": MAC, "psrc": GUEST, "pdst": ROUTER} | fields
    return bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(**wanted))


@example("ETH001")
def no_header(lab: LintedLab) -> None:
    """The guest tells its card to send ten bytes."""
    lab.from_guest(bytes(10))


@example("ETH002")
def another_card(lab: LintedLab) -> None:
    """The guest has the MAC address of some other network's router built in."""
    lab.from_guest(bytes(Ether(src=MAC, dst="52:55:0a:00:02:02") / IP(dst="192.0.2.7") / UDP()))


@example("ETH002")
def takes_the_address_from_the_back(lab: LintedLab) -> None:
    """Its first byte is odd then, as a group's is."""
    backwards = ":".join(reversed(ROUTER_MAC.split(":")))
    lab.from_guest(bytes(Ether(src=MAC, dst=backwards) / IP(dst="192.0.2.7") / UDP()))
    assert any("its bytes are in reverse" in line for line in lab.log)


@example("ETH003")
def speaks_ipx(lab: LintedLab) -> None:
    """The guest looks for a server of another protocol."""
    lab.from_guest(bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff", type=0x8137) / Raw(bytes(46))))


@example("ETH005")
def vlan_tag(lab: LintedLab) -> None:
    """The guest tags its frames as if for a switch."""
    frame = ping(ROUTER)
    lab.from_guest(frame[:12] + b"\x81\x00\x00\x05" + frame[12:])


@example("ETH005")
def length_for_a_type(lab: LintedLab) -> None:
    """The guest stores the packet's length where the type belongs."""
    frame = arp()
    lab.from_guest(frame[:12] + (28).to_bytes(2, "big") + frame[14:])


@clean("ETH005")
def spans_a_tree(lab: LintedLab) -> None:
    """A bridge's BPDU is of 802.3; what is of VLAN 0 is taken, and LLDP in another is no packet."""
    bpdu = b"\x42\x42\x03" + bytes(35)
    lab.from_guest(bytes(Ether(src=MAC, dst="01:80:c2:00:00:00", type=38) / Raw(bpdu)))
    frame = ping(ROUTER)
    lab.from_guest(frame[:12] + b"\x81\x00\x00\x00" + frame[12:])
    lldp = bytes(Ether(src=MAC, dst="01:80:c2:00:00:0e") / Dot1Q(vlan=5, type=0x88CC))
    lab.from_guest(lldp + bytes(46))


@example("ETH004")
def type_swapped(lab: LintedLab) -> None:
    """The guest stores 0x0800 in its own (little-endian) byte order."""
    frame = ping(ROUTER)
    lab.from_guest(frame[:12] + b"\x00\x08" + frame[14:])


@example("ARP001")
def short_packet(lab: LintedLab) -> None:
    """The guest's packet ends before the target's address."""
    lab.from_guest(arp()[:38])


@example("ARP002")
def swapped_fields(lab: LintedLab) -> None:
    """The guest stores the hardware type in its own byte order."""
    lab.from_guest(arp(hwtype=0x0100, hwlen=6, plen=4))


@example("ARP003")
def no_operation(lab: LintedLab) -> None:
    """The guest stores the operation in its own byte order."""
    lab.from_guest(arp(op=0x0100))


@example("ARP003")
def no_operation_in_a_probe(lab: LintedLab) -> None:
    """It is no reply without an address either."""
    lab.from_guest(arp(op=0x0100, psrc="0.0.0.0"))


@example("ARP004")
def no_sender(lab: LintedLab) -> None:
    """The guest leaves its own MAC address out."""
    lab.from_guest(arp(hwsrc="00:00:00:00:00:00"))


@example("ARP005")
def asks_for_nobody(lab: LintedLab) -> None:
    """The guest asks for a neighbor that is not there."""
    lab.from_guest(arp(pdst="192.168.16.9"))


@example("ARP009")
def no_route(lab: LintedLab) -> None:
    """The guest asks its own wire for a host that is far away."""
    lab.from_guest(arp(pdst="192.0.2.7"))


@example("ARP009")
def no_router(lab: LintedLab) -> None:
    """The guest has not read its router's address."""
    lab.from_guest(arp(pdst="0.0.0.0"))


@clean("ARP009")
def has_a_link_local_address(lab: LintedLab) -> None:
    lab.from_guest(arp(psrc="169.254.7.7", pdst="169.254.7.8"))


@example("ARP006")
def claims_the_routers(lab: LintedLab) -> None:
    """The guest takes the router's address."""
    lab.from_guest(arp(psrc=ROUTER, pdst=GUEST))


@example("ARP008")
def other_net(lab: LintedLab) -> None:
    """The guest has the addresses of QEMU's user network compiled in."""
    lab.from_guest(arp(psrc="10.0.2.15", pdst="10.0.2.2"))


@example("ARP007")
def silent(lab: LintedLab) -> None:
    """The guest asks by ARP once; ten minutes later it does not answer."""
    lab.from_guest(arp())
    lab.wait(601)
    is_told_something(lab)


@clean("ARP007")
def is_not_up_yet(lab: LintedLab) -> None:
    """Nothing has been heard of it by ARP."""
    is_told_something(lab)


def is_told_something(lab: LintedLab) -> None:
    lab.from_guest(udp("192.0.2.7", 9999, b"hello"))
    lab.to_host()
    lab.from_host(UdpReceived(1, (bytes((192, 0, 2, 7)), 9999), b"hello"))
    lab.wait(4)
