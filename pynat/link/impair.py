"""A link that treats its frames as a bad wire does: a share of them lost, doubled, late or spoilt.

Each direction is treated alike and by itself. A frame waits in a queue until it is due: `delay`
after its coming, and REORDERED_BY later if it is to be overtaken. What is drawn depends on the
given dice alone, so a seed gives the same fate to the same frames in the same order. Spoilt is
one bit of an IPv4 packet, which the checksums of its headers or its payload show; in other frames
only the check sequence of a real wire would show it, so those are left alone.
"""

from __future__ import annotations

import contextlib
import heapq
from collections import Counter
from collections.abc import Iterator
from itertools import count
from random import Random

from pynat.config import Config, Impair
from pynat.link.link import Link, Wrapper
from pynat.notices import Level

REORDERED_BY = 0.005  # seconds; many frames pass in it, and no retransmission timer
LONGEST_QUEUE = 10_000  # frames in one direction; what comes then is lost
_HEADER = 14
_IPV4 = b"\x08\x00"


class _Wire:
    """One direction."""

    def __init__(self, wanted: Impair, dice: Random, fates: Counter[str]) -> None:
        self._wanted = wanted
        self._dice = dice
        self._fates = fates
        self._queue: list[tuple[float, int, bytes]] = []
        self._order = count()

    def put(self, frame: bytes, now: float) -> None:
        if self._happens("lost", self._wanted.loss):
            return
        if self._happens("corrupted", self._wanted.corrupt):
            frame = self._spoilt(frame)
        copies = 2 if self._happens("duplicated", self._wanted.duplicate) else 1
        for _ in range(copies):
            due = now + self._wanted.delay
            if self._happens("reordered", self._wanted.reorder):
                due += REORDERED_BY
            self._queue_up(due, frame)

    def due(self, now: float, limit: int) -> list[tuple[float, bytes]]:
        queue, frames = self._queue, list[tuple[float, bytes]]()
        while queue and queue[0][0] <= now and len(frames) < limit:
            when, _, frame = heapq.heappop(queue)
            frames.append((when, frame))
        return frames

    def next_due(self) -> float | None:
        return self._queue[0][0] if self._queue else None

    def _queue_up(self, due: float, frame: bytes) -> None:
        if len(self._queue) >= LONGEST_QUEUE:
            self._fates["lost by a full queue"] += 1
        else:
            heapq.heappush(self._queue, (due, next(self._order), frame))

    def _happens(self, fate: str, share: float) -> bool:
        if not share or self._dice.random() >= share:
            return False
        self._fates[fate] += 1
        return True

    def _spoilt(self, frame: bytes) -> bytes:
        if frame[12:14] != _IPV4 or len(frame) == _HEADER:
            return frame
        spoilt = bytearray(frame)
        spoilt[self._dice.randrange(_HEADER, len(frame))] ^= 1 << self._dice.randrange(8)
        return bytes(spoilt)


class ImpairLink(Wrapper):
    def __init__(self, inner: Link, wanted: Impair, dice: Random) -> None:
        super().__init__(inner)
        self.fates: Counter[str] = Counter()
        self._from_guest = _Wire(wanted, dice, self.fates)
        self._to_guest = _Wire(wanted, dice, self.fates)

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        now = self.now()
        for _, frame in self._inner.receive(limit):
            self._from_guest.put(frame, now)
        return self._from_guest.due(now, limit)

    def send(self, frames: list[bytes]) -> int:
        now = self.now()
        for frame in frames:
            self._to_guest.put(frame, now)
        return len(frames)

    def done(self, hold_until: float, timer: float | None) -> None:
        frames = self._to_guest.due(self.now(), LONGEST_QUEUE)
        if frames:
            self._inner.send([frame for _, frame in frames])
        due = (timer, self._from_guest.next_due(), self._to_guest.next_due())
        self._inner.done(hold_until, min((at for at in due if at is not None), default=None))

    def report(self) -> None:
        told = ", ".join(f"{number} {fate}" for fate, number in sorted(self.fates.items()))
        self.log(Level.INFO, f"impaired frames: {told or 'none'}")


@contextlib.contextmanager
def impaired(inner: Link, config: Config) -> Iterator[Link]:
    """`inner` as bad as the configuration wants it, or as it is."""
    if config.impair == Impair():
        yield inner
        return
    seed = Random().getrandbits(64) if config.seed is None else config.seed
    inner.log(Level.INFO, f"impaired wire, seed {seed}")
    link = ImpairLink(inner, config.impair, Random(seed))
    try:
        yield link
    finally:
        link.report()
