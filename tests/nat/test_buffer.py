"""The host's bytes on their way to the guest, cut into segments."""

from __future__ import annotations

import random

import pytest

from pynat.nat.tcp.buffer import SendBuffer
from pynat.testing.script import pattern


@pytest.mark.parametrize("seed", range(50))
def test_what_is_cut_is_what_was_written(seed: int) -> None:
    dice = random.Random(seed)
    data = pattern(5000)
    buffer = SendBuffer(0)
    at = 0
    while at < len(data):
        size = dice.choice((1, 10, 100, 2000))
        buffer.write(data[at : at + size])
        at += size
    start, end = sorted(dice.sample(range(5000), 2))
    pieces = [bytes(piece) for piece in buffer.views(start, end)]
    assert b"".join(pieces) == data[start:end]
