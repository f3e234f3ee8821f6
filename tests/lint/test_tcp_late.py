"""No false alarms on a busy machine: frames that were read late, and handed over late.

The stack that is looked at is our own, in the place of the guest. Between it and the wire an engine
takes what waits only at its turns, which may be far apart, and does not know since when it waits.
"""

from __future__ import annotations

import heapq
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pynat.lint.frame import Finding
from pynat.lint.linter import Linter
from pynat.lint.span import Span
from pynat.testing.lab import Lab
from pynat.testing.simguest import SimGuest, Wire
from tests.nat.test_tcp_sim import SimHost

PATIENCE = 600.0  # virtual seconds
WIRES = (
    Wire(delay=0.001),
    Wire(delay=0.08, jitter=0.02),
    Wire(loss=0.03, duplicate=0.03, delay=0.01, jitter=0.01),
)
PAUSES = (0.0001, 0.02, 0.3, 1.5)  # seconds between two turns, at most


class FarEnd(SimGuest):
    """The peer of the stack that is looked at, behind an engine that looks on."""

    def look_on(self, pause: float, *, knows: bool) -> None:
        """knows: that a frame may have waited since the turn before."""
        self.found: list[str] = []
        self._linter = Linter(self.lab.config)
        self._pause = pause
        self._knows = knows
        self._turns = Random(1)
        self._last_turn = self._next_turn = self.lab.now
        self._unread: list[bytes] = []  # of the stack
        self._waiting: list[bytes] = []  # for the stack
        self._handed: list[tuple[float, int, bytes]] = []

    def step(self) -> None:
        lab = self.lab
        moments = [self._timer, self._next_turn]
        moments += [queue[0][0] for queue in (self._air, self._handed) if queue]
        if (timer := lab.next_timer()) is not None:
            moments.append(timer)
        lab.wait(max(0.0, min(moments) - lab.now))
        while self._air and self._air[0][0] <= lab.now:
            _, _, to_us, frame = heapq.heappop(self._air)
            if to_us:
                self._receive(frame)
            else:
                self._waiting.append(frame)
        while self._handed and self._handed[0][0] <= lab.now:
            lab.from_guest(heapq.heappop(self._handed)[2])
        if lab.now >= self._timer:
            self._on_timer()
        self._unread += lab.to_guest()
        if lab.now >= self._next_turn:
            self._turn()

    def _turn(self) -> None:
        now = self.lab.now
        sent = Span(self._last_turn, now) if self._knows else now
        for frame in self._unread:
            self._note(self._linter.from_guest(frame, sent))
            self._launch(frame, to_guest=True)
        took = self._turns.random() * self._pause / 2
        comes = Span(now, now + took) if self._knows else now
        for frame in self._waiting:
            self._note(self._linter.to_guest(frame, comes))
            heapq.heappush(self._handed, (now + took, next(self._order), frame))
        self._unread, self._waiting = [], []
        self._last_turn = now
        self._next_turn = now + took + self._turns.random() * self._pause

    def note_the_end(self) -> None:
        self._note(self._linter.end(self._last_turn))

    def _note(self, findings: list[Finding]) -> None:
        for finding in findings:
            if finding.rule.code.startswith("TCP"):
                self.found.append(f"{self.lab.now:.3f} {finding.rule.code} {finding.text}")


def found(
    wire: Wire, pause: float, seed: int, *, knows: bool = True, **kinds: bool
) -> tuple[list[str], float]:
    """What was said, and how long it all took."""
    dice = Random(seed)
    lab = Lab(seed=seed)
    start = lab.now
    end = FarEnd(lab, wire, seed, dice.randbytes(dice.randrange(15_000)), **kinds)
    end.look_on(pause, knows=knows)
    host = SimHost(lab, seed, dice.randbytes(dice.randrange(60_000)), stutter=False)
    while not (end.done and host.closed) and lab.now < PATIENCE:
        end.step()
        host.act()
    if end.done and host.closed:  # else it is cut off
        end.note_the_end()
    return end.found, lab.now - start


@pytest.mark.parametrize("wire", WIRES, ids=["near", "far", "bad"])
@pytest.mark.parametrize("pause", PAUSES)
@pytest.mark.parametrize("selective", [False, True], ids=["plain", "sack"])
def test_a_right_stack_is_told_nothing(wire: Wire, pause: float, selective: bool) -> None:
    for seed in range(3):
        said, _ = found(wire, pause, seed, selective=selective, stamped=selective)
        assert not said, f"seed {seed}: {said[:5]}"


@settings(deadline=None, max_examples=25)
@given(
    st.builds(
        Wire,
        loss=st.floats(0, 0.2),
        duplicate=st.floats(0, 0.2),
        delay=st.floats(0.0001, 0.2),
        jitter=st.floats(0, 0.05),
    ),
    st.floats(0.0001, 3),
    st.integers(0, 2**32),
    st.booleans(),
)
def test_nor_is_it_on_any_other_wire(wire: Wire, pause: float, seed: int, both: bool) -> None:
    said, _ = found(wire, pause, seed, selective=both, stamped=both)
    assert not said, f"seed {seed}, {wire}, {pause}: {said[:5]}"


def test_times_of_reading_alone_accuse_it() -> None:
    """So the tests above can fail."""
    codes = {
        line.split()[1]
        for wire in WIRES
        for seed in range(4)
        for line in found(wire, 1.5, seed, knows=False)[0]
    }
    assert codes
