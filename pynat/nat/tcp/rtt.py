"""Round-trip time and the retransmission time-out (RFC 6298), in seconds of guest time.

The bounds are the configuration's; its defaults are Linux's, not the RFC's one-second floor (2.4):
an emulated guest on a virtual wire answers within milliseconds, and a second of silence for one
lost frame is what people would file as a bug.
"""

from __future__ import annotations

from pynat.config import Tcp

GRANULARITY = 0.0001  # the shim publishes guest time every 100 us

_ALPHA = 1 / 8
_BETA = 1 / 4


class Rtt:
    __slots__ = ("_high", "_low", "rto", "smoothed", "variance")

    def __init__(self, settings: Tcp) -> None:
        self.smoothed: float | None = None
        self.variance = 0.0
        self._low = settings.rto_min
        self._high = settings.rto_max
        self.rto = settings.rto_initial

    def sample(self, seconds: float) -> None:
        """A measurement of a segment that was sent once only (Karn, RFC 6298 3)."""
        if self.smoothed is None:
            self.smoothed = seconds
            self.variance = seconds / 2
        else:
            self.variance += _BETA * (abs(self.smoothed - seconds) - self.variance)
            self.smoothed += _ALPHA * (seconds - self.smoothed)
        self.forget_back_off()

    def back_off(self) -> None:
        self.rto = self._bounded(self.rto * 2)

    def cap(self, most: float) -> None:
        self.rto = min(self.rto, most)

    def forget_back_off(self) -> None:
        """Return to what the measurements say."""
        if self.smoothed is not None:
            self.rto = self._bounded(self.smoothed + max(GRANULARITY, 4 * self.variance))

    def _bounded(self, rto: float) -> float:
        return min(max(rto, self._low), self._high)
