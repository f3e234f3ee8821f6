"""One budget of memory for what all flows hold: `tcp.memory`.

A flow holds the host's bytes that the guest has not acknowledged, and the guest's that the kernel
has not taken or that came out of order; what hosts within the process keep is in the same budget.
As long as all together hold less than half of the budget, each may hold what its own limits allow.
From then on each may hold an equal share in each direction, so that those that still grow stay
within the other half: less is read from the host, the windows told to the guest get smaller, what
comes out of order beyond the share is as good as lost, and hosts within the process take next to
nothing. Nothing acknowledged is given up.
"""

from __future__ import annotations

MIN_SHARE = 4096  # bytes of a flow in each direction, however many flows there are
UNLIMITED = 1 << 62


class MemoryBudget:
    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.share = UNLIMITED  # bytes that a flow may hold in each direction
        self.is_short = False  # `share` is no longer unlimited
        self._told = UNLIMITED  # the share that all flows know of

    def charge(self, octets: int) -> None:
        """Someone holds so many more of them; fewer, if it is negative."""
        self.used += octets

    def has_room(self, octets: int) -> bool:
        """Whether so many bytes more would change nothing for anybody."""
        return not self.is_short and (self.used + octets) * 2 <= self.limit

    def beside(self, most: int) -> int:
        """How much of `most` a host within the process may keep of a flow in each direction."""
        return min(most, MIN_SHARE) if self.is_short else most

    def divide(self, flows: int) -> bool:
        """Among so many flows. Whether all have to know: it has halved or doubled."""
        short = self.used * 2 > self.limit or (self.is_short and self.used * 8 > self.limit * 3)
        if not short and not self.is_short:
            return False
        self.is_short = short
        self.share = max(MIN_SHARE, self.limit // (4 * max(1, flows))) if short else UNLIMITED
        if self._told // 2 < self.share < self._told * 2:
            return False
        self._told = self.share
        return True
