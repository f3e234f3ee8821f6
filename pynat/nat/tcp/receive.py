"""The receive side of a flow: bytes of the guest on their way to the host.

    ack                      nxt                      edge
     |--- held: the kernel ---|--- what the guest may ---|
     |    has not taken it    |    send                  |

Bytes are acknowledged only once the host's kernel has taken them, so an acknowledgement means
what it says even if this process ends in the next instant; FIN is acknowledged when everything
before it has been taken and the host has been told. The right edge of the window never moves
back (RFC 9293 3.8.6). Segments out of order are not kept: the wire to the guest does not reorder,
and a retransmission closes the gap.
"""

from __future__ import annotations

CAPACITY = 256 * 1024  # bytes held for one flow
SMALL = 512  # bytes
WINDOW_SHIFT = 3  # announced; 65,535 << 3 covers CAPACITY


class Receiver:
    def __init__(self, irs: int) -> None:
        self.irs = irs
        self.nxt = irs + 1
        self.chunks: list[bytes | memoryview] = []  # in order, not yet taken by the kernel
        self.held = 0  # bytes in chunks
        self.fin = False  # received in order
        self.fin_passed = False  # the host has been told
        self.edge = self.nxt  # right edge of the window that the guest has been told

    @property
    def ack(self) -> int:
        """RCV.NXT as the guest sees it."""
        return self.nxt - self.held - (self.fin and not self.fin_passed)

    @property
    def drained(self) -> bool:
        return self.fin and not self.held

    def window(self, shift: int) -> int:
        """The window field, scaled by `shift`; remembers what has been promised."""
        ack = self.ack
        field = min(0xFFFF, max(CAPACITY, self.edge - ack) >> shift)
        self.edge = max(self.edge, ack + (field << shift))
        return field

    def acceptable(self, seq: int, length: int) -> bool:
        """RFC 9293 3.10.7.4, first check; a segment may begin before the window."""
        size = self.edge - self.nxt
        if not length:
            return seq == self.nxt or self.nxt <= seq < self.edge
        return size > 0 and seq < self.edge and seq + length > self.nxt

    def accept(self, seq: int, payload: bytes | memoryview, fin: bool) -> bool:
        """Keep what is new and in order; whether anything was.

        Bytes beyond the window are cut off, and with them a FIN behind them.
        """
        if self.fin or seq > self.nxt:
            return False
        end = seq + len(payload)
        if end > self.edge:
            fin = False
            end = self.edge
        new = end - self.nxt
        if new > 0:
            start = self.nxt - seq
            self._keep(payload[start : start + new])
            self.held += new
            self.nxt = end
        if fin and self.nxt == end:
            self.fin = True
            self.nxt += 1
        return new > 0 or self.fin

    def _keep(self, data: bytes | memoryview) -> None:
        """Small pieces are joined, or a guest that sends single bytes fills lists."""
        if self.chunks and len(data) < SMALL and len(self.chunks[-1]) < SMALL:
            self.chunks[-1] = bytes(self.chunks[-1]) + data
        else:
            self.chunks.append(data)

    def taken(self, count: int) -> None:
        """The kernel has taken `count` bytes off the front of `chunks`."""
        self.held -= count
        while count:
            first = self.chunks[0]
            if len(first) > count:
                self.chunks[0] = memoryview(first)[count:]
                return
            count -= len(first)
            del self.chunks[0]
