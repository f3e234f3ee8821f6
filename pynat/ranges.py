"""Ranges of sequence numbers, sorted and disjoint; those that touch are one.

TCP's send side keeps in it what the guest has selectively acknowledged (RFC 2018), its receive side
tells the guest from it what has come out of order, and a report counts from it what was sent again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

MAX_RANGES = 512  # ranges; who makes more of them is not believed any more


class Ranges:
    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def top(self) -> int:
        """The end of the last range."""
        return self._ends[-1]

    def pairs(self) -> list[tuple[int, int]]:
        return list(zip(self._starts, self._ends, strict=True))

    def add(self, start: int, end: int) -> int:
        """How many of these numbers are new."""
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first == last and len(self._starts) >= MAX_RANGES:
            return 0
        known = sum(
            max(0, min(end, self._ends[i]) - max(start, self._starts[i]))
            for i in range(first, last)
        )
        new = end - start - known
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]
        return new

    def forget_below(self, number: int) -> None:
        gone = bisect_right(self._ends, number)
        del self._starts[:gone], self._ends[:gone]
        if self._starts and self._starts[0] < number:
            self._starts[0] = number

    def clear(self) -> None:
        self._starts.clear()
        self._ends.clear()

    def containing(self, number: int) -> tuple[int, int] | None:
        i = bisect_right(self._starts, number) - 1
        if i >= 0 and number < self._ends[i]:
            return self._starts[i], self._ends[i]
        return None

    def hole(self, start: int, end: int) -> tuple[int, int] | None:
        """The first stretch between `start` and `end` that is in no range."""
        inside = self.containing(start)
        if inside:
            start = inside[1]
        if start >= end:
            return None
        i = bisect_right(self._starts, start)
        return start, min(end, self._starts[i]) if i < len(self._starts) else end

    def missing(self, start: int, end: int) -> int:
        """How many numbers from `start` to `end` are in no range."""
        if end <= start:
            return 0
        i = bisect_right(self._ends, start)
        count = end - start
        while i < len(self._starts) and self._starts[i] < end:
            count -= min(end, self._ends[i]) - max(start, self._starts[i])
            i += 1
        return count
