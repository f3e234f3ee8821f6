"""What the linter costs a frame: a bulk flow is recorded, and shown to it without a network."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from itertools import groupby

from benchmarks.hot_paths import BATCH, Rig, rig, unheard
from benchmarks.results import Figure
from pynat.config import Config
from pynat.link.memory import MemoryLink
from pynat.log.notices import Notices
from pynat.serve.stack import seeded, stacked

FLIGHTS = 100  # of BATCH segments, each way
Turn = tuple[bool, list[bytes]]  # from the guest, frames
BETWEEN = 0.001  # seconds of the recorded time from turn to turn


class Recorded(MemoryLink):
    """A link whose guest is the recording, at the recorded time."""

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())
        self.waiting: list[bytes] = []
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        return [(self.time, frame) for frame in self.waiting]

    def send(self, frames: list[bytes]) -> int:
        return len(frames)

    def dispose(self) -> None:
        super().dispose()
        self._loop.close()


@contextlib.contextmanager
def recorded(_contender: str) -> Iterator[list[Turn]]:
    with rig(linted=False) as one:
        yield turns(one)


def turns(one: Rig) -> list[Turn]:
    for _ in range(FLIGHTS):
        one.segments_from_guest(BATCH)
        one.segments_to_guest(BATCH)
    return [
        (from_guest, [frame for _, frame in frames])
        for from_guest, frames in groupby(one.seen, lambda frame: frame[0])
    ]


def frame(recording: list[Turn]) -> Figure:
    """Microseconds of CPU, also of what hands the frames on."""
    card = Recorded()
    start = time.process_time()
    with stacked(card, seeded(Config()), Notices(unheard), lint=True) as stack:
        for from_guest, frames in recording:
            card.time += BETWEEN
            if from_guest:
                card.waiting = frames
                stack.link.receive(len(frames) + 1)
            else:
                stack.link.send(frames)
        seconds = time.process_time() - start
    card.dispose()
    return Figure(seconds / sum(len(frames) for _, frames in recording) * 1e6)
