"""One next deadline out of many: every object that waits has at most one, named by itself.

A heap with lazy deletion: setting an earlier or a later deadline leaves the old entry behind,
and it is skipped when it comes up. Cost per change is one heap push at most; a deadline that is
only moved later (an idle time-out at each packet) costs a dict write and is re-queued when the
old entry comes up.
"""

from __future__ import annotations

import heapq
from itertools import count
from typing import Protocol

SLACK = 64  # stale entries that are not worth a rebuild


class Waiting(Protocol):
    def on_timer(self, now: float) -> None: ...


class Timers:
    def __init__(self) -> None:
        self._due: dict[Waiting, float] = {}
        self._heap: list[tuple[float, int, Waiting]] = []
        self._queued: dict[Waiting, float] = {}  # the earliest heap entry of each owner
        self._order = count()  # equal deadlines fire in the order they were set

    def set(self, owner: Waiting, when: float | None) -> None:
        if when is None:
            self._due.pop(owner, None)
            return
        self._due[owner] = when
        queued = self._queued.get(owner)
        if queued is None or when < queued:
            self._push(owner, when)

    def is_due(self, now: float) -> bool:
        """Whether there is anything to `run`."""
        heap = self._heap
        if not heap or heap[0][0] > now:  # no deadline is before the first entry
            return False
        when = self.next()
        return when is not None and when <= now

    def next(self) -> float | None:
        while self._heap:
            when, _, owner = self._heap[0]
            due = self._due.get(owner)
            if due == when:
                return when
            heapq.heappop(self._heap)
            if self._queued.get(owner) == when:
                del self._queued[owner]
                if due is not None:
                    self._push(owner, due)
        return None

    def run(self, now: float) -> None:
        """Call `on_timer` of everything due, in order of deadline; each at most once a call."""
        due = []
        while (when := self.next()) is not None and when <= now:
            owner = self._heap[0][2]
            del self._due[owner]
            due.append(owner)
        for number, owner in enumerate(due, 1):
            try:
                owner.on_timer(now)
            except BaseException:
                for other in due[number:]:
                    self.set(other, now)  # a fault of one is not the others'
                raise

    def __len__(self) -> int:
        return len(self._due)

    def _push(self, owner: Waiting, when: float) -> None:
        if len(self._heap) > 1.5 * len(self._due) + SLACK:
            self._rebuild()
        self._queued[owner] = when
        heapq.heappush(self._heap, (when, next(self._order), owner))

    def _rebuild(self) -> None:
        """Old entries keep their owners alive, with whatever those hold."""
        self._heap = [(when, next(self._order), owner) for owner, when in self._due.items()]
        heapq.heapify(self._heap)
        self._queued = dict(self._due)
