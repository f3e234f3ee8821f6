"""The send side of a flow: bytes of the host on their way to the guest.

    una              nxt                  end
     |--- in flight ---|--- not yet sent ---|   (all of it buffered; FIN, if queued, sits at end)

Window and silly-window avoidance by RFC 9293 3.8.6, congestion control and recovery in
`congestion`, time-out by RFC 6298 with Karn's rule: one segment is timed at a time and none after a
retransmission; the guest's timestamps, where there are some, time the others (RFC 7323 4). A
retransmission that what was sent after it has overtaken is lost too, and goes again. A closed
window is probed with one byte at the pace of the backed-off time-out for as long as the guest
answers. The first two duplicate acknowledgements let a new segment out each (RFC 3042).

Progress ends the back-off at once, as in BSD, rather than at the next valid measurement: on a wire
to an emulated guest time-outs mean loss, not a longer path.

A time-out goes back to `una` and sends again from there, but for what the guest has selectively
acknowledged; should it have thrown that away again (RFC 2018 8), the second time-out notices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pynat.config import Tcp
from pynat.nat.tcp.buffer import SendBuffer
from pynat.nat.tcp.congestion import DUPLICATES, Congestion
from pynat.nat.tcp.rtt import Rtt
from pynat.ranges import Ranges

MIN_CAPACITY, MAX_CAPACITY = 256 * 1024, 1024 * 1024  # bytes, per flow
PATIENT_RTO = 4.0  # seconds between two SYNs to a guest that may still be booting
_NONE_SACKED = Ranges()  # of all to whom nothing was acknowledged selectively
DEFAULT_MSS = 536  # bytes, RFC 9293 3.7.1, until the guest announces another


class Piece(NamedTuple):
    """Consecutive segments; FIN goes with the last (maybe empty) one."""

    seq: int
    text: list[bytes | memoryview]  # of all of them
    size: int  # bytes of text in each; the last one may have fewer
    fin: bool
    push: bool  # it ends what there is
    why: str = ""  # it is sent again, or to probe


class Sender:
    __slots__ = (
        "_buffer",
        "_fin",
        "_max_retries",
        "_probe",
        "_resend_first",
        "_resent",
        "_resent_when",
        "_sacked",
        "_sent",
        "_timed",
        "_wl1",
        "_wl2",
        "congestion",
        "deadline",
        "flight",
        "iss",
        "max_window",
        "mss",
        "nxt",
        "retransmitted",
        "retries",
        "rtt",
        "selective",
        "top",
        "una",
        "urgent",
        "window",
    )

    def __init__(self, iss: int, settings: Tcp, flight: int | None = None) -> None:
        """flight: bytes, where the guest's card takes only so many at once."""
        self.iss = iss
        self.una = iss
        self.nxt = iss
        self.top = iss  # the highest number ever sent, plus one
        self.window = 0  # bytes the guest accepts beyond una
        self.max_window = 0
        self.mss = DEFAULT_MSS  # bytes of payload in a segment
        self.selective = False  # SACK is agreed on
        self.rtt = Rtt(settings)
        self.congestion = Congestion()
        self.flight = flight
        self.retries = 0
        self.retransmitted = 0  # segments, for the flow table
        self.deadline: float | None = None
        self.urgent = iss  # SND.UP: the number behind the last urgent byte
        self._max_retries = settings.retries
        self._buffer = SendBuffer(iss + 1)  # SYN takes iss
        self._fin = False
        self._wl1 = 0  # SND.WL1, and WL2: by which numbers the window was told last
        self._wl2 = 0
        self._timed: tuple[int, float] | None = None  # (ack that ends it, when sent)
        self._sent: list[tuple[int, float]] = []  # from which number on, when first sent
        self._sacked = _NONE_SACKED
        self._resent = iss  # a recovery has sent again everything missing below this ...
        self._resent_when = iss  # ... when `top` was this
        self._resend_first = False
        self._probe = False

    # ------------------------------------------------------------------ what there is
    @property
    def buffered(self) -> int:
        return len(self._buffer)

    @property
    def kept(self) -> int:
        """Bytes in memory for `buffered`."""
        return self._buffer.kept

    @property
    def capacity(self) -> int:
        """Bytes that it should have: twice what may be in flight, as Linux tunes its buffers."""
        return max(MIN_CAPACITY, min(2 * self.congestion.window, MAX_CAPACITY))

    @property
    def end(self) -> int:
        return self._buffer.end

    @property
    def fin_queued(self) -> bool:
        return self._fin

    @property
    def fin_sent(self) -> bool:
        return self._fin and self.top > self.end

    @property
    def fin_acked(self) -> bool:
        return self._fin and self.una > self.end

    @property
    def acceptable(self) -> int:
        """The number for a segment without text: behind a closed window the guest takes none.

        What has been sent there, a probe, goes again from its beginning.
        """
        edge = self.una + self.window
        return self.top if self.top <= edge else min(self.top, max(edge, self.iss + 1))

    def write(self, data: bytes) -> None:
        if not self._fin:  # nothing comes behind the end
            self._buffer.write(data)

    def mark_urgent(self) -> None:
        """The next byte that is written."""
        self.urgent = self.end + 1

    def finish(self) -> None:
        self._fin = True

    # ------------------------------------------------------------------ the opening
    def sent_syn(self, now: float) -> None:
        if self.top == self.iss:
            self._sent.append((self.iss, now))
            self.nxt = self.top = self.iss + 1
            self._timed = (self.nxt, now)
        else:
            self._timed = None
        self._arm(now)

    def agree(self, mss: int, *, selective: bool) -> None:
        """What both SYNs say."""
        self.mss, self.selective = mss, selective

    def opened(self, window: int, seq: int, ack: int, now: float) -> None:
        """The guest has acknowledged our SYN."""
        self.congestion.open(self.mss)
        self._wl1, self._wl2 = seq, ack
        self.on_ack(ack, window, seq, now, pure=False)

    # ------------------------------------------------------------------ acknowledgements
    def on_ack(
        self,
        ack: int,
        window: int,
        seq: int,
        now: float,
        *,
        pure: bool,
        sacked: Sequence[tuple[int, int]] = (),
        round_trip: float | None = None,
    ) -> None:
        """`ack` is between una and top (the caller has checked).

        pure: no data, SYN or FIN. sacked: ranges of ours that the guest has. round_trip: what the
        guest's timestamps say, in seconds.
        """
        duplicate = (
            pure and ack == self.una and window == self.window > 0 and self.top > self.una
        )  # RFC 5681 2; with a closed window it answers a probe
        news = self._selective(sacked, ack, now) if self.selective and sacked else 0
        self.on_window(ack, window, seq, now)
        if ack > self.una:
            self._advance(ack, now, round_trip)
        elif duplicate or news:
            self._on_duplicate()

    def on_window(self, ack: int, window: int, seq: int, now: float) -> None:
        """What a segment with this acknowledgement says of the guest's window."""
        later = seq > self._wl1 or (seq == self._wl1 and ack >= self._wl2)
        if later or ack > self.una:  # else una would carry the window on
            if window and not self.window:
                self._reopen(now)
            self.window = window
            self.max_window = max(self.max_window, window)
            self._wl1, self._wl2 = seq, ack
        if not window:
            self.retries = 0  # it answers our probes: alive (RFC 9293 3.8.6.1)

    def _selective(self, sacked: Sequence[tuple[int, int]], ack: int, now: float) -> int:
        """Blocks that name numbers never sent, or acknowledged already (RFC 2883), say nothing."""
        if sacked and self._sacked is _NONE_SACKED:
            self._sacked = Ranges()
        news = sum(
            self._sacked.add(start, end) for start, end in sacked if ack < start < end <= self.top
        )
        if self._timed is not None and self._sacked.containing(self._timed[0] - 1):
            self.rtt.sample(now - self._timed[1])
            self._timed = None
        return news

    def _reopen(self, now: float) -> None:
        """The guest's window has opened: what was sent as a probe goes again, as it should."""
        if self.nxt == self.una + 1:
            self.nxt = self.una
        self.rtt.forget_back_off()
        if self.deadline is not None:
            self._arm(now)

    def _advance(self, ack: int, now: float, round_trip: float | None) -> None:
        acked, flight = ack - self.una, self.top - self.una
        longest = now - self._first_sent()
        if self._timed is not None and ack >= self._timed[0]:
            self.rtt.sample(now - self._timed[1])
            self._timed = None
        elif round_trip is not None:
            self.rtt.sample(min(round_trip, longest))  # whatever the guest echoes
        self.una = ack
        self.nxt = max(ack, self.nxt)  # the same number is the same object: flows at rest are many
        self._buffer.release(ack)
        if self._sacked:
            self._sacked.forget_below(ack)
        if self.retries:
            self.rtt.forget_back_off()
            self.retries = 0
        selective = self.selective
        self._resend_first |= self.congestion.on_progress(
            acked, ack, self.mss, flight=flight, selective=selective
        )
        if self.una < self.top:
            self._arm(now)
        else:
            self.top, self.deadline = ack, None
            self._sent.clear()

    def _first_sent(self) -> float:
        """When what `una` stands before was first sent."""
        sent, gone = self._sent, 0
        while gone + 1 < len(sent) and sent[gone + 1][0] <= self.una:
            gone += 1
        del sent[:gone]
        return sent[0][1]

    def _on_duplicate(self) -> None:
        lost = bool(self._sacked) and self._lost_below() > self.una
        if self.congestion.on_duplicate(
            self.una, self.top, self.mss, lost=lost, selective=self.selective
        ):
            self._resend_first = True
            self._repair_anew()

    def _repair_anew(self) -> None:
        self._resent = self.una
        self._resent_when = self.top

    def _lost_below(self) -> int:
        """What is missing below this has been overtaken by enough to be lost (RFC 6675 4)."""
        ranges = self._sacked.pairs()
        by_count = ranges[-DUPLICATES][0] if len(ranges) >= DUPLICATES else self.una
        above = 0
        for start, end in reversed(ranges):
            above += end - start
            if above > (DUPLICATES - 1) * self.mss:
                return max(by_count, start)
        return by_count

    # ------------------------------------------------------------------ sending
    def pieces(self, now: float) -> list[Piece]:
        """What may be sent now; it counts as sent from now on."""
        out: list[Piece] = []
        if self._rests:
            return out
        room = self.una + self.window - self.nxt
        if self.selective and self.congestion.recovering:
            room = min(room, self._repair(out))
        else:
            if self._resend_first and self.una < self.nxt:
                size = min(self.mss, self.end - self.una)
                out.append(self._again(self.una, size, "fast retransmission"))
            room = min(room, self._allowance())
        self._resend_first = False
        if self.nxt < self.end or self._fin:
            self._fresh(out, room, now)
        self._probe = False
        if self.deadline is None and self.nxt < self.end:
            self._arm(now)  # a closed window: the deadline is that of the next probe
        return out

    @property
    def _rests(self) -> bool:
        """All there is has been sent, and nothing of it goes again."""
        busy = self._fin or self._probe or self._resend_first or self.congestion.recovering
        return not busy and self.nxt == self._buffer.end

    def _allowance(self) -> int:
        """Bytes that may go, by congestion and by the guest's card."""
        congestion = self.congestion
        window = congestion.window
        if not congestion.recovering:
            window += min(congestion.duplicates, DUPLICATES - 1) * self.mss
        if self.flight is not None:
            window = min(window, self.flight)
        return window - self._sacked.missing(self.una, self.nxt)

    def _repair(self, out: list[Piece]) -> int:
        """RFC 6675 5: send again what is lost, as far as the pipe has room; what room is left."""
        if self._sacked and self._sacked.top >= self._resent_when + DUPLICATES * self.mss:
            self._repair_anew()
        lost_below = max(self.una, self._lost_below())
        resent = max(self.una, self._resent)
        missing = self._sacked.missing
        pipe = missing(lost_below, self.top) + missing(self.una, min(resent, lost_below))
        if self._resend_first:
            lost_below = max(lost_below, min(self.una + self.mss, self.top))
        while self._resend_first or pipe < self.congestion.window:
            hole = self._sacked.hole(resent, lost_below)
            if hole is None:
                break
            why = "fast retransmission" if self._resend_first else "SACK recovery"
            self._resend_first = False
            start, stop = hole
            size = min(self.mss, stop - start)
            out.append(self._again(start, min(size, self.end - start), why))
            resent = start + size
            pipe += size
        self._resent = resent
        return self.congestion.window - pipe

    def _again(self, seq: int, size: int, why: str) -> Piece:
        self._timed = None
        self.retransmitted += 1
        return self._piece(seq, size)._replace(why=why)

    def why_again(self) -> str:
        """The reason of what a time-out brings."""
        if not self.retries:
            return "retransmission, after a time-out"
        return f"retransmission {self.retries}, RTO {self.rtt.rto * 1000:.0f} ms"

    def _fresh(self, out: list[Piece], room: int, now: float) -> None:
        """From `nxt` on, `room` bytes of it, leaving out what the guest has."""
        while self.nxt < self.end:
            stop = self.end
            if self._sacked and self.nxt < self._sacked.top:
                hole = self._sacked.hole(self.nxt, self._sacked.top)
                self.nxt, stop = hole or (self._sacked.top, stop)
                if hole is None:
                    continue
            probes = self._probe and self.window == 0
            size = self._polite(min(room, self.una + self.window - self.nxt, stop - self.nxt))
            if size <= 0:
                return
            piece = self._send(size, now)
            if probes:
                pause = f"{self.rtt.rto * 1000:.0f} ms"
                piece = piece._replace(why=f"window probe, the next after {pause}")
            out.append(piece)
            room -= size
        if self._fin and self.nxt == self.end:
            out.append(self._send(0, now))

    def _polite(self, size: int) -> int:
        """`size` without a last sliver that had better wait (RFC 9293 3.8.6.2.1)."""
        if self._probe:
            self._probe = False
            return max(size, 1)
        if size <= 0:
            return 0
        sliver = size % self.mss
        waits = (
            sliver
            and self.nxt + size < self.end
            and sliver < self.max_window // 2
            and self.nxt + size - sliver > self.una  # an acknowledgement will bring more window
        )
        return size - sliver if waits else size

    def _send(self, size: int, now: float) -> Piece:
        piece = self._piece(self.nxt, size)
        before = self.nxt
        if before >= self.top:
            self._sent.append((before, now))
        self.nxt += size + piece.fin
        if before < self.top:
            self.retransmitted += max(1, -(-size // self.mss))
            self._timed = None
            piece = piece._replace(why=self.why_again())
        elif self._timed is None and self.retries == 0:
            self._timed = (min(self.nxt, before + self.mss), now)
        self.top = max(self.top, self.nxt)
        if self.deadline is None or before == self.una:
            self._arm(now)
        return piece

    def _piece(self, seq: int, size: int) -> Piece:
        text = self._buffer.views(seq, seq + size) if size > 0 else []
        last = seq + max(0, size) == self.end
        return Piece(seq, text, self.mss, self._fin and last, last and size > 0)

    # ------------------------------------------------------------------ time
    def on_timeout(self, now: float, *, patient: bool = False) -> bool:
        """Go back to `una`. False when the guest has not answered for too long.

        patient: a guest that may not be up yet is asked for as long as the caller likes, and often.
        """
        self.retries += 1
        if self.retries > self._max_retries and not patient:
            return False
        self.rtt.back_off()
        if patient:
            self.rtt.cap(PATIENT_RTO)
        self._timed = None
        self._resend_first = False
        if self.una > self.iss:  # not the SYN
            if self.retries > 1 or self._sacked.containing(self.una):
                self._sacked.clear()
            if self.window:
                self.congestion.on_timeout(self.una, self.top, self.mss)
            else:
                self._probe = True
            self.nxt = self.una
        self._arm(now)
        return True

    def _arm(self, now: float) -> None:
        self.deadline = now + self.rtt.rto
