"""The receive side of a flow: bytes of the guest on their way to the host.

    ack                      nxt                      edge
     |--- held: the kernel ---|--- what the guest may ---|
     |    has not taken it    |    send; out of order    |
     |                        |    it is kept here       |

Bytes are acknowledged only once the host's kernel has taken them, so an acknowledgement means
what it says even if this process ends in the next instant; FIN is acknowledged when everything
before it has been taken and the host has been told. The window follows the room in the kernel's
buffer: a host program that does not read closes it (RFC 9293 3.8.6.2.2: in steps of a segment at
least), and what is promised nearly always fits.

But that room is an estimate, and what the guest may send at first is promised before there is one.
Where the kernel is full, or has taken less than it was offered, the promise is taken back at once:
the window is 0 until the kernel has taken what is held. RFC 9293 3.8.6 discourages it, and requires
every sender to bear it; otherwise the guest would be told neither that the rest has arrived nor to
wait, and would give the connection up. What has been promised is accepted all the same, so nothing
comes twice. At any other moment the right edge does not move back.
"""

from __future__ import annotations

from enum import Enum, auto

from pynat.nat.tcp.assembler import Assembler, Data
from pynat.nat.tcp.memory import UNLIMITED

SMALL = 512  # bytes
MAX_FIELD = 0xFFFF  # of the window, before it is scaled
_NONE_EARLY = Assembler()  # of all who have none yet


class TextOutcome(Enum):
    """What became of a segment's text."""

    SMOOTH = auto()  # it came in order, and nothing before it was missing
    GAP = auto()  # something was missing before it, or still is
    NO_ROOM = auto()  # too much is kept already that came out of order
    BEHIND_FIN = auto()  # the guest had said that nothing follows
    NO_MEMORY = auto()  # all flows together hold too much to keep it


