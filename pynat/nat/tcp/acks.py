"""When the guest is told what we have (RFC 9293 3.8.6.3, RFC 5681 4.2).

An acknowledgement may wait for `delay` seconds, but not for the second full segment, nor where the
guest says PSH or FIN, nor where something is missing. What we send for other reasons carries it.
"""

from __future__ import annotations


class Acks:
    def __init__(self, delay: float) -> None:
        self.due = False  # in this turn
        self.later: float | None = None  # when it is due at the latest
        self.last = 0  # the number that the guest was told last
        self._delay = delay
        self._pushed = False  # the guest has said that it waits
        self._full = 0  # bytes of the guest's longest segment

    def received(self, length: int, *, push: bool, at_once: bool) -> None:
        """A segment of the guest's with text."""
        self.due |= at_once
        self._pushed |= push
        self._full = max(self._full, length)

    def taken(self, ack: int, now: float) -> None:
        """The host has taken something: everything before `ack` can be acknowledged."""
        if self._pushed or ack - self.last >= 2 * self._full or not self._delay:
            self.due = True
        elif self.later is None:
            self.later = now + self._delay

    def sent(self, ack: int) -> None:
        self.last = ack
        self.due = self._pushed = False
        self.later = None
