"""When the guest is told what we have (RFC 9293 3.8.6.3, RFC 5681 4.2).

An acknowledgement may wait for `delay` seconds, but not for the second full segment, nor where the
guest says PSH or FIN, nor where something is missing. What we send for other reasons carries it.

Segments that are not acceptable are answered, too, but those without text only `MAX_CHALLENGES`
times in `CHALLENGE_PERIOD` seconds (RFC 5961 7): two stacks that find each other's answers
unacceptable would never stop. A lost acknowledgement is always repeated, since what it was for
comes again with its text.
"""

from __future__ import annotations

from pynat.wire.tcp import SYN, Segment

MAX_CHALLENGES = 10
CHALLENGE_PERIOD = 5.0  # seconds (guest)


class Acks:
    __slots__ = (
        "_answers",
        "_answers_since",
        "_before",
        "_crossed",
        "_delay",
        "_full",
        "_pushed",
        "due",
        "last",
        "later",
    )

    def __init__(self, delay: float) -> None:
        self.due = False  # in this turn
        self.later: float | None = None  # when it is due at the latest
        self.last = 0  # the number that the guest was told last
        self._delay = delay
        self._pushed = False  # the guest has said that it waits
        self._full = 0  # bytes of the guest's longest segment
        self._before = 0  # the number that it was told before
        self._crossed = 0  # up to there copies came that may have crossed the last
        self._answers = 0
        self._answers_since = -CHALLENGE_PERIOD

    def owe(self) -> None:
        """One in this turn."""
        self.due = True

    def forgo(self) -> None:
        """Nothing can be sent in this turn."""
        self.due = False

    def begin(self) -> None:
        """Our SYN has gone out, and the guest was told of nothing."""
        self.last = 0

    def received(self, length: int, *, push: bool, at_once: bool) -> None:
        """A segment of the guest's with text."""
        self.due = self.due or at_once
        self._pushed = self._pushed or push
        self._full = max(self._full, length)

    def taken(self, ack: int, now: float) -> None:
        """The host has taken something: everything before `ack` can be acknowledged."""
        if self._pushed or ack - self.last >= 2 * self._full or not self._delay:
            self.due = True
        elif self.later is None:
            self.later = now + self._delay

    def may_cross(self, end: int, known: list[int] | None) -> bool:
        """Whether the guest can have sent a copy of what ends there without a mistake.

        It is not acknowledged yet, or this is the first copy since the last acknowledgement, which
        was the first to say so. known: acknowledgements that a bad wire had let through by then,
        the last one last; None where it is no bad one.
        """
        if known == []:
            return True
        before, last = (known[-2:][0], known[-1]) if known else (self._before, self.last)
        if end > last:
            return True
        first = end > max(before, self._crossed)
        self._crossed = max(self._crossed, end)
        return first

    def told(self, ack: int) -> None:
        if ack > self.last:
            self._before, self.last = self.last or ack, ack

    def object_to(self, segment: Segment, now: float) -> bool:
        """It is not acceptable, and the guest is told what would be. Whether it is."""
        if segment.flags & SYN or not segment.length:
            if now - self._answers_since >= CHALLENGE_PERIOD:
                self._answers, self._answers_since = 0, now
            self._answers += 1
            if self._answers > MAX_CHALLENGES:
                return False
        self.due = True
        return True

    def sent(self, ack: int) -> None:
        self.told(ack)
        self.due = self._pushed = False
        self.later = None
