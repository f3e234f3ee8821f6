"""A guest on a network with faults: what it asks, and what comes, read with scapy."""

from __future__ import annotations

from typing import Any

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether

from pynat.config import Config
from pynat.testing.lab import GUEST_MAC, Lab
from tests.frames import GUEST, ROUTER, read, udp

MAC = GUEST_MAC.hex(":")
KINDS = {2: "offer", 5: "ack", 6: "nak"}


class Faulty(Lab):
    def __init__(self, *faults: str, config: Config | None = None) -> None:
        super().__init__(config)
        for one in faults:
            self.router.faults.add(one, self.now)

    def said(self, text: str) -> bool:
        return any(text in line for line in self.log)

    def met(self) -> list[object]:
        return [row["met"] for row in self.router.faults.rows()]

    # ------------------------------------------------------------ DHCP
    def dhcp(self, kind: str, *options: Any, ciaddr: str = "0.0.0.0", **fields: Any) -> None:
        head = Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / IP(src=ciaddr, dst="255.255.255.255")
        message = BOOTP(op=1, chaddr=GUEST_MAC, xid=7, ciaddr=ciaddr, **fields)
        message /= DHCP(options=[("message-type", kind), *options, "end"])
        self.from_guest(bytes(head / UDP(sport=68, dport=67) / message))

    def discover(self) -> None:
        self.dhcp("discover")

    def request(self, address: str = GUEST) -> None:
        self.dhcp("request", ("requested_addr", address), ("server_id", ROUTER))

    def renew(self, address: str = GUEST) -> None:
        self.dhcp("request", ciaddr=address)

    def leased(self) -> Reply:
        self.discover()
        (offer,) = self.replies()
        assert offer.kind == "offer"
        self.request(offer.address)
        (ack,) = self.replies()
        assert ack.kind == "ack"
        return ack

    def replies(self) -> list[Reply]:
        return [Reply(packet) for packet in read(self) if BOOTP in packet]

    # ------------------------------------------------------------ DNS
    def ask(self, name: str = "router.test", ident: int = 0x1234) -> None:
        self.from_guest(udp(ROUTER, 53, bytes(DNS(id=ident, rd=1, qd=DNSQR(qname=name)))))

    def answers(self) -> list[Any]:
        return [packet for packet in read(self) if UDP in packet]

    # ------------------------------------------------------------ ARP
    def arp(self, **fields: Any) -> None:
        """A request for the router, unless `fields` say otherwise."""
        wanted = {"op": 1, "hwsrc": MAC, "psrc": GUEST, "pdst": ROUTER} | fields
        self.from_guest(bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(**wanted)))

    def arps(self) -> list[Any]:
        return [packet for packet in read(self) if ARP in packet]


class Reply:
    def __init__(self, packet: Any) -> None:
        self.packet = packet
        self.payload = bytes(packet[UDP].payload)
        self.length = packet[IP].len
        self.xid: int = packet[BOOTP].xid
        self.address: str = packet[BOOTP].yiaddr
        pairs = [one for one in packet[DHCP].options if isinstance(one, tuple)]
        self.options = {one[0]: one[1] for one in pairs}
        self.kind = KINDS[self.options["message-type"]]
