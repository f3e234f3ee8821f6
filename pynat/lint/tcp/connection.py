"""One connection from its SYN on: what opens it, what resets it, and who looks at what in between.

    a SYN of either side -> the other's SYN -> both known: sending and acking look at each segment

Nothing is told of a connection before both SYNs are known, but for what the SYNs say themselves.
"""

from __future__ import annotations

from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.lint.tcp import ending, opening, ports
from pynat.lint.tcp.acking import Acking
from pynat.lint.tcp.common import Common
from pynat.lint.tcp.often import Often
from pynat.lint.tcp.prediction import Prediction
from pynat.lint.tcp.resending import OVERDUE, ordinal
from pynat.lint.tcp.sending import Sending
from pynat.lint.tcp.side import Side, Tell, swapped
from pynat.lint.tcp.strides import SPREAD
from pynat.lint.tcp.unheard import Unheard
from pynat.rules import tcp_acking, tcp_ending, tcp_opening, tcp_resending, tcp_sending
from pynat.rules.occasions import Occasion
from pynat.wire.tcp import ACK, FIN, RST, Segment

_GONE = 0.9  # seconds after which a reset has reached the guest's program
_MIN_RTO = 0.18  # seconds between two SYNs
_INITIAL_RTO = 0.9  # seconds; RFC 6298 2.1 asks for 1, and clocks tick
_SAME_GAP = 1.3  # below this ratio two intervals are the same
_LINEAR = 6  # Linux sends its first five SYNs a second apart (tcp_syn_linear_timeouts)
_MAX_RTO = 50.0  # seconds
_SPOILT = 2  # segments
_OFTEN = 3
_TWICE = 2
_FULL = 4  # connections
_TIME_WAIT = 50.0  # seconds; most wait for a minute
_NEXT = 1 << 17  # Linux leaves out 65,537 numbers
_SPACE = 0xFFFF_FFFF
_FAR = 1 << 20  # bytes beyond all that was announced: no stack skips so much
_NO_ANSWER = 2.0  # seconds after which nobody answers a SYN; a slow host may within
_WAITS = 1.0  # seconds for which a program surely waits for its connection


class Syns:
    """The guest's own SYN or SYN-ACK, each time it comes."""

    def __init__(self, when: Span, handed_over: Span) -> None:
        self.first = self.last = when
        self._since = handed_over  # its time-out began
        self.count = 1
        self._gap = 0.0
        self._equal = 0

    def again(self, when: Span, tell: Tell) -> None:
        gap, known = when.most(self._since), when != self.last
        self._equal = self._equal + 1 if gap < self._gap * _SAME_GAP else 1
        self._gap = when.least(self.last)
        self.count += 1
        self.last = self._since = when
        if gap < _MIN_RTO and known:
            text = f"SYN again after {gap * 1000:.0f} ms, expected 1 s"
            tell(tcp_resending.EARLY, text)
        elif gap < _INITIAL_RTO and self.count == 2 and known:
            text = f"SYN again after {gap * 1000:.0f} ms, expected 1 s"
            tell(tcp_resending.LOW_RTO, text)
        elif self._equal == _LINEAR and gap < _MAX_RTO:
            text = (
                f"{ordinal(self.count - 1)} SYN again after {gap * 1000:.0f} ms like those before"
            )
            tell(tcp_resending.NO_BACK_OFF, text)


