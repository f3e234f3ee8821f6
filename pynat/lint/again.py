"""Questions that got no answer, and were asked only once: what is lost has to be sent again.

    DHCP   DISCOVER, and a REQUEST that does not renew: any of them again (RFC 2131 4.1)
    DNS    the name at any server, by UDP or TCP (RFC 1035 4.2.1); an answer about one type of it
           may have made the other needless, and an ICMP error says that nobody is there; one with
           another id, or cut short (TC), is none
    TFTP   the file at that server (RFC 1350 2), with whatever options and from whatever port; any
           datagram to the port is an answer
    ARP    for a host that is there (RFC 1122 2.3.2.2 counts on it); who sends something there has
           learned its MAC address in another way

The guest has longer than the slowest stacks wait. It is told when it sends something else after
that; one that falls silent is told when it has been so for `SILENT` seconds, and somebody asks or
the network ends.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from pynat.config import Network
from pynat.errors import Malformed
from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding, Frame
from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.rules import Rule, dhcp_client
from pynat.rules import arp as arp_rules
from pynat.rules import dns as dns_rules
from pynat.rules import tftp as tftp_rules
from pynat.rules.occasions import Occasion
from pynat.wire import arp, dhcp, dns, icmp, tftp, versions
from pynat.wire.addresses import address_text
from pynat.wire.arp import Arp
from pynat.wire.ipv4 import Ipv4
from pynat.wire.tcp import ACK, SYN
from pynat.wire.udp import Udp

MAX_QUESTIONS = 64
MAX_HOSTS = 256
MAX_SERVERS = 8  # that are asked from one port
MAX_KINDS = 32  # types and ids of one question
SILENT = 30.0  # seconds
_DNS, _DHCP_SERVER, _DHCP_CLIENT, _TFTP = 53, 67, 68, 69
_NOBODY = bytes(4)

Key = tuple[Rule, bytes]


@dataclass(frozen=True, slots=True)
class _Kind:
    """patience: seconds in which a right stack has asked again."""

    rule: Rule
    occasion: Occasion
    patience: float
    expected: str


_OF_ARP = _Kind(
    arp_rules.ONCE,
    Occasion.ARP_UNANSWERED,
    10.0,
    "expected it again after a second (RFC 1122 2.3.2)",
)
_OF_DNS = _Kind(
    dns_rules.ONCE,
    Occasion.DNS_UNANSWERED,
    12.0,
    "expected it again after 2 to 5 s (RFC 1035 4.2.1)",
)
_OF_DHCP = _Kind(
    dhcp_client.ONCE, Occasion.DHCP_UNANSWERED, 16.0, "expected it again after 4 s (RFC 2131 4.1)"
)
_OF_TFTP = _Kind(
    tftp_rules.ONCE, Occasion.TFTP_UNANSWERED, 16.0, "expected it again after 1 to 5 s (RFC 1350 2)"
)
_OF_SERVERS = {_DNS: _OF_DNS, _TFTP: _OF_TFTP}  # by their ports


@dataclass(slots=True)
class _Question:
    kind: _Kind
    text: str
    when: Span
    card: bytes  # that asks
    again: bool = False
    is_spare: bool = False  # asked several times, and another time it was answered
    types: Bounded[int, None] = field(default_factory=lambda: Bounded(MAX_KINDS))  # of records
    idents: Bounded[int, None] = field(default_factory=lambda: Bounded(MAX_KINDS))  # by DNS
    truncated: bool = False  # the answer, with no address in it
    wrong: int | None = None  # the id of an answer that no question had
    told: frozenset[bytes] = frozenset()  # addresses in that
    used: bytes = b""  # the one of them to which the guest went then

    @property
    def due(self) -> float:
        return math.inf if self.again else self.when.last + self.kind.patience


class AgainChecker:
    def __init__(self, network: Network, tally: Tally) -> None:
        self._tally = tally
        self._questions = Bounded[Key, _Question](MAX_QUESTIONS)  # without an answer
        self._due = math.inf  # when the first of them must have been asked again
        # Of DNS, when one was settled, or asked since.
        self._told = Bounded[bytes, Span](MAX_QUESTIONS)
        self._port_for_cut = 0  # of the guest's: it asks by TCP for answers that were cut short
        # What is asked for from an address and port, of one server or several.
        self._files = Bounded[bytes, Bounded[bytes, None]](MAX_QUESTIONS)
        self._there = Bounded[bytes, None](MAX_HOSTS)  # addresses that were heard of
        self.adopt(network)

    def adopt(self, network: Network) -> None:
        self._net: IPv4Network = network.net
        self._there[network.router.packed] = self._there[network.dns.packed] = None

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        packet = frame.ip
        if frame.arp is not None:
            self._asks_arp(frame.arp, frame)
        elif packet is not None:
            if frame.udp is not None:
                self._asks(frame, packet, frame.udp)
            if self._questions:
                self._sends(frame, packet)
        return self._late(frame.when) if frame.when.first >= self._due else iter(())

    def is_settled(self, frame: Frame, packet: Ipv4, until: Span) -> bool:
        return until.last < self._due

    def _asks_arp(self, packet: Arp, frame: Frame) -> None:
        is_question = packet.operation == arp.REQUEST and packet.sender not in (
            _NOBODY,
            packet.target,
        )
        if is_question and frame.destination[0] & 1 and packet.target in self._there:
            self._ask(_OF_ARP, packet.target, str(packet), frame)

    def _asks(self, frame: Frame, packet: Ipv4, datagram: Udp) -> None:
        port = datagram.destination
        try:
            if port == _DNS:
                payload = bytes(datagram.payload)
                question = dns.decode(payload)
                about = packet.source + dns.name_asked(payload)
                asked = self._ask(_OF_DNS, about, str(question), frame, question.kind)
                asked.idents[question.ident] = None
            elif port == _DHCP_SERVER:
                message = dhcp.decode(datagram.payload)
                self._loses_its_address(message, frame.source)
                begins = message.kind in (dhcp.DISCOVER, dhcp.ASK) and message.ciaddr == dhcp.ZERO
                if begins and packet.source == dhcp.ZERO:
                    self._ask(_OF_DHCP, message.mac, str(message), frame)
            elif port == _TFTP:
                request = tftp.decode(bytes(datagram.payload))
                if request.opcode in (tftp.RRQ, tftp.WRQ):
                    about = packet.source + packet.destination + request.name
                    self._ask(_OF_TFTP, about, str(request), frame)
                    end = _end(packet.source, datagram.source)
                    files = self._files.get(end) or Bounded[bytes, None](MAX_SERVERS)
                    files[about] = None
                    self._files[end] = files
        except Malformed:
            pass

    def _loses_its_address(self, message: dhcp.Message, card: bytes) -> None:
        """It gives it back or begins anew; then it cannot ask again."""
        if message.leaves_address:
            for (rule, about), question in list(self._questions.items()):
                if question.card == card and question.kind is not _OF_DHCP:
                    del self._questions[rule, about]
            self._reckon()

    def _ask(
        self, kind: _Kind, about: bytes, text: str, frame: Frame, record: int = 0
    ) -> _Question:
        when = frame.when
        question = self._questions.get((kind.rule, about))
        told = self._told.get(about, NEVER) if kind is _OF_DNS else NEVER
        if question is None:
            question = self._questions[kind.rule, about] = _Question(kind, text, when, frame.source)
            if when.most(told) < SILENT:
                self._told[about] = when
                question.is_spare = True
        elif record in question.types and not question.again:
            question.again = True
            self._tally[kind.occasion] += 1
        question.types[record] = None
        self._reckon()
        return question

    def _sends(self, frame: Frame, packet: Ipv4) -> None:
        """It knows where to, or asks by TCP."""
        if not frame.destination[0] & 1:
            self._answered(_OF_ARP, packet.destination)
            if IPv4Address(packet.destination) not in self._net:
                self._forget(_OF_ARP, frame.when)
        if frame.tcp is not None and frame.tcp.destination == _DNS:
            self._asks_by_tcp(frame.tcp.source, frame.when)
        for question in self._questions.values():
            if packet.destination in question.told and _begins(frame):
                question.used = packet.destination

    def _asks_by_tcp(self, port: int, when: Span) -> None:
        """For what was cut short, if something was."""
        if port == self._port_for_cut:
            return
        cut = [about for (_, about), one in self._questions.items() if one.truncated]
        for about in cut:
            self._told[about] = when
            self._answered(_OF_DNS, about)
        if cut:
            self._port_for_cut = port
        else:
            self._forget(_OF_DNS, when)

    # ------------------------------------------------------------------ to the guest
    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        packet = frame.ip
        if frame.arp is not None:
            self._there[frame.arp.sender] = None
            self._answered(_OF_ARP, frame.arp.sender)
        elif packet is not None:
            if packet.source not in self._there:
                self._there[packet.source] = None
            if self._questions:
                self._answers(frame, packet)
        return iter(())

    def _answers(self, frame: Frame, packet: Ipv4) -> None:
        datagram = frame.udp
        if frame.icmp is not None and frame.icmp.type in icmp.ERRORS:
            kind = _asked_there(frame.icmp.payload)
            if kind is not None:
                self._forget(kind, frame.when)
        elif datagram is not None and datagram.source == _DNS:
            payload = bytes(datagram.payload)
            if name := dns.name_asked(payload):
                self._named(packet.destination + name, payload, frame.when)
            else:  # a refusal that quotes nothing
                self._forget(_OF_DNS, frame.when)
        elif datagram is not None and datagram.destination == _DHCP_CLIENT:
            self._answered(_OF_DHCP, bytes(datagram.payload[28:34]))
        elif datagram is not None:
            end = _end(packet.destination, datagram.destination)
            for about in self._files.pop(end, ()):
                self._answered(_OF_TFTP, about)

    def _named(self, about: bytes, answer: bytes, when: Span) -> None:
        question = self._questions.get((_OF_DNS.rule, about))
        ident, addresses = int.from_bytes(answer[:2], "big"), dns.addresses(answer)
        if question is not None and ident not in question.idents:
            question.wrong, question.told = ident, frozenset(addresses)
        elif question is not None and answer[2] & dns.TC >> 8 and not addresses:
            self._tally[Occasion.DNS_TRUNCATED] += not question.truncated
            question.truncated = True
        else:
            self._told[about] = when
            self._answered(_OF_DNS, about)

    def _answered(self, kind: _Kind, about: bytes) -> None:
        if self._questions.pop((kind.rule, about), None) is not None:
            self._reckon()

    def _forget(self, kind: _Kind, when: Span) -> None:
        for rule, about in list(self._questions):
            if rule is kind.rule and not self._questions[rule, about].used:
                if kind is _OF_DNS:
                    self._told[about] = when
                self._answered(kind, about)

    # ------------------------------------------------------------------ what is not asked again
    def _late(self, when: Span) -> Iterator[Finding]:
        for question in list(self._questions.values()):
            if when.first >= question.due:
                ago = f"{when.least(question.when):.0f} s"
                yield from self._tell(question, f"while the guest sent something else {ago} later")

    def overdue(self, now: float) -> Iterator[Finding]:
        """It has fallen silent."""
        for question in list(self._questions.values()):
            waited = now - question.when.last
            if not question.again and waited >= SILENT:
                yield from self._tell(question, f"in {waited:.0f} s")

    def _tell(self, question: _Question, how: str) -> Iterator[Finding]:
        kind, question.again = question.kind, True
        self._reckon()
        if question.used:
            text = f"{address_text(question.used)} is used, which an answer with the id"
            text = f"{text} {question.wrong:#06x} told, and it was not asked again {how}"
            yield self._found(dns_rules.WRONG_TAKEN, question, f"{text} (RFC 5452 9.1)")
        elif question.truncated:
            text = f"the answer has TC and no address, and it was not asked again {how}"
            text = f"{text}; expected a question by TCP (RFC 7766 5)"
            yield self._found(dns_rules.TRUNCATED_TAKEN, question, text)
        elif not question.is_spare and question.wrong is not None:
            text = f"only an answer with the id {question.wrong:#06x} came, and it was not sent"
            text = f"{text} again {how}: is the id of an answer looked at? {kind.expected}"
            yield self._found(kind.rule, question, text)
        elif not question.is_spare:
            text = f"no answer came, and it was not sent again {how}; {kind.expected}"
            yield self._found(kind.rule, question, text)

    def _found(self, rule: Rule, question: _Question, text: str) -> Finding:
        self._tally[question.kind.occasion] += 1
        return Finding(rule, f"{question.text}: {text}")

    def _reckon(self) -> None:
        self._due = min((one.due for one in self._questions.values()), default=math.inf)


def _end(address: bytes, port: int) -> bytes:
    return address + port.to_bytes(2, "big")


def _asked_there(quote: bytes) -> _Kind | None:
    """What is asked where the quoted datagram went."""
    about = versions.outline(quote)
    if about is None:
        return None
    return _OF_SERVERS.get(int.from_bytes(quote[about.body + 2 : about.body + 4], "big"))


def _begins(frame: Frame) -> bool:
    """What goes there is no part of what was before."""
    segment, message = frame.tcp, frame.icmp
    if segment is not None:
        return segment.flags & (SYN | ACK) == SYN
    return frame.udp is not None or (message is not None and message.type == icmp.ECHO_REQUEST)
