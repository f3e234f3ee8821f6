"""Which of many sockets are ready: an epoll of their own, one descriptor for the event loop.

asyncio keeps half a KiB for each descriptor that it watches: a handle, its arguments and context,
a key. For thousands of idle connections that is as much as all else that is known of them.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import Generic, TypeVar

Owner = TypeVar("Owner")

READABLE, WRITABLE = select.EPOLLIN, select.EPOLLOUT
BROKEN = ~(READABLE | WRITABLE)  # the end, or an error: as good as both
_MAX_EVENTS = 64  # of one look


class Readiness(Generic[Owner]):
    def __init__(self, loop: asyncio.AbstractEventLoop, tell: Callable[[Owner, int], None]) -> None:
        """tell: of whom, and what it is, also when it was not asked for."""
        self._loop = loop
        self._tell = tell
        self._poll = select.epoll()
        self._owners: dict[int, Owner] = {}  # by descriptor
        loop.add_reader(self._poll.fileno(), self._look)

    def watch(self, descriptor: int, owner: Owner, events: int) -> None:
        """From now on for these; for none, no more. Before the descriptor is closed."""
        if not events:
            if self._owners.pop(descriptor, None) is not None:
                self._poll.unregister(descriptor)
        elif descriptor in self._owners:
            self._poll.modify(descriptor, events)
        else:
            self._poll.register(descriptor, events)
            self._owners[descriptor] = owner

    def close(self) -> None:
        if not self._poll.closed:
            self._loop.remove_reader(self._poll.fileno())
            self._poll.close()

    def _look(self) -> None:
        owners = self._owners
        found = [(at, owners.get(at), events) for at, events in self._poll.poll(0, _MAX_EVENTS)]
        for descriptor, owner, events in found:
            if owner is not None and owners.get(descriptor) is owner:  # else one before ended it
                self._tell(owner, events)
