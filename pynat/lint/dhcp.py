"""What DHCP clients do that is legal but wrong, or that this server lets pass (RFC 2131).

    dhcp.py         which client a message belongs to; who uses an address
    dhcp_form.py    one message by itself
    dhcp_client.py  one client from DISCOVER to the end of its lease
    dhcp_asking.py  its REQUEST, its RELEASE and DECLINE
    dhcp_pace.py    how fast it repeats them

Rules wait for proof as the other checkers' do: what is asked again may have been lost, clients may
ask for an address that they had, and one that never asked by DHCP may have any address.
"""

from __future__ import annotations

from collections.abc import Iterator

from pynat.errors import Malformed
from pynat.lint.bounded import Bounded
from pynat.lint.dhcp_asking import Sent
from pynat.lint.dhcp_client import Client, Way
from pynat.lint.dhcp_form import form
from pynat.lint.frame import Finding, Frame
from pynat.lint.owned import Owned
from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.rules import Rule
from pynat.rules import dhcp_client as rules
from pynat.rules.occasions import Occasion
from pynat.wire import dhcp, icmp, mistakes, tcp
from pynat.wire.arp import Arp
from pynat.wire.dhcp import Message
from pynat.wire.ipv4 import LIMITED_BROADCAST, Ipv4, dotted

MAX_CLIENTS = 256  # clients, and addresses of each kind
CLIENT_PORT, SERVER_PORT = 68, 67
_SERVICES = {53, 69, 123}  # ports to which only clients send
# No client of BOOTP sends these; Linux' sends 57, others 60.
_OF_DHCP = {dhcp.WANTED, dhcp.LEASE, dhcp.SERVER, dhcp.PARAMETERS}


