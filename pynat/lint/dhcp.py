"""What DHCP clients do that is legal but wrong, or that this server lets pass (RFC 2131).

    dhcp.py         one message by itself; which client it belongs to; who uses an address
    dhcp_client.py  one client from DISCOVER to the end of its lease

Rules wait for proof as the other checkers' do: what is asked again may have been lost, clients may
ask for an address that they had, and one that never asked by DHCP may have any address.
"""

from __future__ import annotations

from collections.abc import Iterator

from pynat.errors import Malformed
from pynat.lint.bounded import Bounded
from pynat.lint.dhcp_client import Client
from pynat.lint.frame import Finding, Frame
from pynat.rules import Rule
from pynat.rules import dhcp_client as rules
from pynat.wire import dhcp
from pynat.wire.dhcp import Message
from pynat.wire.ipv4 import dotted

MOST = 256  # clients, and addresses of each kind
CLIENT_PORT, SERVER_PORT = 68, 67
SMALLEST_MAXIMUM = 576  # RFC 2132 9.10
_OPTIONS = dhcp.HEADER.size + len(dhcp.COOKIE)


class DhcpChecker:
    def __init__(self) -> None:
        self._clients = Bounded[bytes, Client](MOST)  # by MAC address
        self._users = Bounded[bytes, Client](MOST)  # by address that DHCP spoke of
        self._sources = Bounded[bytes, None](MOST)  # addresses that the guest has sent from
        self._claimed = Bounded[bytes, None](MOST)  # addresses of others that were heard of
        self._short: set[bytes] = set()  # clients that were told so
        self._found: list[tuple[Rule, str]] = []

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        packet, datagram = frame.ip, frame.udp
        if packet is None:
            return iter(())
        if datagram is not None and datagram.destination == SERVER_PORT:
            self._message(frame, datagram.payload, packet.source)
        else:
            if packet.source not in self._sources:
                self._sources[packet.source] = None
            user = self._users.get(packet.source)
            if user is not None:
                user.uses(packet.source, frame.when, self._tell)
        if not self._found:
            return iter(())
        found, self._found = self._found, []
        return iter([Finding(rule, text) for rule, text in found])

    def _message(self, frame: Frame, payload: bytes | memoryview, source: bytes) -> None:
        try:
            message = dhcp.decode(payload)
        except Malformed:
            return
        if message.op != dhcp.REQUEST or not message.kind:
            return
        client = self._client(message.mac)
        self._form(message, bytes(payload), source, client)
        if message.kind == dhcp.DECLINE:
            self._declined(message)
        client.from_guest(message, source, frame.when, self._tell)

    def _client(self, mac: bytes) -> Client:
        client = self._clients.get(mac)
        if client is None:
            client = self._clients[mac] = Client()
        return client

    def _tell(self, rule: Rule, text: str) -> None:
        self._found.append((rule, text))

    def _form(self, message: Message, payload: bytes, source: bytes, client: Client) -> None:
        if len(payload) < dhcp.SHORTEST and message.mac not in self._short:
            if len(self._short) < MOST:
                self._short.add(message.mac)
            text = f"{message}: {len(payload)} bytes, expected {dhcp.SHORTEST} (RFC 1542 2.1)"
            self._tell(rules.SHORT, text)
        if not _has_end(payload):
            self._tell(rules.NO_END, f"{message}: options without 255 at the end (RFC 2131 4.1)")
        maximum = message.options.get(dhcp.MAXIMUM)
        if maximum is not None and int.from_bytes(maximum, "big") < SMALLEST_MAXIMUM:
            size = int.from_bytes(maximum, "big")
            text = f"{message}: option 57 is {size}, expected at least {SMALLEST_MAXIMUM}"
            self._tell(rules.SMALL_MAXIMUM, f"{text} (RFC 2132 9.10)")
        asks = message.kind in (dhcp.DISCOVER, dhcp.ASK) and message.ciaddr == dhcp.ZERO
        if asks and source != dhcp.ZERO and client.never_had_one:
            text = f"{message}: sent from {dotted(source)}, expected 0.0.0.0 (RFC 2131 4.1)"
            self._tell(rules.HAS_SOURCE, text)

    def _declined(self, message: Message) -> None:
        address = message.options.get(dhcp.WANTED, dhcp.ZERO)
        if address not in self._claimed:
            text = f"{message}: expected an ARP packet of another host from {dotted(address)} first"
            self._tell(rules.DECLINED, f"{text} (RFC 2131 3.1)")

    # ------------------------------------------------------------------ to the guest
    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        if frame.arp is not None:
            self._claimed[frame.arp.sender] = None
        elif frame.udp is not None and frame.udp.destination == CLIENT_PORT:
            self._answer(frame, frame.udp.payload)
        return iter(())

    def _answer(self, frame: Frame, payload: bytes | memoryview) -> None:
        try:
            message = dhcp.decode(payload)
        except Malformed:
            return
        client = self._clients.get(message.mac)
        if client is None or message.op != dhcp.REPLY or not message.kind:
            return
        known = message.yiaddr in self._sources
        client.to_guest(message, frame.when, unicast=not frame.destination[0] & 1, known=known)
        for address in client.addresses:
            self._users[address] = client


def _has_end(payload: bytes) -> bool:
    at = _OPTIONS
    while at < len(payload) and payload[at] != dhcp.END:
        at += 1 if payload[at] == dhcp.PAD else 2 + int.from_bytes(payload[at + 1 : at + 2], "big")
    return at < len(payload)
