"""Flow numbers: unique for the life of one engine, whatever the protocol.

Who looks on is told of the end of a flow at the end of the turn: what the flow asks of the host,
and so its beginning, is known only then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count

Ended = Callable[[int, str, float], None]


class Numbers:
    def __init__(self, ended: Ended | None = None) -> None:
        """ended: is told of each flow of TCP and UDP, and why."""
        self._count = count(1)
        self._gone: deque[tuple[int, str]] = deque()
        self._ended = ended

    def next(self) -> int:
        return next(self._count)

    def gone(self, number: int, why: str) -> None:
        if self._ended is not None:
            self._gone.append((number, why))

    def tell(self, now: float) -> None:
        while self._gone and self._ended is not None:
            self._ended(*self._gone.popleft(), now)
