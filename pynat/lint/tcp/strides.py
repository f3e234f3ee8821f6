"""Acknowledgements by count: of each twentieth full segment, say.

Linux acknowledges at once what its card or its offload has put together, up to 64 KiB; it waits for
its timer while the program does not read, which makes the window smaller; a guest that polls takes
what there is. So it takes the same number again and again, of segments that came one by one, the
last one just before, and a window that is as large as before.
"""

from __future__ import annotations

from typing import NamedTuple

from pynat.lint.span import Span
from pynat.lint.tcp.arrivals import Arrivals

SPREAD = 0.01  # seconds from the second segment on; a card holds them back for much less
_FEW = 4  # segments
_TIMES = 8
_PROMPT = 8  # times as fast as they came


class _Stride(NamedTuple):
    full: int
    ack: int
    window: int


class Strides:
    def __init__(self) -> None:
        self._last = _Stride(0, 0, 0)
        self._equal = 0  # in a row

    def every(self, arrivals: Arrivals, ack: int, window: int, when: Span) -> int:
        """Of how many full segments one is acknowledged, once that is sure."""
        if arrivals.two is None or when.least(arrivals.two) < SPREAD:
            return 0
        last, stride = self._last, _Stride(arrivals.full, ack, window)
        self._last = stride
        follows = ack - last.ack == stride.full * arrivals.largest and window >= last.window
        prompt = when.most(arrivals.newest) * _PROMPT < when.least(arrivals.two)
        is_like = stride.full == last.full and follows and prompt and ack == arrivals.next
        self._equal = self._equal + 1 if is_like else 0
        return stride.full if self._equal == _TIMES and stride.full >= _FEW else 0
