"""When a frame was on the wire at the guest's card, as far as that is known.

A card of Bochs says it to the microsecond. Another link knows when it read a frame, which may have
waited for that, and when it handed one over. So a rule that finds a guest hasty asks how long it
took at most, one that finds it late how long it took at least, and one that expects it to know of
a frame whether it can have been under way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple


class Span(NamedTuple):
    """Not before `first`, not after `last`; seconds of guest time."""

    first: float
    last: float

    def most(self, since: Span) -> float:
        """Seconds since then, at most."""
        return self.last - since.first

    def least(self, since: Span) -> float:
        """Seconds since then, at least; negative where the order is not sure."""
        return self.first - since.last

    def follows(self, other: Span) -> bool:
        """Surely. Of frames seen at one time the one seen later follows."""
        return self.first >= other.last


span: Callable[[tuple[float, float]], Span] = partial(tuple.__new__, Span)
"""One of each frame is made: so that takes a third of the time."""


class CardWire:
    """The wire to the guest's card: until it has carried a frame, and all before it."""

    _OVERHEAD = 24  # bytes of a frame's time: preamble 8, checksum 4, gap 12

    def __init__(self) -> None:
        self._free = 0.0  # when the last frame has reached the card

    def span(self, size: int, megabits: int, before: float, after: float) -> Span:
        """Of a frame of so many bytes that was handed over in between."""
        self._free = max(self._free, before)
        if megabits:
            self._free += (size + self._OVERHEAD) * 8 / (megabits * 1e6)
        return span((before, max(after, self._free)))


NEVER = Span(-math.inf, -math.inf)
