"""Whose an address is: a card has those that it has announced by ARP or that DHCP has given it."""

from __future__ import annotations

from pynat.lint.bounded import Bounded
from pynat.lint.tally import Tally
from pynat.rules.occasions import Occasion

MAX_CARDS = 64
MAX_ADDRESSES = 16  # of one card
NOTHING: dict[bytes, None] = {}


class Owned:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._cards: Bounded[bytes, Bounded[bytes, None]] = Bounded(MAX_CARDS)  # by MAC

    def by(self, mac: bytes) -> dict[bytes, None]:
        """Nothing, too, where nothing is known of the card."""
        return self._cards.get(mac, NOTHING)

    def add(self, mac: bytes, address: bytes) -> None:
        owned = self._cards.get(mac)
        if owned is None:
            owned = self._cards[mac] = Bounded(MAX_ADDRESSES)
            self._tally[Occasion.KNOWN_CARD] += 1
        owned[address] = None
