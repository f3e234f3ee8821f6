"""When a frame was on the wire at the guest's card, as far as that is known.

A card of Bochs says it to the microsecond. Another link knows when it read a frame, which may have
waited for that, and when it handed one over. So a rule that finds a guest hasty asks how long it
took at most, one that finds it late how long it took at least, and one that expects it to know of
a frame whether it can have been under way.
"""

from __future__ import annotations

import math
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


NEVER = Span(-math.inf, -math.inf)
