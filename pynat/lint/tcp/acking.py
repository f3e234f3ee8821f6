"""How the guest takes what comes to it: acknowledgement, SACK, timestamps, and in time.

What came is judged late, unanswered or needless only several times over: one frame that the
guest's card had no room for would explain one.
"""

from __future__ import annotations

from pynat.lint.bounded import Bounded
from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.lint.tcp.arrivals import Arrivals
from pynat.lint.tcp.common import Common
from pynat.lint.tcp.keepalive import Unasked
from pynat.lint.tcp.often import Often
from pynat.lint.tcp.resending import ordinal
from pynat.lint.tcp.side import SPACE, Side, Tell, signed, swapped
from pynat.lint.tcp.strides import SPREAD, Strides
from pynat.lint.tcp.unheard import Unheard
from pynat.lint.tcp.war import War
from pynat.lint.tcp.window import Trickle, Window
from pynat.rules import tcp_acking as rules
from pynat.rules import tcp_opening
from pynat.rules.occasions import Occasion
from pynat.wire.tcp import FIN, STAMPS_PREFIX, Segment, encode_options

_LATE = 0.6  # seconds; RFC 9293 3.8.6.3 allows 0.5
_LONG_DELAY = 0.19  # seconds; the other end's time-out begins with that
_BEHIND_COPIES = 4  # times in a row
_FINS = 4  # in a row
_COPIES_KEPT = 256  # ranges that came again
_RARE = 0.15  # seconds for two full segments; receive offload takes a thousandth of it
_OUT_OF_ORDER = 0.25  # seconds
_FILLED = 0.1  # seconds, of a hole that was filled in the meantime
_BY_TIMER = 0.03  # seconds in which nothing came; a delayed acknowledgement takes as long
_ODD = 0.001  # seconds beside a round number
_MANY_EARLY = 8  # segments out of order: more than are taken at one go
_AT_ONCE = 0.05  # seconds
_ALL_CAME = 0.02  # seconds since which a guest may have had time to look at all of it
_SOON = 0.1  # seconds
_TWICE = 2
_TIMES = 3
_MANY_TIMES = 8
_COPIES = 3  # of a FIN
_REFUSED = 4  # copies of data
_NEAR = 1500  # bytes
_STEPS = 4  # segments acknowledged at once
TICK = 3.0  # seconds; RFC 7323 5.4 asks for 1
_STAMPS = 12  # bytes of options
UNPADDED = 46  # bytes of a packet in the shortest frame


