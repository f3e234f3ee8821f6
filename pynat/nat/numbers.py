"""Flow numbers: unique for the life of one engine, whatever the protocol."""

from __future__ import annotations

from itertools import count


class Numbers:
    def __init__(self) -> None:
        self._count = count(1)

    def next(self) -> int:
        return next(self._count)
