"""Sockets watched together, as one descriptor of the event loop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine

import pytest

from pynat.host.readiness import BROKEN, READABLE, WRITABLE, Readiness

Told = tuple[str, int]


class Watched:
    """Both ends of a pair. Ours is `a`."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.readiness = Readiness[str](asyncio.get_running_loop(), self._tell)
        self.ours, self.theirs = socket.socketpair()

    def _tell(self, owner: str, events: int) -> None:
        self.told.append((owner, events))

    def watch(self, events: int) -> None:
        self.readiness.watch(self.ours.fileno(), "a", events)

    async def look(self) -> list[Told]:
        """What was told in three rounds of the loop: what is so is told in each."""
        self.told.clear()
        for _ in range(3):
            await asyncio.sleep(0)
        return self.told[:1]

    def close(self) -> None:
        self.readiness.close()
        self.ours.close()
        self.theirs.close()


async def what_is_so_is_told() -> None:
    pair = Watched()
    pair.watch(READABLE)
    assert await pair.look() == []
    pair.theirs.send(b"x")
    assert await pair.look() == [("a", READABLE)]
    pair.watch(READABLE | WRITABLE)
    assert await pair.look() == [("a", READABLE | WRITABLE)]
    pair.watch(WRITABLE)
    assert await pair.look() == [("a", WRITABLE)]
    pair.watch(0)
    assert await pair.look() == []
    pair.close()


async def an_end_is_told() -> None:
    pair = Watched()
    pair.watch(WRITABLE)
    pair.theirs.close()
    ((owner, events),) = await pair.look()
    assert (owner, bool(events & BROKEN)) == ("a", True)
    pair.close()
    pair.readiness.close()  # once more does no harm


async def who_was_ended_by_another_is_not_told() -> None:
    one, other = Watched(), Watched()
    readiness, told = one.readiness, one.told

    def end_both(owner: str, events: int) -> None:
        told.append((owner, events))
        for sock in (one.ours, other.ours):
            readiness.watch(sock.fileno(), "", 0)

    readiness._tell = end_both
    for name, pair in (("a", one), ("b", other)):
        readiness.watch(pair.ours.fileno(), name, READABLE)
        pair.theirs.send(b"x")
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(told) == 1
    for pair in (one, other):
        pair.close()


async def what_was_so_of_another_is_not_told() -> None:
    """It was ended before its turn, and somebody else has its number since."""
    one, other = Watched(), Watched()
    readiness, told, pairs = one.readiness, one.told, {"a": one, "b": other}

    def replace_the_other(owner: str, events: int) -> None:
        told.append((owner, events))
        pair = pairs["b" if owner == "a" else "a"]
        number = pair.ours.fileno()
        readiness.watch(number, "", 0)
        pair.theirs.close()
        new, pair.theirs = socket.socketpair()
        os.dup2(new.fileno(), number)
        new.close()
        readiness.watch(number, "new", READABLE)

    readiness._tell = replace_the_other
    for name, pair in pairs.items():
        readiness.watch(pair.ours.fileno(), name, READABLE)
        pair.theirs.send(b"x")
    readiness._look()
    assert len(told) == 1
    for pair in pairs.values():
        pair.close()


@pytest.mark.parametrize(
    "scenario",
    [
        what_is_so_is_told,
        an_end_is_told,
        who_was_ended_by_another_is_not_told,
        what_was_so_of_another_is_not_told,
    ],
)
def test_readiness(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(scenario())
