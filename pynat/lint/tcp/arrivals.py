"""What has come to the guest's card, and since when it waits for an acknowledgement.

    below `next`   all of it has come
    up to `might`  some has come behind a hole that is filled by now, or behind the window: a guest
                   may keep that or throw it away (RFC 9293 3.10.7.4), so nothing is expected of it
    behind         a hole is there, if anything has come at all

A copy that goes again tells that the one before may not have reached the guest, so the wait for its
acknowledgement begins with the copy.
"""

from __future__ import annotations

from pynat.lint.bounded import Bounded
from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.lint.tcp.side import Side
from pynat.rules.occasions import Occasion

RING = 16  # frames; iPXE's
_ENDS = 256  # remembered


class Arrivals:
    def __init__(self, guest: Side, peer: Side, tally: Tally) -> None:
        self._guest = guest
        self._peer = peer
        self._tally = tally
        self.next = 1
        self.might = 1
        self.has_gap = False  # something is there behind a hole
        self.missing: Span | None = None  # data out of order came, and no answer yet
        self.latest: tuple[int, int] | None = None  # the last segment, if it came early
        self.ends = Bounded[int, None](_ENDS)  # of segments that came so
        self.first_early = NEVER  # when the first of `early` came
        self.early = 0  # segments out of order, since the guest has said anything
        self.since: Span | None = None  # data wait for their acknowledgement
        self.begun = NEVER  # they came the first time
        self.copies = 0  # times that they came again
        self.full = 0  # full segments among them
        self.two: Span | None = None  # when the second came
        self.newest = NEVER  # when the last byte came in order
        self.size = 0  # of the segment that brought it
        self.offered: Span | None = None  # the byte that the guest waits for came
        self._acked = 1  # what the guest acknowledged last
        self.largest = 0  # bytes, of the peer's segments
        self._above: tuple[int, int] | None = None  # the first piece behind the hole
        self._answered = False  # since then the guest has said something
        self.filled: tuple[int, int] | None = None  # the end of what filled the hole; of all behind
        self.silently = 0  # the end of what came behind a hole that no answer told of

    def is_in_the_card(self, acked: int) -> bool:
        """Whether what is not acknowledged is so little that the smallest ring has it: more may
        wait before the card, where the guest cannot see it."""
        return self.next - acked <= RING * self.largest

    @property
    def is_alone(self) -> bool:
        """One segment waits for its acknowledgement, and nothing from before."""
        is_one = self.since is not None and self.newest == self.begun
        return is_one and self.next - self.size <= self._acked

    @property
    def is_steady(self) -> bool:
        """All that was sent has come once and in order, as far as that is known."""
        return (
            self.next == self.might == self._peer.top
            and not self.has_gap
            and not self.copies
            and self.missing is self.filled is self._above is None
        )

    # ------------------------------------------------------------------ to the guest
    def text(self, seq: int, end: int, when: Span) -> None:
        """Data in the guest's window."""
        if seq != self.next or seq != self.might or seq < self._peer.top:
            if seq <= self._guest.acked < end:
                self.offered = when
            self._out_of_order(seq, end, when)
        else:
            self.in_order(seq, end, when)

    def in_order(self, seq: int, end: int, when: Span) -> None:
        if seq <= self._guest.acked < end:
            self.offered = when
        self.next = self.might = end
        self.newest, self.size = when, end - seq
        if self.since is None:
            self.since = when
            self.begun = when
        if self.size >= self.largest:
            self.largest = self.size
            self.full += 1
            if self.full == 2:
                self.two = when

    def beyond(self, seq: int, end: int) -> None:
        """Data behind the guest's window, for which it may have room by now."""
        if seq <= self.might < end:
            self.might = max(end, self._peer.top)
            self.has_gap = False
            self.wait_anew()

    def _out_of_order(self, seq: int, end: int, when: Span) -> None:
        if seq > self.next:
            self.ends[end] = None
        self.latest = (seq, end) if seq > self.next and seq >= self._peer.top else None
        if seq > self.might:
            self._behind_a_hole(seq, end, when)
        elif end <= self.next:
            self._again(when)
        elif seq > self.next:
            self._behind_what_may_be_there(seq, end)
        else:
            self._fill(end, when)

    def _behind_a_hole(self, seq: int, end: int, when: Span) -> None:
        self._tally[Occasion.OUT_OF_ORDER] += 1
        self.has_gap = True
        if self.missing is None:
            self.early, self.first_early = 0, when
        self.early += 1
        if self.missing is None or seq < self._peer.top:
            self.missing = when
        if self._above is None:
            self._above, self._answered = (seq, end), False
        elif seq == self._above[1]:
            self._above = self._above[0], end
        self.wait_anew()

    def _behind_what_may_be_there(self, seq: int, end: int) -> None:
        if seq < self._peer.top:
            end = max(end, self._peer.top)
            self.has_gap = False
        self.might = max(self.might, end)
        self.wait_anew()

    def _again(self, when: Span) -> None:
        self.newest = when
        if self.since is not None:
            self.since = when
            self.copies += 1
        if self.two is not None:
            self.two = when

    def _fill(self, end: int, when: Span) -> None:
        above, self._above = self._above, None
        behind = above[1] if above is not None and above[0] == end else 0
        self.silently = 0 if self._answered else behind
        if behind and self._answered:
            self._tally[Occasion.HOLE_FILLED] += 1
            self.filled = end, behind
        self.next, self.newest = end, when
        self.might = max(self.might, end, self._peer.top)
        self.has_gap = False
        self.wait_anew()

    # ------------------------------------------------------------------ from the guest
    def acknowledged(self, ack: int) -> None:
        self._acked = ack
        if ack < self.might:
            self.next = max(self.next, ack)
        else:
            self.next = self.might = ack
        self.offered = self.filled = None
        self.wait_anew()
        if self._above is not None and ack > self._above[0]:
            self._above = None

    def answered(self) -> None:
        """To what came out of order."""
        self.missing = None
        self._answered = True

    def wait_anew(self) -> None:
        self.since = self.two = None
        self.full = self.copies = 0
