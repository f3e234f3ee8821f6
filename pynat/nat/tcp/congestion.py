"""How much may be in flight: congestion control by RFC 5681, and when losses are repaired.

Slow start and congestion avoidance count bytes (RFC 3465, without its limit for a single
acknowledgement: one may stand for many here, `pynat.wire.tcp.find_run`). Three duplicates, or
as much selectively acknowledged above a hole, begin a recovery (RFC 6582 without SACK, RFC 6675
with it) that ends when everything that was in flight at its beginning is acknowledged. What was
sent before a time-out or a recovery begins no second one (RFC 6582 4.1).
"""

from __future__ import annotations

INITIAL_WINDOW = 10  # segments, RFC 6928
DUPLICATES = 3  # acknowledgements before a fast retransmission, RFC 5681 3.2
MAX_WINDOW = 1 << 24  # bytes; more than any buffer here could use


class Congestion:
    __slots__ = ("duplicates", "recover", "recovering", "threshold", "window")

    def __init__(self) -> None:
        self.window = 0  # cwnd, bytes
        self.threshold = MAX_WINDOW  # ssthresh
        self.duplicates = 0
        self.recovering = False
        self.recover = -1  # the highest number that the last recovery or time-out was about

    def open(self, mss: int) -> None:
        self.window = INITIAL_WINDOW * mss

    def on_progress(self, acked: int, una: int, mss: int, *, flight: int, selective: bool) -> bool:
        """`acked` bytes more are acknowledged. Whether the next segment must be lost too.

        flight: bytes that were on their way. A window that they did not fill by half says nothing
        about the path when they arrive, so it does not grow (RFC 7661 1).
        """
        self.duplicates = 0
        if not self.recovering and flight * 2 < self.window:
            return False
        if not self.recovering:
            if self.window < self.threshold:
                self.window += acked
            elif self.window < MAX_WINDOW:
                self.window += max(1, mss * mss // self.window)
        elif una >= self.recover:
            self.recovering = False
            self.window = self.threshold
        elif not selective:  # a partial acknowledgement (RFC 6582 3.2)
            self.window = max(mss, self.window - acked + mss)
            return True
        return False

    def on_duplicate(self, una: int, top: int, mss: int, *, lost: bool, selective: bool) -> bool:
        """Whether a recovery begins. `lost`: SACK says that the first segment is."""
        self.duplicates += 1
        if self.recovering:
            self.window += 0 if selective else mss
            return False
        if (self.duplicates < DUPLICATES and not lost) or una < self.recover:
            return False
        self.threshold = max((top - una) // 2, 2 * mss)
        self.window = self.threshold + (0 if selective else DUPLICATES * mss)
        self.recovering = True
        self.recover = top
        return True

    def on_timeout(self, una: int, top: int, mss: int) -> None:
        self.threshold = max((top - una) // 2, 2 * mss)
        self.window = mss
        self.recovering = False
        self.recover = top
        self.duplicates = 0
