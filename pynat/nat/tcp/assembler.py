"""Bytes of the guest that came out of order, until the gap before them closes (RFC 9293 3.10.7.4).

What is here first stays: a later segment that overlaps adds only what is missing. The caller's
window bounds the bytes, `MAX_PIECES` the bookkeeping; a segment beyond that is as good as lost.
"""

from __future__ import annotations

from bisect import bisect_right

from pynat.ranges import Ranges

MAX_PIECES = 256  # of one flow
MAX_BLOCKS = 3  # SACK blocks that fit beside timestamps (RFC 2018 3)

Data = bytes | memoryview


class Assembler:
    __slots__ = ("_latest", "_pieces", "_ranges", "_starts", "held")

    def __init__(self) -> None:
        self.held = 0  # bytes
        self._starts: list[int] = []
        self._pieces: list[bytes] = []
        self._ranges = Ranges()
        self._latest: list[int] = []  # a number in each range, that of the newest segment first

    def __bool__(self) -> bool:
        return bool(self._starts)

    @property
    def end(self) -> int:
        """The number behind all that is here, which is something."""
        return self._starts[-1] + len(self._pieces[-1])

    def add(self, seq: int, data: Data) -> bool:
        """Whether it is here now, all of it."""
        end = seq + len(data)
        while (hole := self._ranges.hole(seq, end)) is not None:
            if len(self._starts) >= MAX_PIECES:
                return False
            start, stop = hole
            i = bisect_right(self._starts, start)
            self._starts.insert(i, start)
            self._pieces.insert(i, bytes(data[start - seq : stop - seq]))  # its frame may be longer
            self._ranges.add(start, stop)
            self.held += stop - start
        self._latest = [seq, *(n for n in self._latest if not seq <= n < end)][:MAX_PIECES]
        return True

    def pop_in_order(self, nxt: int) -> list[bytes]:
        """What follows `nxt` without a gap; what lies before it is forgotten."""
        out: list[bytes] = []
        taken = 0
        for start, piece in zip(self._starts, self._pieces, strict=True):
            if start > nxt:
                break
            taken += 1
            self.held -= len(piece)
            if start + len(piece) > nxt:
                out.append(piece[nxt - start :])
                nxt = start + len(piece)
        if taken:
            del self._starts[:taken], self._pieces[:taken]
            self._ranges.forget_below(nxt)
            self._latest = [n for n in self._latest if n >= nxt]
        return out

    def blocks(self) -> list[tuple[int, int]]:
        """For the SACK option: the range of the newest segment first (RFC 2018 4)."""
        blocks: list[tuple[int, int]] = []
        for number in self._latest:
            block = self._ranges.containing(number)
            if block is not None and block not in blocks:
                blocks.append(block)
                if len(blocks) == MAX_BLOCKS:
                    break
        return blocks
