"""Addresses that name servers have told the guest, and whether it goes there.

One that only an answer to another question has told is not to be used (RFC 5452 9.1): the guest has
believed that answer if it sends something there.

One that nobody has told, and that stands in an answer all the same, beside an address or in a name,
is one that the guest has read at the wrong place.
"""

from __future__ import annotations

from collections.abc import Iterable

from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding
from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.rules import dns as rules
from pynat.rules.occasions import Occasion
from pynat.wire import dns
from pynat.wire.addresses import address_text

MAX_ANSWERS = 8
AGAIN = 60.0  # seconds; what follows of it in between is told as that
MAX_ADDRESSES = 256  # of each kind


class Told:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._right = Bounded[bytes, None](MAX_ADDRESSES)
        self._unused = Bounded[bytes, None](MAX_ADDRESSES)  # of these
        self._answers = Bounded[bytes, None](MAX_ANSWERS)
        self._others = Bounded[bytes, None](MAX_ADDRESSES)  # that are used and were not told
        self._misread = Bounded[bytes, tuple[str, Span]](MAX_ADDRESSES)  # of these; told when
        self._forged = Bounded[bytes, str](MAX_ADDRESSES)  # with what is wrong

    def rightly(self, answer: bytes) -> None:
        self._answers[answer] = None
        for address in dns.addresses(answer):
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

    def goes_to(self, address: bytes, when: Span) -> Finding | None:
        """A packet of the guest's."""
        if address in self._unused:
            del self._unused[address]
            self._tally[Occasion.DNS_USED] += 1
        wrong = self._forged.pop(address, None)
        if wrong is None:
            return self._is_misread(address, when)
        text = f"{address_text(address)} is used, which only a wrong answer has told: {wrong}"
        return Finding(rules.WRONG_TAKEN, f"{text} (RFC 5452 9.1)")

    def _is_misread(self, address: bytes, when: Span) -> Finding | None:
        if address in self._right:
            return None
        if address in self._others:
            return self._is_still_used(address, when)
        self._others[address] = None
        for answer in self._answers:
            if where := dns.misread(answer, address):
                text = f"{address_text(address)} is used, which nobody has told: {where}"
                self._misread[address] = f"{text} (RFC 1035 4.1.3, 4.1.4)", NEVER
                return self._is_still_used(address, when)
        return None

    def _is_still_used(self, address: bytes, when: Span) -> Finding | None:
        text, told = self._misread.get(address, ("", when))
        if not text or when.least(told) < AGAIN:
            return None
        self._misread[address] = text, when
        return Finding(rules.MISREAD, text)
