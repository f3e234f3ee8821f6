"""Ethernet: padding, and whom a frame is from and to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from ipaddress import IPv4Network
from itertools import pairwise
from math import gcd
from zlib import crc32

from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding, Frame
from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.rules import ethernet as rules
from pynat.rules.occasions import Occasion
from pynat.wire import arp, ethernet, mistakes
from pynat.wire.addresses import address_text, is_multicast, is_unicast
from pynat.wire.ipv4 import LIMITED_BROADCAST, Ipv4

MIN_FRAME = 60  # bytes, without the check sequence (IEEE 802.3 4.2.3.3)
_CHECK = 4  # bytes of the check sequence
_LENGTHS = 4  # of packets with as many zeros behind them
_DIFFERENT = 16  # lengths
_FILLED_UP = 64  # bytes with the check sequence, to which some drivers fill up
_TWICE = 4  # frames in a row
_AT_ONCE = 0.01  # seconds
_KEEPERS = 5  # frames
_SMALLEST_RING = 4  # descriptors
_HEADER = ethernet.HEADER.size
_ARP = _HEADER + 28
_NOBODY = bytes(6)
_EXCHANGED = ": the destination comes first in a frame, then the source"


class EthernetChecker:
    def __init__(self, net: IPv4Network, tally: Tally) -> None:
        self._tally = tally
        self.card_pads = True  # or nothing is known of the card
        self.adopt(net)
        self._last_came = b""  # to it, of ARP
        self._last_sent = NEVER
        self._last = b""  # that it sent, of ARP, if it has not come twice
        self._twice: list[bytes] = []  # in a row
        self._more = 0  # bytes of zeros behind the last packet that needed none
        self._ends = set[int]()  # of such packets in a row, modulo `_DIFFERENT`
        self._kept = 0  # bytes of the last frames that are too long for their packets
        self._keepers: deque[int] = deque(maxlen=_KEEPERS)  # their numbers
        self._macs: Bounded[bytes, bytes] = Bounded(256)  # by IPv4 address

    def adopt(self, net: IPv4Network) -> None:
        self._to_all = (LIMITED_BROADCAST, net.broadcast_address.packed)

    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        size, source = len(frame.data), frame.source
        if source[0] & 1 or source == _NOBODY:
            rule = rules.SOURCE_GROUP if source[0] & 1 else rules.SOURCE_ZERO
            text = f"source {ethernet.text(source)}, expected the card's own MAC address"
            hint = _EXCHANGED if source == ethernet.BROADCAST else ""
            yield Finding(rule, f"{text} (IEEE 802.3 3.2.3){hint}")
        if size <= MIN_FRAME and not self.card_pads:
            self._tally[Occasion.SMALL_FRAME] += 1
        if size < MIN_FRAME and not self.card_pads:
            text = f"{size} bytes, expected at least {MIN_FRAME}, which this card does not see to"
            yield Finding(rules.UNPADDED, f"{text} (IEEE 802.3 4.2.3.3)")
        packet = frame.ip
        if packet is not None:
            end = _HEADER + len(packet.packet)
            yield from self._addresses(frame, packet)
        elif frame.arp is not None:
            end = _ARP
            yield from self._is_double(frame)
        else:
            return
        if size > end:
            self._tally[Occasion.PADDED] += 1
            if frame.malformed is not None and frame.malformed.rule in mistakes.END_UNKNOWN:
                return
            if any(frame.data[end:]):
                yield _padding(frame.data, end)
                if size > MIN_FRAME:
                    yield from self._keeps_its_length(size)
            elif end >= _FILLED_UP:
                yield from self._too_long(end, size - end)

    def is_settled(self, frame: Frame, packet: Ipv4, until: Span) -> bool:
        source, destination = frame.source, packet.destination
        is_cards = not source[0] & 1 and source != _NOBODY
        is_known = is_cards and self._macs.get(packet.source) == source
        return is_known and is_unicast(destination) and destination not in self._to_all

    def is_padded(self, size: int) -> bool:
        """Whether a frame of so many bytes is long enough, or the card sees to it."""
        return size >= MIN_FRAME or self.card_pads

    def count(self, size: int, padding: int) -> None:
        """One that has nothing else to it."""
        if size <= MIN_FRAME and not self.card_pads:
            self._tally[Occasion.SMALL_FRAME] += 1
        if padding:
            self._tally[Occasion.PADDED] += 1

    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        is_answer = frame.arp is not None and frame.arp.operation == arp.REPLY
        if frame.udp is not None or (frame.arp is not None and not is_answer):
            if frame.data == self._last_came:
                self._twice = [b""] * _TWICE  # whoever looks on sees all twice
            self._last_came = frame.data
        return iter(())

    def _too_long(self, end: int, more: int) -> Iterator[Finding]:
        """Zeros behind a packet that fills its frame. A driver that rounds up adds as many to even
        lengths alone, or to odd ones."""
        if self._more < 0:  # it was told so
            return
        if more != self._more:
            self._more = more
            self._ends.clear()
        self._ends.add(end % _DIFFERENT)
        if len(self._ends) >= _LENGTHS and len({one % 2 for one in self._ends}) == 2:
            self._more = -1
            text = f"{more} bytes of zeros behind a packet of {end - _HEADER} bytes, as behind"
            text += f" {_LENGTHS - 1} of other lengths; expected none (RFC 894)"
            if more == _CHECK:
                text += ": the check sequence, which the card appends, was counted"
            yield Finding(rules.TOO_LONG, text)

    def _keeps_its_length(self, size: int) -> Iterator[Finding]:
        """A frame that is too long for its packet, as others of this length."""
        if size != self._kept:
            self._kept = size
            self._keepers.clear()
        numbers = self._keepers
        numbers.append(self._tally.frames_sent)
        ring = gcd(*(b - a for a, b in pairwise(numbers)))
        if len(numbers) == _KEEPERS and ring >= _SMALLEST_RING:
            text = f"{size} bytes for a shorter packet, the {_KEEPERS}th time, and each time it is"
            text += f" the {ring}th frame behind the one before or a multiple: does a descriptor of"
            yield Finding(
                rules.KEPT_LENGTH, f"{text} a ring of {ring} keep its first length (RFC 894)?"
            )

    def _is_double(self, frame: Frame) -> Iterator[Finding]:
        """The same as the one before, and at once; only ARP, of which all is looked at."""
        if frame.data != self._last or frame.when.most(self._last_sent) > _AT_ONCE:
            if self._last and len(self._twice) < _TWICE:
                self._twice.clear()
            self._last, self._last_sent = frame.data, frame.when
            return
        self._last = b""
        if len(self._twice) < _TWICE:
            self._twice.append(frame.data)
            if len(self._twice) == _TWICE and len(set(self._twice)) > 1:
                text = f"{_TWICE} frames of ARP in a row came twice within {_AT_ONCE * 1000:.0f} ms"
                yield Finding(rules.TWICE, f"{text}, expected each once (IEEE 802.3 4.2)")

    def _addresses(self, frame: Frame, packet: Ipv4) -> Iterator[Finding]:
        address = packet.source
        before = self._macs.get(address)
        if before != frame.source and any(address):
            self._macs[address] = frame.source
            if before is not None:
                text = f"{address_text(address)} came from {ethernet.text(frame.source)}, expected"
                text += f" {ethernet.text(before)} as before (RFC 826)"
                yield Finding(rules.SOURCE_CHANGED, text)
        destination = packet.destination
        if not is_unicast(destination) or destination in self._to_all:
            self._tally[Occasion.GROUP_PACKET] += 1
            wanted = self._frame_for(destination)
            if wanted is not None and frame.destination not in (wanted, ethernet.BROADCAST):
                text = f"{packet} in a frame to {ethernet.text(frame.destination)}, expected to"
                yield Finding(rules.WRONG_KIND, f"{text} {ethernet.text(wanted)} (RFC 1122 3.3.6)")

    def _frame_for(self, destination: bytes) -> bytes | None:
        if destination in self._to_all:
            return ethernet.BROADCAST
        if is_multicast(destination):
            return ethernet.group(destination)
        return None


def _padding(data: bytes, end: int) -> Finding:
    behind = data[end:]
    wanted = "zeros" if len(data) <= MIN_FRAME else "none"
    text = f"{len(behind)} bytes behind the packet begin with {behind[:8].hex(' ')}"
    text += f", expected {wanted} (RFC 894)"
    if data[-_CHECK:] == crc32(data[:-_CHECK]).to_bytes(_CHECK, "little"):
        text += ": the last four are the frame's check sequence, which the card adds by itself"
    elif len(data) > MIN_FRAME and len(behind) <= _HEADER:
        text += f": the card was given a length that is {len(behind)} too large"
    return Finding(rules.PADDING, text)
