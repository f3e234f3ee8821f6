"""What one end of a connection has shown of itself.

Its own numbers count from its SYN, which is 0; `acked` and `right` are numbers of the other end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pynat.lint.span import NEVER, Span
from pynat.rules import Rule
from pynat.wire.tcp import NO_OPTIONS, Options, Segment

Tell = Callable[[Rule, str], None]

SPACE = 0xFFFF_FFFF
HALF = 0x8000_0000
DEFAULT_MSS = 536  # bytes, RFC 9293 3.7.1


def signed(distance: int) -> int:
    """A distance of two 32-bit numbers as one from -2**31 on."""
    return ((distance + HALF) & SPACE) - HALF


def swapped(number: int, size: int) -> int:
    """With its bytes the other way round."""
    return int.from_bytes(number.to_bytes(size, "little"), "big")


@dataclass(slots=True)
class Side:
    isn: int  # on the wire
    offered: Options = NO_OPTIONS  # those of its SYN
    syn_window: int = 0
    top: int = 1  # behind the highest number sent
    acked: int = 0  # the highest number acknowledged
    right: int = 0  # behind the last number for which room was announced, ever
    window: int = 0  # bytes, as announced last
    shift: int = 0
    mss: int = DEFAULT_MSS
    fin: int = 0  # the number of its FIN; 0 while there is none
    fin_at: Span = NEVER
    fin_window: int = 0  # what it announced with its FIN
    fin_acked: int = 0  # what it acknowledged with it
    closed_first: bool = False
    reset_at: Span | None = None
    first_stamp: int = 0  # the oldest
    stamp: int = 0  # the newest

    @classmethod
    def of(cls, syn: Segment) -> Side:
        options = syn.options
        stamp = options.timestamps[0] if options.timestamps else 0
        mss = DEFAULT_MSS if options.mss is None else options.mss
        side = cls(syn.seq, options, syn.window, mss=mss, first_stamp=stamp, stamp=stamp)
        side.top += len(syn.payload)
        side.right = 1 + syn.window  # a SYN's window is never scaled
        side.window = syn.window
        return side

    def stamped(self, value: int) -> bool:
        """Whether the timestamp is as new as any before."""
        newer = (value - self.stamp) & SPACE < HALF
        if newer:
            self.stamp = value
        elif signed(value - self.first_stamp) < 0:
            self.first_stamp = value
        return newer

    def wrap_hint(self, start: int, end: int) -> str:
        """For numbers that pass 2^32 in between."""
        if (self.isn + start) // (SPACE + 1) == (self.isn + end) // (SPACE + 1):
            return ""
        return "; numbers pass 2^32 there: are they compared by the sign of their difference?"

    def wraps(self, start: int, end: int) -> str:
        """Which end of the numbers, plain or with a sign, is in between."""
        first, last = self.isn + start, self.isn + end
        if first // (SPACE + 1) != last // (SPACE + 1):
            return "2^32"
        return "2^31" if first // HALF != last // HALF else ""

    def number(self, wire: int) -> int:
        """One of its numbers, next to the highest sent."""
        return self.top + ((wire - self.isn - self.top + HALF) & SPACE) - HALF
