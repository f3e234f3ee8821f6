"""Header prediction: of almost every segment nothing is to be said, and it shows so itself.

While a connection is steady (`is_steady`: both ends are open, nothing is lost or has come early or
again, neither window is closed), the checkers of TCP can find something in the next segment only by

    its numbers  it does not begin where the last one ended; it acknowledges something else than
                 before or all that has come; it says nothing at all
    its window   it shrinks, closes or grows by little, or is one of the first to become larger; the
                 data pass the other end's, or its MSS
    timestamps   they are missing, were not agreed on, go back, stand still, echo another one
    the time     what it acknowledges has waited for long or is much, or what it has under way
    its habits   more is under way than ever, little goes out while more is under way, never PSH

Each of these is a comparison below. Where one fails nothing is decided: the segment goes the long
way (`Connection.from_guest`), as do all that are not plain (`tcp.find_one`). Where none fails, the
checkers have no word to say, and what they remember is brought on by setters that the long way uses
too. Nothing of this makes a steady connection another one, so that is asked again only when
something has gone the long way.

Numbers are compared as they are on the wire, where they wrap. What may come is in the windows of a
steady connection, which are 2^30 bytes at most, so no two of them are the same there.
"""

from __future__ import annotations

from pynat.lint.span import Span
from pynat.lint.tally import DATA, OPTIONS, Tally
from pynat.lint.tcp.acking import TICK, UNPADDED, Acking
from pynat.lint.tcp.common import Common
from pynat.lint.tcp.sending import ENOUGH, TINY, Sending
from pynat.lint.tcp.side import HALF, SPACE, Side
from pynat.lint.tcp.strides import SPREAD
from pynat.lint.tcp.window import MOVES
from pynat.wire import ipv4
from pynat.wire.tcp import HEADER_SIZE, PSH, STAMPS, FoundOne

_UNPADDED = UNPADDED - ipv4.HEADER_SIZE - HEADER_SIZE  # bytes of data, without options


class Prediction:
    def __init__(
        self,
        guest: Side,
        peer: Side,
        common: Common,
        sending: Sending,
        acking: Acking,
        tally: Tally,
    ) -> None:
        self._guest = guest
        self._peer = peer
        self._common = common
        self._sending = sending
        self._resending = sending.resending
        self._congestion = sending.resending.congestion
        self._acking = acking
        self._arrivals = acking.arrivals
        self._window = acking.window
        self._tally = tally
        self._least = max(1, -(-peer.mss >> peer.shift))  # a field with room for a segment

    @property
    def is_steady(self) -> bool:
        guest, peer = self._guest, self._peer
        return (
            guest.acked > 0
            and guest.top <= peer.right
            and peer.top <= guest.right
            and peer.window > 0
            and not guest.fin
            and not peer.fin
            and guest.reset_at is peer.reset_at is None
            and self._sending.is_steady
            and self._acking.is_steady
        )

    def from_guest(self, found: FoundOne, when: Span) -> bool:
        """Whether it is as expected; then it is taken."""
        _, _, _, seq, ack, flags, field, data, stamps = found
        guest, peer, acking, common = self._guest, self._peer, self._acking, self._common
        start, acked, edge = guest.top, guest.acked, guest.right
        if seq != (guest.isn + start) & SPACE or not field or when.first >= self._resending.due:
            return False
        ack = acked + ((ack - peer.isn - acked) & SPACE)
        window = field << guest.shift
        stays = ack + window == edge
        if not stays and (
            window < guest.mss
            or ack + window < edge
            or (window > guest.window and self._window.moved < MOVES)
        ):
            return False
        if ack != acked:
            since = self._arrivals.since
            if ack != peer.top or (since is not None and when.first - since.last > SPREAD):
                return False
            if self._arrivals.full >= acking.strides.least:
                return False
        elif self._arrivals.offered is not None or (
            not data and (stays or ack + window < edge + guest.mss)
        ):
            return False
        if data:
            size = len(data)
            if (
                start + size > peer.right
                or size + (STAMPS.size if stamps else 0) > peer.mss
                or (size <= TINY and peer.acked < start)
                or (common.unpushed >= ENOUGH and not flags & PSH)
                or self._congestion.phase is not None
                or start + size - peer.acked > self._congestion.peak
            ):
                return False
        if stamps:
            value, echo = stamps
            if echo != peer.stamp or not acking.stamped:
                return False
            if value != guest.stamp:
                if (value - guest.stamp) & SPACE >= HALF:
                    return False
                guest.stamp = value
                common.ticked = value, when
            elif when.first - common.ticked[1].last > TICK:
                return False
        elif acking.stamped:
            return False
        acking.carries_on(ack, field, len(data), when)
        self._sending.carries_on(data, flags, when)
        self._tally.sent[flags | (DATA if data else 0) | (OPTIONS if stamps else 0)] += 1
        return True

    def to_guest(self, found: FoundOne, when: Span) -> bool:
        """Whether it is as expected; then it is taken."""
        _, _, _, seq, ack, flags, field, data, stamps = found
        guest, peer, size = self._guest, self._peer, len(data)
        if seq != (peer.isn + peer.top) & SPACE or field < self._least:
            return False
        if peer.top + size > guest.right:
            return False
        ack = peer.acked + ((ack - guest.isn - peer.acked) & SPACE)
        if ack > guest.top or (ack == peer.acked and not size and self._resending.in_flight):
            return False
        if stamps:
            value = stamps[0]
            if (value - peer.stamp) & SPACE >= HALF:
                return False
            peer.stamp = value
        elif size < _UNPADDED:
            self._acking.padded(_UNPADDED - size)
        self._sending.is_heard(ack, field << peer.shift, when, text=size > 0)
        self._acking.is_heard(size, when)
        self._tally.came[flags | (DATA if data else 0) | (OPTIONS if stamps else 0)] += 1
        return True
