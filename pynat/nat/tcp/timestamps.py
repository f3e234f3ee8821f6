"""Timestamps of one connection, and what they protect against (RFC 7323 3 to 5).

Ours count milliseconds of guest time from an offset that is the connection's own (5.4). A segment
whose stamp is older than the last one taken over is an old duplicate, unless the connection has
been quiet for so long that the guest's clock may have wrapped (5.5).
"""

from __future__ import annotations

TICKS_PER_SECOND = 1000  # a second
QUIET = 24 * 86_400.0  # seconds, RFC 7323 5.5

_SPACE = 1 << 32


class Timestamps:
    __slots__ = ("_offset", "_recent_at", "recent")

    def __init__(self, offset: int, recent: int = 0, now: float = 0.0) -> None:
        self.recent = recent  # TS.Recent
        self._recent_at = now
        self._offset = offset

    def clock(self, now: float) -> int:
        return (int(now * TICKS_PER_SECOND) + self._offset) % _SPACE

    def option(self, now: float) -> tuple[int, int]:
        return self.clock(now), self.recent

    def is_old(self, value: int, now: float) -> bool:
        """PAWS, RFC 7323 5.3 R1."""
        return (value - self.recent) % _SPACE >= _SPACE >> 1 and now - self._recent_at < QUIET

    def update_recent(self, value: int, now: float) -> None:
        """From a segment that reaches back to our last acknowledgement (RFC 7323 4.3)."""
        self.recent = value
        self._recent_at = now

    def round_trip(self, echo: int, now: float) -> float | None:
        """Seconds since we sent the stamp that comes back; None if that cannot be."""
        ticks = (self.clock(now) - echo) % _SPACE
        return ticks / TICKS_PER_SECOND if ticks < _SPACE >> 1 else None
