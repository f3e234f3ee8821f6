"""Addresses that name servers have told the guest, and whether it goes there.

One that only an answer to another question has told is not to be used (RFC 5452 9.1): the guest has
believed that answer if it sends something there.
"""

from __future__ import annotations

from collections.abc import Iterable

from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding
from pynat.lint.tally import Tally
from pynat.rules import dns as rules
from pynat.rules.occasions import Occasion
from pynat.wire.addresses import address_text

MAX_ADDRESSES = 256  # of each kind


class Told:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._right = Bounded[bytes, None](MAX_ADDRESSES)
        self._unused = Bounded[bytes, None](MAX_ADDRESSES)  # of these
        self._forged = Bounded[bytes, str](MAX_ADDRESSES)  # with what is wrong

    def rightly(self, addresses: Iterable[bytes]) -> None:
        for address in addresses:
            self._forged.pop(address, None)
            if address not in self._right:
                self._tally[Occasion.DNS_TOLD] += 1
                self._unused[address] = None
            self._right[address] = None

    def wrongly(self, addresses: Iterable[bytes], wrong: str) -> None:
        self._tally[Occasion.DNS_WRONG] += 1
        for address in addresses:
            if address not in self._right:
                self._forged[address] = wrong

    def goes_to(self, address: bytes) -> Finding | None:
        """A packet of the guest's."""
        if address in self._unused:
            del self._unused[address]
            self._tally[Occasion.DNS_USED] += 1
        wrong = self._forged.pop(address, None)
        if wrong is None:
            return None
        text = f"{address_text(address)} is used, which only a wrong answer has told: {wrong}"
        return Finding(rules.WRONG_TAKEN, f"{text} (RFC 5452 9.1)")
