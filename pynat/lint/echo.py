"""Pings to the guest: each one that is right is answered once, with what it brought.

A request is known by both addresses, identifier and sequence number (RFC 792, RFC 1122 3.2.2.6).
One that a bad wire has repeated may be answered as often as it came; one in fragments counts when
all of it has come.

Not to be answered are pings with a wrong checksum, and those that only reach the card and are for
an address that it does not have. One to all may be answered or not. That a guest takes no long
packets, or does not read fragments or what follows options of IPv4, shows when it answers a plain
ping and none of `MISSED` such that came before. Those count that came while the card had the
address, and behind which no plain one was left unanswered. A guest that is told by ARP, for the
first time, who has pinged it answers within `PATIENCE`: it has kept what was to be sent there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network

from pynat.errors import Malformed
from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding, Frame
from pynat.lint.ipv4 import padding_counted
from pynat.lint.owned import Owned
from pynat.lint.pieces import Pieces
from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.rules import Rule
from pynat.rules import arp as arp_rules
from pynat.rules import icmp as rules
from pynat.rules import ipv4 as ip_rules
from pynat.rules.occasions import Occasion
from pynat.wire import arp, icmp, ipv4, mistakes, versions
from pynat.wire.addresses import address_text, is_unicast
from pynat.wire.icmp import Icmp
from pynat.wire.ipv4 import Ipv4

MAX_REQUESTS = 64  # that are remembered, with their data
MAX_GUESTS = 64
TAKEN_BY_ALL = 576  # bytes of a packet (RFC 1122 3.3.2)
PATIENCE = 2.0  # seconds in which a ping is answered
MISSED = 2  # pings of a kind in a row

Request = tuple[bytes, bytes, int, int]  # the guest's address, who asked, identifier, number


class Way(Enum):
    PLAIN = "plain"
    LONG = "in long packets"
    CUT = "in fragments"
    SHUFFLED = "in fragments out of order"
    MIXED = "in fragments with those of another packet in between"
    SHUFFLED_AND_MIXED = "in fragments between others"
    BEHIND_OPTIONS = "with IPv4 options"
    RESOLVED = "from hosts that it first had to ask for by ARP"


_UNREAD = {
    Way.LONG: (ip_rules.LONG_NOT_TAKEN, Occasion.PING_LONG, "RFC 1122 3.3.2"),
    Way.CUT: (ip_rules.FRAGMENTS_IGNORED, Occasion.PING_CUT, "RFC 1122 3.3.2"),
    Way.SHUFFLED: (ip_rules.JOINED_AS_THEY_COME, Occasion.PING_SHUFFLED, "RFC 791 3.2"),
    Way.MIXED: (ip_rules.JOINED_WITH_OTHERS, Occasion.PING_MIXED, "RFC 791 3.2"),
    Way.BEHIND_OPTIONS: (ip_rules.OPTIONS_UNREAD, Occasion.PING_OPTIONS, "RFC 1122 3.2.1.8"),
    Way.RESOLVED: (arp_rules.NOT_KEPT, Occasion.PING_RESOLVED, "RFC 1122 2.3.2.2"),
}
_OF_PIECES = {
    (False, False): Way.CUT,
    (True, False): Way.SHUFFLED,
    (False, True): Way.MIXED,
    (True, True): Way.SHUFFLED_AND_MIXED,
}
_EASIER = {  # which others a guest answers that may be expected to answer these within PATIENCE
    Way.SHUFFLED: (Way.CUT, Way.MIXED),
    Way.MIXED: (Way.CUT, Way.SHUFFLED),
    Way.RESOLVED: (Way.PLAIN,),
}
_UNCHECKED = {
    ip_rules.CHECKSUM: (ip_rules.UNCHECKED, Occasion.PING_SPOILT_IP, "RFC 1122 3.2.1.2"),
    rules.CHECKSUM: (rules.UNCHECKED, Occasion.PING_SPOILT, "RFC 1122 3.2.2"),
}


@dataclass(slots=True)
class _Asked:
    data: bytes
    number: int  # in the order in which they came
    behind: bytes = b""  # padding of its frame
    when: Span = NEVER
    way: Way = Way.PLAIN
    times: int = 1  # that it came and was not answered
    wrong: tuple[Rule, str] | None = None  # that there is an answer; what was wrong with it


class Pings:
    def __init__(self, net: IPv4Network, tally: Tally, owned: Owned) -> None:
        self._tally = tally
        self._owned = owned
        self.adopt(net)
        self._count = 0
        self.due = math.inf  # when the first one of _EASIER must be answered
        self._asked: Bounded[Request, _Asked] = Bounded(MAX_REQUESTS)
        self._rare: Bounded[Request, _Asked] = Bounded(MAX_REQUESTS)  # those that are not plain
        self._missed: Bounded[tuple[bytes, Way], int] = Bounded(MAX_GUESTS)  # in a row
        self._resolved: Bounded[tuple[bytes, bytes], None] = Bounded(MAX_REQUESTS)  # guest, host
        self._came, self._sent = Pieces(), Pieces()

    def adopt(self, net: IPv4Network) -> None:
        self._broadcast = net.broadcast_address.packed

    # ------------------------------------------------------------------ to the guest
    def to_guest(self, frame: Frame) -> None:
        packet = frame.ip
        if frame.malformed is not None:
            self._spoilt(frame, frame.malformed)
        elif frame.arp is not None:
            if frame.arp.operation == arp.REPLY:
                self._resolves(frame.arp, frame.when)
        elif packet is not None:
            message = _message(frame, packet, self._came)
            if message is not None and message.type == icmp.ECHO_REQUEST:
                self._asks(frame, packet, message)

    def _asks(self, frame: Frame, packet: Ipv4, message: Icmp) -> None:
        request = packet.destination, packet.source, message.ident, message.sequence
        asked = self._asked.get(request)
        is_over = asked is not None and asked.way is Way.RESOLVED and not asked.times
        if asked is None or asked.data != message.payload or asked.wrong is not None or is_over:
            self._count += 1
            way, wrong = self._way(packet), self._not_its(frame, packet)
            behind = packet.around[1]
            asked = _Asked(message.payload, self._count, behind, frame.when, way, 0, wrong)
        asked.times += 1
        self._tally[Occasion.PINGED] += asked.wrong is None
        self._asked[request] = asked
        if asked.way is not Way.PLAIN and self._is_up(frame, packet):
            self._rare[request] = asked
        if asked.way in _EASIER:
            self.due = min(self.due, frame.when.last + PATIENCE)

    def _resolves(self, packet: arp.Arp, when: Span) -> None:
        ends = packet.target, packet.sender
        if ends in self._resolved:
            return
        self._resolved[ends] = None
        newest = next((one for one in reversed(self._asked) if one[:2] == ends), None)
        asked = self._asked[newest] if newest else None
        if newest is None or asked is None or when.most(asked.when) > PATIENCE:
            return  # older ones need not be kept
        if asked.times and asked.way is Way.PLAIN and not asked.wrong:
            self._tally[Occasion.PING_RESOLVED] += 1
            asked.way, asked.when = Way.RESOLVED, when
            self._rare[newest] = asked
            self.due = min(self.due, when.last + PATIENCE)

    def _is_up(self, frame: Frame, packet: Ipv4) -> bool:
        """As far as is known, the card has the address by now."""
        address, owned = packet.destination, self._owned.by(frame.destination)
        return address in owned and not self._owned.is_over(address, frame.when)

    def _way(self, packet: Ipv4) -> Way:
        way = Way.LONG if len(packet.packet) > TAKEN_BY_ALL else Way.PLAIN
        if packet.is_fragment:
            way = _OF_PIECES[self._came.is_shuffled, self._came.is_mixed]
        way = Way.BEHIND_OPTIONS if len(packet.header) > ipv4.HEADER_SIZE else way
        if way in _UNREAD:
            self._tally[_UNREAD[way][1]] += 1
        return way

    def _not_its(self, frame: Frame, packet: Ipv4) -> tuple[Rule, str] | None:
        """Reached the guest's card, and is for somebody else."""
        address, owned = packet.destination, self._owned.by(frame.destination)
        if not owned or address in owned or address == self._broadcast or not is_unicast(address):
            return None
        self._tally[Occasion.PING_OTHERS] += 1
        whose = f"the card has {', '.join(map(address_text, owned))}"
        text = f"to {address_text(address)}, expected none: {whose} (RFC 1122 3.2.1.3)"
        return ip_rules.NOT_FOR_IT, text

    def _spoilt(self, frame: Frame, why: Malformed) -> None:
        about = versions.in_frame(frame.data)
        if why.rule not in _UNCHECKED or about is None or about.protocol != ipv4.ICMP:
            return
        message = icmp.unchecked(frame.data[about.body : about.end])
        if message is None or message.type != icmp.ECHO_REQUEST:
            return
        rule, occasion, rfc = _UNCHECKED[why.rule]
        self._tally[occasion] += 1
        request = about.destination, about.source, message.ident, message.sequence
        if request not in self._asked:
            seen = f"that came with a wrong checksum, expected none ({rfc})"
            self._asked[request] = _Asked(message.payload, self._count, wrong=(rule, seen))

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, frame: Frame, packet: Ipv4) -> Iterator[Finding]:
        message = _message(frame, packet, self._sent)
        if message is None:
            return
        if message.type == icmp.ECHO_REPLY:
            self._tally[Occasion.ECHO_REPLY] += 1
            yield from self._reply(packet, message)
        else:
            asked = self._asked.get(_answered(packet, message))
            if asked is not None and asked.times and asked.data == message.payload:
                text = f"{packet}: type {message.type} in the answer to a ping, expected 0"
                yield Finding(rules.OTHER_TYPE, f"{text} (RFC 1122 3.2.2.6)")

    def _reply(self, packet: Ipv4, message: Icmp) -> Iterator[Finding]:
        request = _answered(packet, message)
        asked = self._asked.get(request) or self._to_another(packet, message)
        if asked is None and self._was_asked_of_all(request):
            return  # as it may
        if asked is None:
            text = f"{_name(packet, message)}, expected {self._expected(packet, message)}"
            yield Finding(rules.NOT_ASKED, f"{text} (RFC 1122 3.2.2.6)")
        elif asked.wrong is not None:
            rule, text = asked.wrong
            yield Finding(rule, f"{packet} answers a ping {text}")
        elif not asked.times:
            text = f"{_name(packet, message)}: a second reply, expected one (RFC 1122 3.2.2.6)"
            yield Finding(rules.REPLIES_TWICE, text)
        else:
            asked.times -= 1
            yield from self._missing(request, asked)
            if message.payload != asked.data:
                yield _difference(packet, message, asked)
            if message.code:
                text = f"{_name(packet, message)}: code {message.code}, expected 0 (RFC 792)"
                yield Finding(rules.ECHO_CODE, text)

    def _missing(self, request: Request, asked: _Asked) -> Iterator[Finding]:
        """A plain ping is answered, and others that came before it are not; or one in fragments,
        and others whose fragments came otherwise."""
        is_plain = asked.way is Way.PLAIN
        self._missed[request[0], asked.way] = 0
        if not is_plain:
            self._rare.pop(request, None)
        unanswered = max(self._unanswered(request, asked), default=0)
        for other, one in list(self._rare.items()):
            is_worse = is_plain or asked.way in _EASIER.get(one.way, ())
            if is_worse and other[:2] == request[:2] and one.number < asked.number:
                del self._rare[other]
                if one.number > unanswered:
                    yield from self._miss(request[0], one.way)

    def _unanswered(self, request: Request, until: _Asked) -> Iterator[int]:
        """Numbers of plain pings before this one."""
        for other, one in self._asked.items():
            is_plain = one.way is Way.PLAIN and one.wrong is None
            if is_plain and one.times and other[:2] == request[:2] and one.number < until.number:
                yield one.number

    def overdue(self, packet: Ipv4, when: Span) -> Iterator[Finding]:
        """The guest sends something else, from an address that was pinged."""
        self.due = math.inf
        for request, one in list(self._rare.items()):
            if one.way not in _EASIER:
                continue
            if when.least(one.when) < PATIENCE or request[0] != packet.source:
                self.due = min(self.due, max(when.first, one.when.last + PATIENCE))
                continue
            del self._rare[request]
            yield from self._miss(request[0], one.way)

    def _miss(self, guest: bytes, way: Way) -> Iterator[Finding]:
        easier = _EASIER.get(way)
        if easier and all(self._missed.get((guest, one)) != 0 for one in easier):
            return  # it may join no fragments, or answer no pings
        missed = self._missed.get((guest, way), 0) + 1
        self._missed[guest, way] = missed
        if missed == MISSED and way in _UNREAD:
            yield _unread(guest, way)

    def _to_another(self, packet: Ipv4, message: Icmp) -> _Asked | None:
        """The guest answers from its own address what was for somebody else."""
        seen = _answered(packet, message)[1:]
        found = (one for request, one in self._asked.items() if request[1:] == seen)
        return next(
            (one for one in found if one.wrong and one.wrong[0] is ip_rules.NOT_FOR_IT), None
        )

    def _was_asked_of_all(self, request: Request) -> bool:
        return any(
            other[1:] == request[1:] and (other[0] == self._broadcast or not is_unicast(other[0]))
            for other in self._asked
        )

    def _expected(self, packet: Ipv4, message: Icmp) -> str:
        """What the last request still waits for that this may be the reply to."""
        for (guest, asker, ident, sequence), one in reversed(self._asked.items()):
            if one.times and (guest, asker) == (packet.source, packet.destination):
                hint = mistakes.byte_order(message.ident, (ident,))
                hint = hint or mistakes.byte_order(message.sequence, (sequence,))
                return f"{ident} and {sequence}, as in the request{hint}"
        return f"those of a request of {address_text(packet.destination)}"


