"""What comes to a guest again and again, and has no answer.

A card may have had no room for a frame, and a guest that was switched off says nothing: so it takes
several copies, some time, and that the guest was heard of in between.
"""

from __future__ import annotations

from pynat.lint.span import NEVER, Span

_COPIES = 4
_LONG = 3.0  # seconds


class Unheard:
    def __init__(self) -> None:
        self.times = 0  # since the guest last answered
        self._first = NEVER
        self._second = NEVER

    def came(self, when: Span) -> None:
        self.times += 1
        if self.times == 1:
            self._first = when
        elif self.times == 2:
            self._second = when

    def how_long(self, when: Span, alive: Span) -> str:
        """What is to be said of it; alive: when the guest was last heard of."""
        waited = when.least(self._first)
        if self.times < _COPIES or waited < _LONG or not alive.follows(self._second):
            return ""
        return f"came {self.times} times in {waited:.1f} s"
