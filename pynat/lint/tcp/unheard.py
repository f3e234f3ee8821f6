"""What comes to a guest again and again, and has no answer.

A card may have had no room for a frame, and a guest that was switched off says nothing: so it takes
several copies, some time, and that the guest was heard of in between, and has not begun anew.
"""

from __future__ import annotations

from pynat.lint.span import NEVER, Span
from pynat.lint.tcp.common import Common

_COPIES = 3
_LONG = 3.0  # seconds, from the first copy on
_AT_ONCE = 1.0  # seconds
_AWAKE = 10.0  # seconds in which no system starts


class Unheard:
    def __init__(self, common: Common) -> None:
        self._common = common
        self.taken = 0  # connections that were answered as they should
        self._waits = False  # something came, and no answer yet
        self.copies = 0  # since the guest last answered
        self.is_later = False  # one of them came after the guest was heard of in between
        self._what = 0
        self._first = NEVER
        self._second = NEVER
        self._last = NEVER

    def came(self, when: Span) -> None:
        """For the first time, or again."""
        if self._waits:
            self.came_again(when)
        self._waits = True

    def answered(self) -> None:
        self._waits = False
        self.copies = 0

    def came_again(self, when: Span, what: int = 0, spoke: Span = NEVER) -> None:
        """what: the number that the guest waits for. spoke: when it last sent anything."""
        if what != self._what or self.is_answered(spoke):
            self._what, self.copies, self.is_later = what, 0, False
        self.is_later |= self.copies > 1 and self._common.alive.follows(self._second)
        self._last = when
        self.copies += 1
        if self.copies == 1:
            self._first = when
        elif self.copies == 2:
            self._second = when

    def is_answered(self, spoke: Span) -> bool:
        return spoke.last >= self._last.first

    def how_long(self, when: Span) -> str:
        """What is to be said of it, or nothing."""
        waited, common = when.least(self._first), self._common
        if self.copies < _COPIES or waited < _LONG or common.booted.first > self._first.first:
            return ""
        is_alive = common.alive.follows(self._second)
        return f"came again {self.copies} times in {waited:.1f} s" if is_alive else ""


class UnheardSyns(Unheard):
    """SYNs to a port. Somebody may ask before a guest has started, where its boot ROM has made
    way for it: so it is heard of shortly before and after, or one comes later than that and waits.
    """

    def __init__(self, common: Common) -> None:
        super().__init__(common)
        self._before = NEVER  # when the guest was last heard of before the second copy
        self._late: Span | None = None  # the first one after it was heard of behind that

    def came(self, when: Span) -> None:
        super().came(when)
        alive = self._common.alive
        if self.copies <= _COPIES - 1:
            self._before, self._late = alive, None
        elif self._late is None and alive.follows(self._second):
            self._late = when

    def how_long(self, when: Span) -> str:
        is_awake = self._common.alive.most(self._before) < _AWAKE
        is_late = self._late is not None and when.least(self._late) > _AT_ONCE
        return super().how_long(when) if is_awake or is_late else ""
