"""Ranges of sequence numbers: what is in them, what is not, what was new."""

from __future__ import annotations

import random

import pytest

from pynat.ranges import Ranges


@pytest.mark.parametrize("seed", range(20))
def test_they_are_what_a_set_of_numbers_is(seed: int) -> None:
    dice = random.Random(seed)
    ranges, numbers = Ranges(), set[int]()
    for _ in range(60):
        start = dice.randrange(100)
        end = start + dice.randrange(1, 12)
        assert ranges.add(start, end) == len(set(range(start, end)) - numbers)
        numbers |= set(range(start, end))
        if dice.random() < 0.2:
            gone = dice.randrange(50)
            ranges.forget_below(gone)
            numbers = {number for number in numbers if number >= gone}
        assert {n for start, end in ranges.pairs() for n in range(start, end)} == numbers
        assert all(a[1] < b[0] for a, b in zip(ranges.pairs(), ranges.pairs()[1:], strict=False))
        assert ranges.missing(start, end + 9) == len(set(range(start, end + 9)) - numbers)
        free = [n for n in range(start, end + 9) if n not in numbers]
        hole = ranges.hole(start, end + 9)
        assert (hole[0] if hole else None) == (free[0] if free else None)
        for number in range(-1, 120):
            found = ranges.containing(number)
            assert (found is not None) == (number in numbers)
            assert found is None or found in ranges.pairs()
