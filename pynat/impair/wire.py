"""The rules in force and the frames that they make wait, for both directions.

A frame passes the rules in their order; one that makes it wait hands it to the next when its time
has come. A rule that is taken away lets go at once of what it held. Rules for the other direction
or for other protocols than the frame's are not looked at, however many they are.

Rules may double a frame or cut it: it is under way as long as one piece of it is, and lost if none
has come by then. Whoever put it there is told which.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from pynat.impair.active_rule import ActiveRule, Fate
from pynat.impair.frame_view import FrameView
from pynat.impair.reading import parse
from pynat.impair.rule import ImpairRule
from pynat.impair.transfers import Transfers

MAX_QUEUE = 10_000  # frames that wait in one direction, whatever the limits of the rules

Told = Callable[[ActiveRule, bytes, "Fate", bool], None]  # rule, frame before, fate, to the guest
Overtaken = Callable[[int, bytes], None]  # number of the rule that held it, frame
Waits = Callable[[bytes], None]  # frame
Ends = Callable[[bytes, bool], None]  # frame, whether any of it has come


class _Waiting(NamedTuple):
    due: float
    order: int
    frame: bytes
    number: int  # the frame's, on the wire
    rule: ActiveRule  # that made it wait


class _Through(NamedTuple):
    when: float
    frame: bytes
    number: int


class _Queue:
    """One direction: what waits, the earliest first."""

    def __init__(self) -> None:
        self.heap: list[_Waiting] = []
        self.newest = 0  # number of a frame that has come through
        self.pieces = Counter[int]()  # under way, by the number of their frame
        self.came = set[int]()  # frames of which one has come, and others are under way
        self.ready: list[_Through] = []


class ImpairedWire:
    def __init__(
        self, seed: int, tell: Told, overtaken: Overtaken, waits: Waits, ends: Ends
    ) -> None:
        """tell: hears of everything that is done to a frame. overtaken: of the guest's frames that
        come through behind later ones. waits: of each frame of the guest's. ends: of it again, when
        nothing of it is under way any more.
        """
        self._waits, self._ends = waits, ends
        self._waiting: dict[int, bytes] = {}  # the guest's, by number
        self._overtaken = overtaken
        self.seed = seed
        self._tell = tell
        self._rules: dict[int, ActiveRule] = {}
        self._for: dict[tuple[bool, frozenset[str]], list[ActiveRule]] = {}
        self._transfers = Transfers()
        self._last = 0
        self._frames = 0
        self._order = count()
        self._queues = {False: _Queue(), True: _Queue()}

    # ------------------------------------------------------------------ the rules
    @property
    def rules(self) -> list[ActiveRule]:
        return list(self._rules.values())

    @property
    def idle(self) -> bool:
        """Every frame would go through as it is, at once."""
        return not self._rules and not any(
            queue.heap or queue.ready for queue in self._queues.values()
        )

    def add(self, rule: ImpairRule | str) -> ActiveRule:
        """Behind the others. Raises BadRule."""
        parsed = parse(rule) if isinstance(rule, str) else rule
        self._last += 1
        working = self._rules[self._last] = ActiveRule(self._last, parsed, self.seed)
        self._for.clear()
        return working

    def remove(self, number: int, now: float) -> ActiveRule:
        """Raises KeyError."""
        rule = self._rules.pop(number)
        self._for.clear()
        for queue in self._queues.values():
            queue.heap = [one._replace(due=now) if one.rule is rule else one for one in queue.heap]
            heapq.heapify(queue.heap)
        return rule

    # ------------------------------------------------------------------ frames
    def clear(self) -> list[bytes]:
        """What waits comes to nobody; the guest's frames of which nothing has come."""
        waiting, came = self._waiting, self._queues[False].came
        lost = [frame for number, frame in waiting.items() if number not in came]
        while waiting:
            number, frame = waiting.popitem()
            self._ends(frame, number in came)
        for to_guest, queue in self._queues.items():
            for one in queue.heap:
                one.rule.directions[to_guest].waiting -= 1
            queue.heap.clear()
            queue.ready.clear()
            queue.pieces.clear()
            queue.came.clear()
        return lost

    def put(self, frame: bytes, now: float, *, to_guest: bool) -> None:
        self._frames += 1
        number, queue = self._frames, self._queues[to_guest]
        if not to_guest:
            self._waiting[number] = frame
            self._waits(frame)
        queue.pieces[number] += 1
        self._pass(frame, now, 0, number, to_guest)
        self._one_less(number, queue)

    def pop_due(self, now: float, limit: int, *, to_guest: bool) -> list[tuple[float, bytes]]:
        """What has come through, each with the time at which it did."""
        queue = self._queues[to_guest]
        while queue.heap and queue.heap[0].due <= now:
            due, _, frame, number, rule = heapq.heappop(queue.heap)
            rule.directions[to_guest].waiting -= 1
            self._pass(frame, due, rule.number, number, to_guest)
            self._one_less(number, queue)
        taken, queue.ready = queue.ready[:limit], queue.ready[limit:]
        for one in taken:
            queue.came.add(one.number)
            self._one_less(one.number, queue)
        return [(one.when, one.frame) for one in taken]

    def _one_less(self, number: int, queue: _Queue) -> None:
        """A piece of the frame has come, is lost, or goes on as others."""
        queue.pieces[number] -= 1
        if queue.pieces[number]:
            return
        del queue.pieces[number]
        if (frame := self._waiting.pop(number, None)) is not None:
            self._ends(frame, number in queue.came)
        queue.came.discard(number)

    def waiting(self, *, to_guest: bool) -> int:
        """Frames under way."""
        return len(self._queues[to_guest].pieces)

    def ready(self, *, to_guest: bool) -> int:
        """Frames that have come through, and nobody has taken."""
        return len(self._queues[to_guest].ready)

    def next_due(self, *, to_guest: bool) -> float | None:
        queue = self._queues[to_guest]
        if queue.ready:
            return queue.ready[0].when
        return queue.heap[0].due if queue.heap else None

    def _pass(self, frame: bytes, now: float, behind: int, number: int, to_guest: bool) -> None:
        """Through the rules after the one numbered `behind`; `number` is the frame's own."""
        view = FrameView(frame)
        self._transfers.look(view, now)
        for rule in self._rules_for(view, to_guest):
            if rule.number <= behind or not rule.wants(view, number, now):
                continue
            fates = rule.directions[to_guest].treat(view, now)
            if fates == [Fate(frame, now, "")]:
                continue
            self._carry_out(rule, frame, fates, now, number, to_guest)
            return
        queue = self._queues[to_guest]
        queue.ready.append(_Through(now, frame, number))
        queue.pieces[number] += 1
        if number <= queue.newest and not to_guest:  # its own copy may have overtaken it
            self._overtaken(behind, frame)
        queue.newest = max(queue.newest, number)

    def _rules_for(self, view: FrameView, to_guest: bool) -> list[ActiveRule]:
        key = to_guest, frozenset(view.kinds)
        found = self._for.get(key)
        if found is None:
            rules = self._rules.values()
            found = self._for[key] = [one for one in rules if one.rule.fits(*key)]
        return found

    def _carry_out(
        self,
        rule: ActiveRule,
        frame: bytes,
        fates: list[Fate],
        now: float,
        number: int,
        to_guest: bool,
    ) -> None:
        rule.treated += 1
        for fate in fates:
            if fate.said:
                self._tell(rule, frame, fate, to_guest)
            if fate.frame is None:
                rule.lost += 1
            elif fate.due > now:
                self._hold(rule, fate, number, to_guest)
            else:
                self._pass(fate.frame, now, rule.number, number, to_guest)

    def _hold(self, rule: ActiveRule, fate: Fate, number: int, to_guest: bool) -> None:
        assert fate.frame is not None
        heap = self._queues[to_guest].heap
        if len(heap) >= MAX_QUEUE:
            rule.lost += 1
            full = Fate(None, fate.due, f"lost, {MAX_QUEUE} wait already")
            self._tell(rule, fate.frame, full, to_guest)
            return
        rule.directions[to_guest].waiting += 1
        self._queues[to_guest].pieces[number] += 1
        heapq.heappush(heap, _Waiting(fate.due, next(self._order), fate.frame, number, rule))