class Connection:
    def __init__(
        self,
        mtu: int,
        common: Common,
        when: Span,
        tally: Tally,
        name: str = "",
        *,
        to_router: bool = False,
    ) -> None:
        self._tally = tally
        self.to_router = to_router  # the other end is at its address
        self.name = name
        self.guest: Side | None = None
        self.peer: Side | None = None
        self._after_reset = 0  # segments that the guest sent long after the other end's RST
        self.ended: Span | None = None  # since when both sides are done
        self.moved = 0  # times that the guest's unanswered SYN came with another number
        self.by_guest = False  # it opened it
        self.answered = False  # the peer has said anything at all
        self.refused = False  # the guest has answered the peer's SYN by RST
        self.last = when
        self.end_noted = False
        self._mtu = mtu
        self._common = common
        self._syns = Syns(when, common.handed_over(when))
        self._sending: Sending | None = None
        self._acking: Acking | None = None
        self._prediction: Prediction | None = None
        self.expected: Prediction | None = None  # while it is steady, as far as anybody has looked
        self._shaken = False  # the guest has sent something behind its SYN
        self._resent = False  # the guest has sent its SYN or SYN-ACK again
        self._syn_acks = 0  # the right ones that came
        self._syn_ack_at = NEVER  # the first of them
        self._syn_padding = 0  # of the SYN-ACK's frame
        self._wrong_syn_ack: Segment | None = None  # the last one
        self._crossed = 0  # SYNs without ACK that came in answer to the guest's
        self._crossed_at = NEVER  # the first of them
        self._ignored = 0
        self._refused_at: Span | None = None  # when the guest's SYN was, by RST
        self.unheard_syn = Unheard(common)  # the peer's; of all to one port
        self._unheard = Unheard(common)  # its FIN, once both ends are done
        self._assassinated = False  # an RST may have ended its TIME-WAIT (RFC 1337)
        self._strays = False  # segments of another connection came behind the peer's SYN
        self._disowned = False  # the peer has answered the guest's SYN-ACK by RST
        self._often = Often()

    def is_new(self, syn: Segment) -> bool:
        """Whether the guest's SYN opens another connection than this one."""
        if self._shaken or self.ended is not None:
            return True
        return self.guest is not None and self.guest.isn != syn.seq

    @property
    def is_opening(self) -> bool:
        """The guest has sent its SYN, and nothing since."""
        return self.by_guest and not self._shaken

    def is_in_flight(self, number: int) -> bool:
        """A segment of the guest's that begins there may be."""
        guest, peer = self.guest, self.peer
        return guest is None or peer is None or peer.acked <= guest.number(number) < guest.top

    def comes_again(self, segment: Segment, when: Span) -> float | None:
        """Seconds since data came, if the guest should have taken these: they are its next.

        Who has lost them says something when others come behind them.
        """
        guest, peer, acking = self.guest, self.peer, self._acking
        if not segment.payload or guest is None or peer is None or acking is None:
            return None
        seq = peer.number(segment.seq)
        is_next = seq == guest.acked < peer.top and seq + len(segment.payload) <= guest.right
        return when.least(acking.arrivals.newest) if is_next and not acking.only_waits else None

    # ------------------------------------------------------------------ SYNs
    def syn_from_guest(self, segment: Segment, header: memoryview, when: Span, tell: Tell) -> None:
        guest, peer = self.guest, self.peer
        self.expected = None
        self.unheard_syn.answered()
        if guest is not None and guest.isn == segment.seq:
            self._syn_again(segment, when, tell)
            return
        if guest is not None and peer is not None and not self._shaken and not self._disowned:
            self._tally[Occasion.SYN_AGAIN] += 1
            text = f"SYN-ACK again at {guest.number(segment.seq)}, expected 0"
            tell(tcp_opening.SYN_MOVES, f"{text}: it answers the same SYN")
        if guest is None and peer is not None and not segment.flags & ACK:
            tell(tcp_opening.ANSWER_FLAGS, "SYN without ACK in answer to a SYN, expected both")
        opening.look_at_offer(segment, header, peer, self._mtu, tell)
        if self.guest is None and segment.flags & ACK:
            self.unheard_syn.taken += 1
        self.guest = Side.of(segment)
        self._syns = Syns(when, self._common.handed_over(when))
        if peer is not None:
            self._open(when)
            self._answers(segment, tell)

    def _answers(self, segment: Segment, tell: Tell) -> None:
        """The guest's SYN-ACK."""
        peer = self.peer
        if peer is None or not segment.flags & ACK:
            return
        ack = peer.number(segment.ack)
        if ack == 0:
            tell(tcp_opening.SYN_NOT_ACKED, "acknowledges 0, a SYN counts one: expected 1")
        elif not 0 < ack <= peer.top:
            meant = peer.number(swapped(segment.ack, 4))
            hint = "; a SYN counts one, and was counted twice" if ack == peer.top + 1 else ""
            hint = "; its bytes are swapped" if 0 < meant <= peer.top else hint
            text = f"acknowledges {ack}, the other end's SYN ends at 1{hint}"
            tell(tcp_acking.ACKS_UNSENT, text)
        elif self.guest is not None:
            self.guest.acked = ack

    def _syn_again(self, segment: Segment, when: Span, tell: Tell) -> None:
        peer = self.peer
        self._resent = True
        if peer is not None and segment.flags & ACK:
            self._answers(segment, tell)
        if not self._shaken and not segment.flags & ACK:
            if self._syn_acks:
                self._ignores_syn_ack(when, tell)
            elif self._crossed:
                self._ignores_syn(when, tell)
        if self._refused_at is not None:
            self._after_their_reset(self._refused_at, when, tell)
        if not self.answered and when.least(self._syns.first) >= _NO_ANSWER:
            to_router = self.to_router
            ports.look_at_unanswered(segment.destination, self._common, tell, to_router=to_router)
        if not segment.flags & ACK and not self.answered:  # a SYN-ACK may answer a SYN again
            self._tally[Occasion.SYN_AGAIN] += 1
            self._tally[Occasion.RESENT] += 1
            self._syns.again(when, tell)

    def _ignores_syn_ack(self, when: Span, tell: Tell) -> None:
        if not when.follows(self._syn_ack_at):
            return
        self._ignored += 1
        if self._ignored == _OFTEN:
            text = f"SYN again, the right SYN-ACK came {self._syn_acks} times"
            padding = f"; its frame has {self._syn_padding} bytes of padding behind the segment"
            tell(tcp_opening.SYN_ACK_IGNORED, text + (padding if self._syn_padding else ""))

    def _ignores_syn(self, when: Span, tell: Tell) -> None:
        if not when.follows(self._crossed_at):
            return
        self._ignored += 1
        if self._ignored == _OFTEN:
            text = f"SYN again, the other end's SYN came {self._crossed} times; expected SYN-ACK"
            self._often.once(tcp_opening.NOT_BOTH, text, tell)

    def _resets_syn(self, when: Span, tell: Tell) -> None:
        """Later than that its program may have given up."""
        if when.follows(self._crossed_at) and when.most(self._syns.last) < _WAITS:
            text = "RST, the SYN before came in answer to the guest's; expected SYN-ACK"
            self._often.once(tcp_opening.NOT_BOTH, text, tell)

    def syn_to_guest(self, segment: Segment, padding: int, when: Span, tell: Tell) -> None:
        """padding: bytes behind it in its frame."""
        guest, peer = self.guest, self.peer
        self.expected = None
        self._syn_padding = padding
        if guest is not None and not segment.flags & ACK and not self._shaken:
            self._tally[Occasion.BOTH_OPEN] += 1
            self._crossed_at = self._crossed_at if self._crossed else when
            self._crossed += 1
        if peer is not None and peer.isn == segment.seq:
            if self.is_opening or (not self._shaken and (guest is None or segment.flags & ACK)):
                self._expects_an_answer(when, tell)
            self._syn_acks += bool(segment.flags & ACK)
            if segment.options.timestamps is not None:
                peer.stamped(segment.options.timestamps[0])
            if self._acking:
                self._acking.syn_again(when)
            return
        if segment.flags & ACK:
            if guest is None or self._shaken or not 0 < guest.number(segment.ack) <= guest.top:
                self.answered = True  # so the guest may send its SYN again at once
                self._take_for_wrong(segment)
                return
            self._syn_acks = 1
            self._syn_ack_at = when
        peer = self.peer = Side.of(segment)
        peer.acked = guest.number(segment.ack) if guest and self._syn_acks else 0
        if not self._shaken:
            self._expects_an_answer(when, tell)
        if guest is not None:
            self._open(when)

    def _expects_an_answer(self, when: Span, tell: Tell) -> None:
        self.unheard_syn.came(when)
        self._look_for_an_answer(when, tell)

    def _look_for_an_answer(self, when: Span, tell: Tell) -> None:
        came = self.unheard_syn.how_long(when)
        if not came:
            return
        self.unheard_syn.answered()  # so much for that
        if self.guest is None:
            text = f"the SYN {came}, and neither SYN-ACK nor RST came back"
            if (taken := self.unheard_syn.taken) >= _FULL:
                text = f"{text}; {taken} others were answered there before: is a table full,"
                text = f"{text} and are connections that have ended taken out of it?"
            self._often.once(tcp_opening.SILENT_PORT, text, tell)
        elif not self._syn_acks:
            text = f"behind the guest's SYN a SYN {came}, and no SYN-ACK came back"
            self._often.once(tcp_opening.NOT_BOTH, text, tell)
        else:
            text = f"the SYN-ACK {came}, and no acknowledgement came back"
            self._often.once(tcp_opening.NEVER_OPENS, text, tell)

    def _take_for_wrong(self, syn_ack: Segment) -> None:
        if self.guest is not None and not self._shaken:
            self._tally[Occasion.WRONG_SYN_ACK_CAME] += 1
            self._wrong_syn_ack = syn_ack

    def _open(self, when: Span) -> None:
        guest, peer = self.guest, self.peer
        if guest is None or peer is None:
            return
        self._tally[Occasion.OPEN] += 1
        both = guest.offered, peer.offered
        if all(one.window_shift is not None for one in both):
            guest.shift = guest.offered.window_shift or 0
            peer.shift = peer.offered.window_shift or 0
        stamped = all(one.timestamps is not None for one in both)
        if stamped:
            self._common.stamped.append((self.name, peer))
        self._sending = Sending(guest, peer, self._common, self._tally)
        if self._syn_acks:
            self._sending.resending.measured(when.most(self._syns.first))
        else:
            self._sending.resending.syn = self._syns.first
        self._acking = Acking(guest, peer, self._common, self._tally, stamped=stamped)
        self._prediction = Prediction(
            guest, peer, self._common, self._sending, self._acking, self._tally
        )

    def steadies(self) -> Prediction | None:
        """What is expected of it, if it is steady by now."""
        prediction, is_open = self._prediction, self._shaken and self.answered
        if prediction is not None and is_open and self.ended is None and prediction.is_steady:
            self.expected = prediction
        return self.expected

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, segment: Segment, size: int, when: Span, tell: Tell) -> None:
        """A segment without SYN; `size` is that of header and data."""
        guest, peer = self.guest, self.peer
        sending, acking = self._sending, self._acking
        self.expected = None
        if guest is None or peer is None or sending is None or acking is None:
            self._before_both_syns(segment, tell)
            return
        self.last = when
        if segment.flags & RST:
            self._reset(segment, when, tell)
            return
        if not segment.flags & ACK:
            return
        if guest.reset_at is not None:
            tell(tcp_sending.AFTER_RESET, f"it had sent RST {_ago(guest.reset_at, when)}")
            return
        if peer.reset_at is not None:
            self._after_their_reset(peer.reset_at, when, tell)
            return
        if not self._shaken:
            self._shaken = True
            acking.is_quick = when.most(self._syn_ack_at) <= SPREAD
            opening.look_at_first_window(segment.window, guest, tell)
        seq = guest.number(segment.seq)
        ack = peer.number(segment.ack)
        if not 0 <= seq <= max(guest.top, peer.right) + _FAR:
            self._far_outside(segment, seq, guest, tell)
            return
        acking.from_guest(segment, seq, ack, when, tell)
        sending.from_guest(segment, size, seq, when, tell)
        if guest.fin and peer.fin:
            self._look_for_the_end(when)
            self._unheard.copies = 0

    def spoilt(self, sent: tuple[int, memoryview], tell: Tell) -> None:
        """Number and text of a segment with a wrong checksum."""
        seq, text = sent
        guest, sending = self.guest, self._sending
        if guest is None or sending is None:
            return
        if sending.resending.is_again(guest.number(seq), text):
            told = f"{_SPOILT} segments that go again, each right the first time"
            self._often.tell(tcp_resending.OLD_CHECKSUM, _SPOILT, told, tell)

    def _before_both_syns(self, segment: Segment, tell: Tell) -> None:
        guest, peer = self.guest, self.peer
        is_reset = bool(segment.flags & RST)
        if guest is None and peer is not None:
            self.refused |= is_reset
            self.unheard_syn.answered()
            self._answers_without_syn(segment, peer.number(segment.ack), tell)
        elif guest is not None and not is_reset and self._wrong_syn_ack is not None:
            self._believes(guest, segment, self._wrong_syn_ack, tell)

    def _believes(self, guest: Side, segment: Segment, wrong: Segment, tell: Tell) -> None:
        if segment.ack == (wrong.seq + 1) & _SPACE:
            text = f"goes on, the SYN-ACK acknowledges {guest.number(wrong.ack)}, not 1"
            self._often.once(tcp_opening.WRONG_SYN_ACK, f"{text}; expected RST", tell)

    def _answers_without_syn(self, segment: Segment, ack: int, tell: Tell) -> None:
        acknowledges = segment.flags & ACK and ack == 1
        if segment.flags & RST and self._strays and not segment.flags & ACK:
            return
        if segment.flags & RST and not acknowledges:
            what = f"RST acknowledges {ack}" if segment.flags & ACK else "RST without ACK"
            text = f"{what} in answer to a SYN, expected RST and ACK that acknowledges 1"
            self._often.once(tcp_opening.WEAK_REFUSAL, text, tell)
        elif acknowledges and not segment.flags & RST:
            # Once it may follow a SYN-ACK that a device has lost (RFC 9293 3.10.7.4).
            text = "ACK without SYN in answer to a SYN twice, expected both"
            self._often.tell(tcp_opening.ANSWER_FLAGS, _TWICE, text, tell)

    def _far_outside(self, segment: Segment, seq: int, guest: Side, tell: Tell) -> None:
        meant = guest.number(swapped(segment.seq, 4))
        as_syn = swapped(segment.seq, 4) - swapped(guest.isn, 4)  # the SYN's were swapped too
        peer = self.peer
        most = max(guest.top, peer.right if peer else 0)
        is_swapped = 0 < meant <= most or 0 < as_syn <= most
        hint = "; its bytes are swapped" if is_swapped else ""
        if not hint and len(segment.payload) <= 1 and peer and peer.acked == guest.top:
            hint = f"; a keep-alive has the number before the next one, {guest.top - 1}"
        tell(tcp_sending.BEYOND_WINDOW, f"number {seq}, expected {guest.top}{hint}")

    def _reset(self, segment: Segment, when: Span, tell: Tell) -> None:
        guest, peer = self.guest, self.peer
        if guest is None or peer is None or guest.reset_at is not None:
            return
        if segment.payload:
            tell(tcp_sending.RESET_DATA, f"{len(segment.payload)} bytes of data with RST")
        if self.ended and self._unheard.copies and when.most(self.ended) < _TIME_WAIT:
            text = "RST in answer to a FIN that came again, expected its acknowledgement"
            self._often.once(tcp_ending.NO_TIME_WAIT, text, tell)
            self._unheard.copies = 0
        if not self._shaken:
            self.unheard_syn.answered()
            wrong = self._wrong_syn_ack
            is_right = wrong is None or segment.seq != wrong.ack
            knows = self._syn_acks and is_right and when.follows(self._syn_ack_at)
            if knows and not segment.flags & ACK:  # with ACK it aborts what it knows
                is_swapped = swapped(segment.seq, 4) == (guest.isn + 1) & _SPACE != segment.seq
                hint = "; its number has its bytes swapped" if is_swapped else ""
                text = f"RST, the SYN-ACK before was the right one{hint}"
                tell(tcp_opening.SYN_ACK_RESET, text)
            elif self._crossed and not self._syn_acks:
                self._resets_syn(when, tell)
            return
        if peer.reset_at is not None:
            self._answers_reset(peer.reset_at, when, tell)
        seq = guest.number(segment.seq)
        most = max(guest.top, peer.right)
        if not 0 <= seq <= most:
            hint = "" if segment.seq else "; on the wire it is 0"
            tell(tcp_sending.RESET_OUTSIDE, f"RST at {seq}, expected {guest.top}{hint}")
        elif peer.fin and not guest.fin and guest.acked >= peer.fin:
            had_data = peer.fin > 1  # which its program may not have read: then RST is right
            if not had_data and when.follows(peer.fin_at):
                text = f"RST, the other end sent FIN {_ago(peer.fin_at, when)}"
                tell(tcp_sending.RESET_CLOSE, text)
            else:
                self._instead_of_fin(seq, tell)
        elif self._sending:
            self._sending.resets(when, tell)
            self._instead_of_fin(seq, tell)
        guest.reset_at = when
        self.ended = when

    def _answers_reset(self, reset_at: Span, when: Span, tell: Tell) -> None:
        """Once its program may have aborted just then; or it answers what had come before."""
        owes = self._acking is None or self._acking.owed is not None
        if owes or not when.follows(reset_at) or when.most(reset_at) > SPREAD:
            return
        common = self._common
        common.resets_answered += 1
        if common.resets_answered >= max(_TWICE, common.resets_came / 2):
            text = "RST in answer to the other end's RST, to which nothing is sent"
            tell(tcp_ending.ANSWERS_RESET, f"{text}; so in {common.resets_answered} connections")

    def _instead_of_fin(self, seq: int, tell: Tell) -> None:
        """Once may be an accident of the program's."""
        guest, peer, sending, acking = self.guest, self.peer, self._sending, self._acking
        if guest is None or peer is None or sending is None or acking is None or guest.fin:
            return
        all_taken = seq == guest.top == peer.acked and guest.acked == peer.top
        is_answer = acking.owed is not None or peer.reset_at is not None
        if not all_taken or is_answer or sending.asks_whether_alive:
            return
        self._common.resets += 1
        if self._common.resets == _OFTEN:
            text = f"RST at {seq}, and nothing is unacknowledged; {_OFTEN} connections in a row"
            tell(tcp_ending.ENDS_BY_RESET, f"{text} ended so")

    def _after_their_reset(self, reset_at: Span, when: Span, tell: Tell) -> None:
        """The first time that RST may have been lost in its card; then another answers."""
        self._after_reset += when.least(reset_at) > _GONE
        if self._after_reset > 1:
            text = f"the other end sent RST {_ago(reset_at, when)}, with the number expected next"
            tell(tcp_sending.IGNORES_RESET, text)

    def _look_for_the_end(self, when: Span) -> None:
        guest, peer = self.guest, self.peer
        if guest is None or peer is None or self.ended is not None:
            return
        if guest.acked > peer.fin and peer.acked > guest.fin:
            self.ended = when

    def spoilt_to_guest(self, seq: int) -> None:
        """A segment with a wrong checksum."""
        if self._acking is not None and self.peer is not None:
            self._acking.spoilt = self.peer.number(seq)

    def padded(self, size: int) -> None:
        """A frame to the guest was lengthened by so many bytes."""
        if self._acking:
            self._acking.padded(size)

    # ------------------------------------------------------------------ at the end
    @property
    def is_open(self) -> bool:
        """Both ends have begun it, and the guest has neither closed nor reset it."""
        guest, peer = self.guest, self.peer
        if guest is None or peer is None or self.ended is not None:
            return False
        return not guest.fin and guest.reset_at is None

    @property
    def owed(self) -> Span | None:
        """When the last came that waits for an answer of the guest's."""
        return self._acking.owed if self._acking else None

    def look_for_overdue(self, now: Span, tell: Tell) -> None:
        """Whether or not the guest says anything."""
        if self._sending is None or self.ended is not None:
            return
        resending = self._sending.resending
        if now.first >= resending.due:
            resending.look_for_overdue(now, tell)

    def look_back(self, tell: Tell) -> None:
        """At what it is told of when it is over."""
        if self._acking is not None:
            self._acking.war.ends()
            self._acking.war.look_back(tell)

    def end(self, alive: Span, tell: Tell) -> None:
        """alive: when the guest's last frame came, of whatever connection."""
        guest, peer, sending, acking = self.guest, self.peer, self._sending, self._acking
        if not self._shaken:
            self._look_for_an_answer(alive, tell)
            self._look_for_syn_ack(alive, tell)
        self.look_back(tell)
        if self.ended is not None:
            self._look_for_time_wait(alive, tell)
        if guest is None or peer is None or sending is None or acking is None or self.ended:
            return
        acking.look_at_the_end(alive, tell)
        if (since := self._waits_for_fin_since(guest, peer)) is not None:
            ending.look_for_fin(since, alive, tell)
        if guest.fin and acking.closed_since is not None:
            ending.look_at_unread(guest, acking.closed_since, alive, tell)

    def _look_for_syn_ack(self, alive: Span, tell: Tell) -> None:
        """No program may give up what it does not know of yet."""
        guest, peer, waited = self.guest, self.peer, alive.least(self._syns.last)
        if guest is None or peer is None or self.by_guest or waited <= OVERDUE:
            return
        self._tally[Occasion.UNACKNOWLEDGED] += 1
        if not self._resent and not peer.acked and not self._disowned and self.ended is None:
            text = f"the SYN-ACK was sent {waited:.1f} s before and never again, nothing has come"
            tell(tcp_resending.NEVER_AGAIN, text)

    def _waits_for_fin_since(self, guest: Side, peer: Side) -> Span | None:
        """The other end has closed, and the guest has nothing under way."""
        sending = self._sending
        if sending is None or not 0 < peer.fin < guest.acked or guest.fin:
            return None
        resending = sending.resending
        return None if resending.in_flight else max(peer.fin_at, resending.progress)

    # ------------------------------------------------------------------ to the guest
    def to_guest(self, segment: Segment, when: Span, tell: Tell) -> None:
        """A segment without SYN."""
        guest, peer = self.guest, self.peer
        self.expected = None
        self.answered = True
        if guest is not None and peer is None and segment.flags & RST:
            self._refuses(guest, segment, when)
        self._strays |= guest is None
        if guest is None or peer is None or self._sending is None or self._acking is None:
            return
        seq = peer.number(segment.seq)
        if segment.flags & RST:
            self._disowned = not self._shaken
            self._assassinated |= self.ended is not None
            if seq == guest.acked == peer.top and peer.reset_at is None and self.ended is None:
                self._tally[Occasion.RESET_CAME] += 1
                if (since := self._waits_for_fin_since(guest, peer)) is not None:
                    ending.look_at_reset(since, self._common.alive, tell)
                peer.reset_at = when
                self.ended = when
                self._common.resets_came += 1
            return
        if not segment.flags & ACK:
            return
        peer.reset_at = None  # it goes on itself
        ack = guest.number(segment.ack)
        self._sending.to_guest(segment, seq, ack, when)
        self._acking.to_guest(segment, seq, ack, when, tell)
        if guest.fin and peer.fin:
            self._look_for_the_end(when)
            if self.ended is not None:
                self._comes_again(segment, when, tell)

    def _refuses(self, guest: Side, reset: Segment, when: Span) -> None:
        """The guest's SYN, which it may repeat a few times as if it had not heard."""
        if reset.flags & ACK and guest.number(reset.ack) == guest.top and self._refused_at is None:
            self._tally[Occasion.RESET_CAME] += 1
            self._refused_at = when

    def _comes_again(self, segment: Segment, when: Span, tell: Tell) -> None:
        """Behind the end: a FIN whose acknowledgement was lost."""
        guest = self.guest
        waits = guest is not None and guest.closed_first and not self._assassinated
        if waits and segment.flags & FIN:
            self._tally[Occasion.FIN_AGAIN] += 1
            self._unheard.came_again(when)
            self._look_for_time_wait(when, tell)

    def _look_for_time_wait(self, when: Span, tell: Tell) -> None:
        if came := self._unheard.how_long(when):
            text = f"the FIN of a connection that it closed first {came}, and nothing came back"
            self._often.once(tcp_ending.NO_TIME_WAIT, text, tell)

    # ------------------------------------------------------------------ what follows it
    def goes_on_in(self, syn: Segment) -> bool:
        """Its successor has the next numbers, as it should in TIME-WAIT (RFC 6191 2)."""
        guest = self.guest
        if guest is None or self.ended is None or not guest.closed_first:
            return False
        return 0 <= guest.number(syn.seq) - guest.top <= _NEXT

    def look_at_successor(self, syn: Segment, when: Span, wait: float, tell: Tell) -> None:
        """The guest opens the same pair of ports anew."""
        guest = self.guest
        if guest is None or self.ended is None:
            return
        self._tally[Occasion.REOPENED] += 1
        seq = guest.number(syn.seq)
        if (
            guest.closed_first
            and when.most(self.ended) < wait
            and seq < guest.top
            and not syn.options.timestamps
        ):
            text = f"SYN at {seq} of the connection that it closed {_ago(self.ended, when)}"
            tell(tcp_opening.TIME_WAIT, f"{text}, whose numbers ended at {guest.top}")


def _ago(since: Span, when: Span) -> str:
    return f"{max(0.0, when.least(since)):.1f} s before"
