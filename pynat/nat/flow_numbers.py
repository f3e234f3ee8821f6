"""Flow numbers: unique for the life of one engine, whatever the protocol.

Who looks on is told of the end of a flow at the end of the turn: what the flow asks of the host,
and so its beginning, is known only then. Rows of flows that are over
are kept where they are wanted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pynat.nat.rows import Row

Ended = Callable[[int, str, float], None]


class FlowNumbers:
    def __init__(self, ended: Ended | None = None) -> None:
        """ended: is told of each flow of TCP and UDP, and why."""
        self.drawn = 0  # so many have begun
        self._gone: deque[tuple[int, str]] = deque()
        self._ended = ended
        self.kept: deque[Row] | None = None  # of flows that are over, if somebody wants them

    def next(self) -> int:
        self.drawn += 1
        return self.drawn

    def gone(self, number: int, why: str, row: Callable[[], Row]) -> None:
        if self.kept is not None:
            self.kept.append(row() | {"ended": why})
        if self._ended is not None:
            self._gone.append((number, why))

    def tell(self, now: float) -> None:
        while self._gone and self._ended is not None:
            self._ended(*self._gone.popleft(), now)
