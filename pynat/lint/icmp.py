"""ICMP: replies to what was asked, errors about what they may be about, errors that are heeded."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding, Frame
from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.rules import icmp as rules
from pynat.rules.occasions import Occasion
from pynat.wire import icmp, ip, ipv4, mistakes, versions
from pynat.wire.addresses import address_text, is_unicast
from pynat.wire.icmp import Icmp
from pynat.wire.ip import Outline
from pynat.wire.ipv4 import Ipv4

MAX_REQUESTS = 64  # echo requests that are remembered, with their data
MAX_PATHS = 256  # destinations with an MTU of their own
UNDER_WAY = 0.5  # seconds in which packets may still be sent that were queued before the error
HEEDED = 300.0  # seconds until a longer packet may be tried again (RFC 1191 6.3)

Request = tuple[bytes, bytes, int, int]  # the guest's address, who asked, identifier, number


class IcmpChecker:
    def __init__(self, net: IPv4Network, tally: Tally) -> None:
        self._tally = tally
        self.adopt(net)
        self._asked: Bounded[Request, bytes | None] = Bounded(
            MAX_REQUESTS
        )  # data; None once answered
        self._paths: Bounded[bytes, tuple[int, Span]] = Bounded(MAX_PATHS)  # MTU, when it was told

    def adopt(self, net: IPv4Network) -> None:
        self._broadcast = net.broadcast_address.packed

    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        packet, message = frame.ip, frame.icmp
        if packet is None:
            return
        if self._paths and packet.dont_fragment:
            yield from self._length(frame.when, packet)
        if message is None:
            return
        if message.type == icmp.ECHO_REPLY:
            self._tally[Occasion.ECHO_REPLY] += 1
            yield from self._reply(packet, message)
        elif message.type == icmp.ECHO_REQUEST:
            if self._asked.get(_answered(packet, message)) == message.payload:
                text = f"{packet}: type 8 in the answer to a ping, expected 0"
                yield Finding(rules.REQUEST_SENT_BACK, f"{text} (RFC 1122 3.2.2.6)")
        elif message.type == icmp.REDIRECT:
            text = f"{packet}: type 5, expected none from a host (RFC 1122 3.2.2.2)"
            yield Finding(rules.REDIRECT, text)
        elif message.type in icmp.ERRORS:
            self._tally[Occasion.ICMP_ERROR] += 1
            yield from self._error(packet, message)

    def is_settled(self, frame: Frame, packet: Ipv4, until: Span) -> bool:
        return packet.destination not in self._paths

    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        packet, message = frame.ip, frame.icmp
        if packet is None or message is None:
            return iter(())
        if message.type == icmp.ECHO_REQUEST:
            key = (packet.destination, packet.source, message.ident, message.sequence)
            self._asked[key] = message.payload
        elif (message.type, message.code) == (icmp.UNREACHABLE, icmp.FRAGMENTATION_NEEDED):
            self._told(message, frame.when)
        return iter(())

    def _told(self, message: Icmp, when: Span) -> None:
        about = versions.outline(message.payload)
        if message.sequence and about is not None:
            self._paths[about.destination] = (message.sequence, when)

    def _length(self, when: Span, packet: Ipv4) -> Iterator[Finding]:
        if packet.destination not in self._paths:
            return
        self._tally[Occasion.NARROW_PATH] += 1
        mtu, told = self._paths[packet.destination]
        size = len(packet.packet)
        ago = when.least(told)
        if size > mtu and ago > UNDER_WAY and when.most(told) < HEEDED:
            said = f"{address_text(packet.destination)} takes {mtu}, as was said {ago:.3f} s ago"
            text = f"{packet}: {size} bytes with DF, expected at most {mtu}: {said} (RFC 1191 3)"
            yield Finding(rules.TOO_LONG_STILL, text)

    def _reply(self, packet: Ipv4, message: Icmp) -> Iterator[Finding]:
        key = _answered(packet, message)
        name = f"{packet}: identifier {message.ident}, sequence {message.sequence}"
        if key not in self._asked:
            text = f"{name}, expected {self._expected(packet, message)}"
            yield Finding(rules.NOT_ASKED, f"{text} (RFC 1122 3.2.2.6)")
            return
        asked, self._asked[key] = self._asked[key], None
        if asked is None:
            text = f"{name}: a second reply, expected one (RFC 1122 3.2.2.6)"
            yield Finding(rules.REPLIES_TWICE, text)
        elif asked != message.payload:
            yield Finding(rules.REPLY_DIFFERS, f"{name}: {_difference(message.payload, asked)}")

    def _expected(self, packet: Ipv4, message: Icmp) -> str:
        """What the last request still waits for that this may be the reply to."""
        for (guest, asker, ident, sequence), data in reversed(self._asked.items()):
            if data is not None and (guest, asker) == (packet.source, packet.destination):
                hint = mistakes.byte_order(message.ident, (ident,))
                hint = hint or mistakes.byte_order(message.sequence, (sequence,))
                return f"{ident} and {sequence}, as in the request{hint}"
        return f"those of a request of {address_text(packet.destination)}"

    def _error(self, packet: Ipv4, message: Icmp) -> Iterator[Finding]:
        quote = message.payload
        about = versions.outline(quote)
        header = about.body if about else ipv4.HEADER_SIZE
        if about is None or (len(quote) < header + 8 and len(quote) < _whole(quote)):
            size = f"{len(quote)} bytes quoted, expected at least {header + 8}"
            yield Finding(rules.QUOTE, f"{packet}: {size} (RFC 792)")
        elif why := self._why_not(quote, about):
            text = f"{packet}: an error about {why}, expected none (RFC 1122 3.2.2)"
            yield Finding(rules.ABOUT_ERROR, text)
        elif (message.type, message.code, quote[9]) == (icmp.UNREACHABLE, icmp.PORT, ipv4.TCP):
            text = f"{packet}: port unreachable about {ipv4.named(quote)}, expected a RST"
            yield Finding(rules.NO_RESET, f"{text} (RFC 9293 3.10.7.1)")

    def _why_not(self, quote: bytes, about: Outline) -> str:
        destination = about.destination
        if about.is_later:
            return "a fragment that is not the first"
        if ip.carries_error(about, quote):
            return "an ICMP error"
        if not is_unicast(destination) or destination == self._broadcast:
            return f"a packet to {address_text(destination)}"
        return ""


def _answered(packet: Ipv4, message: Icmp) -> Request:
    return packet.source, packet.destination, message.ident, message.sequence


def _whole(quote: bytes) -> int:
    """How long the packet itself was: less than 8 bytes behind the header is all there is."""
    return int.from_bytes(quote[2:4], "big")


def _difference(seen: bytes, wanted: bytes) -> str:
    if len(seen) != len(wanted):
        return f"{len(seen)} bytes of data, expected {len(wanted)} (RFC 792)"
    at = next(i for i, (a, b) in enumerate(zip(seen, wanted, strict=True)) if a != b)
    return f"data byte {at} is {seen[at]:#04x}, expected {wanted[at]:#04x} (RFC 792)"
