"""What the guest sends: within the window and the MSS, without gaps, nothing behind FIN.

A gap in its numbers is told only when it was not filled for seconds: a frame may have been lost
between the guest and us (a TAP device's queue), and then comes again.
"""

from __future__ import annotations

from typing import NamedTuple

from pynat.lint.bounded import Bounded
from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.lint.tcp.common import Common
from pynat.lint.tcp.keepalive import KeepAlive
from pynat.lint.tcp.resending import Resending
from pynat.lint.tcp.side import DEFAULT_MSS, Side, Tell, swapped
from pynat.rules import ethernet as link
from pynat.rules import tcp_ending, tcp_form, tcp_opening
from pynat.rules import tcp_sending as rules
from pynat.rules.occasions import Occasion
from pynat.wire.tcp import FIN, MAX_OPTIONS, PSH, URG, Segment

_MIN_MSS = 48  # bytes; no stack needs to go below what Linux does
_TWICE = 2
_GAP_STAYS = 3.0  # seconds: by then whatever was lost has been sent again
_SETTLED = 0.5  # seconds after which the guest has seen what was sent to it
_ANSWERED = 0.6  # seconds by which an acknowledgement has come, delayed by 0.5
_SILENT = 10.0  # seconds without a probe
_IDLE = 0.9  # seconds; what comes sooner has crossed an acknowledgement or an open window
_BACKED_OFF = 3  # times what the probes so far took, until the next one
_AT_ONCE = 0.05  # seconds
_DELAYED = 0.05  # seconds that the acknowledgement of the last data took
_REACTS = 0.02  # seconds
_NEIGHBORS = 0.005  # seconds between two segments that were sent together
TINY = 64  # bytes of data at most
_MANY = 50
_SEVERAL = 2  # windows
ENOUGH = 3
_HEADER = 20
MAX_BLOCKS = 64  # of SACK, remembered


class Gap(NamedTuple):
    start: int
    end: int
    when: Span
    heard: Span  # the other end, last
    again: int = 0  # segments behind it that came again; one may be a probe (RFC 8985 7.3)


