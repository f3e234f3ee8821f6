"""DHCP clients that speak scapy, and a server for them."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from scapy.layers.dhcp import BOOTP, DHCP

from pynat.config import Config
from pynat.config.toml import read_toml
from pynat.log.notices import Notices
from pynat.services.dhcp import DhcpServer, Reply

BROADCAST = ("ff:ff:ff:ff:ff:ff", "255.255.255.255", 68)
A, B, C = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"


def question(mac: str, kind: str = "", **fields: Any) -> bytes:
    header = {k: fields.pop(k) for k in ("ciaddr", "giaddr", "flags", "xid") if k in fields}
    packet = BOOTP(op=1, chaddr=bytes.fromhex(mac.replace(":", "")), **header)
    if kind:
        packet /= DHCP(options=[("message-type", kind), *fields.items(), "end"])
    return bytes(packet)


class Net:
    """A server, its notices, and clients that speak scapy."""

    def __init__(self, config: Config | None = None, used: dict[str, str] | None = None) -> None:
        """used: whom ARP has seen at which address."""
        self.said: list[str] = []
        self.notices = Notices(lambda level, text: self.said.append(text))
        seen = {IPv4Address(address).packed: mac for address, mac in (used or {}).items()}
        self.used = users = {
            address: bytes.fromhex(mac.replace(":", "")) for address, mac in seen.items()
        }
        config = config or Config()
        self.server = DhcpServer(config, self.notices, lambda address, now: users.get(address))
        self.router = str(config.network.router)
        self.now = 0.0

    def send(self, mac: str, kind: str = "", **fields: Any) -> Answer | None:
        reply = self.server.from_guest(question(mac, kind, **fields), self.now)
        return Answer(reply) if reply else None

    def ask(self, mac: str, kind: str = "", **fields: Any) -> Answer:
        answer = self.send(mac, kind, **fields)
        assert answer is not None
        return answer

    def lease(self, mac: str, **fields: Any) -> str:
        """The whole exchange."""
        offer = self.ask(mac, "discover", **fields)
        assert offer.kind == "offer"
        ack = self.ask(mac, "request", requested_addr=offer.address, server_id=self.router)
        assert (ack.kind, ack.address) == ("ack", offer.address)
        return ack.address


class Answer:
    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.packet = BOOTP(reply.payload)
        pairs = self.packet[DHCP].options if DHCP in self.packet else []  # a foreign cookie
        self.order = [item[0] for item in pairs if isinstance(item, tuple)]
        self.options = {item[0]: item[1:] for item in pairs if isinstance(item, tuple)}
        kinds = {2: "offer", 5: "ack", 6: "nak", 0: "bootp"}
        self.kind = kinds[self.options.get("message-type", (0,))[0]]
        self.address: str = self.packet.yiaddr
        self.to = (reply.to_mac.hex(":"), str(IPv4Address(reply.to_ip)), reply.to_port)
        assert self.packet.op == 2
        assert len(reply.payload) >= 300


def config(text: str) -> Config:
    return read_toml(text, "test.toml")
