"""RFC 6298 by its own numbers."""

from __future__ import annotations

import pytest

from pynat.config import Tcp
from pynat.nat.tcp.rtt import Rtt


def test_the_first_measurement() -> None:
    rtt = Rtt(Tcp())
    assert rtt.rto == 1.0  # 2.1
    rtt.sample(0.5)
    assert rtt.smoothed == 0.5
    assert rtt.variance == 0.25
    assert rtt.rto == pytest.approx(1.5)  # 2.2: SRTT + 4 * RTTVAR


def test_the_next_measurements() -> None:
    rtt = Rtt(Tcp())
    rtt.sample(0.5)
    rtt.sample(0.7)
    assert rtt.variance == pytest.approx(0.75 * 0.25 + 0.25 * 0.2)  # 2.3, before SRTT changes
    assert rtt.smoothed == pytest.approx(0.875 * 0.5 + 0.125 * 0.7)


def test_the_bounds_and_the_back_off() -> None:
    rtt = Rtt(Tcp())
    rtt.sample(0.001)
    assert rtt.rto == 0.2
    rtt.back_off()
    assert rtt.rto == 0.4
    for _ in range(20):
        rtt.back_off()
    assert rtt.rto == 60
    rtt.sample(0.001)
    assert rtt.rto == 0.2
