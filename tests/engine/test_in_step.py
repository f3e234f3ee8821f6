"""An engine in step whose turn is wanted from outside, by the control socket."""

from __future__ import annotations

import asyncio

from pynat.config import Config
from pynat.engine import Engine


class SteppedLink:
    """Its time stands still between `tick`s, as the simulator's does for the engine."""

    doorbell = -1
    refuses_since = None
    resets = 0
    receive_runs = None
    speed = 0
    send_runs = None
    closing = False

    def __init__(self) -> None:
        self.time = 0.0
        self.deadlines: list[float | None] = []

    def now(self) -> float:
        return self.time

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        return []

    def send(self, frames: list[bytes]) -> int:
        return len(frames)

    def done(self, hold_until: float, timer: float | None) -> None:
        self.deadlines.append(timer)

    def log(self, level: int, text: str) -> None:
        """Nobody reads it."""


def test_what_comes_from_outside_is_done_in_the_simulators_next_turn() -> None:
    link = SteppedLink()
    loop = asyncio.new_event_loop()
    engine = Engine(Config(hermetic=True), link, loop, in_step=True)
    engine.turn()
    called: list[float] = []
    engine.soon(called.append)
    engine.soon(called.append)
    loop.run_until_complete(asyncio.sleep(0))
    assert link.deadlines == [None, 0.0]  # over, so the simulator begins a turn; asked for once
    assert called == []
    link.time = 7.0
    engine.turn()
    assert called == [7.0, 7.0]
    assert link.deadlines[2:] == [None]
    loop.close()


def test_a_wish_within_a_turn_outlives_the_turns_own_deadline() -> None:
    link = SteppedLink()
    loop = asyncio.new_event_loop()
    engine = Engine(Config(hermetic=True), link, loop, in_step=True)
    engine.soon(lambda now: engine.wake())
    loop.run_until_complete(asyncio.sleep(0))
    link.time = 3.0
    engine.turn()
    loop.run_until_complete(asyncio.sleep(0))
    assert link.deadlines == [0.0, None, 3.0]
    loop.close()
