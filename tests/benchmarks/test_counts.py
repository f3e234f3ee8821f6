"""The hot paths are gone as they say; the kept counts have all of them. No count is asserted."""

from __future__ import annotations

import pytest

from benchmarks import counts
from benchmarks.hot_paths import TIMES, WAYS, Way, rig, steps


@pytest.mark.parametrize("linted", [False, True])
def test_each_way_is_gone_in_steps(linted: bool) -> None:
    with rig(linted=linted) as one:
        for way in WAYS:
            taken = steps(one, way)
            assert len(taken) == TIMES
            assert min(taken) >= 1


def test_a_packet_that_is_lost_is_an_error() -> None:
    with rig(linted=False) as one, pytest.raises(TimeoutError):
        steps(one, Way("nobody", lambda one: one.until(lambda: False)))


def test_the_kept_counts_have_every_way() -> None:
    kept = counts.read(counts.KEPT.read_text())
    assert list(kept) == [way.title for way in WAYS]
    assert {len(each) for each in kept.values()} == {len(counts.LINTER)}


def test_counts_are_written_and_read() -> None:
    found = {"segment, alone": [1_234, 5], "32 of them": [60, 7_000_000]}
    assert counts.read(counts.HEAD + counts.text(found)) == found


def test_a_median_takes_as_many_parts_as_there_were_steps() -> None:
    parts = iter([1_000, 3_000, 9_000, 2_000, 2_000, 7_000])
    assert counts.median_of([1, 2, 2], parts) == 4
    assert list(parts) == [7_000]


def test_what_callgrind_writes() -> None:
    assert counts.summary("events: Ir\nsummary: 585997\n\nob=(2)\n") == 585_997


def test_changes_are_told_with_their_size() -> None:
    before = {"a": [100, 200], "gone": [1, 1]}
    after = {"a": [102, 250], "new": [7, 7]}
    assert list(counts.changes(before, after)) == ["a, linter on: 200 -> 250 (+25%)"]
