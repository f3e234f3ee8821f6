"""When something that nobody uses goes: once its time has passed on both clocks.

The guest's clock runs up to hundreds of times faster than the one on the wall while the guest
idles (docs/time.md). A program of the host that says nothing for a minute must not lose its
connection for that; nor must a guest that stands still, in a debugger say, while the hours go by.
Where only the guest's time counts (hermetic = true), the wall's is not told.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class WallTime:
    """The time on the wall, told by the driver at each of its turns."""

    now: float | None = None  # seconds since any moment

    def tell(self, now: float) -> None:
        self.now = now


class IdleTimeout:
    __slots__ = ("_look", "_wall", "_wall_last", "last", "seconds")

    def __init__(self, wall: WallTime, seconds: float) -> None:
        self.seconds = seconds
        self.last = 0.0  # when it was used, guest time
        self._wall = wall
        self._wall_last = 0.0
        self._look = 0.0  # not before then: the wall's time was not over

    def used(self, now: float) -> None:
        self.last = now
        self._wall_last = self._wall.now or 0.0

    @property
    def due(self) -> float:
        """The guest time at which it may be over."""
        return max(self.last + self.seconds, self._look)

    def is_over(self, now: float) -> bool:
        """At `due`, which moves on if it is not."""
        wall = self._wall.now
        if now < self.due or wall is None:
            return now >= self.due
        passed = wall - self._wall_last
        left = self.seconds - passed
        if left <= 0:
            return True
        pace = (now - self.last) / passed if passed > 0 else 1.0
        # At the pace up to now, but not too far ahead: the guest may get busy and its pace slow.
        self._look = now + min(left * max(pace, 1.0), self.seconds)
        return False
