"""A driver that loses each nth frame: a descriptor of its ring that it never looks at.

What has come to the card and has to come again, because the guest has not acknowledged it, was lost
behind the card. That may happen to a right guest which is in a hurry; but then no number fits all
of these frames. Frames are counted as they came to the wire's card: where there are several, none
fits either.
"""

from __future__ import annotations

from collections import deque
from math import gcd

from pynat.lint.tcp.side import Tell
from pynat.rules import ethernet as rules

_RECENT = 64  # frames among which the one that was lost is looked for
_LOST = 5  # frames, of which all fit
_REGULAR = 8  # each so many at least; by chance a number fits once in 20,000 times
_CLOSE = 3  # frames behind the first one, where a wire repeats it; a fast retransmission has more
_LONG = 0.15  # seconds; a time-out has more
_SEGMENT = slice(26, 42)  # of a frame: addresses, ports, sequence number


class LostFrames:
    def __init__(self) -> None:
        self.recent = deque[bytes](maxlen=_RECENT)  # the last is the one that has just come
        self.count = 0  # frames that have come
        self._lost = deque[int](maxlen=_LOST)
        self._is_told = False

    def again(self, waited: float, tell: Tell) -> None:
        """The last frame's data came before, and are not acknowledged. waited: since data came."""
        frames = reversed(self.recent)
        wanted = next(frames)[_SEGMENT]
        ago = next((ago for ago, one in enumerate(frames, 1) if one[_SEGMENT] == wanted), 0)
        if not ago or self._is_told or (ago <= _CLOSE and waited < _LONG):
            return
        self._lost.append(self.count - ago)
        lost = sorted(set(self._lost))
        each = gcd(*(number - lost[0] for number in lost))
        if len(lost) == _LOST and each >= _REGULAR:
            self._is_told = True
            numbers = f"{', '.join(map(str, lost[:-1]))} and {lost[-1]}"
            text = f"of the frames to the card those numbered {numbers} had to come again: the"
            tell(rules.EACH_LOST, f"{text} guest took none of them, each is the {each}th")
