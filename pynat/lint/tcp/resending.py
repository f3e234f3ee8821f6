"""What the guest sends again, and when (RFC 6298, RFC 5681 3.2).

    sent once ---- resent by time-out: not before a round trip, not before MIN_RTO ------
                   resent again: later each time, as long as nothing at all comes back
    sent once ---- third duplicate acknowledgement: resent soon

Only the segment at `una`, which the time-out is for, is judged by the clock, and only while nothing
else can be the reason: no duplicate acknowledgement, no SACK, no ICMP error, no closed window, no
recovery going on. A tail loss probe (RFC 8985 7.2) may come after two round trips; where these are
short it is the third hasty one that is told: a link may have read two frames at once.

How long a time-out may be follows from the round trips that the guest may have measured (RFC 6298
2). With timestamps these are longer than they seem: of a SYN that was sent again because its
answer was lost, it may be the time since the first copy (RFC 7323 4.1). So each counts from the
first copy on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.lint.tcp.common import Common
from pynat.lint.tcp.congestion import Congestion
from pynat.lint.tcp.often import Often
from pynat.lint.tcp.side import Side, Tell
from pynat.rules import tcp_resending as rules
from pynat.rules.occasions import Occasion
from pynat.wire.checksum import ones_sum
from pynat.wire.tcp import Segment

MIN_RTO = 0.2  # seconds, Linux's; RFC 6298 2.4 asks for 1
_SLACK = 0.9  # clocks tick
_SAME_GAP = 1.3  # below this ratio two intervals are the same
_EQUAL_GAPS = 3
_EQUAL_PROBES = 6
_LATE = 10.0  # seconds; some begin with three, and look at their clock each half
_MAX_RTO = 50.0  # seconds; a time-out may stop growing at 60 (RFC 6298 2.5)
_AT_ONCE = 10.0  # seconds
_DUPLICATES = 3
_HASTY = 3
_REACTION = 0.02  # seconds
_REPEATED = 6  # times
OVERDUE = 30.0  # seconds; by then a guest has sent again four times, and one copy was seen
_UNANSWERED = 3.0  # seconds
_BACKED_OFF = 2.5  # times the last time-out, until one is measured anew (RFC 6298 5.7)
_FIRST_RTO = 1.0  # seconds, RFC 6298 2.1
_TICKS = 1.25  # times a computed time-out: clocks tick, some coarsely
_NEEDLESS = 5  # times
_TWICE = 2
_MEASURED = 4  # round trips behind a time-out, until the next one is judged by them
_SLOW = 3.3  # seconds; three are the first time-out of some
_TEN = 10  # round trips
_FLOWS = 0.12  # seconds since which something new was acknowledged, and sent
_REORDERING = 8  # of a round trip; RFC 8985 6.2 has a quarter
_MEASURED_SHORTER = 0.001  # seconds of it; the guest measures by SACK blocks, too
_KNOWN = 0.3  # seconds after which an acknowledgement has surely been taken
_MAX_SEGMENTS = 512  # segments remembered of a connection; more are not looked at


@dataclass(slots=True)
class SentSegment:
    end: int
    first: Span
    last: Span
    check: int  # a sum of the data, quickly made; what it misses is not told
    count: int = 1
    gap: float = 0.0  # at least, between the last two, nothing from the other end in between
    equal: int = 0  # gaps in a row like the one before


class Resending:
    def __init__(self, guest: Side, peer: Side, common: Common, tally: Tally) -> None:
        self._tally = tally
        self._common = common
        self._guest = guest
        self._peer = peer
        self.congestion = Congestion(guest, peer, tally)
        self.due = math.inf  # when it is to be looked whether the oldest was sent again
        self._overdue = False  # it was not, and that is told
        self._longest = 0.0  # seconds between two of a segment, since a round trip was measured
        self._sent: dict[int, SentSegment] = {}  # by number, until acknowledged
        self._round_trip = 0.0  # the shortest seen
        self._smoothed, self._variation = 0.0, 0.0  # of the round trips, each as long as it may be
        self._measured_to = 0  # below this number a round trip is known
        self.syn: Span | None = None  # the guest's first, that waits for its acknowledgement
        self.progress = NEVER  # when the other end last acknowledged something new
        self.heard = NEVER  # when anything came from it
        self.unsure = False  # that came with a number that the guest need not look behind
        self._duplicates = 0  # what a loss can be seen from, SACK blocks too
        self._plain = 0  # duplicate acknowledgements in a row
        self._measured = 0  # round trips since the last time-out
        self._slowest = 0.0  # seconds, of them, at most
        self._first_wait = 0.0  # seconds of the first time-out
        self._backed_off = 0.0  # of the last one
        self._often = Often()
        self._disturbed = 0  # up to where all was sent before the last duplicate
        self._same = 0  # segments with the number acknowledged before, whatever they say
        self._came = (
            peer.top
        )  # up to where the other end's data were when it acknowledged something new
        self._selected: tuple[tuple[int, int], ...] = ()  # the SACK blocks that say most
        self._first_selected = NEVER  # when the first came of those above what is acknowledged
        self._newest = (0, 0)  # the one with the newest
        self._come = NEVER  # when the last of what they name was sent
        self._shortest = math.inf  # round trip, measured by them and by copies, too
        self.texts = 0  # segments in a row that have data and acknowledge nothing new
        self._at_first = 0  # times that a segment went again at the first or second duplicate
        self._third: Span | None = None  # when the third duplicate came
        self._opened = NEVER  # when a closed window opened
        self._recover = 0  # a recovery goes on below this number
        self._may_recover = 0  # or below this one, which is yet to be seen
        self._disordered = False  # the path doubles or reorders: duplicates may mean nothing
        self._told_slow = False
        self._acked_again = 0  # times that something acknowledged came again
        self._repeated = 0  # times that the oldest went again at duplicates
        self._since = NEVER  # when the first of these
        self._hasty = 0  # times that a segment came again within a round trip

    @property
    def in_flight(self) -> bool:
        return bool(self._sent)

    # ------------------------------------------------------------------ from the guest
    def fresh(self, seq: int, end: int, segment: Segment, when: Span, tell: Tell) -> None:
        congestion = self.congestion
        if congestion.phase is not None or end - self._peer.acked > congestion.peak:
            congestion.fresh(seq, end, when, tell)
        self.keep(seq, end, segment.payload, when)

    def keep(self, seq: int, end: int, data: bytes | memoryview, when: Span) -> None:
        """What is new, to know it when it comes again."""
        if not self._sent:
            self.due = when.first + OVERDUE
        if len(self._sent) >= _MAX_SEGMENTS:
            self._sent.clear()
        self._sent[seq] = SentSegment(end, when, when, ones_sum(data))

    def again(self, seq: int, end: int, segment: Segment, when: Span, tell: Tell) -> None:
        sent = self._sent.get(seq)
        if sent is None or seq < self._peer.acked:
            self._recover = self._guest.top
            if end <= self._peer.acked:
                self._needless(seq, end, when, tell)
            elif seq <= self._peer.acked:
                self._third = None  # what is missing is sent again, cut anew
            return
        self._tally[Occasion.RESENT] += 1
        check = ones_sum(segment.payload)
        if sent.end == end and check != sent.check:
            tell(
                rules.OTHER_BYTES,
                f"the {end - seq} bytes differ from those sent {_ago(sent, when)}",
            )
        if seq == self._peer.acked and end >= sent.end:
            self._time(sent, end, when, tell)
        else:
            self.congestion.again(seq, end, when, tell)
        sent.end, sent.check = end, check
        sent.count += 1
        self._longest = max(self._longest, when.most(sent.last))
        sent.last = when
        self._recover = self._guest.top

    def is_again(self, seq: int, text: bytes | memoryview) -> bool:
        """The whole text of a segment that was sent, and is not acknowledged."""
        sent = self._sent.get(seq)
        if sent is None or not text:
            return False
        self._tally[Occasion.RESENT] += 1
        return sent.end == seq + len(text) and sent.check == ones_sum(text)

    def _needless(self, seq: int, end: int, when: Span, tell: Tell) -> None:
        self._tally[Occasion.RESENT] += 1
        waited = when.least(self.progress)
        if waited < _KNOWN or self.unsure:
            return
        self._acked_again += 1
        if self._acked_again == _NEEDLESS:
            acked = self._peer.acked
            text = f"{seq}:{end} again, {acked} is acknowledged since {waited:.1f} s"
            hint = self._guest.wrap_hint(seq, acked)
            if not hint and end == seq + 1 == acked == self._guest.top:
                hint = "; a probe of a closed window takes a number: count it in SND.NXT"
            tell(rules.ACKED_AGAIN, f"{text}; the {ordinal(_NEEDLESS)} time{hint}")

    def _time(self, sent: SentSegment, end: int, when: Span, tell: Tell) -> None:
        if self._third:
            self.congestion.lost()
            self._fast(when.least(self._third), tell)
            return
        excused = max(self._opened.last, self._common.icmp_error.last) >= sent.last.first
        if self._peer.right <= self._peer.acked or not self._peer.window:
            self._probes(sent, when, tell)
            return
        if self._duplicates or excused:
            sent.gap = 0.0
            if self._come.last < sent.last.first:  # else it knows that this was lost, too
                self._repeats(when, tell)
            if not excused and self._same < _DUPLICATES:
                self._at_first_duplicate(sent, end, when, tell)
            return
        alone = sent.last.follows(self.heard)
        reacts = when.least(self.progress) < _REACTION  # to what it knew before that came
        known = when != sent.last  # of two that were read together nobody knows the time between
        if known and self._peer.acked >= self._recover:
            self._in_progress(sent, end, when, tell)
        if known and (alone or (self._peer.acked >= self._recover and not reacts)):
            self._early(sent, end, when, tell)
        self._back_off(sent, alone, when, tell)
        if alone and sent.count == 1:
            if not self._recover:  # else a time-out may have grown
                self._late(sent, when, tell)
            if self._measured:
                self._times_out_late(sent, when, tell)
        if alone and known:
            self._grows(sent, when)
            self.congestion.timed_out(end, when)

    def _repeats(self, when: Span, tell: Tell) -> None:
        """Within a time-out once is enough."""
        self._repeated += 1
        if self._repeated == 1:
            self._since = when
        took = when.most(self._since)
        if self._repeated == _REPEATED and took < MIN_RTO and self._duplicates >= _REPEATED:
            text = f"sent again for the {ordinal(_REPEATED)} time in {_ms(took)}, at duplicate"
            text = f"{text} acknowledgement {self._duplicates}; expected once, at the third"
            self._often.once(rules.EACH_DUPLICATE, text, tell)

    def look_for_overdue(self, when: Span, tell: Tell) -> None:
        """At the time of `due`: whether the oldest segment should have been sent again long ago."""
        una = self._peer.acked
        sent = self._sent.get(una)
        since = max(sent.first, self.progress, self._opened) if sent else when
        waited = when.least(since)
        patience = max(OVERDUE, _BACKED_OFF * self._longest, _TICKS * self._time_out)
        if sent is None or waited <= patience:
            self.due = since.last + patience if self._sent else math.inf
            return
        self.due = when.first + OVERDUE
        self._tally[Occasion.UNACKNOWLEDGED] += 1
        if sent.count == 1 and sent.end <= self._peer.right and self._peer.window:
            self._say_overdue(una, sent.end, waited, when, tell)

    def _say_overdue(self, una: int, end: int, waited: float, when: Span, tell: Tell) -> None:
        if self._overdue:
            return
        self._overdue = True
        self._falls_silent(una, end, when, tell)
        more = f", {self._duplicates} duplicate acknowledgements came" if self._duplicates else ""
        fin = self._guest.fin
        what = f"the FIN at {una}" if una == fin else f"{una}:{end}({end - una})"
        text = f"{what} was sent {waited:.1f} s before and never again{more}"
        time_out = self._time_out
        due = f"it is due since {waited - time_out:.1f} s, a time-out of {time_out:.3g} s"
        tell(rules.NEVER_AGAIN, f"{text}; {due}")

    def _falls_silent(self, una: int, end: int, when: Span, tell: Tell) -> None:
        common = self._common
        last = common.heard
        silent = when.least(last)
        is_due = common.called.first > last.last and when.least(common.called) > _UNANSWERED
        if is_due and silent > OVERDUE and last != common.silent:
            common.silent = last
            text = f"nothing at all came from the guest for {silent:.1f} s, and {una}:{end}"
            tell(rules.FALLS_SILENT, f"{text} is not acknowledged: does it still run?")

    def _early(self, sent: SentSegment, end: int, when: Span, tell: Tell) -> None:
        waited = when.most(self._common.handed_over(sent.last))
        probe = sent.count == 1 and end >= self._guest.top
        least = 0.0 if probe else MIN_RTO
        hint = ""
        if self.texts >= _DUPLICATES and when.most(self.heard) < _REACTION:
            hint = f"; {self.texts} segments with data acknowledged nothing new just before, and"
            hint += " only those without data count as duplicates (RFC 5681 2)"
        if waited < least * _SLACK:
            text = f"sent again after {_ms(waited)}, expected {_ms(MIN_RTO)} or more{hint}"
            tell(rules.EARLY, text)
        elif waited < self._round_trip * _SLACK:
            self._hasty += 1
            if probe and self._round_trip < MIN_RTO and self._hasty < _HASTY:
                return
            tell(
                rules.EARLY,
                f"sent again after {_ms(waited)}, the shortest round trip so far is"
                f" {_ms(self._round_trip)}{hint}",
            )

    def _late(self, sent: SentSegment, when: Span, tell: Tell) -> None:
        waited = when.least(max(sent.first, self.progress))
        if waited > max(_LATE, _DUPLICATES * self._round_trip, _TICKS * self._time_out):
            shortest = f"the shortest round trip so far is {_ms(self._round_trip)}"
            tell(rules.LATE, f"sent again after {waited:.1f} s, {shortest}")

    @property
    def _time_out(self) -> float:
        """The longest that is lawful, before any back-off."""
        return max(_FIRST_RTO, self._smoothed + 4 * self._variation)

    def _times_out_late(self, sent: SentSegment, when: Span, tell: Tell) -> None:
        """What it has measured since is short: it waits as long as before that, or always so."""
        waited, common = when.least(max(sent.first, self.progress)), self._common
        if waited < max(_SLOW, _TEN * self._slowest):
            return
        shortest = f"the longest of {self._measured} round trips before was {_ms(self._slowest)}"
        kept = waited * _SAME_GAP > self._backed_off >= _TWICE * self._first_wait > 0
        if kept and self._measured >= _MEASURED:
            text = f"sent again after {waited:.1f} s, {shortest}: a time-out had grown from"
            text = (
                f"{text} {self._first_wait:.1f} s to {self._backed_off:.1f} s before, and was not"
            )
            text = f"{text} computed anew"
            self._often.once(rules.KEEPS_BACK_OFF, text, tell)
        if kept or waited <= _TICKS * self._time_out:
            return
        same = (
            waited < common.late_time_out * _SAME_GAP and common.late_time_out < waited * _SAME_GAP
        )
        common.late_time_outs = common.late_time_outs + 1 if same else 1
        common.late_time_out = waited
        if common.late_time_outs == _TWICE:
            text = f"sent again after {waited:.1f} s, for the {ordinal(_TWICE)} time; {shortest}"
            self._often.once(rules.LATE, text, tell)

    def _grows(self, sent: SentSegment, when: Span) -> None:
        """By a time-out."""
        waited = when.least(max(sent.last, self.progress))
        if not self._first_wait:
            self._first_wait = waited
        self._backed_off = waited
        self._measured, self._slowest = 0, 0.0

    def _in_progress(self, sent: SentSegment, end: int, when: Span, tell: Tell) -> None:
        """The other end acknowledges, and new segments go out: no time-out can be over."""
        newest = next(reversed(self._sent.values()))
        flows = when.most(newest.first) < _FLOWS and when.most(self.progress) < _FLOWS
        calm = self._peer.acked >= self._disturbed
        if flows and calm and end < self._guest.top and when.least(sent.last) > MIN_RTO:
            text = (
                f"sent again {_ms(when.least(self.progress))} after something new was acknowledged,"
            )
            text = f"{text} with new segments sent since; expected a whole time-out from there on"
            self._often.once(rules.NO_RESTART, text, tell)

    def _probes(self, sent: SentSegment, when: Span, tell: Tell) -> None:
        gap = self._paces(sent, when)
        if sent.equal == _EQUAL_PROBES:
            text = f"{ordinal(sent.count + 1)} probe of the closed window"
            tell(rules.PROBES_AT_ONE_PACE, f"{text} after {_ms(gap)} like those before")

    def _paces(self, sent: SentSegment, when: Span) -> float:
        """The time since it was last sent, which has grown or has not."""
        gap = when.most(sent.last)
        grew = gap > sent.gap * _SAME_GAP
        sent.equal = 1 if grew or gap >= _MAX_RTO else sent.equal + 1
        sent.gap = when.least(sent.last)
        return gap

    def _back_off(self, sent: SentSegment, alone: bool, when: Span, tell: Tell) -> None:
        if not alone:
            sent.gap, sent.equal = 0.0, 0
            return
        gap = self._paces(sent, when)
        if sent.equal == _EQUAL_GAPS:
            tell(
                rules.NO_BACK_OFF,
                f"{ordinal(sent.count)} retransmission after {_ms(gap)} like those before",
            )

    def _fast(self, waited: float, tell: Tell) -> None:
        slow = waited >= max(MIN_RTO * _SLACK, 2 * self._round_trip)
        if slow and not self._disordered and not self._told_slow:
            self._told_slow = True
            why = f"{_ms(waited)} after the third duplicate acknowledgement"
            tell(rules.NO_FAST, f"sent again {why}, expected at once")
        self._third = None

    def _at_first_duplicate(self, sent: SentSegment, end: int, when: Span, tell: Tell) -> None:
        """Few under way make few duplicates (RFC 5827); the last one is probed for (RFC 8985).

        With SACK it may wait for a part of a round trip, and go by time alone (RFC 8985 6.2).
        """
        least = min(_DUPLICATES, len(self._sent) - 1)
        repairs = self._peer.acked < self._recover or self._peer.top != self._came
        if not 0 < self._same < least or repairs or end >= self._guest.top:
            return
        if self._have_come() >= _DUPLICATES:
            return
        waited, part = when.most(sent.last), self._reordering
        if self._selected and waited > self._round_trip + part:
            return
        reacts = when.most(self.heard) < (min(_REACTION, part) if self._selected else _REACTION)
        if reacts and waited < MIN_RTO * _SLACK and not self._was_overtaken(sent, when):
            self._at_first += 1
            if self._at_first == _TWICE:
                text = f"sent again {_ms(waited)} after the first time, at duplicate"
                text = f"{text} acknowledgement {self._same}, expected at the {ordinal(least)}"
                tell(rules.TOO_FAST, text)

    def _have_come(self) -> int:
        """Segments that SACK blocks name: three are as good as three duplicates (RFC 6675 4)."""
        return sum(any(left <= seq < right for left, right in self._selected) for seq in self._sent)

    def _was_overtaken(self, sent: SentSegment, when: Span) -> bool:
        """By one sent some time later: then it may be taken for lost at once, or once the rest of
        that time has passed (RFC 8985 6.2).
        """
        rest = min(self._reordering, _MEASURED_SHORTER) - when.most(self._first_selected)
        return bool(self._selected) and self._come.last >= sent.last.last + rest

    @property
    def _reordering(self) -> float:
        """Seconds by which one may come late, at least as a guest takes them."""
        return min(self._round_trip, self._shortest) / _REORDERING

    def gives_up(self, when: Span, tell: Tell) -> None:
        """With an RST."""
        if when.first >= self.due:
            self.look_for_overdue(when, tell)
        sent = self._sent.get(self._peer.acked)
        if sent is None or not 1 < sent.count <= _DUPLICATES or not sent.first.follows(self.heard):
            return
        waited = when.most(sent.first)
        if waited < _AT_ONCE:
            tell(rules.GIVES_UP, f"reset after {sent.count - 1} retransmissions in {_ms(waited)}")

    # ------------------------------------------------------------------ to the guest
    def opened(self, when: Span) -> None:
        """The window, which was closed."""
        self._opened = when

    def acknowledged(self, when: Span) -> None:
        """`peer.acked` has grown."""
        acked, waiting = self._peer.acked, self._sent
        self.progress = when
        hole, self._duplicates, self._plain = self._plain > 0, 0, 0
        self._third, self._repeated = None, 0
        self._same, self._came, self.texts = 0, self._peer.top, 0
        if self._selected and not any(right > acked for _, right in self._selected):
            self._selected = ()
        if self.congestion.phase is not None:
            self.congestion.acknowledged(when)
        oldest, newest = acked, None
        if self.syn is not None:
            self.measured(when.most(self.syn))
            self.syn = None
        elif waiting:
            self._may_measure(when.most(next(iter(waiting.values())).first))
        while waiting:
            seq = next(iter(waiting))
            sent = waiting[seq]
            if sent.end > acked:
                break
            del waiting[seq]
            if hole and newest is None:  # as RFC 8985 6.2 sees reordering
                self._disordered |= sent.count == 1
            oldest, newest = min(oldest, seq), sent
        if newest is not None:
            self._shortest = min(self._shortest, when.first - newest.last.last)
        if newest is not None and oldest >= self._recover:  # else it may have waited for a repair
            took = when.first - newest.first.last  # at least
            self._round_trip = min(took, self._round_trip or took)
            if newest.count == 1:
                self._longest = 0.0
                self._measured += 1
                self._slowest = max(self._slowest, when.last - newest.first.first)

    def _may_measure(self, took: float) -> None:
        """Once in a round trip; longer ones always."""
        if self._peer.acked > self._measured_to or took > self._smoothed:
            self._measured_to = self._guest.top
            self.measured(took)

    def measured(self, took: float) -> None:
        """A round trip, as RFC 6298 2.2 and 2.3 have it."""
        if not self._smoothed:
            self._smoothed, self._variation = took, took / 2
            return
        self._variation += (abs(self._smoothed - took) - self._variation) / 4
        self._smoothed += (took - self._smoothed) / 8

    def says_the_same(self) -> None:
        """Of what is acknowledged, maybe with SACK blocks."""
        self._same += 1

    def selects(self, blocks: tuple[tuple[int, int], ...]) -> None:
        """With its number taken: what the other end has of what is not acknowledged."""
        acked, number = self._peer.acked, self._guest.number
        above = tuple((number(left), number(right)) for left, right in blocks)
        above = tuple(block for block in above if block[1] > acked)
        if above and not self._selected:
            self._first_selected = self.heard
        if _octets(above, acked) >= _octets(self._selected, acked):
            self._selected = above
        if above:
            known, self._newest = self._newest, above[0]
            self._has_come(*self._newest, *known)

    def _has_come(self, left: int, right: int, before: int, until: int) -> None:
        """The SACK block with the newest, but for what is in that before it."""
        for seq, sent in self._sent.items():
            if left <= seq < right and not before <= seq < until:
                self._come = max(self._come, sent.last)
                self._shortest = min(self._shortest, self.heard.first - sent.last.last)

    def duplicate(self, when: Span, *, useful: bool, plain: bool) -> None:
        """useful: it says nothing of data that came twice. plain: every stack counts it."""
        self.congestion.something_arrived()
        self._disturbed = self._guest.top
        self._duplicates += 1
        self._plain += plain
        self._disordered |= not useful
        until = max(self._recover, self._may_recover)
        recovering = self._peer.acked <= until  # then it says little (RFC 6582 3.2)
        if plain and self._plain == _DUPLICATES and len(self._sent) > 1 and not recovering:
            self._tally[Occasion.THIRD_DUPLICATE] += 1
            self._third = when
        if self._duplicates == _DUPLICATES:
            self._may_recover = self._guest.top


def _octets(blocks: tuple[tuple[int, int], ...], acked: int) -> int:
    return sum(right - max(left, acked) for left, right in blocks if right > acked)


def _ago(sent: SentSegment, when: Span) -> str:
    return f"{_ms(when.most(sent.last))} before"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number if number < 20 else number % 10, "th")
    return f"{number}{ending}"
