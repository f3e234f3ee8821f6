"""A whole engine in virtual time, with capture, linter and impaired wire, for a guest in Python.

    with virtual(Config(hermetic=True)) as network:
        network.run(guest, seconds=60)
        print(network.log)

The guest is sans-IO: an object with the methods of Guest. Time jumps to whoever wants to be woken
next, so a minute of retransmissions takes no time, and every run is the same to the byte. A stack
in another language joins in as a program (`pynat.testing.program`).

The wire has no length: a whole burst comes at one instant, and what only time tells apart cannot be
seen. A rule such as `to-guest rate 10mbit` gives each frame its own time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from pynat.config import Config
from pynat.control.commands import Commands
from pynat.engine import Engine, say
from pynat.log.notices import Notices
from pynat.serve.stack import seeded, stacked

if TYPE_CHECKING:
    from pynat.net.net import Net

_MAX_TURNS = 100_000  # within _MOMENT: a guest and a network that answer each other for ever
_MOMENT = 0.01  # seconds of virtual time
_ENDLESS = (
    "guest and network do not come to rest at {:.3f} s: either answers the other without end, or"
    " one sends without end, and no time passes; impair = ['rate 10mbit'] gives each frame its time"
)


class Guest(Protocol):
    """`now` is seconds, from 0 on. A timer is due when `now` has reached it."""

    def start(self, now: float) -> None: ...
    def from_wire(self, frame: bytes, now: float) -> None: ...
    def to_wire(self) -> list[bytes]: ...
    def next_timer(self) -> float | None: ...
    def on_timer(self, now: float) -> None: ...


class VirtualLink:
    """The guest's card: `waiting` are frames from it, `delivered` frames for it."""

    doorbell = -1
    speed = 0
    receive_runs = None
    send_runs = None

    def __init__(self) -> None:
        self.time = 0.0
        self.closing = False
        self.timer: float | None = None
        self.waiting: list[tuple[float, bytes]] = []
        self.delivered: list[bytes] = []
        self.lines: list[str] = []
        self.resets = 0
        self.refuses_since: float | None = None  # its receive ring is full

    def now(self) -> float:
        return self.time

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        frames, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return frames

    def send(self, frames: list[bytes]) -> int:
        self.delivered += frames
        return len(frames)

    def lost(self) -> list[tuple[float, bytes]]:
        return []

    def done(self, hold_until: float, timer: float | None) -> None:
        self.timer = timer

    def log(self, level: int, text: str) -> None:
        self.lines.append(f"{self.time:8.3f}  {text}")


class VirtualNetwork:
    def __init__(self, engine: Engine, card: VirtualLink, commands: Commands) -> None:
        """commands: what the control socket of another network would take."""
        self.engine = engine
        self.card = card
        self.commands = commands

    @property
    def log(self) -> str:
        """A line each, with the guest's time."""
        return "\n".join(self.card.lines)

    def run(self, guest: Guest, seconds: float) -> None:
        """Until nothing more is going to happen, or so much virtual time has passed."""
        guest.start(self.card.time)
        self.go_on(guest, seconds)

    def go_on(self, guest: Guest, seconds: float) -> None:
        """The same with a guest that has been started."""
        since = self.card.time
        end, turns = since + seconds, 0
        while turns < _MAX_TURNS:
            turns += 1
            if self._exchange(guest):
                continue
            due = [when for when in (guest.next_timer(), self.card.timer) if when is not None]
            if not due or min(due) > end:
                self.card.time = end
                return
            self.card.time = max(self.card.time, min(due))
            if self.card.time >= since + _MOMENT:
                since, turns = self.card.time, 0
            self._wake(guest)
        raise RuntimeError(f"{_ENDLESS.format(self.card.time)}\n{self.log}")

    def _exchange(self, guest: Guest) -> bool:
        """One turn of both; whether anything went over the wire, or is still to be taken."""
        card = self.card
        sent = guest.to_wire()
        # Each an object of its own, also where the guest gives the same one again.
        card.waiting += [(card.time, bytes(memoryview(frame))) for frame in sent]
        self.engine.turn()
        frames, card.delivered = card.delivered, []
        for frame in frames:
            guest.from_wire(frame, card.time)
        return bool(sent or frames or card.waiting)

    def _wake(self, guest: Guest) -> None:
        due = guest.next_timer()
        if due is not None and due <= self.card.time:
            guest.on_timer(self.card.time)


@contextlib.contextmanager
def virtual(config: Config, program: Net | None = None) -> Iterator[VirtualNetwork]:
    """program: a network in Python that `config` was made with.

    At the end what was not forwarded is in the log, with its count. Raises ConfigError.
    """
    card = VirtualLink()
    loop = asyncio.new_event_loop()
    config = seeded(config)
    notices = Notices(lambda level, text: say(card, level, text), config.lint.silence)
    try:
        with stacked(card, config, notices, lint=True, program=program) as stack:
            engine = Engine(
                config,
                stack.link,
                loop,
                notices,
                wall=card.now,
                program=program,
                wire=stack.impair,
                adopt=stack.adopt,
                end=stack.end,
            )
            around = stack.capture, stack.impair
            commands = Commands(engine, config, "virtual", *around, summary=stack.summary)
            yield VirtualNetwork(engine, card, commands)
            engine.end()
    finally:
        loop.close()