class Receiver:
    __slots__ = (
        "_fin_at",
        "_urgent",
        "capacity",
        "chunks",
        "early",
        "edge",
        "fin",
        "fin_passed",
        "held",
        "irs",
        "nxt",
        "refused",
        "room",
        "share",
        "step",
        "told",
    )

    def __init__(self, irs: int, capacity: int, room: int | None = None) -> None:
        """capacity: bytes that are received ahead of the host at most. room: that it takes now."""
        self.irs = irs
        self.nxt = irs + 1
        self.chunks: list[bytes] = []  # in order, not yet taken by the kernel
        self.held = 0  # bytes in chunks
        self.fin = False  # received in order
        self.fin_passed = False  # the host has been told
        self.edge = self.nxt  # the furthest right edge of a window that the guest has been told
        self.told = self.nxt  # the last one
        self.refused = False  # the kernel has not taken all that it was offered
        self.room = capacity if room is None else room  # bytes that the kernel will take
        self.capacity = capacity
        self.share = UNLIMITED  # bytes that may be kept
        self.step = min(capacity // 2, 1460)  # the least by which the edge moves on
        self.early = _NONE_EARLY  # what came out of order
        self._fin_at: int | None = None  # FIN came out of order, with this number
        self._urgent: int | None = None  # the number of the urgent byte

    @property
    def ack(self) -> int:
        """RCV.NXT as the guest sees it."""
        return self.nxt - self.held - (self.fin and not self.fin_passed)

    @property
    def heard(self) -> int:
        """The number behind all that has come, in order or not."""
        last = self.nxt if self._fin_at is None else max(self.nxt, self._fin_at + 1)
        return max(last, self.early.end) if self.early else last

    @property
    def kept(self) -> int:
        """Bytes in memory."""
        return self.held + self.early.held

    @property
    def drained(self) -> bool:
        return self.fin and not self.held

    def writable(self, room: int) -> None:
        """A kernel that says so takes a segment at least, however small its buffer."""
        self.room = max(room, self.step)

    def expects(self, octets: int) -> bool:
        """Whether so many bytes more, in order, can only be kept."""
        return (
            not (self.early or self.fin or self.refused)
            and self._fin_at is None
            and self._urgent is None
            and octets <= self.edge - self.nxt
            and self.room > 0
        )

    def may_keep(self, share: int) -> None:
        """So many bytes, where the kernel does not take them at once."""
        self.share = share

    def pass_fin(self) -> None:
        """The host is told of it."""
        self.fin_passed = True

    @property
    def opens(self) -> bool:
        """Whether the window may grow by so much that the guest should be told."""
        opened = self._right_edge(self.ack) - self.told
        return not self.fin and not self.closed and opened >= self.step

    @property
    def closed(self) -> bool:
        """Whether nothing more would be taken now, for certain."""
        return self.refused or self.room <= 0

    def _right_edge(self, ack: int) -> int:
        return ack + min(self.capacity, self.share, self.room)

    def window(self, shift: int) -> int:
        """The window field, scaled by `shift`; remembers what has been promised."""
        ack = self.ack
        if self.closed:
            self.told = ack
            return 0
        edge, told = self._right_edge(ack), self.told
        if edge - told < self.step:
            edge = told
        field = min(MAX_FIELD, max(0, edge - ack) >> shift)
        self.told = told = max(told, ack + (field << shift))
        self.edge = max(told, self.edge)
        return field

    def acceptable(self, seq: int, length: int) -> bool:
        """RFC 9293 3.10.7.4, first check; a segment may begin before the window.

        One without text may have any number from that which the guest was told on: that behind the
        window, too, which it has filled, and at a closed one that behind the byte of a probe.
        """
        size = self.edge - self.nxt
        if not length:
            return self.ack <= seq <= max(self.edge, self.nxt + 1)
        return size > 0 and seq < self.edge and seq + length > self.nxt

    def accept(self, seq: int, payload: Data, fin: bool) -> TextOutcome:
        """Keep what is new.

        Bytes beyond the window or the guest's FIN are cut off, and with them a FIN behind them.
        """
        if (self.refused or seq > self.nxt) and self.kept + len(payload) > self.share:
            return TextOutcome.NO_MEMORY
        end = seq + len(payload)
        limit = self.edge if self._fin_at is None else min(self.edge, self._fin_at)
        if end > limit:
            fin = False
            payload = payload[: max(0, limit - seq)]
            end = limit
        if fin:
            self._fin_at = end
        if self.fin:
            return TextOutcome.BEHIND_FIN
        text = TextOutcome.GAP if seq > self.nxt or self.early else TextOutcome.SMOOTH
        if seq > self.nxt:
            if self.early is _NONE_EARLY:
                self.early = Assembler()
            if payload and not self.early.add(seq, payload):
                text = TextOutcome.NO_ROOM
        elif end > self.nxt:
            self.keep(payload[self.nxt - seq :] if seq < self.nxt else payload)
            if self.early:
                for piece in self.early.pop_in_order(self.nxt):
                    self.keep(piece)
        if self._fin_at == self.nxt:
            self.fin = True
            self.nxt += 1
        return text

    def keep(self, data: Data) -> None:
        """What comes next. Small pieces are joined, or a guest that sends single bytes fills lists.

        A view is of a frame that may be much longer; segments of a run have left theirs already.
        """
        self.nxt += len(data)
        self.held += len(data)
        if self.chunks and len(data) < SMALL and len(self.chunks[-1]) < SMALL:
            self.chunks[-1] += data
        else:
            self.chunks.append(bytes(data))

    # ------------------------------------------------------------------ urgent data
    def mark_urgent(self, seq: int, pointer: int) -> None:
        """A segment at `seq` says where urgent data ends.

        The pointer names the byte behind it, as every implementation has it (RFC 6093 3.1).
        """
        number = seq + pointer - 1
        if number >= self._first and (self._urgent is None or number > self._urgent):
            self._urgent = number

    @property
    def urgent_at(self) -> int | None:
        """The place of the urgent byte in `chunks`, once it is there."""
        if self._urgent is None or not 0 <= self._urgent - self._first < self.held:
            return None
        return self._urgent - self._first

    @property
    def _first(self) -> int:
        """The number of the first byte in `chunks`."""
        return self.nxt - self.held - self.fin

    def taken(self, count: int, room: int) -> bool:
        """The kernel has taken `count` bytes off the front of `chunks`, `room` more would fit.

        Whether the guest has to know at once: the window closes or opens, or stays closed although
        something was taken.
        """
        was_closed = self.closed
        self._drop(count, room)
        closed = self.closed
        return closed is not was_closed or (closed and count > 0)

    def _drop(self, count: int, room: int) -> None:
        self.held -= count
        self.refused = self.held > 0
        self.room = room
        if self._urgent is not None and self._urgent < self._first:
            self._urgent = None
        if not self.held:
            self.chunks.clear()
            return
        while count:
            first = self.chunks[0]
            if len(first) > count:
                self.chunks[0] = first[count:]
                return
            count -= len(first)
            del self.chunks[0]
