"""What is recorded for the linter, and that all of it is shown. No time is asserted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks import linting
from benchmarks.hot_paths import BATCH, rig
from pynat.lint.linter import Linter


def test_a_bulk_flow_both_ways_is_shown_to_the_linter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linting, "FLIGHTS", 2)
    with rig(linted=False) as one:
        recording = linting.turns(one)
    whole = [from_guest for from_guest, frames in recording if len(frames) >= BATCH]
    assert whole == [True, False, True, False]

    shown: list[bool] = []
    for way in ("from_guest", "to_guest"):
        monkeypatch.setattr(Linter, way, looking(shown, way == "from_guest"))
    assert linting.frame(recording).value > 0
    assert shown == [from_guest for from_guest, frames in recording for _ in frames]


def looking(shown: list[bool], from_guest: bool) -> Callable[..., list[object]]:
    def look(*_: object) -> list[object]:
        shown.append(from_guest)
        return []

    return look
