"""One TCP connection: the guest on one side, a host socket on the other.

Towards the guest we are the remote host (RFC 9293 3.3.2, with SYN-SENT for connections that a
host program opened through a forward); towards the host we are a program with a socket.

    guest SYN -> TcpConnect -> CONNECTING -> TcpConnected -> SYN-ACK -> SYN_RECEIVED -> ESTABLISHED
    TcpIncoming -> SYN -> SYN_SENT -> guest's SYN-ACK -> ESTABLISHED
    guest bytes -> Receiver -> TcpSend -> TcpSent -> acknowledged
    guest FIN -> everything before it taken -> TcpShutdown -> acknowledged
    host bytes <- TcpRead: never more than its capacity buffered -> Sender -> segments
    host EOF -> FIN behind the last byte

Both directions close on their own (half-close). When both have, the host's socket goes and the
flow lingers in TIME-WAIT if the host side closed first. A flow queues host actions and marks
itself; the table collects actions with `to_host` and segments with `to_guest` once a turn, so
that many segments of one turn make one send and one acknowledgement.

Almost every segment is the next one of a connection in which nothing is missing. It takes a short
way: `expects` is Van Jacobson's header prediction (Stevens and Wright, TCP/IP Illustrated 2, 28.4),
and `carry_on` does what `from_guest` would do. Where nothing else has come in the turn, `pass_on`
does what the rounds of `to_host` would, at once. All use the setters of the long way, which is left
whatever else may have to be done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pynat.nat.idle_timeout import IdleTimeout
from pynat.nat.messages import Action, Destination, InProcessAddress
from pynat.nat.tcp import refusals
from pynat.nat.tcp.host_requests import HostRequests, SendNow
from pynat.nat.tcp.negotiated_options import NegotiatedOptions
from pynat.nat.tcp.parameters import Parameters
from pynat.nat.tcp.receive import MAX_FIELD, Receiver, TextOutcome
from pynat.nat.tcp.refusals import Refusal
from pynat.nat.tcp.send import Sender
from pynat.nat.tcp.seq import unwrap, wrap
from pynat.nat.tcp.state import (
    AFTER_GUEST_FIN,
    AFTER_OUR_FIN,
    AFTER_OUR_FIN_ACKED,
    State,
    reset_for,
)
from pynat.nat.tcp.writer import Writer
from pynat.wire.addresses import FourTuple
from pynat.wire.tcp import ACK, FIN, MAX_OPTIONS, PSH, RST, SYN, URG, Found, Segment, SegmentRun

TIME_WAIT = 60.0  # seconds, 2 MSL with Linux's MSL of 30 s
MAX_BARE_ACKS = 2  # by then a guest has sent its SYN-ACK again


class Flow:
    __slots__ = (
        "_acks",
        "_bare_acks",
        "_host",
        "_more_comes",
        "_parameters",
        "_reset_due",
        "_settings",
        "_syn_due",
        "_syn_why",
        "_touch",
        "_watch",
        "_writer",
        "answer_due",
        "bytes_from_guest",
        "bytes_from_host",
        "counted",
        "filter",
        "four_tuple",
        "idle",
        "is_given_up",
        "is_held",
        "is_probe",
        "leads_to",
        "negotiated",
        "number",
        "opened",
        "receiver",
        "sender",
        "state",
        "syn_quote",
        "synchronized",
        "told_closed",
        "unanswered",
        "why_closed",
    )

    def __init__(
        self,
        number: int,
        four_tuple: FourTuple,
        iss: int,
        negotiated: NegotiatedOptions,
        parameters: Parameters,
        touch: Callable[[Flow], None],
        idle: IdleTimeout,
        watch: Callable[[Flow, State, float], None] | None = None,
        flight: int | None = None,
    ) -> None:
        """idle: used when anything comes from either side.

        flight: bytes that may be on their way to the guest at most.

        watch: is told of each change of the state, with the one before.
        """
        settings = parameters.tcp
        self.number = number
        self.four_tuple = four_tuple
        self.state = State.CLOSED
        self.synchronized = False  # `state.is_synchronized`, for each segment
        self.negotiated = negotiated
        self.sender = Sender(iss, settings, flight)
        self.receiver = Receiver(0, settings.window)
        self.why_closed = ""  # set as soon as nothing more can come
        self.told_closed = False  # the log has it
        self.is_probe = False  # it only asks whether the guest listens; nobody is told of it
        self.bytes_from_guest = 0
        self.bytes_from_host = 0
        self.unanswered = 0  # segments that were too many of their kind, not yet counted
        self.syn_quote = b""  # for the ICMP error, should the connect fail
        self.answer_due = False  # the guest has sent bytes and the host has not answered yet
        self.is_given_up = False  # by the guest, which knows that it has ended
        self._more_comes = False  # by what the guest's last segment says
        self.opened = 0.0
        self.idle = idle
        self._settings = settings
        self._touch = touch
        self._watch = watch
        self.leads_to: Destination | None = None  # where a flow that the guest opened goes
        self._host = HostRequests(number)
        self._parameters = parameters
        self.filter = parameters.filter(four_tuple) if parameters.filter else None
        self.counted = 0  # bytes that the budget of all flows knows of, by `growth`
        self.is_held = True  # guest time is, while somebody outside owes an answer
        self._acks = parameters.acks(settings.delayed_ack)
        self._writer = Writer(four_tuple, negotiated, self.sender, self._acks)
        self._bare_acks = 0  # that came instead of the guest's SYN-ACK
        self._syn_due = False
        self._syn_why = ""  # it goes again
        self._reset_due: Segment | None = None

    @property
    def is_closed(self) -> bool:
        return self.state is State.CLOSED

    @property
    def is_connecting(self) -> bool:
        """The guest has heard nothing yet."""
        return self.state is State.CONNECTING

    @property
    def awaits_guest(self) -> bool:
        """A host program has opened it, and the guest has not answered."""
        return self.state is State.SYN_SENT

    @property
    def is_guests_turn(self) -> bool:
        """There is something to do for the guest before it can wait for the host: to acknowledge
        what it may not leave until later (RFC 5681 4.2), or to send on; or the host says no more.
        """
        sender = self.sender
        if sender.buffered >= 2 * sender.mss:
            return True
        return (self._more_comes or sender.fin_queued) and not self.receiver.refused

    @property
    def awaits_ack(self) -> bool:
        """Of our SYN-ACK."""
        return self.state is State.SYN_RECEIVED

    @property
    def is_established(self) -> bool:
        return self.state is State.ESTABLISHED

    @property
    def is_lingering(self) -> bool:
        return self.state is State.TIME_WAIT

    # ------------------------------------------------------------------ opening
    def open_from_guest(self, syn: Segment, quote: bytes, host: Destination, now: float) -> None:
        self.opened = now
        self.syn_quote = quote
        self.is_held = not isinstance(host, InProcessAddress)
        self.idle.used(now)
        self._become(State.CONNECTING, now)
        self._negotiate(syn, now)
        self._accept(syn, self.receiver.nxt)
        self.leads_to = host
        self._host.connect(host, self.four_tuple)

    def open_from_host(self, now: float, *, is_probe: bool = False) -> None:
        self.is_probe = is_probe
        self.opened = now
        self.idle.used(now)
        self._become(State.SYN_SENT, now)
        self._syn_due = True

    def _negotiate(self, syn: Segment, now: float) -> None:
        room = 0 if self._parameters.closed else None
        self.negotiated.settle(syn.options, now)
        most = MAX_FIELD << self.negotiated.shift_from_guest
        self.receiver = Receiver(syn.seq, min(self._settings.window, most), room)
        self.receiver.window(0)  # SYN's window field is never scaled (RFC 7323 2.2)
        mss = min(self.negotiated.mss, self._parameters.segment or self.negotiated.mss)
        self.sender.agree(mss, selective=self.negotiated.selective)

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, segment: Segment, now: float) -> Refusal | None:
        """Why the segment's text was not taken, if it was not."""
        self.idle.used(now)
        self._touch(self)
        if self.is_connecting:
            if segment.flags & RST:
                self._given_up("the guest gave up before the host's connect succeeded", now)
            elif not segment.flags & SYN:
                return refusals.BEFORE_OPEN
            return None
        if self.awaits_guest:
            return self._in_syn_sent(segment, now)
        return self._synchronized(segment, now)

    def expects(self, found: Found, now: float) -> bool:
        """Header prediction: whether that is what comes next, and all there is to it."""
        _, _, _, _, seq, ack, _, _, text, stamps = found
        receiver, una = self.receiver, self.sender.una
        acked = unwrap(ack, una)
        if (
            not self.is_established
            or seq != wrap(receiver.nxt)
            or not una <= acked <= self.sender.top
            or not (text or acked > una)
            or not receiver.expects(len(text))
            or self.filter is not None
        ):
            return False
        timestamps = self.negotiated.timestamps
        return not (timestamps and stamps and timestamps.is_old(stamps[0], now))

    def carry_on(self, found: Found, now: float) -> bool:
        """With what it `expects`. Whether the host may send more."""
        count, before, _, _, _, ack, flags, window, text, stamps = found
        receiver, sender, timestamps = self.receiver, self.sender, self.negotiated.timestamps
        start, acked = receiver.nxt, unwrap(ack, sender.una)
        self.idle.used(now)
        if timestamps and stamps and start <= self._acks.last:
            timestamps.update_recent(stamps[0], now)
        if text:
            receiver.keep(text)
            self._took(len(text), len(text), count, flags)
        if acked > sender.una:
            self._on_ack(acked, window, start + before, stamps, now, pure=not text)
            return True
        sender.on_window(acked, window << self.negotiated.shift_to_guest, start + before, now)
        return False

    def pass_on(self, send: SendNow, now: float) -> bool:
        """What it holds, if anything, goes to the host at once. Whether nothing is left to ask.

        Memory is not short.
        """
        sent = self._host.pass_on(self.receiver, send)
        if sent is not None:
            self._sent(sent.count, sent.room, now)
        return not self.receiver.held

    def carries_on(self, run: Segment) -> bool:
        """Whether nothing of it can be refused for its numbers."""
        receiver = self.receiver
        seq, ack = unwrap(run.seq, receiver.nxt), unwrap(run.ack, self.sender.una)
        in_order = seq == receiver.nxt and not receiver.early and not receiver.fin
        return (
            self.synchronized
            and in_order
            and seq + len(run.payload) <= receiver.edge
            and ack <= self.sender.top
        )

    def _in_syn_sent(self, segment: Segment, now: float) -> Refusal | None:
        """RFC 9293 3.10.7.3; a SYN without ACK (simultaneous open) is answered as such."""
        ack = unwrap(segment.ack, self.sender.top)
        acceptable = bool(segment.flags & ACK) and ack == self.sender.top
        if segment.flags & ACK and not acceptable:
            if not segment.flags & RST:
                self._reset_due = reset_for(segment)
            return refusals.ack_of_nothing(segment, self.sender.top)
        if segment.flags & RST and acceptable:
            self._given_up("refused by the guest", now)
            return None
        if segment.flags & (RST | SYN) != SYN:
            return self._without_syn(segment, acceptable=acceptable)
        self._negotiate(segment, now)
        if acceptable:
            self._established(segment, ack, now)
            self._acks.owe()
        else:
            self._become(State.SYN_RECEIVED, now)
            self._syn_due = True
        return self._accept(segment, self.receiver.nxt)

    def _without_syn(self, segment: Segment, *, acceptable: bool) -> Refusal | None:
        """Where its SYN-ACK was lost, the guest acknowledges our SYN when it comes again
        (RFC 9293 3.10.7.4), and its own time-out brings the SYN-ACK again.
        """
        if not acceptable or segment.length:
            return refusals.BEFORE_OPEN
        self._bare_acks += 1
        return refusals.SYN_ACK_MISSING if self._bare_acks > MAX_BARE_ACKS else None

    def _synchronized(self, segment: Segment, now: float) -> Refusal | None:
        """RFC 9293 3.10.7.4, with RFC 5961 for RST and SYN and RFC 7323 for old duplicates.

        A guest that has forgotten the flow resets at the number that we have acknowledged, which
        lies before RCV.NXT while the host's kernel has not taken everything.
        """
        receiver = self.receiver
        flags, length = segment.flags, segment.length
        seq = unwrap(segment.seq, receiver.nxt)
        acceptable = receiver.acceptable(seq, length)
        if flags & RST:
            if seq in (receiver.nxt, receiver.ack):
                self._given_up("reset by the guest", now)
                return None
            if acceptable:
                self._object_to(segment, now)
            if self.is_lingering or (receiver.fin and not flags & ACK):
                return None  # the guest has forgotten the flow, and old data came to it
            return refusals.reset_beside(segment, receiver)
        if flags & SYN and seq == receiver.irs and self.awaits_ack:
            return self._syn_again(segment, now)
        timestamps = self.negotiated.timestamps
        stamp = segment.options.timestamps
        if timestamps and stamp:
            if timestamps.is_old(stamp[0], now):
                self._object_to(segment, now)
                return refusals.old_timestamp(stamp[0], timestamps.recent)
            if acceptable and seq <= self._acks.last:
                timestamps.update_recent(stamp[0], now)
        if not acceptable:
            self._object_to(segment, now)
            least = receiver.ack if self.awaits_ack else 0
            if least <= seq <= receiver.nxt and flags & (SYN | ACK) == ACK:
                self._acknowledged(segment, seq, now)  # its text is old, or our window closed
                if seq + length > receiver.nxt:
                    return refusals.window_closed(segment, receiver)
            if seq >= receiver.nxt:
                return refusals.outside(segment, receiver)
            return refusals.duplicate(segment, receiver)
        if flags & SYN:
            self._object_to(segment, now)
            return refusals.SYN_INSIDE
        if not flags & ACK:
            return refusals.WITHOUT_ACK
        if not self._acknowledged(segment, seq, now):
            return refusals.ack_of_nothing(segment, self.sender.top)
        return self._accept(segment, seq)

    def may_cross(self, copy: Segment, known: list[int] | None) -> bool:
        """As `Acks.may_cross`. known: as on the wire."""
        nxt = self.receiver.nxt
        numbers = None if known is None else sorted({unwrap(ack, nxt) for ack in known})
        return self._acks.may_cross(unwrap(copy.seq, nxt) + copy.length, numbers)

    def is_next(self, number: int, sent: int | None) -> bool:
        """Whether that may be the next number of the guest's, which has sent up to `sent` what
        has not come, and up to where some of it has come."""
        receiver = self.receiver
        nxt = receiver.nxt
        last = receiver.heard if sent is None else max(receiver.heard, unwrap(sent, nxt))
        return nxt <= unwrap(number, nxt) <= last

    def answers_old_syn(self, segment: Segment) -> bool:
        """Whether a late copy of our SYN has come to a guest that listens again, rightly
        (RFC 9293 3.10.7.2)."""
        is_syn_ack = segment.flags & (SYN | ACK | RST) == SYN | ACK
        is_new = segment.seq != self.receiver.irs
        return (
            self.is_lingering and is_syn_ack and is_new and segment.ack == wrap(self.sender.iss + 1)
        )

    def _object_to(self, segment: Segment, now: float) -> None:
        self.unanswered += not self._acks.object_to(segment, now)

    def _syn_again(self, segment: Segment, now: float) -> Refusal | None:
        """The guest did not get our SYN-ACK; or both opened at once, and this is its answer.

        One that answers each SYN at once, and never rightly, is not answered for ever.
        """
        top = self.sender.top
        ack = unwrap(segment.ack, top)
        answers = bool(segment.flags & ACK)
        if answers and ack == top:
            self._established(segment, ack, now)
            self._acks.owe()
            return None
        if not self._acks.object_to(segment, now):
            self.unanswered += 1
        elif answers:
            self._reset_due = reset_for(segment)
        else:
            self._syn_due = True
            self._syn_why = "the guest repeats its SYN"
        return refusals.ack_of_nothing(segment, top) if answers else None

    def _acknowledged(self, segment: Segment, seq: int, now: float) -> bool:
        """Whether the segment's text may be looked at."""
        sender = self.sender
        ack = unwrap(segment.ack, sender.una)
        if self.awaits_ack:
            if ack != sender.top:
                self._reset_due = reset_for(segment)
                return False
            self._established(segment, ack, now)
        if ack > sender.top:
            self._object_to(segment, now)
            return False
        if ack >= sender.una:
            blocks = segment.options.sack
            self._on_ack(
                ack,
                segment.window,
                seq + segment.before_last,
                segment.options.timestamps,
                now,
                pure=segment.length == 0,
                sacked=[(unwrap(a, ack), unwrap(b, ack)) for a, b in blocks] if blocks else (),
            )
        if sender.fin_acked and self.state in AFTER_OUR_FIN_ACKED:
            self._become(AFTER_OUR_FIN_ACKED[self.state], now)
        return True

    def _on_ack(
        self,
        ack: int,
        window: int,
        seq: int,
        stamps: tuple[int, int] | tuple[()] | None,
        now: float,
        *,
        pure: bool,
        sacked: Sequence[tuple[int, int]] = (),
    ) -> None:
        """As for the sender; window: as in the header."""
        terms, sender, round_trip = self.negotiated, self.sender, None
        if stamps and terms.timestamps and ack > sender.una:
            round_trip = terms.timestamps.round_trip(stamps[1], now)
        window <<= terms.shift_to_guest
        sender.on_ack(ack, window, seq, now, pure=pure, sacked=sacked, round_trip=round_trip)

    def _established(self, segment: Segment, ack: int, now: float) -> None:
        shift = 0 if segment.flags & SYN else self.negotiated.shift_to_guest
        seq = unwrap(segment.seq, self.receiver.nxt)
        self.sender.opened(segment.window << shift, seq, ack, now)
        self._become(State.ESTABLISHED, now)

    def _accept(self, segment: Segment, seq: int) -> Refusal | None:
        """The segment's text, which begins at `seq`; why it was not taken, if it was not."""
        length = len(segment.payload)
        fin = bool(segment.flags & FIN)
        if not length and not fin:
            return None
        receiver = self.receiver
        before = receiver.held
        if segment.flags & URG:
            receiver.mark_urgent(seq, segment.urgent)
        text = receiver.accept(seq, segment.payload, fin)
        at_once = fin or text is not TextOutcome.SMOOTH or receiver.closed
        self._took(receiver.held - before, length, segment.count, segment.flags, at_once=at_once)
        return None if text is TextOutcome.SMOOTH else refusals.of_text(text, segment, receiver)

    def _took(
        self, octets: int, length: int, count: int, flags: int, *, at_once: bool = False
    ) -> None:
        """So many bytes, out of `length` in so many segments, which are to be acknowledged."""
        most = self.negotiated.our_mss  # more is a run that a card has left as one
        soon = at_once or count > 1 or length > most
        self._acks.received(min(length, most), push=bool(flags & PSH), at_once=soon)
        self.bytes_from_guest += octets
        if octets > 0:
            self.answer_due = not self.sender.fin_queued
            # A guest that has nothing more to send sets PSH (RFC 9293 3.9.1.2); one that never
            # does ends with a segment that is not full, whatever its options.
            self._more_comes = not flags & (PSH | FIN) and length > most - MAX_OPTIONS

    # ------------------------------------------------------------------ from the host
    def on_connected(self, now: float) -> None:
        self.syn_quote = b""
        self._become(State.SYN_RECEIVED, now)
        self._syn_due = True
        self._touch(self)

    def on_sent(self, count: int, room: int, now: float) -> None:
        self._sent(count, room, now)
        self._touch(self)

    def _sent(self, count: int, room: int, now: float) -> None:
        self.idle.used(now)
        if self.receiver.taken(count, room):
            self._acks.owe()
        self._host.taken(count)
        if count:
            self._acks.taken(self.receiver.ack, now)

    def on_writable(self, room: int) -> None:
        self._host.writable()
        self.receiver.writable(room)
        if self.receiver.opens:
            self._acks.owe()
        self._touch(self)

    def on_received(self, data: bytes, now: float) -> None:
        self.idle.used(now)
        self.answer_due = False
        self.bytes_from_host += len(data)
        self._host.received(len(data))
        self.sender.write(data)
        self._touch(self)

    def on_urgent(self) -> None:
        """The next byte that the host sends is urgent."""
        self.sender.mark_urgent()

    def on_eof(self) -> None:
        self.answer_due = False
        self.sender.finish()
        self._touch(self)

    def on_failed(self, why: str, now: float) -> None:
        """The host's socket is gone: the guest gets RST (in CONNECTING the table answers).

        What the host's kernel has acknowledged in the guest's name goes to the guest before.
        """
        self._host.lost()
        self.why_closed = why
        self._touch(self)
        if self.is_connecting or not self.sender.buffered:
            self._end_failed(now)

    def _end_failed(self, now: float) -> None:
        self._abort(self.why_closed)
        self._become(State.CLOSED, now)

    # ------------------------------------------------------------------ time
    def next_timer(self) -> float | None:
        if self.is_closed:
            return None
        when = self._ends_at()
        if self.sender.deadline is not None:
            when = min(when, self.sender.deadline)
        if self._acks.later is not None:
            when = min(when, self._acks.later)
        return when

    def _ends_at(self) -> float:
        """When the flow goes if nothing happens any more."""
        match self.state:
            case State.TIME_WAIT:
                return self.idle.last + TIME_WAIT
            case State.SYN_SENT:
                return self.opened + self._settings.forward_wait
            case _:
                return self.idle.due

    def on_timer(self, now: float) -> None:
        self._touch(self)
        if now >= self._ends_at() and self._time_is_over(now):
            return
        if self._acks.later is not None and now >= self._acks.later:
            self._acks.owe()
        if self.sender.deadline is not None and now >= self.sender.deadline:
            if not self.sender.on_timeout(now, patient=self.awaits_guest):
                self.reset(self._unacknowledged(), now)
            elif self.state.sends_syn:
                self._syn_due = True
                self._syn_why = self.sender.why_again()

    def _unacknowledged(self) -> str:
        what = "our SYN-ACK" if self.awaits_ack else "what we sent"
        times = self.sender.retries  # each time-out but the last sent it once more
        return f"the guest has not acknowledged {what}, sent {times} times"

    def _time_is_over(self, now: float) -> bool:
        match self.state:
            case State.TIME_WAIT:
                self.close("closed", now)
            case State.SYN_SENT:
                wait = self._settings.forward_wait
                self.close(f"the guest has not answered for {wait:g} s", now, reset_host=True)
            case _ if self.idle.is_over(now):
                self.reset(f"idle for {self._settings.idle:g} s (tcp.idle)", now)
            case _:
                return False
        return True

    # ------------------------------------------------------------------ the end
    def close(self, why: str, now: float, *, reset_host: bool = False) -> None:
        self.why_closed = self.why_closed or why
        self._host.close(why, reset=reset_host)
        self._become(State.CLOSED, now)

    def _given_up(self, why: str, now: float) -> None:
        """The guest has sent RST."""
        self.is_given_up = True
        self.close(why, now, reset_host=not self.is_connecting)

    def reset(self, why: str, now: float) -> None:
        """RST to both sides."""
        self._abort(why)
        self.close(why, now, reset_host=True)

    def _abort(self, why: str) -> None:
        self.why_closed = why
        is_answer = self.is_lingering and self._acks.due  # to the guest's FIN
        if self.state.can_be_reset or is_answer:
            self._reset_due = self._writer.reset(self.receiver)

    def _become(self, state: State, now: float) -> None:
        """The one place where the state changes. Timers follow from it when the turn ends."""
        before, self.state = self.state, state
        self.synchronized = state.is_synchronized
        self._touch(self)
        if self._watch is not None:
            self._watch(self, before, now)

    # ------------------------------------------------------------------ for the table
    def tell_unanswered(self) -> int:
        """How many since the last call."""
        count, self.unanswered = self.unanswered, 0
        return count

    def tell_closed(self) -> None:
        """The log has it from now on."""
        self.told_closed = True

    def unhold(self) -> None:
        """Nobody outside has part in it."""
        self.is_held = False

    @property
    def kept(self) -> int:
        """Bytes in memory."""
        return self.sender.kept + self.receiver.kept

    def growth(self) -> int:
        """By how many bytes more than at the last call it keeps."""
        before, self.counted = self.counted, self.sender.kept + self.receiver.kept
        return self.counted - before

    # ------------------------------------------------------------------ once a turn

    def to_host(self, share: int, now: float) -> list[Action]:
        """share: bytes that it may hold in each direction."""
        receiver = self.receiver
        if receiver.share != share:
            receiver.may_keep(share)
        if not self.synchronized:
            pass  # what came with a SYN waits for the connection (RFC 9293 3.10.7.2)
        elif not self._host.open and not self.is_lingering:
            if not self.sender.buffered:
                self._end_failed(now)
        else:
            self._host.offer(receiver)
            if receiver.drained and not receiver.fin_passed:
                receiver.pass_fin()
                self._acks.owe()
                self._host.shut_down()
                self._become(AFTER_GUEST_FIN[self.state], now)
            if self.state.sends_data and not self.sender.fin_queued:
                self._host.allow_reading(self.sender, share)
            self._finish(now)
        return self._host.actions()

    def _finish(self, now: float) -> None:
        if not (self.sender.fin_acked and self.receiver.fin_passed):
            return
        if self.state is State.LAST_ACK:
            self.close("closed", now)
        elif self.is_lingering:
            self.why_closed = self.why_closed or "closed"
            self._host.close(self.why_closed, reset=False)

    def to_guest(self, now: float) -> list[Segment | SegmentRun]:
        out: list[Segment | SegmentRun] = []
        if self._reset_due is not None:
            out.append(self._reset_due)
            self._reset_due = None
        if self.is_closed:
            return out
        acks, sender = self._acks, self.sender
        if self._syn_due:
            out.append(self._syn(now))
        elif self.synchronized:
            pieces = sender.pieces(now)
            if pieces or acks.due:
                out += self._writer.data(self.receiver, pieces, now)
            if sender.fin_queued and sender.fin_sent and self.state in AFTER_OUR_FIN:
                self._become(AFTER_OUR_FIN[self.state], now)
        if acks.due:
            acks.forgo()
        return out

    def _syn(self, now: float) -> Segment | SegmentRun:
        """A run where it goes again: that can say why."""
        passive = self.awaits_ack
        syn = self._writer.syn(self.receiver if passive else None, now)
        why, self._syn_why, self._syn_due = self._syn_why, "", False
        again = self.sender.top > self.sender.iss
        self.sender.sent_syn(now)
        if not again:
            return syn
        name = "SYN-ACK" if passive else "SYN"
        return SegmentRun(
            syn, [b""], syn.flags, f"{name} again: {why or 'the guest has sent one too'}"
        )
