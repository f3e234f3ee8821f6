"""How the guest takes what comes to it: acknowledgement, window, SACK, timestamps, and in time.

What came is judged late, unanswered or needless only several times over: one frame that the
guest's card had no room for would explain one.
"""

from __future__ import annotations

from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.lint.tcp.side import Side, Tell, signed, swapped
from pynat.rules import Rule, tcp_opening
from pynat.rules import tcp_acking as rules
from pynat.rules.occasions import Occasion
from pynat.wire.tcp import FIN, Segment

_LATE = 0.6  # seconds; RFC 9293 3.8.6.3 allows 0.5
_RARE = 0.15  # seconds for two full segments; receive offload takes a thousandth of it
_OUT_OF_ORDER = 0.25  # seconds
_TIMES = 3
_MANY_TIMES = 8
_COPIES = 3  # of a FIN


class Acking:
    def __init__(self, guest: Side, peer: Side, tally: Tally, *, stamped: bool) -> None:
        self._tally = tally
        tally[Occasion.STAMPED if stamped else Occasion.UNSTAMPED] += 1
        self._guest = guest
        self._peer = peer
        self._stamped = stamped
        self._told: set[str] = set()  # rules that are told once of a connection
        self._next = 1  # the guest has everything below, if its card took it all
        self._largest = 0  # bytes, of the peer's segments
        self._since: Span | None = None  # data wait for their acknowledgement
        self._full = 0  # full segments among them
        self._two: Span | None = None  # when the second came
        self._missing: Span | None = None  # data out of order came, and no answer yet
        self._has_gap = False  # they came, and not yet what is to be at `_next`
        self._owed: Span | None = None  # something came that has to be answered
        self._only_acks: Span | None = None  # since the guest's last nothing else came
        self._fins = 0  # that came once all before was acknowledged
        self._counts: dict[str, int] = {}  # how often what may happen once happened

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, segment: Segment, seq: int, ack: int, when: Span, tell: Tell) -> None:
        guest = self._guest
        options = segment.options
        before, edge = guest.acked, guest.right
        if not 0 <= ack <= self._peer.top:
            self._unsent(segment, ack, tell)
            return
        if ack < before:
            self._back(segment, seq, ack, tell)
            return
        if ack == 0:
            text = f"acknowledges 0, a SYN counts one: expected {self._next}"
            tell(tcp_opening.SYN_NOT_ACKED, text)
            return
        guest.acked = ack
        self._gap(ack, tell)
        self._window(segment, ack, tell)
        if self._stamped or options.timestamps is not None:
            self._stamps(segment, seq, tell)
        if options.sack:
            self._sack(options.sack, ack, tell)
        if self._missing is not None:
            self._to_the_gap(self._missing, when, tell)
        if ack > before:
            self._in_time(ack, when, tell)
        if self._fins >= _COPIES and ack == self._peer.fin and guest.window:
            text = f"acknowledges {ack}, a FIN counts one: expected {ack + 1}"
            self._once(rules.FIN_NOT_ACKED, text, tell)
        if self._only_acks and not self._owed and when.follows(self._only_acks):
            news = ack > before or guest.right != edge or segment.length or options.sack
            if not news and seq == guest.top:
                self._often(
                    rules.ACKS_ACKS, _TIMES, "answers an acknowledgement without data", tell
                )
        self._only_acks = None
        if self._owed and when.follows(self._owed):
            self._owed = None

    def _unsent(self, segment: Segment, ack: int, tell: Tell) -> None:
        meant = self._peer.number(swapped(segment.ack, 4))
        hint = "; its bytes are swapped" if 0 < meant <= self._peer.top else ""
        text = f"acknowledges {ack}, the other end has sent up to {self._peer.top}{hint}"
        tell(rules.ACKS_UNSENT, text)

    def _back(self, segment: Segment, seq: int, ack: int, tell: Tell) -> None:
        if segment.length and seq < self._guest.top:
            return  # sent again as it was
        tell(rules.ACK_BACK, f"acknowledges {ack}, it was at {self._guest.acked}")

    def _gap(self, ack: int, tell: Tell) -> None:
        """Something came out of order, and what was before it did not come since."""
        if self._has_gap and ack > self._next:
            self._has_gap = False
            text = f"acknowledges {ack}, {self._next} and what follows has not come"
            tell(rules.ACKS_GAP, text)

    def _window(self, segment: Segment, ack: int, tell: Tell) -> None:
        guest = self._guest
        shift = guest.shift
        window = segment.window << shift
        right = ack + window
        grown = right - guest.right
        if grown < 0:
            if -grown >= 1 << shift and not self._peer.fin and not segment.flags & FIN:
                text = f"window {window} from {ack} on ends at {right}, it ended at {guest.right}"
                refused = self._peer.top - ack
                if window or not refused:
                    tell(rules.SHRUNK, text)
                else:
                    tell(rules.CLOSED_ON_DATA, f"{text}; {refused} bytes had come there")
        elif grown and window < guest.mss:
            self._silly(window, grown, shift, tell)
        guest.right = right
        guest.window = window

    def _silly(self, window: int, grown: int, shift: int, tell: Tell) -> None:
        self._tally[Occasion.SMALL_WINDOW] += 1
        least = min(self._guest.mss, max(self._guest.syn_window, 1) // 2)
        if grown >= least:
            self._counts.pop(rules.SILLY.code, None)
        elif window and grown > 1 << shift:
            text = f"window {window} grew by {grown}, expected at least {least} at once"
            self._often(rules.SILLY, _TIMES, text, tell)

    def _stamps(self, segment: Segment, seq: int, tell: Tell) -> None:
        stamps, guest, peer = segment.options.timestamps, self._guest, self._peer
        if stamps is None:
            self._once(rules.NO_STAMP, "no timestamps option, the SYNs agreed on it", tell)
            return
        if not self._stamped:
            text = "timestamps, and not both SYNs had them"
            self._once(rules.STAMPS_NOT_AGREED, text, tell)
            return
        value, echo = stamps
        if value != guest.stamp and not guest.stamped(value) and seq >= guest.top:
            tell(rules.STAMP_BACK, f"timestamp {value}, the one before was {guest.stamp}")
        if echo == peer.stamp:
            return
        if signed(echo - peer.stamp) > 0 or signed(echo - peer.first_stamp) < 0:
            meant = swapped(echo, 4)
            hint = "; its bytes are swapped" if peer.first_stamp <= meant <= peer.stamp else ""
            sent = f"the other end has sent {peer.first_stamp} to {peer.stamp}"
            tell(rules.STRANGE_ECHO, f"echoes {echo}, {sent}{hint}")

    def _sack(self, blocks: tuple[tuple[int, int], ...], ack: int, tell: Tell) -> None:
        peer = self._peer
        if not peer.offered.sack_permitted:
            text = "a SACK block, and the other end's SYN had no SACK-permitted"
            self._once(rules.SACK_NOT_AGREED, text, tell)
            return
        self._tally[Occasion.SACK] += len(blocks)
        for place, (left, right) in enumerate(blocks):
            start, end = peer.number(left), peer.number(right)
            why = ""
            if end <= start:
                why = "which is empty or reversed"
            elif end > peer.top:
                why = f"the other end has sent up to {peer.top}"
            elif place and start <= ack:
                why = f"{ack} is acknowledged"
            if why:
                tell(rules.SACK_NONSENSE, f"SACK block {start}:{end}, {why}")

    def _to_the_gap(self, since: Span, when: Span, tell: Tell) -> None:
        self._missing = None
        waited = when.least(since)
        if waited > _OUT_OF_ORDER:
            text = f"data out of order were answered after {_ms(waited)}, expected at once"
            self._often(rules.NO_DUPLICATE, _TIMES, text, tell)

    def _in_time(self, ack: int, when: Span, tell: Tell) -> None:
        waited = when.least(self._since) if self._since else 0.0
        if waited > _LATE:
            text = f"acknowledges data after {_ms(waited)}, expected 500 ms at most"
            self._often(rules.LATE, _TIMES, text, tell)
        waited = when.least(self._two) if self._two else 0.0
        if waited > _RARE:
            text = f"{self._full} full segments waited {_ms(waited)} for it"
            self._often(rules.RARE, _MANY_TIMES, text, tell)
        self._next = max(self._next, ack)
        self._wait_anew()

    def _wait_anew(self) -> None:
        self._since = self._two = None
        self._full = 0

    # ------------------------------------------------------------------ to the guest
    def owes(self, when: Span) -> None:
        """Something came that has to be answered."""
        self._owed = when

    def to_guest(self, segment: Segment, seq: int, ack: int, when: Span) -> None:
        """Before `peer` knows of it."""
        peer = self._peer
        stamps = segment.options.timestamps
        is_old = stamps is not None and stamps[0] != peer.stamp and not peer.stamped(stamps[0])
        length = len(segment.payload)
        fin = segment.flags & FIN
        if length or fin:
            self._owed = when
            self._text(seq, seq + length, length, when)
            if fin:
                self._fins += seq + length <= self._guest.acked
                peer.fin = seq + length
                if peer.fin_at is NEVER:
                    peer.fin_at = when
            peer.top = max(peer.top, seq + length + fin)
            return
        news = seq == peer.top == self._guest.acked and ack >= peer.acked and not is_old
        if news:
            self._only_acks = when
        if not news or ack > self._guest.top:
            self._owed = when

    def _text(self, seq: int, end: int, length: int, when: Span) -> None:
        if not length or end > self._guest.right:
            self._owed = when
            return
        if seq > self._next:
            self._tally[Occasion.OUT_OF_ORDER] += 1
            self._has_gap = True
            if self._missing is None:
                self._missing = when
            self._wait_anew()
            return
        if end <= self._next:
            if self._since is not None:
                self._since = when  # what is acknowledged may be this copy
            return
        if seq < self._peer.top:  # it fills a gap, and the guest may have what is behind it
            self._next = max(end, self._peer.top)
            self._has_gap = False
            self._wait_anew()
            return
        self._next = end
        if self._since is None:
            self._since = when
        self._largest = max(self._largest, length)
        if length == self._largest:
            self._full += 1
            if self._full == 2:
                self._two = when

    # ------------------------------------------------------------------ how often to tell
    def _once(self, rule: Rule, text: str, tell: Tell) -> None:
        if rule.code not in self._told:
            self._told.add(rule.code)
            tell(rule, text)

    def _often(self, rule: Rule, times: int, text: str, tell: Tell) -> None:
        """When it has happened so often, once."""
        count = self._counts[rule.code] = self._counts.get(rule.code, 0) + 1
        if count >= times:
            self._once(rule, text, tell)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
