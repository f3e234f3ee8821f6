"""A driver that is one frame behind is told from a guest that is slow, or polls its card."""

from __future__ import annotations

import pytest

from pynat.testing.linted import LintedLab
from tests.lint.examples import arp
from tests.lint.naive import Stack
from tests.lint.play import OPEN, play
from tests.lint.test_naive import roots, run

BAD_WIRE = 'impair = ["loss 5%", "duplicate 5%", "to-guest delay 50ms 50ms"]'


class Behind(Stack):
    """It handles a frame when the next one comes."""

    held = b""

    def from_wire(self, frame: bytes, now: float) -> None:
        before, self.held, self.now = self.held, frame, now
        if before:
            super().from_wire(before, now)


class Late(Stack):
    """It handles a frame some time after it came."""

    late = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.ring: list[tuple[float, bytes]] = []

    def from_wire(self, frame: bytes, now: float) -> None:
        self.ring.append((self.handled(now), frame))

    def handled(self, now: float) -> float:
        return now + self.late

    def next_timer(self) -> float | None:
        times = [self.due, *(when for when, _ in self.ring)]
        return min((when for when in times if when is not None), default=None)

    def on_timer(self, now: float) -> None:
        while self.ring and self.ring[0][0] <= now:
            super().from_wire(self.ring.pop(0)[1], now)
        if self.due is not None and self.due <= now:
            super().on_timer(now)


class Polls(Late):
    def handled(self, now: float) -> float:
        return (now // self.late + 1) * self.late


def test_it_is_named() -> None:
    found = roots(run(Behind()))
    assert list(found) == ["ETH027"]
    assert "after another frame" in found["ETH027"]


def test_also_where_frames_are_lost() -> None:
    """Unless the frames are that show it: in most runs."""
    logs = (run(Behind(), 'impair = ["loss 5%"]', seed=seed) for seed in range(8))
    assert sum("ETH027" in roots(log) for log in logs) > 4


@pytest.mark.parametrize("late", [0.01, 0.1, 0.15, 0.2, 0.22, 0.25, 0.5, 1.0, 1.05, 2.0, 2.1, 2.5])
@pytest.mark.parametrize("kind", [Late, Polls])
@pytest.mark.parametrize("wire", ["", BAD_WIRE])
def test_who_is_slow_is_not_behind(kind: type[Late], late: float, wire: str) -> None:
    assert "ETH027" not in roots(run(type("Slow", (kind,), {"late": late})(), wire))


class Chatter(Stack):
    """It pings the router all the time; on a wire with a delay the replies come in between."""

    pause = 0.03
    beat: float | None = None

    def begin(self) -> None:
        self.until_answered("dns", self.ask)
        self.beat = self.now + self.pause

    def next_timer(self) -> float | None:
        return min(
            (when for when in (super().next_timer(), self.beat) if when is not None), default=None
        )

    def on_timer(self, now: float) -> None:
        if self.beat is not None and self.beat <= now:
            self.now, self.beat = now, now + self.pause
            self.ping()
        when = super().next_timer()
        if when is not None and when <= now:
            super().on_timer(now)


class ChattersBehind(Chatter, Behind):
    pass


BUSY = 'impair = ["to-guest delay 21ms"]'


@pytest.mark.parametrize("pause", [0.025, 0.03])
def test_it_is_named_on_a_busy_wire(pause: float) -> None:
    found = roots(run(type("Busy", (ChattersBehind,), {"pause": pause})(), BUSY))
    assert list(found) == ["ETH027"]


@pytest.mark.parametrize("late", [0.003, 0.01, 0.022, 0.033, 0.055])
@pytest.mark.parametrize("kind", [Late, Polls])
@pytest.mark.parametrize("pause", [0.017, 0.03])
@pytest.mark.parametrize("wire", ["", BUSY])
def test_who_is_slow_on_a_busy_wire_is_not_behind(
    kind: type[Late], late: float, pause: float, wire: str
) -> None:
    slow = type("Slow", (Chatter, kind), {"late": late, "pause": pause})
    assert "ETH027" not in roots(run(slow(), wire))


@pytest.mark.parametrize(("slow", "behind", "told"), [(0.2, 1, 1), (0.2, 0, 0), (0.05, 1, 0)])
def test_acknowledgements_of_one_that_looks_again_after_a_while(
    slow: float, behind: int, told: int
) -> None:
    """behind: segments that it has not looked at when it acknowledges."""
    lab = LintedLab()
    arp.sends(lab)
    arp.is_asked(lab)
    lab.wait(slow)
    arp.replies(lab)
    play(lab, OPEN)
    for number in range(20):
        start, end = (1 + count * 1000 for count in (number, number + 1))
        acked = start if behind else end
        play(lab, f"+0.001 < . {start}:{end}(1000) ack 1\n > . 1:1(0) ack {acked}")
    assert lab.found["ETH027"] == told
