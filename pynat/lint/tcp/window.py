"""The window that the guest announces: what it promises, takes back, and opens too late."""

from __future__ import annotations

import math

from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.lint.tcp.often import Often
from pynat.lint.tcp.side import Side, Tell, swapped
from pynat.rules import tcp_acking as rules
from pynat.rules.occasions import Occasion
from pynat.wire.tcp import FIN, STAMPS, Segment

_SILLY = 3  # times
_PROBED = 2
MOVES = 6  # times that it is looked at how a window grows
_TWICE = 2
_NEVER_OPENED = 5.0  # seconds
_STAYS_CLOSED = 30.0  # seconds
_TRICKLE = 20  # acknowledgements in a row
_WHILE = 1.0  # seconds
_CLOSED = 1.0  # seconds after which an opening that only a probe learns of is late
_HARDLY = 1000  # times as long as the answer to a probe: a read falls just there once in so many


class Window:
    def __init__(self, guest: Side, peer: Side, often: Often, tally: Tally) -> None:
        self._guest = guest
        self._peer = peer
        self._often = often
        self._tally = tally
        self.closed: Span | None = None  # since when
        self._was_open = guest.window > 0
        self._has_shrunk = False  # and not by the order of its bytes
        self._is_first = True  # nothing but the SYN has said anything yet
        self._said = 1, guest.syn_window, 0  # from where on, the field, by how much it is shifted
        self.moved = 0  # times that it became larger, up to MOVES
        self._swapped = 0  # times that it made sense with its bytes exchanged, and only so
        self._last = NEVER  # when it announced something else than before
        self._delay = math.inf  # the shortest between a probe and an answer without a window
        self._refused = NEVER  # when the last of these answers came
        self._most = guest.window  # that it has announced
        self._acked = 0  # up to where the guest's data was, when it last answered with no window

    def announced(
        self, segment: Segment, ack: int, owed: Span | None, when: Span, tell: Tell
    ) -> None:
        """owed: when something came to which this may be the answer."""
        guest = self._guest
        window = segment.window << guest.shift
        right = ack + window
        grown = right - guest.right
        is_early = window > guest.window and self.moved < MOVES
        self.moved += is_early
        is_odd = (grown < 0 or is_early) and not self._has_shrunk
        if is_odd and self._makes_sense_swapped(segment, ack):
            self._is_swapped(segment, right, tell, shrinks=grown < 0)
        elif grown < 0:
            self._shrinks(segment, ack, right, when, tell)
        elif grown and window < guest.mss:
            self._silly(window, grown, tell)
        if not window or self.closed is not None:
            self._closes(window, owed, when, tell)
        self.moves(ack, segment.window, when)

    def moves(self, ack: int, field: int, when: Span) -> None:
        guest = self._guest
        window = field << guest.shift
        self._said = ack, field, guest.shift
        self._is_first = False
        guest.right = ack + window
        guest.window = window
        self._most = max(self._most, window)
        self._was_open |= window > 0
        self._last = when

    def _makes_sense_swapped(self, segment: Segment, ack: int) -> bool:
        """Data are acknowledged, and its end stays where it was, to the byte."""
        start, field, shift = self._said
        meant = swapped(segment.window, 2) << self._guest.shift
        return ack > start and ack + meant == start + (swapped(field, 2) << shift)

    def _is_swapped(self, segment: Segment, right: int, tell: Tell, *, shrinks: bool) -> None:
        """Where it seems to grow, once may be by chance."""
        guest = self._guest
        self._swapped += 1
        if shrinks or self._swapped == _TWICE:
            meant = swapped(segment.window, 2) << guest.shift
            window = segment.window << guest.shift
            text = f"window {window} ends at {right}, it ended at {guest.right}"
            text += f"; with its bytes swapped it is {meant}, which ends where it ended before"
            tell(rules.WINDOW_ORDER, text)

    def _shrinks(self, segment: Segment, ack: int, right: int, when: Span, tell: Tell) -> None:
        guest, peer = self._guest, self._peer
        if guest.right - right < 1 << guest.shift or peer.fin or segment.flags & FIN:
            return
        window = right - ack
        text = f"window {window} from {ack} on ends at {right}, it ended at {guest.right}"
        hint = self._shift_hint(segment, ack)
        text += hint
        if hint and guest.shift:
            self._often.once(rules.NOT_SHIFTED, text, tell)
            return
        meant = swapped(segment.window, 2) << guest.shift
        start, field, shift = self._said
        edges = [start + (swapped(field, 2) << shift)]  # where all are swapped
        if self._is_first:
            edges.append(guest.right)
        stays = any(0 <= ack + meant - edge <= peer.mss for edge in edges)
        if window and meant >= guest.mss and stays and not hint and not self._has_shrunk:
            tell(rules.WINDOW_ORDER, f"{text}; with its bytes swapped it is {meant}")
        elif window or peer.top <= ack:
            if when.follows(self._last) and when != self._last:  # else they may have changed places
                self._has_shrunk = True
                tell(rules.SHRUNK, text)
        else:
            tell(rules.CLOSED_ON_DATA, f"{text}; {peer.top - ack} bytes had come there")

    def _shift_hint(self, segment: Segment, ack: int) -> str:
        guest, field, offered = self._guest, segment.window, self._guest.offered.window_shift
        unshifted = self._said[0] + self._said[1]
        if guest.shift and ack + field == unshifted:
            agreed = f"the SYNs agreed on a shift of {guest.shift}"
            return f"; unshifted it ends at {unshifted} as before: {agreed}"
        if not offered or guest.shift:
            return ""
        lacks = guest.right - ack - (field << offered)  # or has more: a buffer may have grown
        is_shifted = -guest.mss < lacks < 1 << offered
        why = "the other end's SYN had no window scale"
        return f"; it looks shifted by {offered}, and {why}" if is_shifted else ""

    def _silly(self, window: int, grown: int, tell: Tell) -> None:
        guest = self._guest
        self._tally[Occasion.SMALL_WINDOW] += 1
        options = STAMPS.size if guest.offered.timestamps else 0
        unit = 1 << guest.shift  # a window is rounded down to it
        least = min(guest.mss - options, max(guest.syn_window, 1) // 2) - unit + 1
        if grown >= least:
            self._often.forget(rules.SILLY)
        elif window and grown > unit:
            text = f"window {window} grew by {grown}, expected at least {least} at once"
            self._often.tell(rules.SILLY, _SILLY, text, tell)

    def _closes(self, window: int, owed: Span | None, when: Span, tell: Tell) -> None:
        was_closed = self.closed is not None
        if self.closed is None:
            self.closed = when
            self._tally[Occasion.CLOSED_ITS_WINDOW] += 1
        answers = owed is not None and when.follows(owed)
        delay = when.most(owed) if owed is not None and answers else math.inf
        if window:
            is_own = delay < self._delay < math.inf  # sooner than any answer: it did not wait
            paused = when.least(self._refused)
            is_sure = paused > max(_CLOSED, delay * _HARDLY) and window >= self._most
            times = 1 if is_sure and self._delay < math.inf else _PROBED
            waited = when.least(self.closed)
            self._opens(window, waited, times, tell, answers=answers and not is_own)
            return
        if answers:
            self._acked = self._peer.acked
            self._refused = when
            self._delay = min(self._delay, delay) if was_closed else self._delay
        self.look_whether_it_opens(when, tell)

    def _opens(self, window: int, waited: float, times: int, tell: Tell, *, answers: bool) -> None:
        """times: that it takes, to be no accident."""
        self.closed = None
        could_send = self._peer.acked > self._acked  # at last, and so its program read on
        if not answers:
            self._often.forget(rules.NO_UPDATE)
        elif waited > _CLOSED and window >= self._worth_saying and not could_send:
            text = f"window {window} in the answer to a probe, it was 0 for {waited:.1f} s"
            self._often.tell(rules.NO_UPDATE, times, text, tell)

    @property
    def _worth_saying(self) -> int:
        """Some wait for two segments, as BSD does."""
        return min(2 * self._guest.mss, self._guest.syn_window // 2)

    def look_whether_it_opens(self, when: Span, tell: Tell) -> None:
        if self._was_open or self.closed is None:
            return
        waited = when.least(self.closed)
        if waited > _NEVER_OPENED:
            text = f"window 0 in the SYN and for {waited:.1f} s since, expected room for a segment"
            self._often.once(rules.NEVER_OPENED, text, tell)

    def look_at_the_end(self, alive: Span, tell: Tell) -> None:
        self.look_whether_it_opens(alive, tell)
        if not self._was_open or self.closed is None:
            return
        waited = alive.least(self.closed)
        waits_to_send = self._peer.acked < self._guest.top or not self._peer.window
        if waited > _STAYS_CLOSED and not waits_to_send:
            text = f"window 0 for {waited:.1f} s up to the end"
            tell(rules.STAYS_CLOSED, f"{text}, no program has read {self._guest.acked - 1} bytes")


class Trickle:
    """Acknowledgements that say nothing but a few bytes of window, and answer nothing.

    Each frame that came and may be answered so has one; of frames that come together a guest may
    answer the first before the last is seen.
    """

    def __init__(self, often: Often, tally: Tally) -> None:
        self._often = often
        self._tally = tally
        self.count = 0  # in a row
        self._began = NEVER
        self._grown = 0  # bytes
        self._owed = 0  # frames
        self._came = NEVER  # the last of these

    def came(self, when: Span) -> None:
        self._owed = self._owed + 1 if when.most(self._came) < _WHILE else 1
        self._came = when

    def ends(self) -> None:
        self.count = 0

    def says_little(self, grown: int, when: Span, tell: Tell) -> None:
        """grown: bytes of window."""
        if self._owed:
            self._owed -= 1
            return
        if not self.count or when.most(self._began) > _WHILE:
            self.count, self._grown, self._began = 0, 0, when
        self.count += 1
        self._grown += grown
        if self.count == _TRICKLE:
            self._tally[Occasion.SMALL_WINDOW] += 1
            took = when.most(self._began) * 1000
            text = f"{_TRICKLE} acknowledgements in {took:.0f} ms, nothing came, the window grew"
            text = f"{text} by {self._grown} in all; expected one when it can grow by a segment"
            self._often.once(rules.SILLY, text, tell)
