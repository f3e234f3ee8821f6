"""How a guest asks by UDP for names (RFC 1035 4.2.1, RFC 5452).

A question is the same one if it comes with the same id from the same port; a resolver that asks
again because it has forgotten takes others.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from pynat.errors import Malformed
from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding, Frame
from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.lint.told import Told
from pynat.rules import Rule
from pynat.rules import dns as rules
from pynat.rules.occasions import Occasion
from pynat.wire import dhcp, dns, icmp, ipv4, mistakes, versions
from pynat.wire.addresses import address_text, end_text, in_one_net
from pynat.wire.dns import Query
from pynat.wire.icmp import Icmp
from pynat.wire.ipv4 import Ipv4

MAX_REMEMBERED = 1024  # questions, servers, guests
PORT = 53
IDS = 4  # names in a row with one id
PORTS = 8  # names in a row from one port
A_WHILE = 2.0  # seconds that such a row lasts at least: several may ask by one socket at once
REPEATS = 5  # times that a question is sent within FAST
FAST = 2.0  # seconds; boot ROMs ask four times in it
STORM = 4  # times that a name is asked for, with whatever id, at one pace within ...
PACE = 0.05, 0.3  # ... seconds from one to the next; boot ROMs begin so, and slow down
EVEN = 1.5  # the longest of these pauses by the shortest
_UNESCAPED = re.compile(r"(?<!\\)\.")  # between labels
_ADDRESSES = {dns.A, dns.AAAA}  # of hosts, whose names have no dots in a label
_ASKED_FOR = {dns.A, dns.AAAA, dns.PTR}
_OPCODES = {4 << 11, 5 << 11}  # NOTIFY, UPDATE: what servers say to each other
SOON = 1.0  # seconds in which nobody gives up
GIVEN_UP = 3  # questions in a row
AFTER = 2  # times that a question is sent although the answer has come
_IDENT = 6  # where a `_place` has it, behind address and port


@dataclass(slots=True)
class _Question:
    sent: deque[Span] = field(default_factory=lambda: deque(maxlen=REPEATS))
    answered: Span | None = None
    again: int = 0  # sent since the answer
    final: str = ""  # what the answer says that is no address


@dataclass(slots=True)
class _Open:
    """A question, whichever server it went to."""

    asked: Span
    answers: int = 0
    refused: int = 0  # of these, by ICMP: nobody waits for them any more


@dataclass(slots=True)
class _Habits:
    """Of one guest, towards one server."""

    ids: deque[tuple[str, int]] = field(default_factory=lambda: deque(maxlen=IDS))
    ports: deque[tuple[str, int, Span]] = field(default_factory=lambda: deque(maxlen=PORTS))
    told: set[str] = field(default_factory=set)  # codes; once is enough


@dataclass(slots=True)
class _Lease:
    """What DHCP said of an address."""

    mask: bytes
    servers: frozenset[bytes]


class DnsChecker:
    def __init__(self, tally: Tally, told: Told) -> None:
        self._tally = tally
        self._told = told
        self._waiting = Bounded[bytes, Query](MAX_REMEMBERED)  # by ends and port
        self._questions = Bounded[bytes, _Question](MAX_REMEMBERED)
        self._unanswered = Bounded[bytes, deque[Span]](MAX_REMEMBERED)  # by who, whom, and name
        self._habits = Bounded[bytes, _Habits](MAX_REMEMBERED)
        self._leases = Bounded[bytes, _Lease](MAX_REMEMBERED)
        self._open = Bounded[bytes, _Open](MAX_REMEMBERED)  # by the guest's address, port and id
        self._first_open = Bounded[bytes, _Open](MAX_REMEMBERED)  # by address and port
        self._to_others = Bounded[bytes, None](
            MAX_REMEMBERED
        )  # flows of the guest's, by ends and ports
        self._last_open: _Open | None = None
        self._given_up = 0  # questions, since one was waited for
        self._found: list[tuple[Rule, str]] = []

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        packet, datagram = frame.ip, frame.udp
        if packet is None or datagram is None or datagram.destination != PORT:
            message = frame.icmp
            if packet is not None and datagram is not None:
                self._to_others[packet.ends + packet.payload[:4]] = None
            if packet is not None and message is not None and message.type == icmp.UNREACHABLE:
                return self._refuses(packet, message, frame.when)
            return iter(())
        payload = bytes(datagram.payload)
        if len(payload) < dns.HEADER.size or payload[2] & 0x80:
            return iter(())
        try:
            question = dns.decode(payload)
        except Malformed:
            return iter(())
        self._found += [(rule, f"{question}: {text}") for rule, text in _form(question)]
        ends = packet.source + packet.destination
        self._habit(question, ends, datagram.source, frame.when)
        self._where(question, packet.source, packet.destination)
        self._waiting[ends + datagram.source.to_bytes(2, "big")] = question
        self._is_open(_place(packet.source, datagram.source, payload), frame.when)
        if not self._storms(question, ends + _question(payload), frame.when):
            self._repeated(question, _key(ends, datagram.source, payload), frame.when)
        found, self._found = self._found, []
        return iter([Finding(rule, text) for rule, text in found])

    def _is_open(self, place: bytes, when: Span) -> None:
        before = self._last_open
        if before is not None and before.answers > before.refused:
            self._given_up = 0
        if place not in self._open:
            one = self._open[place] = _Open(when)
            if place[:_IDENT] not in self._first_open:
                self._first_open[place[:_IDENT]] = one
        self._last_open = self._open[place]

    def _refuses(self, packet: Ipv4, message: Icmp, when: Span) -> Iterator[Finding]:
        """An answer to a question for which nobody waits any more. The copy of an answer, or the
        answer of a second server, comes behind one that was taken."""
        about = versions.outline(message.payload)
        if message.code != icmp.PORT or about is None or about.protocol != ipv4.UDP:
            return
        answer = message.payload[about.body :]
        port = int.from_bytes(answer[2:4], "big")
        one = self._first_open.get(about.destination + port.to_bytes(2, "big"))
        if one is None:
            return
        one.refused += 1
        took = when.most(one.asked)
        if one.refused == one.answers == 1 and took < SOON:
            self._tally[Occasion.DNS_REFUSED] += 1
            self._given_up += 1
            if self._given_up == GIVEN_UP:
                text = f"{packet}: the answer came {took:.3f} s after the question, and port"
                text += f" {port} is closed, for the {GIVEN_UP}rd time; expected to wait 2 to 5 s"
                yield Finding(rules.GIVES_UP, f"{text} (RFC 1035 4.2.1)")

    def _habit(self, question: Query, ends: bytes, port: int, when: Span) -> None:
        habits = self._habits.get(ends)
        if habits is None:
            habits = self._habits[ends] = _Habits()
        ids, ports = habits.ids, habits.ports
        if not ids or ids[-1][0] != question.name:
            ids.append((question.name, question.ident))
            ports.append((question.name, port, when))
            self._tally[Occasion.DNS_NAMES] += len(ids) == IDS
        if len(ids) == IDS and len({ident for _, ident in ids}) == 1:
            text = (
                f"{question}: the id is that of the {IDS - 1} names before, expected a random one"
            )
            self._once(habits, rules.SAME_ID, f"{text} (RFC 5452 9.1)")
        lasts = when.least(ports[0][2]) >= A_WHILE
        self._tally[Occasion.DNS_LONG] += len(ports) == PORTS and lasts
        if len(ports) == PORTS and len({own for _, own, _ in ports}) == 1 and lasts:
            text = f"{question}: from port {port}, as the {PORTS - 1} names before"
            self._once(habits, rules.SAME_PORT, f"{text}, expected a random one (RFC 5452 9.2)")
        if not question.flags & dns.RD and not question.flags & dns.OPCODE:
            hint = mistakes.byte_order(question.flags, (dns.RD,))
            text = f"{question}: flags {question.flags:#06x}, expected the bit RD, 0x0100"
            self._once(habits, rules.NO_RECURSION, f"{text} (RFC 1035 4.1.1){hint}")

    def _once(self, habits: _Habits, rule: Rule, text: str) -> None:
        if rule.code not in habits.told:
            habits.told.add(rule.code)
            self._found.append((rule, text))

    def _where(self, question: Query, source: bytes, server: bytes) -> None:
        lease = self._leases.get(source)
        self._tally[Occasion.DNS_LEASED] += lease is not None
        if lease and server not in lease.servers and in_one_net(source, server, lease.mask):
            named = " or ".join(map(address_text, sorted(lease.servers)))
            text = f"{question}: asks {address_text(server)}, expected {named} (RFC 2132 3.8)"
            self._found.append((rules.NOT_A_SERVER, text))

    def _storms(self, question: Query, about: bytes, when: Span) -> bool:
        """Several programs that ask at once do not keep a pace."""
        sent = self._unanswered.get(about)
        if sent is None:
            sent = self._unanswered[about] = deque(maxlen=STORM)
        sent.append(when)
        shortest = min((b.least(a) for a, b in pairwise(sent)), default=0.0)
        longest = max((b.most(a) for a, b in pairwise(sent)), default=0.0)
        is_fast = PACE[0] <= shortest and longest <= min(PACE[1], shortest * EVEN)
        if len(sent) < STORM or not is_fast:
            return False
        took = when.most(sent[0])
        text = f"{question}: the name is asked for {STORM} times in {took:.3f} s, with no answer;"
        text += " expected pauses of 2 to 5 s (RFC 1035 4.2.1)"
        self._found.append((rules.TOO_FAST, text))
        sent.clear()
        return True

    def _repeated(self, question: Query, key: bytes, when: Span) -> None:
        asked = self._questions.get(key)
        if asked is None:
            asked = self._questions[key] = _Question()
        asked.sent.append(when)
        if asked.answered is not None:
            if when.follows(asked.answered):
                asked.again += 1
                if asked.again == AFTER:
                    self._not_taken(question, asked, when.least(asked.answered))
        elif len(asked.sent) == REPEATS and when.most(asked.sent[0]) < FAST:
            text = f"{question}: sent {REPEATS} times in {when.most(asked.sent[0]):.3f} s"
            text += ", expected pauses of 2 to 5 s (RFC 1035 4.2.1)"
            self._found.append((rules.TOO_FAST, text))
            asked.sent.clear()

    def _not_taken(self, question: Query, asked: _Question, ago: float) -> None:
        text = f"{question}: sent again {AFTER} times, and was answered"
        when = f"{ago:.3f} s ago"
        self._found.append((rules.NOT_TAKEN, f"{text} {when} (RFC 1035 7.3){asked.final}"))

    # ------------------------------------------------------------------ to the guest
    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        packet, datagram = frame.ip, frame.udp
        if packet is None or datagram is None:
            return iter(())
        if datagram.source == PORT:
            payload = bytes(datagram.payload)
            self._answer(packet, datagram.destination, payload, frame)
        elif datagram.source == 67:
            self._lease(datagram.payload)
        elif self._open:
            self._from_elsewhere(packet, datagram.destination, datagram.payload)
        return iter(())

    def _answer(self, packet: Ipv4, port: int, payload: bytes, frame: Frame) -> None:
        ends = packet.destination + packet.source
        asked = self._questions.get(_key(ends, port, payload))
        if (waiting := self._open.get(_place(packet.destination, port, payload))) is not None:
            waiting.answers += 1
        if asked is None and waiting is not None and not self._went_to(ends, port):
            self._from_elsewhere(packet, port, payload)
        elif asked is None:
            self._strange(ends + port.to_bytes(2, "big"), payload)
        else:
            self._unanswered.pop(ends + _question(payload), None)
            self._told.rightly(payload)
            if asked.answered is None:
                asked.answered = frame.when
                self._tally[Occasion.DNS_ANSWER] += 1
                asked.final = _final(payload)

    def _went_to(self, ends: bytes, port: int) -> bool:
        """Whether a question from this port went to that server."""
        return ends + port.to_bytes(2, "big") in self._waiting

    def _from_elsewhere(self, packet: Ipv4, port: int, payload: bytes | memoryview) -> None:
        """Of an address or port to which nothing went; who looks at neither takes it."""
        if _place(packet.destination, port, payload) not in self._open:
            return
        sender, own = (bytes(packet.payload[at : at + 2]) for at in (0, 2))
        if packet.destination + packet.source + own + sender not in self._to_others:
            where = end_text((packet.source, int.from_bytes(sender, "big")))
            wrong = f"the answer to it came from {where}, which was not asked"
            self._told.wrongly(dns.addresses(bytes(payload)), wrong)

    def _strange(self, place: bytes, payload: bytes) -> None:
        """It fits no question; where one waits, the guest may take it for the answer to that."""
        question = self._waiting.get(place)
        if question is not None:
            ident = int.from_bytes(payload[:2], "big")
            what = "is to another question"
            if ident != question.ident:
                what = f"has the id {ident:#06x}"
            self._told.wrongly(dns.addresses(payload), f"the answer to {question} {what}")

    def _lease(self, payload: bytes | memoryview) -> None:
        try:
            message = dhcp.decode(payload)
        except Malformed:
            return
        servers = message.options.get(dhcp.DNS, b"")
        mask = message.options.get(dhcp.MASK, b"")
        if message.kind == dhcp.ACK and len(mask) == 4 and servers and len(servers) % 4 == 0:
            each = frozenset(servers[at : at + 4] for at in range(0, len(servers), 4))
            self._leases[message.yiaddr] = _Lease(mask, each)


def _final(answer: bytes) -> str:
    """What a guest may not have expected in one that is right."""
    _, flags, _, records, *_ = dns.HEADER.unpack_from(answer)
    rcode = flags & dns.RCODE
    if flags & dns.TC:
        return "; TC is set: expected a question by TCP (RFC 7766 5)"
    if rcode == dns.NXDOMAIN or (rcode == dns.NOERROR and not records):
        what = "there is no such name" if rcode else "the name has no such record"
        return f"; it says that {what}: expected that to be the end of it (RFC 2308 1)"
    if rcode:
        return f"; its rcode is {rcode}: expected another server, or a pause (RFC 9520 2.2)"
    return ""


def _form(question: Query) -> Iterator[tuple[Rule, str]]:
    """What is wrong with one by itself."""
    opcode = question.flags & dns.OPCODE
    if opcode and opcode not in _OPCODES:
        hint = mistakes.byte_order(question.flags, (dns.RD,))
        yield rules.OPCODE, f"flags {question.flags:#06x}, expected opcode 0 (RFC 1035 4.1.1){hint}"
    if question.klass not in dns.CLASSES:
        text = f"class {question.klass}, expected 1 (RFC 1035 3.2.4)"
        yield rules.CLASS, text + _exchanged(question)
    elif not question.kind or _is_swapped(question):
        text = f"type {question.kind}, expected 1 for an address (RFC 1035 3.2.2)"
        yield rules.CLASS, text + mistakes.byte_order(question.kind, _ASKED_FOR)
    if question.kind in _ADDRESSES and (wrong := _label(question.name)):
        yield rules.DOT_IN_LABEL, f"{wrong} (RFC 1035 3.1)"


def _is_swapped(question: Query) -> bool:
    """256 is also URI, of which services are asked (RFC 7553)."""
    return mistakes.swapped(question.kind) in _ASKED_FOR and not question.name.startswith("_")


def _exchanged(question: Query) -> str:
    if question.kind == dns.IN and question.klass:
        return f": type and class are exchanged, type {question.klass} and class 1 are meant"
    return mistakes.byte_order(question.klass, (dns.IN,))


def _label(name: str) -> str:
    """What of a string there is in a label. One with a dot in its midst may be meant."""
    labels = _UNESCAPED.split(name)
    if any("\0" in one for one in labels):
        return "a label has a zero byte in it, expected the bytes of the text alone"
    if len(labels) == 1 and "\\." in name:
        text = name.replace("\\.", ".")
        return f"one label of {len(text)} bytes, expected {text.count('.') + 1} labels"
    if any(one.endswith("\\.") for one in labels):
        return "a label ends with its dot, expected the bytes between the dots"
    return ""


def _key(ends: bytes, port: int, payload: bytes) -> bytes:
    """A question: who asks whom, from which port, its id, name and type."""
    return ends + port.to_bytes(2, "big") + payload[:2] + _question(payload)


def _place(guest: bytes, port: int, payload: bytes | memoryview) -> bytes:
    return guest + port.to_bytes(2, "big") + payload[:2]


def _question(payload: bytes) -> bytes:
    """The bytes of the name, type and class; all that are there if cut short."""
    name = dns.name_asked(payload)
    behind = dns.HEADER.size + len(name)
    return name + payload[behind : behind + 5]
