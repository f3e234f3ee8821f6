"""The send side of a flow: bytes of the host on their way to the guest.

    una              nxt                  end
     |--- in flight ---|--- not yet sent ---|   (all of it buffered; FIN, if queued, sits at end)

Window and silly-window avoidance by RFC 9293 3.8.6, congestion control by RFC 5681 with
RFC 6582 (NewReno) recovery, time-out by RFC 6298 with Karn's rule: one segment is timed at a
time and none after a retransmission. A closed window is probed with one byte at the pace of the
backed-off time-out for as long as the guest answers.

Progress ends the back-off at once, as in BSD, rather than at the next valid measurement: on a wire
to an emulated guest time-outs mean loss, not a longer path.

A time-out goes back to `una` and sends again from there; what the guest had kept is skipped by
its next acknowledgement.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pynat.nat.tcp.rtt import Rtt

INITIAL_WINDOW = 10  # segments, RFC 6928
DUPLICATES = 3  # acknowledgements before a fast retransmission, RFC 5681 3.2
MAX_RETRIES = 12  # time-outs without progress before the flow is given up (RFC 9293 3.8.3, R2)


class Piece(NamedTuple):
    """One segment to be sent."""

    seq: int
    payload: bytes | bytearray
    fin: bool
    push: bool


class Sender:
    def __init__(self, iss: int) -> None:
        self.iss = iss
        self.una = iss
        self.nxt = iss
        self.top = iss  # the highest number ever sent, plus one
        self.window = 0  # bytes the guest accepts beyond una
        self.max_window = 0
        self.mss = 536  # RFC 9293 3.7.1, until the guest announces another
        self.rtt = Rtt()
        self.flight: int | None = None  # bytes, where the guest's card takes only so many at once
        self.retries = 0
        self.retransmitted = 0  # segments, for the flow table
        self.deadline: float | None = None
        self._start = iss + 1  # the sequence number of _data[0]; SYN takes iss
        self._data = bytearray()
        self._fin = False
        self._window_from = (0, 0)  # SND.WL1, SND.WL2
        self._timed: tuple[int, float] | None = None  # (ack that ends it, when sent)
        self._cwnd = 0
        self._ssthresh = 1 << 30
        self._duplicates = 0
        self._recover: int | None = None  # NewReno: recovery ends beyond this number
        self._resend_first = False
        self._probe = False

    # ------------------------------------------------------------------ what there is
    @property
    def buffered(self) -> int:
        return len(self._data)

    @property
    def end(self) -> int:
        return self._start + len(self._data)

    @property
    def fin_queued(self) -> bool:
        return self._fin

    @property
    def fin_sent(self) -> bool:
        return self._fin and self.top > self.end

    @property
    def fin_acked(self) -> bool:
        return self._fin and self.una > self.end

    def write(self, data: bytes) -> None:
        if not self._fin:  # nothing comes behind the end
            self._data += data

    def finish(self) -> None:
        self._fin = True

    # ------------------------------------------------------------------ the opening
    def sent_syn(self, now: float) -> None:
        if self.top == self.iss:
            self.nxt = self.top = self.iss + 1
            self._timed = (self.nxt, now)
        else:
            self._timed = None
        self._arm(now)

    def opened(self, mss: int, window: int, seq: int, ack: int, now: float) -> None:
        """The guest has acknowledged our SYN."""
        self.mss = mss
        self._cwnd = INITIAL_WINDOW * mss
        self._window_from = (seq, ack)
        self.on_ack(ack, window, seq, now, pure=False)

    # ------------------------------------------------------------------ acknowledgements
    def on_ack(self, ack: int, window: int, seq: int, now: float, *, pure: bool) -> None:
        """`ack` is between una and top (the caller has checked). `pure`: no data, SYN or FIN."""
        duplicate = (
            pure and ack == self.una and window == self.window and self.top > self.una
        )  # RFC 5681 2
        if self._window_from <= (seq, ack):
            if window and not self.window:
                self._reopen(now)
            self.window = window
            self.max_window = max(self.max_window, window)
            self._window_from = (seq, ack)
        if not window:
            self.retries = 0  # it answers our probes: alive (RFC 9293 3.8.6.1)
        if ack > self.una:
            self._advance(ack, now)
        elif duplicate:
            self._on_duplicate()

    def _reopen(self, now: float) -> None:
        """The guest's window has opened: what was sent as a probe goes again, as it should."""
        if self.nxt == self.una + 1:
            self.nxt = self.una
        self.rtt.forget_back_off()
        if self.deadline is not None:
            self._arm(now)

    def _advance(self, ack: int, now: float) -> None:
        acked = ack - self.una
        if self._timed is not None and ack >= self._timed[0]:
            self.rtt.sample(now - self._timed[1])
            self._timed = None
        self.una = ack
        self.nxt = max(self.nxt, ack)
        released = min(max(0, ack - self._start), len(self._data))
        del self._data[:released]
        self._start += released
        if self.retries:
            self.rtt.forget_back_off()
            self.retries = 0
        self._duplicates = 0
        self._grow(acked)
        if self.una < self.top:
            self._arm(now)
        else:
            self.deadline = None

    def _grow(self, acked: int) -> None:
        if self._recover is None:
            if self._cwnd < self._ssthresh:
                self._cwnd += min(acked, 2 * self.mss)  # RFC 3465: by bytes, not by segments
            else:
                self._cwnd += max(1, self.mss * self.mss // self._cwnd)
        elif self.una >= self._recover:
            self._recover = None
            self._cwnd = self._ssthresh
        else:  # a partial acknowledgement: the next segment is lost too (RFC 6582 3.2)
            self._resend_first = True
            self._cwnd = max(self.mss, self._cwnd - acked + self.mss)

    def _on_duplicate(self) -> None:
        self._duplicates += 1
        if self._recover is not None:
            self._cwnd += self.mss
        elif self._duplicates == DUPLICATES:
            self._ssthresh = max((self.top - self.una) // 2, 2 * self.mss)
            self._cwnd = self._ssthresh + DUPLICATES * self.mss
            self._recover = self.top
            self._resend_first = True

    # ------------------------------------------------------------------ sending
    def pieces(self, now: float) -> Iterator[Piece]:
        """What may be sent now; each piece counts as sent when it is taken."""
        if self._resend_first:
            self._resend_first = False
            if self.una < self.nxt:
                self._timed = None
                self.retransmitted += 1
                yield self._piece(self.una, min(self.mss, self.end - self.una))
        limit = self.una + min(self.window, self._cwnd, self.flight or self._cwnd)
        while self.nxt < self.end:
            size = min(self.mss, self.end - self.nxt, limit - self.nxt)
            if self._probe:
                size = max(size, 1)
                self._probe = False
            if size <= 0 or self._silly(size):
                break
            yield self._send(size, now)
        if self._fin and self.nxt == self.end:
            yield self._send(0, now)
        self._probe = False
        if self.deadline is None and self.nxt < self.end:
            self._arm(now)  # a closed window: the deadline is that of the next probe

    def _silly(self, size: int) -> bool:
        """Better wait for more window than send a sliver (RFC 9293 3.8.6.2.1)."""
        return (
            size < self.mss
            and self.nxt + size < self.end
            and size < self.max_window // 2
            and self.nxt > self.una  # something is in flight, its acknowledgement brings window
        )

    def _send(self, size: int, now: float) -> Piece:
        piece = self._piece(self.nxt, size)
        before = self.nxt
        self.nxt += size + piece.fin
        if before < self.top:
            self.retransmitted += 1
            self._timed = None
        elif self._timed is None and self.retries == 0:
            self._timed = (self.nxt, now)
        self.top = max(self.top, self.nxt)
        if self.deadline is None or before == self.una:
            self._arm(now)
        return piece

    def _piece(self, seq: int, size: int) -> Piece:
        at = seq - self._start
        last = seq + size == self.end
        return Piece(seq, self._data[at : at + size], self._fin and last, last and size > 0)

    # ------------------------------------------------------------------ time
    def on_timeout(self, now: float) -> bool:
        """Go back to `una`. False when the guest has not answered for too long."""
        self.retries += 1
        if self.retries > MAX_RETRIES:
            return False
        self.rtt.back_off()
        self._timed = None
        self._duplicates = 0
        self._resend_first = False
        self._recover = None
        if self.una > self.iss:  # not the SYN
            if self.window:
                self._ssthresh = max((self.top - self.una) // 2, 2 * self.mss)
                self._cwnd = self.mss
            else:
                self._probe = True
            self.nxt = self.una
        self._arm(now)
        return True

    def _arm(self, now: float) -> None:
        self.deadline = now + self.rtt.rto