class Sending:
    def __init__(self, guest: Side, peer: Side, common: Common, tally: Tally) -> None:
        self._tally = tally
        self._guest = guest
        self._peer = peer
        self.resending = Resending(guest, peer, common, tally)
        self._common = common
        self.keep_alive = KeepAlive(tally)
        self._began = False  # with anything behind its SYN
        self._gap: Gap | None = None
        self._last = NEVER  # when the guest sent anything
        # When it did before the window closed; after that, what the other end has to answer alone.
        self._pressed = NEVER
        self._closed: Span | None = None  # since when the peer's window is closed
        self._small: Span | None = None  # since when it has less room than a segment takes
        self._opened: Span | None = None  # when it opened after long silence
        self._swapped: set[int] | None = set()  # windows that had room if their bytes were swapped
        self._room = 0  # bytes that it had room for until then
        self._fin_acked = NEVER
        self._came = NEVER  # when the guest was last sent what it has to answer
        self._blocks: Bounded[tuple[int, int], None] = Bounded(MAX_BLOCKS)  # of duplicates
        self._tiny = 0
        self._urgent = 0  # behind the last byte that was called urgent
        self._full = min(peer.mss, guest.mss, DEFAULT_MSS) - MAX_OPTIONS  # bytes, or more
        self._pushed = True  # the last data ended with PSH, or could not
        self._asked = False  # data went out since the other end's last

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, segment: Segment, size: int, seq: int, when: Span, tell: Tell) -> None:
        """`size`: of header and data."""
        length = len(segment.payload)
        guest = self._guest
        if not self._began and not self._peer.window:
            self._tally[Occasion.WINDOW_CLOSED] += 1
            self._closed = self._pressed = when  # from the peer's SYN on
        if not self._began:
            self._first(seq, length, tell)
        elif seq < guest.top and length <= 1 and self._is_idle(seq, length, when):
            self.keep_alive.probes(when, self._last, self.resending.heard, tell)
        if segment.flags & URG:
            self._urgent = max(self._urgent, seq + segment.urgent)
        if length:
            self._data(segment, size, seq, seq + length, when, tell)
        if guest.fin or segment.flags & FIN:
            self._end(segment, seq, length, when, tell)
        if seq > guest.top and self._gap is None:
            self._gap = Gap(guest.top, seq, when, self.resending.heard)
        again = 0 < segment.length <= guest.top - seq
        if length or segment.flags & FIN:
            self._takes_numbers(segment, seq, seq + length + (segment.flags & FIN), when, tell)
        if self._gap is not None:
            self._look_at_gap(self._gap, seq, when, tell, again=again)
        if when.first >= self.resending.due:
            self.resending.look_for_overdue(when, tell)
        self._opened = None
        self._last = when
        waits = self._closed is not None or self._small is not None
        if waits and (segment.length or seq < self._peer.acked):
            self._pressed = when

    @property
    def _quiet(self) -> Span:
        """Since when nothing went either way that is to be answered."""
        return max(self._pressed, self._came)

    def resets(self, when: Span, tell: Tell) -> None:
        self.resending.gives_up(when, tell)
        self.keep_alive.gives_up(self.resending.heard, tell)

    @property
    def asks_whether_alive(self) -> bool:
        """By keep-alives that nobody has answered."""
        return self.keep_alive.waits(self.resending.heard)

    def _is_idle(self, seq: int, length: int, when: Span) -> bool:
        """A segment in front of the next number then asks whether the other end lives."""
        guest, peer = self._guest, self._peer
        resending = self.resending
        is_in_front = seq == guest.top - 1 and peer.acked == guest.top
        quiet = when.least(max(self._last, resending.heard)) > _IDLE
        is_open = peer.window > 0 and not guest.fin
        return is_in_front and quiet and is_open and not (length and resending.unsure)

    def _first(self, seq: int, length: int, tell: Tell) -> None:
        self._began = True
        if seq == 0:
            what = f"{length} bytes" if length else "the acknowledgement"
            tell(tcp_opening.SYN_NOT_COUNTED, f"{what} at 0, a SYN counts one: expected 1")

    def _data(
        self, segment: Segment, size: int, seq: int, end: int, when: Span, tell: Tell
    ) -> None:
        guest, peer = self._guest, self._peer
        length = end - seq
        if end > peer.right or not peer.window:
            self._window(seq, end, when, tell)
        if size - _HEADER > peer.mss:
            self._size(length, size - _HEADER - length, tell)
        if guest.fin and end > guest.fin:
            tell(rules.AFTER_FIN, f"data up to {end}, the FIN ended them at {guest.fin}")
        if seq < guest.top:
            return
        if self._opened is not None and 0 <= when.least(self._opened) < _AT_ONCE:
            self._never_probed(self._opened.least(self._quiet), length, tell)
        self._habits(length, seq, segment.flags, tell)

    def _never_probed(self, silent: float, length: int, tell: Tell) -> None:
        """length: of what goes now; had it fitted before, it might be new."""
        if not self._room:
            tell(rules.NEVER_PROBES, f"the window was closed, and no probe came for {silent:.0f} s")
        elif length > self._room:
            text = f"the window had room for {self._room} bytes, less than a segment: nothing came"
            text = f"{text} for {silent:.0f} s, expected so much after a second"
            tell(rules.NEVER_PROBES, f"{text} (RFC 9293 3.8.6.2.1)")

    def _takes_numbers(self, segment: Segment, seq: int, end: int, when: Span, tell: Tell) -> None:
        guest = self._guest
        if seq < guest.top:
            self.resending.again(seq, end, segment, when, tell)
        else:
            self.resending.fresh(seq, end, segment, when, tell)
        if self._gap is not None:
            self._fill(seq, end, when, tell)
        guest.top = max(guest.top, end)

    def _window(self, seq: int, end: int, when: Span, tell: Tell) -> None:
        peer = self._peer
        closed = peer.right <= peer.acked or not peer.window
        if closed and end - seq == 1 and seq <= peer.right:
            return  # a probe
        if end > peer.right:
            rule = rules.ZERO_WINDOW if closed else rules.BEYOND_WINDOW
            edge = f"the window of {peer.window} from {peer.acked} on ends at {peer.right}"
            tell(rule, f"data up to {end}, {edge}{'' if closed else self._swapped_hint(end)}")
        elif self._closed is not None and seq >= self._guest.top:
            known = when.least(self._closed)
            if known > _SETTLED:
                tell(rules.ZERO_WINDOW, f"new data, the window is 0 for {known:.1f} s")

    def _swapped_hint(self, end: int) -> str:
        """Where all that was sent beyond several windows has room."""
        peer, fits = self._peer, self._swapped
        meant = swapped(peer.window >> peer.shift, 2) << peer.shift
        if fits is None or end > peer.acked + meant:
            self._swapped = None
            return ""
        if len(fits) < _SEVERAL:
            fits.add(meant)
        is_sure = len(fits) == _SEVERAL
        return f"; with its bytes swapped it is {meant}, so all fits" if is_sure else ""

    def _size(self, length: int, options: int, tell: Tell) -> None:
        most = max(self._peer.mss, _MIN_MSS)
        if length + options <= most:
            return
        whose = "announced" if self._peer.offered.mss is not None else "none announced"
        missing = "; leave room for the options (RFC 2525 2.18)" if length <= most else ""
        with_options = f" and {options} of options" if options else ""
        tell(
            rules.BEYOND_MSS,
            f"{length} bytes of data{with_options}, the MSS is {self._peer.mss} ({whose}){missing}",
        )

    def _habits(self, length: int, seq: int, flags: int, tell: Tell) -> None:
        waiting = self._peer.acked < seq
        self._tiny = self._tiny + 1 if waiting and length <= min(TINY, self._peer.mss // 8) else 0
        if self._tiny == _MANY:
            tell(
                rules.TINY,
                f"{_MANY} segments in a row of at most {TINY} bytes, with others unacknowledged",
            )
        common = self._common
        if common.unpushed >= ENOUGH and not flags & PSH:
            common.unpushed = -(1 << 30)
            tell(rules.NO_PUSH, f"no PSH; {ENOUGH} answers have come to data without one")
        self._asks(seq, length, flags)

    def _asks(self, seq: int, length: int, flags: int) -> None:
        full = length >= self._full or seq + length >= self._peer.right
        self._pushed = full or bool(flags & (PSH | FIN))
        if flags & PSH:
            self._common.unpushed = -(1 << 30)
        self._asked = True

    @property
    def is_steady(self) -> bool:
        """Nothing is known that the next segment could be wrong by."""
        is_open = self._closed is self._small is self._opened is None
        return self._began and self._gap is None and is_open

    def carries_on(self, data: bytes, flags: int, when: Span) -> None:
        """With what `Prediction` has looked at."""
        if data:
            guest = self._guest
            end = guest.top + len(data)
            self._tiny = 0
            self._asks(guest.top, len(data), flags)
            self.resending.keep(guest.top, end, data, when)
            guest.top = end
        self._last = when

    def _end(self, segment: Segment, seq: int, length: int, when: Span, tell: Tell) -> None:
        guest = self._guest
        if segment.flags & FIN:
            fin = seq + length
            if not guest.fin:
                guest.fin, guest.fin_at = fin, when
                self._common.resets = 0
                guest.fin_window, guest.fin_acked = guest.window, guest.acked
                self._promptly(length, fin, when, tell)
                guest.closed_first = not self._peer.fin
                if self._urgent > fin:
                    text = f"urgent up to {self._urgent}, and the FIN is at {fin}"
                    tell(tcp_form.URGENT, f"{text}; expected the offset within the data")
            elif fin != guest.fin:
                tell(rules.FIN_MOVES, f"FIN at {fin}, it was at {guest.fin}")
        elif not length and seq == guest.fin < self._peer.acked:
            settled = when.least(self._fin_acked) > _SETTLED / 5  # the guest knows by now
            answers = when.most(self._came) < _ANSWERED or when.most(self._last) < _IDLE
            if settled and answers:  # else it asks by a keep-alive
                text = f"goes on at {seq}, a FIN counts one: expected {seq + 1}"
                tell(rules.FIN_NOT_COUNTED, text)

    def _promptly(self, length: int, fin: int, when: Span, tell: Tell) -> None:
        """A program has no reason to wait for an acknowledgement, so its stack has."""
        common = self._common
        if length or self._peer.acked < fin:
            common.late_fins = 0
        if not self._asked or self._peer.fin or self._peer.acked < fin:
            return
        acked = self.resending.progress
        took = acked.least(self._last)
        if took < _DELAYED or when.most(acked) > _REACTS:
            return
        common.late_fins += 1
        if common.late_fins == ENOUGH:
            text = f"FIN when all is acknowledged, {took * 1000:.0f} ms after the last data"
            tell(tcp_ending.LATE_FIN, f"{text}; so in {ENOUGH} connections in a row")

    # ------------------------------------------------------------------ gaps
    def _fill(self, seq: int, end: int, when: Span, tell: Tell) -> None:
        gap = self._gap
        if gap is not None and gap[:2] == (seq, end) and gap.when is self._last:
            self._is_overtaken(gap, when, tell)
        if gap is not None and seq <= gap.start < end:
            self._gap = gap._replace(start=end, again=0) if end < gap.end else None

    def _is_overtaken(self, gap: Gap, when: Span, tell: Tell) -> None:
        """By its neighbor; nobody has asked for it meanwhile."""
        if when.most(gap.when) > _NEIGHBORS or self.resending.heard is not gap.heard:
            return
        self._common.overtaken += 1
        if self._common.overtaken >= ENOUGH:
            ago = f"{when.most(gap.when) * 1000:.3f} ms"
            text = f"{gap.start}:{gap.end} comes {ago} behind the segment that follows it"
            tell(link.SWAPPED, f"{text}, expected before it; {self._common.overtaken} times so far")

    def _look_at_gap(self, gap: Gap, seq: int, when: Span, tell: Tell, *, again: bool) -> None:
        """A guest whose frames were lost before we saw them sends from the gap on, in time."""
        if self._peer.acked > gap.start:
            self._gap = None  # it had been sent
        elif self._peer.acked < gap.start:
            self._gap = gap._replace(when=when, again=0)
        elif again and seq > gap.start:
            self._gap = gap = gap._replace(again=gap.again + 1)
            if gap.again >= _TWICE and when.least(gap.when) > _GAP_STAYS:
                self._gap = None
                text = f"{gap.start}:{gap.end} was never sent, though later numbers were"
                tell(rules.SKIPS, text)

    def _explains_gap(self, ack: int) -> bool:
        """What was sent there was lost for us only."""
        if self._gap is None or ack > self._gap.end:
            return False
        self._guest.top = ack
        self._gap = None
        return True

    # ------------------------------------------------------------------ to the guest
    def to_guest(self, segment: Segment, seq: int, ack: int, when: Span) -> None:
        """Before `peer` knows of it."""
        peer, resending = self._peer, self.resending
        length = len(segment.payload)
        if length and seq >= peer.top:
            self._answered(ack)
        if ack > self._guest.top and not self._explains_gap(ack):
            return
        window = segment.window << peer.shift
        right, same = ack + window, window == peer.window
        before = peer.window
        self._edge(segment, seq, ack, right, bool(length), when)
        resending.heard = when
        pure = not length and not segment.flags & FIN
        if not pure:
            self._came = when
        is_old = pure and seq < self._guest.acked  # of a probe, say
        duplicate = pure and ack == peer.acked and same and resending.in_flight
        if pure and ack == peer.acked and resending.in_flight:
            resending.says_the_same()
        resending.texts += not pure
        if seq < peer.top and ack > peer.acked:  # its window may count for nothing (SND.WL1)
            right = max(right, ack + before)
        self._advances(ack, right, when, is_old=is_old)
        if segment.options.sack:
            resending.selects(segment.options.sack)
        if duplicate or segment.options.sack:
            useful = not self._says_twice(segment, ack)
            plain = duplicate and seq >= peer.top and self._says_more(segment)
            resending.duplicate(when, useful=useful, plain=plain)

    def _advances(self, ack: int, right: int, when: Span, *, is_old: bool = False) -> None:
        """is_old: its number is below what the guest has taken."""
        peer, resending = self._peer, self.resending
        if ack > peer.acked:
            peer.acked = ack
            if self._guest.fin and ack > self._guest.fin:
                self._fin_acked = when
            resending.acknowledged(when)
            resending.unsure = is_old
        elif not is_old:
            resending.unsure = False
        peer.right = max(peer.right, right)

    def is_heard(self, ack: int, window: int, when: Span, *, text: bool) -> None:
        """What `Prediction` has looked at."""
        if text:
            self._came = when
            self._answered(ack)
            self.resending.texts += 1
        self._peer.window = window
        self.resending.heard = when
        self._advances(ack, ack + window, when)

    def _says_more(self, segment: Segment) -> bool:
        """Where the SYNs agreed on SACK, a duplicate that says nothing new may be a copy."""
        both = self._guest.offered.sack_permitted and self._peer.offered.sack_permitted
        new = [block for block in segment.options.sack if block not in self._blocks]
        for block in new:
            self._blocks[block] = None
        return not both or bool(new)

    def _says_twice(self, segment: Segment, ack: int) -> bool:
        """D-SACK (RFC 2883)."""
        return bool(segment.options.sack) and self._guest.number(segment.options.sack[0][0]) < ack

    def _edge(
        self, segment: Segment, seq: int, ack: int, right: int, text: bool, when: Span
    ) -> None:
        """The window opens or closes."""
        peer = self._peer
        is_again = text and seq < peer.top
        if ack < peer.acked or (is_again and ack == peer.acked):
            if ack == peer.acked and segment.window:
                self._closed = None  # a guest may believe it
            return  # old: what it says of the window may be too
        window = segment.window << peer.shift
        if not window:
            if self._closed is None:
                self._tally[Occasion.WINDOW_CLOSED] += 1
                self._closed = when
                self._pressed = self._last
        elif self._closed is not None:
            full = self._guest.top >= peer.right < right
            self._room = 0
            silent = min(when.least(self._closed), when.least(self._quiet))
            probed = self._pressed.most(self._closed)
            if full and not text and silent > max(_SILENT, _BACKED_OFF * probed):
                self._opened = when
            self._closed = None
            self.resending.opened(when)
        if 0 < window < peer.mss:
            if self._small is None:
                self._small, self._pressed = when, self._last
        elif self._small is not None:
            if window and not text:
                self._widens(self._small, when)
            self._small = None
        peer.window = window

    def _widens(self, small: Span, when: Span) -> None:
        """To a segment or more; who waits for that sends something before (RFC 9293 3.8.6.2.1)."""
        top, peer = self._guest.top, self._peer
        silent = min(when.least(small), when.least(self._quiet))
        if peer.acked == top < peer.right and silent > _SILENT:
            self._tally[Occasion.WINDOW_CLOSED] += 1
            self._opened, self._room = when, peer.right - top

    def _answered(self, ack: int) -> None:
        if self._asked:
            self._asked = False
            self._tally[Occasion.ANSWERED] += 1
            self._common.unpushed += ack >= self._guest.top and not self._pushed
        self._opened = None
