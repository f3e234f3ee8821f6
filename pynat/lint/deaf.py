"""A guest that hears nothing any more, and goes on sending: its driver has lost the receive ring.

ARP shows it, because it goes both ways: the guest asks again and again for what it is told each
time, and does not answer for an address for which it did before. Whatever it does that takes a
frame from the network, a reply or an error, shows that it hears.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding, Frame
from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.rules import ethernet as rules
from pynat.wire import arp, icmp
from pynat.wire.arp import Arp
from pynat.wire.ipv4 import dotted

MAX_CARDS = 64
MAX_ADDRESSES = 256
TAKEN = 0.1  # seconds until it has taken a reply for certain
SOON = 10.0  # seconds after a reply in which nobody forgets it
IN_VAIN = 3  # replies in a row
UNANSWERED = 2  # requests in a row
LASTS = 3.0  # seconds; it may be slow


@dataclass(slots=True)
class _Card:
    # What it asked for: when it was told, and how many frames had come by then.
    told: Bounded[bytes, tuple[Span, int]] = field(default_factory=lambda: Bounded(16))
    in_vain: int = 0
    since: Span = NEVER  # the first of these
    frames: int = 0  # that had come by then
    unanswered: int = 0
    is_told: bool = False

    def hears(self) -> None:
        self.in_vain = self.unanswered = 0
        self.is_told = False


class DeafChecker:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._cards = Bounded[bytes, _Card](MAX_CARDS)  # by MAC address
        self._owners = Bounded[bytes, _Card](MAX_ADDRESSES)  # who has answered for an address

    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        packet = frame.arp
        if packet is not None and packet.operation == arp.REQUEST:
            if (owner := self._owners.get(packet.target)) is not None:
                owner.unanswered += 1
        elif packet is not None and (card := self._cards.get(packet.target_mac)) is not None:
            card.told[packet.sender] = frame.when, self._tally.frames_came
        return iter(())

    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        packet, message = frame.arp, frame.icmp
        if packet is None and message is None:
            return
        card = self._cards.get(frame.source)
        if card is None:
            card = self._cards[frame.source] = _Card()
        if packet is None or packet.operation == arp.REPLY:
            if packet is not None and not packet.is_announcement:
                self._owners[packet.sender] = card
            if message is None or message.type != icmp.ECHO_REQUEST:
                card.hears()
        elif not packet.is_for_itself and frame.destination[0] & 1:
            yield from self._asks(card, packet, frame.when)

    def _asks(self, card: _Card, packet: Arp, when: Span) -> Iterator[Finding]:
        told, frames = card.told.pop(packet.target, (NEVER, 0))
        if not TAKEN <= when.least(told) <= SOON:
            return
        if not card.in_vain:
            card.since, card.frames = told, frames
        card.in_vain += 1
        lasts = when.least(card.since)
        is_sure = card.in_vain >= IN_VAIN and card.unanswered >= UNANSWERED and lasts >= LASTS
        if not is_sure or card.is_told:
            return
        card.is_told = True
        came = self._tally.frames_came - card.frames + 1
        text = f"{came} frames came in {lasts:.3f} s, and none had an effect, though such had"
        text += f" before: {card.in_vain} replies to the guest's own questions, {card.unanswered}"
        text += " requests for its address; it goes on sending, and asks for"
        yield Finding(rules.DEAF, f"{text} {dotted(packet.target)} again")
