"""How much the guest has under way, as far as the wire shows it (RFC 5681, RFC 6928, RFC 2525).

    first flight      until anything is acknowledged: ten segments at most
    narrow            until more is under way than one segment, and than the window's field says;
                      for some forty segments at most
    after a time-out  one segment; then at most twice what is acknowledged, as slow start has it
    a recovery        from the third duplicate acknowledgement until all that was under way then is
                      acknowledged; behind it less is under way than when the loss was seen
    rounds            after a recovery, from one acknowledged mark to the next: what is sent in each
                      may grow by a segment; CUBIC (RFC 9438) grows faster, on a short path by far
                      less than an eighth

A congestion window cannot be seen, only what is sent; who has little to send is not judged. Nor are
recoveries of one that may find out, by SACK (RFC 2883) or timestamps (RFC 3522), that nothing was
lost, and then goes on as before.
"""

from __future__ import annotations

from dataclasses import dataclass

from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.lint.tcp.often import Often
from pynat.lint.tcp.side import Side, Tell
from pynat.rules import tcp_congestion as rules
from pynat.rules import tcp_resending
from pynat.rules.occasions import Occasion
from pynat.wire.tcp import MAX_OPTIONS

_INITIAL = 10  # segments, RFC 6928 2
_BEHIND = 4  # segments more: a probe of the tail (RFC 8985 7), and some grace
_AT_ONCE = 0.05  # seconds
_SLACK = 4  # segments
_LEAST = 12  # segments under way: above the initial window, so the window had grown
_UNDEFLATED = 1.15  # of what was under way
_PEAK = 0.9
_ROUNDS = 4
_STEADY = 16  # segments a round
_GROWTH = 1.1, 1.3  # a round; slow start doubles
_NARROW = 40  # segments
_ALONE = 24  # of them
_HELD = 10
_STEPS = 6  # tiny segments in a row, each larger by as much, or twice as large
_TINY = 4  # of them have less than a segment
_PROMPTLY = 0.005  # seconds
_SHORT = 0.1  # seconds of a round, at most


class _First:
    """Nothing is acknowledged yet."""


@dataclass(slots=True)
class _Narrow:
    acked: Span  # when something new last was
    came: int  # up to where the other end's data were; who answers is not in a hurry
    segments: int = 0
    alone: int = 0  # in a row, full ones, each sent when the one before was acknowledged
    length: int = 0  # of the last one
    step: int = 0  # by how much it was larger than the one before
    steps: int = 0  # equal, in a row
    held: int = 0  # times that the field, unshifted, left no room for another segment


@dataclass(slots=True)
class _TimeOut:
    when: Span
    una: int  # what was acknowledged then, less a segment for each duplicate since
    top: int  # what was under way then
    octets: int  # sent again at once
    segments: int = 1
    heard: bool = False
    sent: int = 0  # bytes, since something was acknowledged


@dataclass(slots=True)
class _Recovery:
    flight: int  # bytes
    top: int
    steady: bool  # it had much to send then
    over: bool = False


@dataclass(slots=True)
class _Round:
    begun: Span
    mark: int  # its end, when that is acknowledged
    sent: int = 0  # in the one before
    grown: int = 0  # rounds in a row that grew too much


