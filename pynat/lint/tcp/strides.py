"""Acknowledgements by count: of each twentieth full segment, say.

Linux acknowledges at once what its card or its offload has put together, up to 64 KiB; it waits for
its timer while the program does not read, which makes the window smaller; a guest that polls takes
what there is. So it takes the same number again and again, of segments that came one by one, the
last one just before, and a window that is as large as before.

Where each number comes just behind the last of the segments, in less than an eighth of the time
between two, no clock says when: `FEWER` of them are enough, in much less time. That is looked at
from `least` segments on, until a number of them have shown that it is not so.
"""

from __future__ import annotations

from typing import NamedTuple

from pynat.lint.span import Span
from pynat.lint.tcp.arrivals import Arrivals

SPREAD = 0.01  # seconds from the second segment on; a card holds them back for much less
_FEW = 4  # segments
_TIMES = 8
_PROMPT = 8  # times as fast as they came
_FEWER = 5
_AT_LEAST = 6  # segments
_APART = 0.002  # seconds from the second segment on
_NO_TIMER = 0.03  # seconds; delayed acknowledgements take longer
_LOOKS = 64
NEVER_SO_MANY = 1 << 30


class _Stride(NamedTuple):
    full: int
    ack: int
    window: int


class Strides:
    def __init__(self) -> None:
        self._last = _Stride(0, 0, 0)
        self._equal = 0  # in a row
        self._at_once = 0  # of them, in a row
        self._looks = 0
        self.least = _AT_LEAST  # full segments that make an acknowledgement worth a look

    def every(self, arrivals: Arrivals, ack: int, window: int, when: Span) -> int:
        """Of how many full segments one is acknowledged, once that is sure."""
        if arrivals.two is None:
            return 0
        self._look(arrivals.full)
        if when.least(arrivals.two) < _APART:
            return 0
        last, stride = self._last, _Stride(arrivals.full, ack, window)
        self._last = stride
        took, behind = when.least(arrivals.two), when.most(arrivals.newest) * _PROMPT
        follows = ack - last.ack == stride.full * arrivals.largest and ack == arrivals.next
        is_like = stride.full == last.full and follows
        at_once = is_like and behind * max(1, stride.full - 2) < took < _NO_TIMER
        self._at_once = self._at_once + 1 if at_once and stride.full >= _AT_LEAST else 0
        is_slow = took >= SPREAD and window >= last.window and behind < took
        self._equal = self._equal + 1 if is_like and is_slow else 0
        is_sure = self._equal == _TIMES or self._at_once == _FEWER
        return stride.full if is_sure and stride.full >= _FEW else 0

    def _look(self, full: int) -> None:
        self._looks += full >= self.least
        if self._looks == _LOOKS:
            self.least = NEVER_SO_MANY
