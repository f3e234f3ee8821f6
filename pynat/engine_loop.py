"""The loop in which an engine runs, with sockets and in wall time; a script's `net.host` too.

asyncio lets SystemExit and KeyboardInterrupt of any task end the whole loop, and with it the
guest's network. Here they are a fault of that task, but for Ctrl-C (`pynat.interrupts`).

A guest that waits for each answer sends the next frame some tens of microseconds later, and to
fall asleep in between and be woken costs as much again, on a busy machine much more. So where
sleeps have been short, the loop looks for `SPIN` seconds whether something has come before it
sleeps; where nothing has `MAX_CREDIT` times, it sleeps at once again. Where there is one processor
only, whoever is waited for needs it.

What has come alone does not wait in the loop's queue either: a lone frame is dealt with at once.
"""

from __future__ import annotations

import asyncio
import math
import os
import selectors
import time
from collections.abc import Callable, Coroutine
from select import EPOLLIN, EPOLLOUT

from pynat.interrupts import is_interrupt

SPIN = 80e-6  # seconds
MAX_CREDIT = 8
MAX_EVENTS = 64  # of one look

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
Ready = list[tuple[selectors.SelectorKey, int]]
Events = list[tuple[int, int]]  # descriptors, and what epoll says of them
Keys = dict[int, selectors.SelectorKey]  # by descriptor
Poll = Callable[[float, int], Events]  # seconds, -1 for any; so many at most


class SpinningSelector(selectors.EpollSelector):
    def __init__(self, processors: int) -> None:
        super().__init__()
        self._keys: Keys = self._fd_to_key  # type: ignore[attr-defined]
        self._most = MAX_CREDIT if processors > 1 else 0
        self._credit = 0

    def select(self, timeout: float | None = None) -> Ready:
        if timeout is not None and timeout <= SPIN:
            return super().select(timeout)
        poll: Poll = self._selector.poll  # type: ignore[attr-defined]
        start = time.monotonic()
        events = self._spin(poll, start + SPIN) if self._credit else []
        if not events:
            wait = -1 if timeout is None else math.ceil(timeout * 1e3) / 1e3  # epoll's resolution
            events = poll(wait, max(1, len(self._keys)))
            if time.monotonic() - start < SPIN:
                self._credit = self._most  # a spin would have seen it
        return self._ready(events)

    def _spin(self, poll: Poll, until: float) -> Events:
        """What has come by then."""
        while time.monotonic() < until:
            if events := poll(0, MAX_EVENTS):
                self._credit = self._most
                return events
        self._credit -= 1
        return []

    def _ready(self, events: Events) -> Ready:
        """As `select` has it."""
        return [
            (key, (_READ * bool(event & ~EPOLLOUT) | _WRITE * bool(event & ~EPOLLIN)) & key.events)
            for descriptor, event in events
            if (key := self._keys.get(descriptor)) is not None
        ]


class EngineLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__(SpinningSelector(len(os.sched_getaffinity(0))))

    def _process_events(self, ready: Ready) -> None:
        """Where one descriptor can be read, and nothing else is to be done, its turn has come."""
        if len(ready) == 1 and not self._ready:  # type: ignore[attr-defined]
            ((key, event),) = ready
            reader = key.data[0]
            if event == _READ and reader is not None and not reader.cancelled():
                reader._run()
                return
        super()._process_events(ready)  # type: ignore[misc]

    def _run_once(self) -> None:
        try:
            super()._run_once()  # type: ignore[misc]
        except BaseException as error:
            if is_interrupt(error):
                raise
            self.call_exception_handler({"message": "a way out of the loop", "exception": error})


def run(main: Coroutine[None, None, None]) -> None:
    with asyncio.Runner(loop_factory=EngineLoop) as runner:
        runner.run(main)