class DhcpChecker:
    def __init__(self, tally: Tally, owned: Owned) -> None:
        self._tally = tally
        self._owned = owned
        self._clients = Bounded[bytes, Client](MAX_CLIENTS)  # by MAC address
        self._users = Bounded[bytes, Client](MAX_CLIENTS)  # by address that DHCP spoke of
        self._sources = Bounded[bytes, None](MAX_CLIENTS)  # addresses that the guest has sent from
        self._claimed = Bounded[bytes, None](MAX_CLIENTS)  # addresses of others that were heard of
        self._probed = Bounded[bytes, None](MAX_CLIENTS)  # addresses that the guest has probed for
        self._introduced = Bounded[bytes, None](MAX_CLIENTS)  # others of which its ARP has spoken
        self._instead = Bounded[bytes, Client](MAX_CLIENTS)  # by the address that it announced
        self._short: set[bytes] = set()  # clients that were told so
        self._found: list[tuple[Rule, str]] = []

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        packet, datagram = frame.ip, frame.udp
        if packet is None:
            if frame.arp is not None:
                self._by_arp(frame.arp, frame)
            return iter(())
        if datagram is not None and datagram.destination == SERVER_PORT:
            self._message(frame, datagram.payload, packet.source)
        else:
            if packet.source not in self._sources:
                self._sources[packet.source] = None
            user = self._users.get(packet.source)
            if user is not None:
                user.uses(packet.source, frame.when, self._tell)
            elif packet.source in self._instead and _is_its_own(frame):
                self._uses_instead(packet.source, frame.when)
        if not self._found:
            return iter(())
        found, self._found = self._found, []
        return iter([Finding(rule, text) for rule, text in found])

    def is_settled(self, frame: Frame, packet: Ipv4, until: Span) -> bool:
        user = self._users.get(packet.source)
        return (
            packet.source in self._sources
            and packet.source not in self._instead
            and (user is None or user.is_settled(packet.source, until))
        )

    def _by_arp(self, packet: Arp, frame: Frame) -> None:
        """It probes for an address, or has one."""
        address = packet.sender
        if packet.is_probe:
            self._probed[packet.target] = None
            if (user := self._users.get(packet.target)) is not None:
                user.probes(packet.target, frame.when)
        elif (user := self._users.get(address)) is not None:
            user.has(address)
        elif address not in self._introduced:
            self._introduced[address] = None
            if packet.is_announcement and not self._knows(address):
                self._announces(address, frame)

    def _knows(self, address: bytes) -> bool:
        return address in self._sources or address in self._probed

    def _announces(self, address: bytes, frame: Frame) -> None:
        """The first that is heard of it."""
        client = self._clients.get(frame.source)
        if client is not None and client.takes_instead(address, frame.when):
            self._instead[address] = client

    def _uses_instead(self, address: bytes, when: Span) -> None:
        if self._instead[address].uses_instead(address, when, self._tell):
            del self._instead[address]

    def _message(self, frame: Frame, payload: bytes | memoryview, source: bytes) -> None:
        try:
            message = dhcp.decode(payload)
        except Malformed:
            return
        if message.op != dhcp.REQUEST:
            return
        if not message.kind:
            self._without_kind(message)
            return
        client = self._client(message.mac)
        client.source = frame.source
        form(message, bytes(payload), frame.source, self._tell)
        if frame.udp is not None and frame.udp.source != CLIENT_PORT and not any(message.giaddr):
            port = frame.udp.source
            hint = mistakes.byte_order(port, (CLIENT_PORT,))
            text = f"{message}: from port {port}, expected {CLIENT_PORT} (RFC 2131 4.1){hint}"
            self._tell(rules.SOURCE_PORT, text)
        self._form(message, len(payload), source, client)
        if message.kind == dhcp.DECLINE:
            self._declined(message)
        assert frame.ip is not None
        to_all = frame.ip.destination == LIMITED_BROADCAST
        client.from_guest(Sent(message, source, to_all, frame.when), self._tell)

    def _without_kind(self, message: Message) -> None:
        """As BOOTP has it, which knows none of these options. Behind a flaw it may stand yet."""
        seen = sorted(_OF_DHCP & message.options.keys())
        if not seen or message.flaws:
            return
        asks = dhcp.SERVER in seen
        self._tally[Occasion.DHCP_REQUEST if asks else Occasion.DHCP_DISCOVER] += 1
        named = f"option{'s' * (len(seen) > 1)} {', '.join(map(str, seen))}"
        text = f"{message}: {named} and no option 53, expected the message type in it"
        self._tell(rules.NO_KIND, f"{text} (RFC 2132 9.6): it is taken for BOOTP")

    def _client(self, mac: bytes) -> Client:
        client = self._clients.get(mac)
        if client is None:
            client = self._clients[mac] = Client(self._tally, self._owned)
        return client

    def _tell(self, rule: Rule, text: str) -> None:
        self._found.append((rule, text))

    def _form(self, message: Message, size: int, source: bytes, client: Client) -> None:
        """What is said of a client once, or depends on what it had."""
        if size < dhcp.MIN_MESSAGE and message.mac not in self._short:
            if len(self._short) < MAX_CLIENTS:
                self._short.add(message.mac)
            text = f"{message}: {size} bytes, expected {dhcp.MIN_MESSAGE} (RFC 1542 2.1)"
            self._tell(rules.SHORT, text)
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
            self._claims(frame.arp.sender)
        elif frame.udp is not None and frame.udp.destination == CLIENT_PORT:
            self._answer(frame, frame.udp.payload)
        return iter(())

    def _claims(self, address: bytes) -> None:
        """Another host has it, or the router."""
        self._claimed[address] = None
        if address in self._probed and address in self._users:
            self._users[address].is_claimed(address)

    def _answer(self, frame: Frame, payload: bytes | memoryview) -> None:
        try:
            message = dhcp.decode(payload)
        except Malformed:
            return
        if message.op != dhcp.REPLY or not message.kind:
            return
        client = self._clients.get(message.mac)
        if client is None:
            for other in self._clients.values():
                if frame.destination[0] & 1 or frame.destination == other.source:
                    other.overhears(message)
            return
        known = message.yiaddr in self._sources
        way = Way.BROADCAST if frame.destination[0] & 1 else Way.UNICAST
        reaches = way is Way.BROADCAST or frame.destination == client.source
        to = way if reaches else None
        client.to_guest(message, len(payload), frame.when, to, known=known)
        if message.kind == dhcp.ACK:
            for other in self._clients.values():
                if other is not client:
                    other.no_longer_had(message.yiaddr)
        for address in client.addresses:
            self._users[address] = client


def _is_its_own(frame: Frame) -> bool:
    """No answer: the guest has chosen the address for it."""
    if frame.udp is not None:
        return frame.udp.destination in _SERVICES
    if frame.tcp is not None:
        return frame.tcp.flags & (tcp.SYN | tcp.ACK) == tcp.SYN
    return frame.icmp is not None and frame.icmp.type == icmp.ECHO_REQUEST
