"""Of right guests nothing is said, whatever their habits: each is drawn from a seed (`habits.py`).

One or two of them share a network, on a good wire or a bad one, with leases that end soon or never.
"""

from __future__ import annotations

from random import Random

import pytest

from pynat.config.toml import read_toml
from pynat.testing.virtual import virtual
from tests.fuzzing import seeds
from tests.lint.habits import Habits, Several
from tests.lint.test_naive import roots

SECONDS = 300.0
WIRES = (
    "",
    "",
    'impair = ["loss 10%"]',
    'impair = ["loss 30%"]',
    'impair = ["duplicate 10%", "delay 20ms 30ms"]',
    'impair = ["to-guest udp fragment 200"]',
    'impair = ["loss 5%", "to-guest udp fragment 200"]',
    'faults = ["dhcp silent 2"]',
    'faults = ["dhcp nak 1"]',
    'faults = ["dhcp overload 2"]',
    'faults = ["arp silent 2"]',
    'faults = ["dns * silent 2"]',
)
NETWORK = """
    hermetic = true
    seed = {seed}
    [dhcp]
    lease = {lease}
    [dns]
    names = {{"www.example.test" = "192.0.2.7", "a.test" = "192.0.2.7"}}
"""


@pytest.mark.parametrize("seed", seeds(60))
def test_of_right_habits_nothing_is_said(seed: int) -> None:
    dice = Random(seed)
    network = NETWORK.format(seed=seed, lease=dice.choice((60, 120, 300, 3600)))
    config = read_toml(f"{dice.choice(WIRES)}\n{network}", "net.toml")
    guests = [Habits(seed, number) for number in range(dice.choice((1, 2)))]
    with virtual(config) as wire:
        wire.run(Several(guests), SECONDS)
    assert "lint stopped" not in wire.log
    assert roots(wire.log) == {}, wire.log
