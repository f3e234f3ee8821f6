"""Whose an address is: a card has those that it has announced by ARP or that DHCP has given it.

What DHCP gives it takes back: by a NAK, or when the lease is over. Then nobody is to answer for the
address (RFC 2131 3.1, 4.4.5), whatever was sent from there before.
"""

from __future__ import annotations

from math import inf

from pynat.lint.bounded import Bounded
from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.rules.occasions import Occasion

MAX_CARDS = 64
MAX_ADDRESSES = 16  # of one card
NOTHING: dict[bytes, None] = {}


class Owned:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._cards: Bounded[bytes, Bounded[bytes, None]] = Bounded(MAX_CARDS)  # by MAC
        self._ends: Bounded[bytes, float] = Bounded(MAX_CARDS)  # of leases, by address

    def by(self, mac: bytes) -> dict[bytes, None]:
        """Nothing, too, where nothing is known of the card."""
        return self._cards.get(mac, NOTHING)

    def add(self, mac: bytes, address: bytes) -> None:
        owned = self._cards.get(mac)
        if owned is None:
            owned = self._cards[mac] = Bounded(MAX_ADDRESSES)
            self._tally[Occasion.KNOWN_CARD] += 1
        owned[address] = None

    def lasts(self, address: bytes, until: float) -> None:
        """As DHCP has it."""
        self._ends[address] = until

    def is_over(self, address: bytes, when: Span) -> bool:
        """The lease of this address was, perhaps."""
        return when.last >= self._ends.get(address, inf)
