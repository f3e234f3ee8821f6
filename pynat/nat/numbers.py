"""Flow numbers: unique for the life of one engine, whatever the protocol.

Who looks on is told of the end of a flow at the end of the turn: what the flow asks of the host,
and so its beginning, is known only then. Rows of flows that are over are kept where they are wanted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count

from pynat.nat.rows import Row


class Numbers:
    def __init__(self) -> None:
        self._count = count(1)
        self._gone: deque[tuple[int, str]] = deque()
        self.ended: deque[Row] | None = None  # the last flows of TCP and UDP, where they are wanted
        self.on_end: Callable[[int, str], None] | None = None  # of a flow of TCP or UDP, and why

    def next(self) -> int:
        return next(self._count)

    def gone(self, number: int, why: str, row: Callable[[], Row]) -> None:
        if self.ended is not None:
            self.ended.append(row() | {"ended": why})
        if self.on_end is not None:
            self._gone.append((number, why))

    def tell(self) -> None:
        while self._gone and self.on_end is not None:
            self.on_end(*self._gone.popleft())