class Acking:
    def __init__(
        self, guest: Side, peer: Side, common: Common, tally: Tally, *, stamped: bool
    ) -> None:
        self._tally = tally
        tally[Occasion.STAMPED if stamped else Occasion.UNSTAMPED] += 1
        self._guest = guest
        self._peer = peer
        self.stamped = stamped
        self._common = common
        self._unheard = Unheard(common)
        self._spoke = NEVER  # when the guest last sent anything
        self._often = Often()
        self.arrivals = Arrivals(guest, peer, tally)
        self.window = Window(guest, peer, self._often, tally)
        self._trickle = Trickle(self._often, tally)
        self.war = War()
        self.spoilt: int | None = None  # where what last came with a wrong checksum begins
        self._unasked = Unasked()
        self._held = 0  # the newest timestamp that came in front of a hole
        self._all_acked = 0, 0  # by this number once, the newest timestamp was this then
        self._copied = Bounded[int, int](_COPIES_KEPT)  # ranges that came again
        self._first_fin: Span | None = None  # an only FIN came, and no answer yet
        self.strides = Strides()
        self._owed: Span | None = None  # something came that has to be answered
        self._doubted: Span | None = None  # the same, if the guest's last may have answered it
        self.pure = False  # since the guest's last nothing but acknowledgements came
        self._only_acks: Span | None = None  # when the last one that needs no answer did
        self._fins = 0  # that came once all before was acknowledged
        self._fin_at = NEVER  # when the last one did
        self._leaves_fin_out = False  # it has answered the FIN by its number
        self._refused = 0  # times that what was asked for came and was not acknowledged
        self._had_it = 0  # times that what it kept behind a hole was answered when that was filled
        self._short = 0  # acknowledgements in a row of all but one byte
        self._piecemeal = 0  # of a part of what had long come
        self._part_at = NEVER  # when the last of these came
        self._paused = 0.0  # seconds in which nothing was acknowledged, before the first of these
        self._went_on = NEVER  # when that came
        self.is_quick = False  # it has answered at once: no queue holds up everything
        self._acks_at_once = False  # data, too
        self._behind = False  # the first data were answered, and all others, by too low a number
        self._lacks = ""  # what the window lacks, if the same is not acknowledged
        self._padding = 0  # bytes of Ethernet's behind what came
        self._padded = 0  # of the last frame
        self._twice = 0  # bytes of what came that had come before
        self._is_taken = False  # what came again last is acknowledged
        self._is_probed = False  # it was an empty segment

    @property
    def owed(self) -> Span | None:
        """When the last came that waits for an answer."""
        return self._owed

    @property
    def only_waits(self) -> bool:
        """Nothing has come from the guest since several segments did."""
        return self.arrivals.full > 1 and self.arrivals.begun.follows(self._spoke)

    @property
    def closed_since(self) -> Span | None:
        return self.window.closed

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, segment: Segment, seq: int, ack: int, when: Span, tell: Tell) -> None:
        guest, arrivals = self._guest, self.arrivals
        options = segment.options
        before, edge = guest.acked, guest.right
        last, self._spoke = self._spoke, when
        if not self._makes_sense(segment, seq, ack, tell):
            return
        guest.acked = ack
        if arrivals.has_gap and ack > arrivals.might:
            arrivals.has_gap = False
            text = f"acknowledges {ack}, {arrivals.might} and what follows has not come"
            text += self._took_spoilt(ack)
            tell(rules.ACKS_GAP, text)
        leaves_out = ack == before == 1 and self._leaves_first_out(segment, when)
        self._behind |= leaves_out
        window = segment.window << guest.shift
        if ack + window != edge or not window:
            owed = None if self._owed == self._doubted else self._owed
            if leaves_out and edge - ack - window == arrivals.size:
                self._lacks = f"window {window} from {ack} on ends at {ack + window}, it ended"
                self._lacks += f" at {edge}: {arrivals.size} bytes were taken, not acknowledged"
                self.window.moves(ack, segment.window, when)
            else:
                self.window.announced(segment, ack, owed, when, tell)
        if self.stamped or options.timestamps is not None:
            self._stamps(segment, seq, when, tell)
        if options.sack:
            self._sack(options.sack, ack, tell)
        if arrivals.missing is not None:
            self._to_the_gap(arrivals.missing, ack, when, tell)
        if ack > before:
            if ack == self._peer.fin + 1 and not segment.length:
                self._takes_fin(when, tell)
            self._advances(ack, when, tell, for_one=self._is_for_one(segment.length, edge))
        elif arrivals.offered is not None and when.follows(arrivals.offered):
            self._refuses(ack, tell)
        if ack == self._peer.fin and guest.window:
            self._at_fin(ack, when, tell)
        is_empty = ack == before and not segment.length and not options.sack and not self.pure
        if is_empty and ack == self._peer.top and guest.right - edge < guest.mss:
            self._trickle.says_little(guest.right - edge, when, tell)
        else:  # where something has come that it has not taken, it says so each time
            self._trickle.ends()
        says_nothing = is_empty and guest.right == edge and self._owed is None
        if says_nothing and seq == guest.top == self._peer.acked:
            self._unasked.says_nothing(seq, last, when, self._often, tell)
        if self.pure:
            if ack > before or guest.right != edge or segment.length or options.sack:
                self.war.ends()
            else:
                self._to_acknowledgements(seq, when, tell)
        self._answers(when)

    def _makes_sense(self, segment: Segment, seq: int, ack: int, tell: Tell) -> bool:
        if not 0 <= ack <= self._peer.top:
            self._unsent(segment, ack, tell)
        elif ack < self._guest.acked:
            self._back(segment, seq, ack, tell)
        elif ack == 0:
            text = f"acknowledges 0, a SYN counts one: expected {self.arrivals.next}"
            tell(tcp_opening.SYN_NOT_ACKED, text)
        else:
            return True
        return False

    def _leaves_first_out(self, segment: Segment, when: Span) -> bool:
        """It answers the first data, and acknowledges nothing of them."""
        since = self.arrivals.since
        return since is not None and not segment.length and when.follows(since)

    def _is_a_segment_behind(self, ack: int, tell: Tell) -> None:
        """The last segment came twice more, and was left out each time, as the first one."""
        arrivals = self.arrivals
        if self._behind and 1 < ack == arrivals.next - arrivals.size:
            self._lacks = ""
            text = f"acknowledges {ack}, {arrivals.next} has come three times: it leaves out the"
            self._often.once(rules.SEGMENT_BEHIND, f"{text} last segment each time", tell)

    def _at_fin(self, fin: int, when: Span, tell: Tell) -> None:
        self._leaves_fin_out = when.follows(self._peer.fin_at)
        if self._fins >= _COPIES and when.follows(self._fin_at):
            text = f"acknowledges {fin}, a FIN counts one: expected {fin + 1}"
            self._often.once(rules.FIN_NOT_ACKED, text, tell)

    def _answers(self, when: Span) -> None:
        if self.pure:
            self.pure = False
            self._only_acks = None
        if self._owed is not None and when.follows(self._owed):
            self._owed = None
        self._doubted = self._owed

    def _to_acknowledgements(self, seq: int, when: Span, tell: Tell) -> None:
        """Nothing else has come since the guest's last, and it says nothing new."""
        needless = self._only_acks and not self._owed and when.follows(self._only_acks)
        if needless and seq == self._guest.top:
            text = "answers an acknowledgement without data"
            self._often.tell(rules.ACKS_ACKS, _TIMES, text, tell)
        self.war.answered(when, tell)

    def _unsent(self, segment: Segment, ack: int, tell: Tell) -> None:
        meant = self._peer.number(swapped(segment.ack, 4))
        hint = "; its bytes are swapped" if 0 < meant <= self._peer.top else self._excess(ack)
        hint = hint or self._took_spoilt(ack)
        text = f"acknowledges {ack}, the other end has sent up to {self._peer.top}{hint}"
        tell(rules.ACKS_UNSENT, text)

    def _took_spoilt(self, ack: int) -> str:
        if self.spoilt is None or not self.arrivals.next <= self.spoilt < ack:
            return ""
        return f"; {self.spoilt} and what follows came with a wrong checksum: is that looked at?"

    def _excess(self, ack: int) -> str:
        peer = self._peer
        excess = ack - peer.top
        if excess > 0 and excess in (self._padding, self._padded):
            return f"; {excess} bytes of padding were counted in: IPv4's total length says the end"
        if excess == 1 and peer.top in (1, peer.fin + 1):
            return f"; a {'FIN' if peer.fin else 'SYN'} counts one, and was counted twice"
        offered, stamps = len(encode_options(peer.offered)), self.stamped * _STAMPS
        if excess > 0 and excess in (offered, stamps, offered + stamps):
            return f"; {excess} bytes of options were counted in: data begin at the data offset"
        if excess == self._twice > 0:
            return f"; {excess} bytes had come before, and were counted twice"
        return ""

    def _back(self, segment: Segment, seq: int, ack: int, tell: Tell) -> None:
        if segment.length and seq < self._guest.top:
            return  # sent again as it was
        tell(rules.ACK_BACK, f"acknowledges {ack}, it was at {self._guest.acked}")

    def _takes_fin(self, when: Span, tell: Tell) -> None:
        """One that came by itself; behind its copy, or of its own accord."""
        first, common = self._first_fin, self._common
        self._first_fin = None
        if first is None:
            return
        waited = when.least(first)
        is_behind = self._fins > 1 and when.most(self._fin_at) <= SPREAD and waited > _LONG_DELAY
        common.fins_behind = common.fins_behind + 1 if is_behind else 0
        if common.fins_behind == _FINS:
            text = f"acknowledges a FIN when it has come again, after {_ms(waited)}"
            text = f"{text}; so with {_FINS} in a row that came without data"
            self._often.once(rules.LATE, text, tell)

    def _echoes_old(self, echo: int, tell: Tell) -> None:
        """Where all was acknowledged, the next segment begins at the last acknowledgement."""
        peer, ack, (start, stamp) = self._peer, self._guest.acked, self._all_acked
        if ack > start > 0 and signed(stamp - echo) > 0:
            text = f"echoes {echo}, what came from {start} on has {stamp} or newer"
            self._often.tell(rules.OLD_ECHO, _TIMES, text, tell)
        if ack == peer.top:
            self._all_acked = ack, peer.stamp

    def _stamps(self, segment: Segment, seq: int, when: Span, tell: Tell) -> None:
        stamps, guest, peer = segment.options.timestamps, self._guest, self._peer
        if stamps is None:
            if self._begins_with_stamps(segment.payload):
                text = "data begin with timestamps, the data offset does not count them in"
                self._often.once(tcp_opening.OPTIONS_OUTSIDE, text, tell)
            self._often.once(rules.NO_STAMP, "no timestamps option, the SYNs agreed on it", tell)
            return
        if not self.stamped:
            text = "timestamps, and not both SYNs had them"
            self._often.once(rules.STAMPS_NOT_AGREED, text, tell)
            return
        value, echo = stamps
        if value != guest.stamp:
            self._common.ticked = value, when
            if not guest.stamped(value) and seq >= guest.top:
                tell(rules.STAMP_BACK, f"timestamp {value}, the one before was {guest.stamp}")
        elif when.first - self._common.ticked[1].last > TICK and seq >= guest.top:
            self._stands(value, when, tell)  # not of what is sent again, which may have been kept
        if self.arrivals.has_gap and signed(echo - self._held) > 0:
            self._echoes_early(echo, tell)
        if echo == peer.stamp:
            return
        self._echoes_old(echo, tell)
        if signed(echo - peer.stamp) > 0 or signed(echo - peer.first_stamp) < 0:
            if whose := self._common.whose(echo, peer):
                text = f"echoes {echo}, which was sent to the guest in another connection, {whose}"
                self._often.once(rules.MIXED, text, tell)
            meant = swapped(echo, 4)
            hint = "; its bytes are swapped" if peer.first_stamp <= meant <= peer.stamp else ""
            sent = f"the other end has sent {peer.first_stamp} to {peer.stamp}"
            tell(rules.STRANGE_ECHO, f"echoes {echo}, {sent}{hint}")

    def _begins_with_stamps(self, data: bytes | memoryview) -> bool:
        """As usual, or bare: of that the echo is looked at, for data may begin so."""
        kind = STAMPS_PREFIX[2:]
        is_bare = data[: len(kind)] == kind
        echoed = int.from_bytes(data[6:10], "big")
        known = self._peer.first_stamp, self._peer.stamp
        return data[: len(STAMPS_PREFIX)] == STAMPS_PREFIX or (is_bare and echoed in known)

    def _echoes_early(self, echo: int, tell: Tell) -> None:
        text = f"echoes {echo}, which came behind a hole, expected {self._held} at most"
        self._often.tell(rules.ECHOES_EARLY, _TIMES, text, tell)

    def _stands(self, value: int, when: Span, tell: Tell) -> None:
        known, since = self._common.ticked
        if value != known:
            self._common.ticked = value, when
        else:
            text = f"timestamp {value}, as {when.least(since):.1f} s before"
            self._often.once(rules.STAMP_STANDS, text, tell)

    def _sack(self, blocks: tuple[tuple[int, int], ...], ack: int, tell: Tell) -> None:
        peer = self._peer
        if not peer.offered.sack_permitted:
            text = "a SACK block, and the other end's SYN had no SACK-permitted"
            self._often.once(rules.SACK_NOT_AGREED, text, tell)
            return
        self._tally[Occasion.SACK] += len(blocks)
        for place, (left, right) in enumerate(blocks):
            start, end = peer.number(left), peer.number(right)
            why = ""
            if end <= start:
                why = "which is empty or reversed"
            elif end > peer.top:
                why = f"the other end has sent up to {peer.top}"
            elif start <= ack and (place or ack < end):
                why = f"{ack} is acknowledged"
            elif end <= ack and end != 1 and not self._came_twice(start, end):  # 1: a SYN's
                text = f"SACK block {start}:{end}, {ack} is acknowledged, nothing of it came twice"
                self._often.tell(rules.SACK_NONSENSE, _TIMES, text, tell)
                continue
            if why:
                tell(rules.SACK_NONSENSE, f"SACK block {start}:{end}, {why}")
            elif end not in self.arrivals.ends and end + 1 in self.arrivals.ends:
                text = f"SACK block {start}:{end}, a segment that came ends at {end + 1}"
                self._often.tell(rules.SACK_SHORT, _TIMES, text, tell)
        if self.arrivals.latest is not None:
            pieces = [(peer.number(left), peer.number(right)) for left, right in blocks]
            self._order(pieces, *self.arrivals.latest, ack, tell)

    def _came_twice(self, start: int, end: int) -> bool:
        return any(left < end and start < right for left, right in self._copied.items())

    def _order(
        self, pieces: list[tuple[int, int]], seq: int, end: int, ack: int, tell: Tell
    ) -> None:
        """seq, end: what came last. The first block may say what came twice (RFC 2883)."""
        (start, stop), *others = pieces
        twice = start < ack or any(left <= start and stop <= right for left, right in others)
        if twice or start <= seq < stop:
            return
        if any(left <= seq and end <= right for left, right in others):
            text = f"the first SACK block is {start}:{stop}, {seq}:{end} came last"
            self._often.tell(rules.SACK_ORDER, _TIMES, f"{text} and is in another one", tell)

    def _to_the_gap(self, since: Span, ack: int, when: Span, tell: Tell) -> None:
        arrivals = self.arrivals
        arrivals.answered()
        waited = when.least(since)
        if arrivals.has_gap:
            self._delays_duplicate(when, tell)
        if waited <= (_OUT_OF_ORDER if arrivals.has_gap else _FILLED):
            return
        text = f"data out of order were answered after {_ms(waited)}, expected at once"
        self._often.tell(rules.NO_DUPLICATE, _TIMES, text, tell)
        # What it acknowledges had come; one that only stood still would hardly go on just then.
        had_it = 0 < arrivals.silently <= ack and when.most(arrivals.newest) < _SOON
        self._had_it += had_it and waited > _LATE
        if self._had_it == _TWICE:
            self._often.once(rules.NO_DUPLICATE, text, tell)

    def _delays_duplicate(self, when: Span, tell: Tell) -> None:
        """A guest that answers at once waits for a timer, with what has come out of order.

        It may have stood still for a moment: once is enough only of very much, and of a round time.
        """
        common, owed = self._common, self._owed
        waited = when.least(self.arrivals.first_early)
        if waited <= SPREAD:
            common.late_duplicates = 0
        if not self._acks_at_once or owed is None or when.least(owed) < _BY_TIMER:
            return
        before, early = common.late_duplicates, self.arrivals.early
        by_clock = abs(waited - round(waited, 2)) < _ODD and early >= _TIMES * _MANY_EARLY
        common.late_duplicates += _TIMES if by_clock else 2 if early >= _MANY_EARLY else 1
        if before < _TIMES <= common.late_duplicates:
            text = f"{self.arrivals.early} segments out of order were answered after {_ms(waited)}"
            text = f"{text}, nothing had come for {_ms(when.least(owed))}; expected each at once"
            self._often.once(rules.NO_DUPLICATE, text, tell)

    def _is_for_one(self, size: int, edge: int) -> bool:
        """It acknowledges one segment, and goes neither for data of its own nor its window."""
        is_pure = not size and self._guest.right <= edge + self._guest.mss
        return is_pure and self.arrivals.is_alone

    def _advances(self, ack: int, when: Span, tell: Tell, *, for_one: bool) -> None:
        arrivals = self.arrivals
        since = arrivals.since
        is_late = since is not None and when.first - since.last > SPREAD
        if since is not None and (is_late or arrivals.full >= self.strides.least):
            self._late(since, ack, when, tell)
        if arrivals.copies and arrivals.since is not None:
            self._behind_copies(arrivals.since, when, tell)
        else:
            self._common.late_acks = 0
            if for_one and ack != self._peer.fin + 1:
                self._common.behind_copies = 0
        if ack < arrivals.next:
            self._not_all(ack, when, tell)
        else:
            self._acks_at_once |= since is not None and not is_late
            self._short = self._piecemeal = 0
            self._behind = False
            self._takes_window_back(tell)
        if arrivals.filled is not None:
            self._fills(ack, *arrivals.filled, tell)
        self._refused = 0
        arrivals.acknowledged(ack)

    def _takes_window_back(self, tell: Tell) -> None:
        if self._lacks:
            tell(rules.SHRUNK, self._lacks)
            self._lacks = ""

    @property
    def is_steady(self) -> bool:
        """Nothing is known that the next segment could be wrong by."""
        window_is_open = self.window.closed is None and self._guest.window > 0
        is_plain = not self._fins and not self._lacks and not self._trickle.count
        return self.arrivals.is_steady and window_is_open and is_plain

    def carries_on(self, ack: int, window: int, size: int, when: Span) -> None:
        """With what `Prediction` has looked at. window: the field. size: bytes of data."""
        guest = self._guest
        edge = guest.right
        self._spoke = when
        if ack + (window << guest.shift) != edge:
            self.window.moves(ack, window, when)
        if ack > guest.acked:
            guest.acked = ack
            self._common.late_acks = 0
            if self._common.behind_copies and self._is_for_one(size, edge):
                self._common.behind_copies = 0
            self._short = self._piecemeal = self._refused = 0
            self._behind = False
            self._acks_at_once = self._acks_at_once or self.arrivals.since is not None
            self.arrivals.acknowledged(ack)
        if self.pure:
            self.war.ends()
        self._answers(when)

    def is_heard(self, size: int, when: Span) -> None:
        """What `Prediction` has looked at. size: bytes of data."""
        peer = self._peer
        if size:
            start, end = peer.top, peer.top + size
            self._owed, self.pure = when, False
            self.arrivals.in_order(start, end, when)
            peer.top = end
            return
        self.pure = True
        if self._guest.acked == peer.top:
            self._only_acks = when
        else:
            self._owed = when

    def _late(self, since: Span, ack: int, when: Span, tell: Tell) -> None:
        waited = when.least(since)
        if count := self.strides.every(self.arrivals, ack, self._guest.window, when):
            text = f"only each {ordinal(count)} full segment is acknowledged"
            self._often.once(rules.RARE, f"{text}, {_ms(waited)} after the first one came", tell)
        if waited > _LATE:
            text = f"acknowledges data after {_ms(waited)}, expected 500 ms at most"
            self._often.tell(rules.LATE, _TIMES, text, tell)
        waited = when.least(self.arrivals.two) if self.arrivals.two else 0.0
        if waited > _RARE:
            text = f"{self.arrivals.full} full segments waited {_ms(waited)} for it"
            self._often.tell(rules.RARE, _MANY_TIMES, text, tell)

    def _behind_copies(self, since: Span, when: Span, tell: Tell) -> None:
        """Where the card had no room for the first, the second is acknowledged at once."""
        arrivals, common = self.arrivals, self._common
        waited = when.least(arrivals.begun)
        is_late = arrivals.copies > 1 or when.least(since) > _AT_ONCE
        common.late_acks = common.late_acks + 1 if waited > _LATE and is_late else 0
        is_at_once = arrivals.copies == 1 and when.most(since) <= SPREAD
        if waited > _LONG_DELAY and is_at_once and arrivals.full <= 1:
            common.behind_copies += 1
        if common.behind_copies == _BEHIND_COPIES:
            text = f"acknowledges data when they have come again, {_BEHIND_COPIES} times in a row"
            why = f"for {_ms(waited)} nothing came back: the delay is longer, or the first is lost"
            self._often.once(rules.LATE, f"{text}; {why} in the guest", tell)
        if common.late_acks == _TIMES:
            text = f"acknowledges data after {_ms(waited)}, when they have come again"
            self._often.once(rules.LATE, f"{text}: {_TIMES} times in a row", tell)

    def _not_all(self, ack: int, when: Span, tell: Tell) -> None:
        arrivals, come = self.arrivals, self.arrivals.next
        self._short = self._short + 1 if ack == come - 1 and arrivals.size > 1 else 0
        if self._short == _TIMES:
            text = f"acknowledges {ack}, {come} has come: one less each time"
            self._often.once(rules.SHORT, text, tell)
        if when != self._part_at:  # of what was read together nobody knows when it was sent
            self._piece_by_piece(ack, when, tell)
            self._part_at = when

    def _piece_by_piece(self, ack: int, when: Span, tell: Tell) -> None:
        """All had come; after a pause many acknowledgements follow each other, in less than that.

        A queue of the other end's link, or of the guest's, holds all up for as long, or lets things
        go one by one.
        """
        arrivals = self.arrivals
        long_ago = when.least(arrivals.newest)
        if long_ago <= _ALL_CAME or not arrivals.is_in_the_card(ack):
            self._piecemeal = 0
            return
        if not self._piecemeal:
            self._paused = min(long_ago, when.least(self._part_at))
            self._went_on = when
        self._piecemeal += 1
        is_burst = self._paused > _ALL_CAME and when.most(self._went_on) < self._paused
        if self._piecemeal == _MANY_TIMES and is_burst and (self.is_quick or self._acks_at_once):
            text = f"acknowledges {ack}, all up to {arrivals.next} came {_ms(long_ago)} before"
            self._often.once(rules.PIECEMEAL, text, tell)

    def _fills(self, ack: int, end: int, top: int, tell: Tell) -> None:
        """The hole was filled up to `end`; behind it, up to `top`, all had come before."""
        if ack == end:
            text = f"acknowledges {ack}, {end}:{top} had come before out of order"
            self._often.tell(rules.NOT_KEPT, _TIMES, text, tell)
        elif ack > end:
            self._often.forget(rules.NOT_KEPT)

    def _refuses(self, ack: int, tell: Tell) -> None:
        self.arrivals.offered = None
        self._refused += bool(self._guest.window)
        if self._refused == _TWICE:
            self._is_a_segment_behind(ack, tell)
        if self._refused == _REFUSED:
            text = f"{ack} and what follows came {_REFUSED} times, the window is"
            text = f"{text} {self._guest.window}"
            self._look_for_wrap(tell)
            self._often.once(rules.REFUSES, text, tell)

    def _look_for_wrap(self, tell: Tell) -> None:
        """Before what it may be the reason of. Who has taken data since the window's edge passed
        there compares right."""
        acked, peer, right = self._guest.acked, self._peer, self._guest.right
        since = right - _STEPS * self.arrivals.largest if acked > 1 else acked
        near = min(_NEAR, _STEPS * self.arrivals.largest)
        if end := peer.wraps(max(0, acked - near), peer.top) or peer.wraps(since, right):
            wire = (peer.isn + acked) & SPACE
            text = (
                f"takes nothing at {acked}, which is {wire} on the wire: the window up to {right}"
            )
            text = f"{text} passes {end}; are numbers compared by the sign of their difference?"
            self._often.once(rules.WRAPS, text, tell)

    # ------------------------------------------------------------------ to the guest
    def syn_again(self, when: Span) -> None:
        """It has to be answered, and its timestamp may be echoed."""
        self._owed, self._held = when, self._peer.stamp

    def to_guest(self, segment: Segment, seq: int, ack: int, when: Span, tell: Tell) -> None:
        """Before `peer` knows of it."""
        peer = self._peer
        stamps, before, had_gap = segment.options.timestamps, peer.stamp, self.arrivals.has_gap
        is_old = stamps is not None and stamps[0] != peer.stamp and not peer.stamped(stamps[0])
        if is_old:
            self._all_acked = 0, 0  # overtaken, so older than what came before it
        if had_gap and seq <= self.arrivals.might:  # by now it may have acknowledged that
            self._held = peer.stamp  # it may be echoed
        length = len(segment.payload)
        fin = segment.flags & FIN
        if length or fin:
            guest = self._guest
            if seq < peer.top:
                self._trickle.came(when)
                self._copied[seq] = seq + length + fin
                self._comes_again(seq, seq + length + fin, when, tell)
            self._owed, self.pure = when, False
            if length and seq + length <= guest.right:
                self.arrivals.text(seq, seq + length, when)
                if self.arrivals.has_gap and not had_gap:
                    self._held = before
                if is_old or ack > guest.top:
                    self.arrivals.offered = None  # it has a reason to refuse it
            elif length:
                self.arrivals.beyond(seq, seq + length)
            if fin:
                if not self._fins and not length and seq == guest.acked:
                    self._first_fin = when
                self._fins += seq + length <= guest.acked
                self._fin_at = when
                peer.fin = seq + length
                if peer.fin_at is NEVER:
                    peer.fin_at = when
            peer.top = max(peer.top, seq + length + fin)
            return
        self.pure = True
        news = seq == peer.top == self._guest.acked and ack >= peer.acked and not is_old
        if news:
            self._only_acks = when
        if not news or ack > self._guest.top:
            self._owed = when
        if seq == peer.top - 1 == self._guest.acked - 1:
            self._asks_whether_alive(when, tell)

    def _comes_again(self, seq: int, end: int, when: Span, tell: Tell) -> None:
        guest, peer = self._guest, self._peer
        self._twice = peer.top - seq
        self._is_probed = False
        is_waited_for = seq <= guest.acked < end <= guest.right + 1 and guest.window
        self._is_taken = end <= guest.acked and not (guest.fin and peer.fin)
        if (is_waited_for or self._is_taken) and guest.reset_at is None:
            self._tally[Occasion.COPY_CAME] += 1
            self._unheard.came_again(when, guest.acked, self._spoke)
            self._look_for_an_answer(when, tell)

    def _asks_whether_alive(self, when: Span, tell: Tell) -> None:
        """By a segment with an old number (RFC 9293 3.8.4)."""
        guest = self._guest
        if guest.reset_at is None and not (guest.fin and self._peer.fin):
            self._is_probed = True
            self._tally[Occasion.COPY_CAME] += 1
            self._unheard.came_again(when, guest.acked, self._spoke)
            self._look_for_an_answer(when, tell)

    def _look_for_an_answer(self, when: Span, tell: Tell) -> None:
        """A boot ROM that has closed its end makes way for another system: is that one asked?"""
        if self._guest.fin and not self._unheard.is_later:
            return
        if came := self._unheard.how_long(when):
            acked = self._guest.acked
            if acked == self._peer.fin and self._leaves_fin_out:
                text = f"acknowledges {acked}, a FIN counts one: expected {acked + 1}; the FIN"
                text = f"{text} {came}, and nothing came back"
                self._often.once(rules.FIN_NOT_ACKED, text, tell)
                return
            what = f"{acked} and what follows {came}, within the window"
            if self._is_probed:
                what = f"a keep-alive, with {acked - 1}, {came}"
            elif self._is_taken:
                what = f"what was acknowledged up to {acked} {came}, so that was lost"
            text = f"{what}, and nothing came back"
            self._look_for_wrap(tell)
            self._often.once(rules.NEVER_ACKS, text, tell)

    def look_at_the_end(self, alive: Span, tell: Tell) -> None:
        if not self._unheard.is_answered(self._spoke):
            self._look_for_an_answer(alive, tell)
        self._takes_window_back(tell)
        if not self._guest.fin:
            self.window.look_at_the_end(alive, tell)

    def padded(self, size: int) -> None:
        """By so many bytes the frame was lengthened."""
        self._padded = size
        self._padding += size


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
