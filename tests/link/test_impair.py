"""A bad wire is as bad as it was told to be, and the same seed is the same wire."""

from __future__ import annotations

from random import Random

import pytest

from pynat.config import Impair
from pynat.link.impair import LONGEST_QUEUE, REORDERED_BY, ImpairLink
from pynat.link.link import Link

FRAMES = [bytes(12) + b"\x08\0" + bytes([n % 256, n // 256]) * 20 for n in range(2000)]


class FakeLink:
    doorbell = -1
    closing = False
    speed = 0

    def __init__(self) -> None:
        self.time = 0.0
        self.waiting: list[bytes] = []
        self.sent: list[bytes] = []
        self.timer: float | None = None
        self.lines: list[str] = []

    def now(self) -> float:
        return self.time

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return [(self.time, frame) for frame in taken]

    def send(self, frames: list[bytes]) -> int:
        self.sent += frames
        return len(frames)

    def done(self, hold_until: float, timer: float | None) -> None:
        self.timer = timer

    def log(self, level: int, text: str) -> None:
        self.lines.append(text)


class Turns:
    """An engine that does nothing with what it gets."""

    def __init__(self, wanted: Impair, seed: int = 1) -> None:
        self.inner = FakeLink()
        inner: Link = self.inner
        self.link = ImpairLink(inner, wanted, Random(seed))
        self.got: list[bytes] = []

    def run(self, from_guest: list[bytes] = [], to_guest: list[bytes] = []) -> None:  # noqa: B006
        """One turn for these frames, then as many as the link asks for."""
        self.inner.waiting += from_guest
        self._turn(to_guest)
        while self.inner.waiting or self.inner.timer is not None:
            self.inner.time = max(self.inner.time, self.inner.timer or 0.0)
            self._turn([])

    def _turn(self, to_guest: list[bytes]) -> None:
        self.got += [frame for _, frame in self.link.receive(256)]
        if to_guest:
            self.link.send(to_guest)
        self.link.done(0.0, None)


def test_without_impairment_all_pass_in_order_at_once() -> None:
    turns = Turns(Impair())
    turns.run(from_guest=FRAMES, to_guest=FRAMES)
    assert turns.got == FRAMES
    assert turns.inner.sent == FRAMES
    assert turns.inner.time == 0.0


@pytest.mark.parametrize("share", [0.01, 0.5])
def test_a_share_is_lost_in_each_direction(share: float) -> None:
    turns = Turns(Impair(loss=share))
    turns.run(from_guest=FRAMES, to_guest=FRAMES)
    for passed in (turns.got, turns.inner.sent):
        assert passed == sorted(passed, key=FRAMES.index)
        assert len(passed) == pytest.approx(2000 * (1 - share), rel=0.05)
    lost = 4000 - len(turns.got) - len(turns.inner.sent)
    assert turns.link.fates == {"lost": lost}
    turns.link.report()
    assert turns.inner.lines == [f"impaired frames: {lost} lost"]


def test_some_come_twice() -> None:
    turns = Turns(Impair(duplicate=0.1))
    turns.run(to_guest=FRAMES)
    doubled = len(turns.inner.sent) - 2000
    assert doubled == pytest.approx(200, rel=0.3)
    assert set(turns.inner.sent) == set(FRAMES)


def test_delay_is_the_same_for_all_and_asks_to_be_woken() -> None:
    turns = Turns(Impair(delay=0.02))
    turns.inner.time = 5.0
    turns.link.send(FRAMES[:1])
    turns.link.done(0.0, 7.0)
    assert turns.inner.sent == []
    assert turns.inner.timer == pytest.approx(5.02)
    turns.run()
    assert turns.inner.sent == FRAMES[:1]
    assert turns.inner.time == pytest.approx(5.02)


def test_some_are_overtaken() -> None:
    turns = Turns(Impair(reorder=0.1))
    turns.run(to_guest=FRAMES)
    assert turns.inner.sent != FRAMES
    assert sorted(turns.inner.sent) == sorted(FRAMES)
    assert turns.inner.time == pytest.approx(REORDERED_BY)


def test_one_bit_of_some_is_wrong_behind_the_ethernet_header() -> None:
    turns = Turns(Impair(corrupt=0.1))
    turns.run(to_guest=FRAMES)
    changed = [(a, b) for a, b in zip(FRAMES, turns.inner.sent, strict=True) if a != b]
    assert len(changed) == pytest.approx(200, rel=0.3)
    for one, other in changed:
        assert one[:14] == other[:14]
        wrong = int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
        assert wrong.bit_count() == 1
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    turns = Turns(Impair(corrupt=1))
    turns.run(to_guest=[arp])
    assert turns.inner.sent == [arp]


def test_a_seed_repeats_all_of_it() -> None:
    wanted = Impair(loss=0.1, duplicate=0.1, reorder=0.1, corrupt=0.1, delay=0.01)
    one, same, other = (Turns(wanted, seed) for seed in (7, 7, 8))
    for turns in (one, same, other):
        turns.run(from_guest=FRAMES, to_guest=FRAMES)
    assert one.got == same.got
    assert one.inner.sent == same.inner.sent
    assert one.got != other.got


def test_the_queue_has_a_bound() -> None:
    turns = Turns(Impair(delay=1))
    turns.run(to_guest=FRAMES[:1] * (LONGEST_QUEUE + 5))
    assert len(turns.inner.sent) == LONGEST_QUEUE
    assert turns.link.fates == {"lost by a full queue": 5}