class Congestion:
    def __init__(self, guest: Side, peer: Side, tally: Tally) -> None:
        self._guest = guest
        self._peer = peer
        self._tally = tally
        self._often = Often()
        self.peak = 0  # bytes under way at most
        self.phase: _First | _Narrow | _TimeOut | _Recovery | _Round | None = _First()

    # ------------------------------------------------------------------ from the guest
    def fresh(self, seq: int, end: int, when: Span, tell: Tell) -> None:
        """To be called where there is a phase, or more under way than ever."""
        flight = end - self._peer.acked
        self.peak = max(self.peak, flight)
        match self.phase:
            case _First():
                self._first_flight(seq, end - 1, tell)
            case _Narrow() as narrow:
                self._narrow(narrow, flight, end - seq, when, tell)
            case _TimeOut() as timeout:
                self._after_timeout(timeout, end - seq, tell)
            case _Recovery(over=True) as recovery:
                self._after_recovery(recovery, flight, tell)
            case _Round(sent=sent, grown=grown) if grown >= _ROUNDS:
                text = f"{sent} bytes a round trip, {_ROUNDS} times a tenth more"
                self._often.once(rules.ADDITIVE, f"{text}, expected one segment more", tell)

    def _first_flight(self, seq: int, flight: int, tell: Tell) -> None:
        if seq == 1:
            self._tally[Occasion.FIRST_FLIGHT] += 1
        if flight <= (_INITIAL + _BEHIND) * self._peer.mss:
            return
        named = self._peer.offered.mss is not None
        rule = rules.NO_SLOW_START if named else rules.UNINITIALIZED
        text = f"{flight} bytes under way before the first acknowledgement"
        most = f"at most {_INITIAL * self._peer.mss}, {_INITIAL} segments"
        self._often.once(rule, f"{text}, {most}", tell)

    def _narrow(self, narrow: _Narrow, flight: int, length: int, when: Span, tell: Tell) -> None:
        """A full segment that goes out at once shows that more had waited."""
        peer = self._peer
        field = peer.window >> peer.shift
        narrow.segments += 1
        is_prompt = when.most(narrow.acked) < _PROMPTLY
        self._by_bytes(narrow, flight, length, tell, is_prompt=is_prompt)
        waited = length >= peer.mss - MAX_OPTIONS and is_prompt
        is_alone = waited and flight == length and peer.window >= _SLACK * length
        narrow.alone = narrow.alone + 1 if is_alone else 0
        narrow.held += waited and field - length < flight <= field
        if narrow.alone == _ALONE:
            text = f"{_ALONE} full segments, each when the one before was acknowledged"
            self._often.once(rules.ALONE, f"{text}; the window is {peer.window}", tell)
        elif narrow.held == _HELD and peer.window >= _SLACK * field:
            text = f"never more than {field} bytes under way, the window's field; it is to be"
            text = f"{text} shifted by {peer.shift}: {peer.window}"
            self._often.once(rules.UNSHIFTED, f"{text}. Or is its buffer as small?", tell)
        may_be_field = peer.shift and field <= _INITIAL * peer.mss
        is_wide = flight > max(length, field if may_be_field else 0)
        is_answered, is_told = peer.top > narrow.came, narrow.alone == _ALONE
        if is_wide or is_answered or is_told or narrow.segments >= _NARROW:
            self.phase = None

    def _by_bytes(
        self, narrow: _Narrow, flight: int, length: int, tell: Tell, *, is_prompt: bool
    ) -> None:
        """Segments of 4, 5, 6, 7 bytes or 1, 2, 4, 8, each when the one before is acknowledged: no
        program writes so.
        """
        step, before, window = length - narrow.length, narrow.length, self._peer.window
        grows = 0 < step in (narrow.step, before)
        is_held = is_prompt and flight == length <= self._peer.mss // _TINY
        narrow.steps = narrow.steps + 1 if is_held and grows and window >= _SLACK * length else 0
        narrow.length, narrow.step = length, step
        if narrow.steps == _STEPS:
            text = f"{length} bytes, {before} before that, each when the ones before are"
            text = f"{text} acknowledged; the window is {window}: is the congestion window counted"
            text = f"{text} in segments?"
            self._often.once(rules.BY_BYTES, text, tell)

    def timed_out(self, end: int, when: Span) -> None:
        """The oldest segment goes again, and nothing is known of a loss but the time."""
        una = self._peer.acked
        self._tally[Occasion.TIMED_OUT] += 1
        self.phase = _TimeOut(when, una, self._guest.top, end - una)

    def again(self, seq: int, end: int, when: Span, tell: Tell) -> None:
        """A segment behind the oldest one."""
        timeout = self.phase
        if not isinstance(timeout, _TimeOut):
            return
        if not timeout.heard and when.most(timeout.when) < _AT_ONCE:
            timeout.segments += 1
            timeout.octets += end - seq
            if timeout.octets > self._peer.mss:
                text = f"{timeout.segments} segments again at one time-out, expected one"
                self._often.once(tcp_resending.SEVERAL, text, tell)
        self._after_timeout(timeout, end - seq, tell)

    def _after_timeout(self, timeout: _TimeOut, octets: int, tell: Tell) -> None:
        if not timeout.heard:
            return
        timeout.sent += octets
        acked = self._peer.acked - timeout.una
        if timeout.sent > 2 * acked + _SLACK * self._peer.mss:
            text = f"{timeout.sent} bytes sent since a time-out, {acked} acknowledged"
            self._often.once(rules.NO_SLOW_START_AGAIN, text, tell)

    def lost(self) -> None:
        """Three duplicate acknowledgements have said so, and the segment goes again."""
        if isinstance(self.phase, _Recovery) and not self.phase.over:
            return
        top, flight = self._guest.top, self._guest.top - self._peer.acked
        much = flight >= max(_PEAK * self.peak, _LEAST * self._peer.mss)
        steady = much and not self._may_undo()
        self.phase = _Recovery(flight, top, steady)

    def _may_undo(self) -> bool:
        ours, theirs = self._guest.offered, self._peer.offered
        stamped = ours.timestamps is not None and theirs.timestamps is not None
        return stamped or (ours.sack_permitted and theirs.sack_permitted)

    def _after_recovery(self, recovery: _Recovery, flight: int, tell: Tell) -> None:
        before = recovery.flight
        if recovery.steady and flight > _UNDEFLATED * before + self._peer.mss:
            text = f"{flight} bytes under way behind the recovery, {before} when it began"
            self._often.once(rules.NOT_DEFLATED, text, tell)

    # ------------------------------------------------------------------ to the guest
    def acknowledged(self, when: Span) -> None:
        """`peer.acked` has grown. To be called where there is a phase."""
        acked, top = self._peer.acked, self._guest.top
        match self.phase:
            case _First():
                self.phase = _Narrow(when, self._peer.top)
            case _Narrow() as narrow:
                narrow.acked = when
            case _TimeOut() as timeout:
                timeout.heard = True
                if acked >= timeout.top:
                    self.phase = None
            case _Recovery(over=True, steady=steady):
                self.phase = _Round(when, top) if steady else None
            case _Recovery() as recovery if acked >= recovery.top:
                recovery.over = True
                self._tally[Occasion.RECOVERED] += 1
            case _Round() as rounds if acked >= rounds.mark:
                self._next_round(rounds, when)

    def something_arrived(self) -> None:
        """A duplicate says so; what it was is not counted as under way any more (RFC 6675)."""
        match self.phase:
            case _First() | _Narrow():
                self.phase = None
            case _TimeOut() as timeout:
                timeout.una -= self._peer.mss

    def _next_round(self, done: _Round, when: Span) -> None:
        top, mss = self._guest.top, self._peer.mss
        sent = top - done.mark
        low, high = (done.sent * factor + mss for factor in _GROWTH)
        fits = low <= sent <= high and done.sent >= _STEADY * mss
        short = when.least(done.begun) <= _SHORT
        grown = done.grown + 1 if fits and short else 0
        self.phase = _Round(when, top, sent, grown)