def _message(frame: Frame, packet: Ipv4, pieces: Pieces) -> Icmp | None:
    """Of a packet in fragments with the last one that comes."""
    if not packet.is_fragment or packet.protocol != ipv4.ICMP:
        return frame.icmp
    whole = pieces.add(packet)
    try:
        return icmp.decode(memoryview(whole)) if whole is not None else None
    except Malformed:
        return None


def _unread(guest: bytes, way: Way) -> Finding:
    rule, _, rfc = _UNREAD[way]
    what = "pings in fragments" if Way.CUT in _EASIER.get(way, ()) else "a plain ping"
    before = "" if way is Way.RESOLVED else " before it"
    text = f"{address_text(guest)} answers {what}, and none of {MISSED} {way.value}{before}"
    return Finding(rule, f"{text} ({rfc})")


def _answered(packet: Ipv4, message: Icmp) -> Request:
    return packet.source, packet.destination, message.ident, message.sequence


def _name(packet: Ipv4, message: Icmp) -> str:
    return f"{packet}: identifier {message.ident}, sequence {message.sequence}"


def _difference(packet: Ipv4, message: Icmp, asked: _Asked) -> Finding:
    """Zeros behind the data are the guest's own padding, if the request had another one."""
    seen, wanted, padding = message.payload, asked.data, len(message.payload) - len(asked.data)
    fills = padding > 0 and len(packet.packet) == mistakes.FILLS
    if fills and any(asked.behind) and seen == wanted + bytes(padding):
        return padding_counted(packet, padding)
    if padding:
        text = f"{len(seen)} bytes of data, expected {len(wanted)} (RFC 792)"
        if fills and seen.startswith(wanted):
            text += f": {padding} bytes of the frame's padding were taken for data;"
            text += " IPv4's total length says where the packet ends, and counts no padding"
    else:
        at = next(i for i, (a, b) in enumerate(zip(seen, wanted, strict=True)) if a != b)
        text = f"data byte {at} is {seen[at]:#04x}, expected {wanted[at]:#04x} (RFC 792)"
    return Finding(rules.REPLY_DIFFERS, f"{_name(packet, message)}: {text}")
