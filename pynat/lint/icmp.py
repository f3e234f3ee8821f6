"""ICMP: errors about what they may be about, errors that are heeded (`echo.py` has pings)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Network

from pynat.lint.bounded import Bounded
from pynat.lint.echo import Pings
from pynat.lint.frame import Finding, Frame
from pynat.lint.owned import Owned
from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.rules import icmp as rules
from pynat.rules.occasions import Occasion
from pynat.wire import icmp, ip, ipv4, versions
from pynat.wire.addresses import address_text, is_unicast
from pynat.wire.checksum import ones_sum
from pynat.wire.icmp import Icmp
from pynat.wire.ip import Outline
from pynat.wire.ipv4 import Ipv4

MAX_PATHS = 256  # destinations with an MTU of their own
UNDER_WAY = 0.5  # seconds in which packets may still be sent that were queued before the error
_FIRST_BYTE = 0x45  # of a packet without options
_RIGHT = 0xFFFF  # sum of a header with its checksum
_COUNTED = {2: "total length", 4: "identification", 6: "flags and offset"}  # by place
_COUNTED_BY_HOSTS = ((2,), (2, 6), (2, 4), (2, 4, 6), (6,), (4,))  # what a stack may turn
HEEDED = 300.0  # seconds until a longer packet may be tried again (RFC 1191 6.3)


class IcmpChecker:
    def __init__(
        self,
        net: IPv4Network,
        tally: Tally,
        owned: Owned,
        is_in_flight: Callable[[Outline, bytes], bool],
    ) -> None:
        """is_in_flight: whether a segment is, of which an error quotes the beginning."""
        self._tally = tally
        self._is_in_flight = is_in_flight
        self._pings = Pings(net, tally, owned)
        self.adopt(net)
        self._paths: Bounded[bytes, tuple[int, Span]] = Bounded(MAX_PATHS)  # MTU, when it was told

    def adopt(self, net: IPv4Network) -> None:
        self._broadcast = net.broadcast_address.packed
        self._pings.adopt(net)

    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        packet, message = frame.ip, frame.icmp
        if packet is None:
            return
        if self._paths and packet.dont_fragment:
            yield from self._length(frame.when, packet)
        if frame.when.first >= self._pings.due:
            yield from self._pings.overdue(packet, frame.when)
        if packet.protocol == ipv4.ICMP:
            yield from self._pings.from_guest(frame, packet)
        if message is None:
            return
        if message.type == icmp.REDIRECT:
            text = f"{packet}: type 5, expected none from a host (RFC 1122 3.2.2.2)"
            yield Finding(rules.REDIRECT, text)
        elif message.type in icmp.ERRORS:
            self._tally[Occasion.ICMP_ERROR] += 1
            yield from self._error(packet, message)

    def is_settled(self, frame: Frame, packet: Ipv4, until: Span) -> bool:
        return packet.destination not in self._paths

    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        message = frame.icmp
        if frame.udp is None:
            self._pings.to_guest(frame)
        if message is not None and _says_mtu(message):
            self._told(message, frame.when)
        return iter(())

    def _told(self, message: Icmp, when: Span) -> None:
        about = versions.outline(message.payload)
        if not message.sequence or about is None:
            return
        if about.protocol != ip.TCP or self._is_in_flight(about, message.payload):
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

    def _error(self, packet: Ipv4, message: Icmp) -> Iterator[Finding]:
        quote = message.payload
        about = versions.outline(quote)
        if about is None or (wrong := _quote(packet, message, about)):
            wrong = f"{len(quote)} bytes quoted, expected at least 28" if about is None else wrong
            yield Finding(rules.QUOTE, f"{packet}: {wrong} (RFC 792)")
            return
        if changed := _changed(quote):
            text = f"{packet}: {changed}, expected the header as it came (RFC 1122 3.2.2)"
            yield Finding(rules.QUOTE_CHANGED, text)
        if why := self._why_not(quote, about):
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


def _quote(packet: Ipv4, message: Icmp, about: Outline) -> str:
    """What is wrong with the part of a packet that an error brings along."""
    quote = message.payload
    if message.ident >> 8 == _FIRST_BYTE:
        return "the quote begins at byte 4, expected at byte 8"
    if quote[0] >> 4 != _FIRST_BYTE >> 4:
        return f"the quote begins with {quote[0]:#04x}, expected an IPv4 header, {_FIRST_BYTE:#04x}"
    if len(quote) < about.body + 8 and len(quote) < _whole(quote):
        return f"{len(quote)} bytes quoted, expected at least {about.body + 8}"
    if (about.source, about.destination) == (packet.source, packet.destination):
        return "the quoted packet is the guest's own, expected the one that came to it, unchanged"
    return ""


def _changed(quote: bytes) -> str:
    """What came had a right checksum."""
    header = quote[: (quote[0] & 15) * 4]
    if ones_sum(header) == _RIGHT:
        return ""
    for places in _COUNTED_BY_HOSTS:
        turned = bytearray(header)
        for at in places:
            turned[at : at + 2] = header[at : at + 2][::-1]
        if ones_sum(bytes(turned)) == _RIGHT:
            what = " and ".join(
                f"{_COUNTED[at]} {int.from_bytes(header[at : at + 2], 'big')}" for at in places
            )
            return f"{what} in the quote: the bytes are swapped"
    return "the quoted header does not fit its checksum"


def _says_mtu(message: Icmp) -> bool:
    return (message.type, message.code) == (icmp.UNREACHABLE, icmp.FRAGMENTATION_NEEDED)


def _whole(quote: bytes) -> int:
    """How long the packet itself was: less than 8 bytes behind the header is all there is."""
    return int.from_bytes(quote[2:4], "big")
