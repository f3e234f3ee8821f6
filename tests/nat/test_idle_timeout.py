"""What is idle must be so on the guest's clock and on the wall's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scapy.layers.inet import ICMP, UDP

from pynat.nat.idle_timeout import IdleTimeout, WallTime
from pynat.nat.messages import CloseFlow
from pynat.testing.lab import Lab
from pynat.testing.script import established
from tests.frames import ip


def tcp(lab: Lab) -> None:
    established(lab)


def udp(lab: Lab) -> None:
    lab.from_guest(bytes(ip("192.0.2.7") / UDP(sport=5000, dport=9) / b"x"))


def ping(lab: Lab) -> None:
    lab.from_guest(bytes(ip("192.0.2.7") / ICMP(id=7)))


def is_closed(lab: Lab) -> bool:
    return any(isinstance(action, CloseFlow) for action in lab.to_host())


FLOWS = [(tcp, 600), (udp, 600), (ping, 60)]


class TwoClocks:
    """The wall's runs at `pace` seconds for one of the guest's."""

    def __init__(self, pace: float) -> None:
        self.lab = Lab()
        self.pace = pace
        self.wall = 5000.0
        self.wait(0)

    def wait(self, seconds: float) -> None:
        """Of the guest's time, with a turn for each timer."""
        lab = self.lab
        end = lab.now + seconds
        while (when := lab.next_timer()) is not None and when <= end:
            self._tell(when)
            lab.wait(when - lab.now)
        self._tell(end)
        lab.wait(end - lab.now)

    def _tell(self, when: float) -> None:
        self.wall += max(0.0, when - self.lab.now) * self.pace
        self.lab.router.wall_time(self.wall)


@pytest.mark.parametrize(("begin", "idle"), FLOWS)
def test_a_guest_whose_time_flies_keeps_what_it_has(
    begin: Callable[[Lab], None], idle: float
) -> None:
    clocks = TwoClocks(1 / 100)
    begin(clocks.lab)
    clocks.wait(99 * idle)
    assert not is_closed(clocks.lab)
    clocks.wait(1.01 * idle)
    assert is_closed(clocks.lab)


@pytest.mark.parametrize(("begin", "idle"), FLOWS)
def test_a_guest_whose_time_stands_keeps_what_it_has(
    begin: Callable[[Lab], None], idle: float
) -> None:
    clocks = TwoClocks(100)
    begin(clocks.lab)
    clocks.wait(0.99 * idle)
    assert not is_closed(clocks.lab)
    clocks.wait(0.02 * idle)
    assert is_closed(clocks.lab)


@pytest.mark.parametrize(("begin", "idle"), FLOWS)
def test_a_guest_that_gets_busy_is_not_waited_for_long(
    begin: Callable[[Lab], None], idle: float
) -> None:
    """Its clock flies for half of the time, and then runs like the wall's."""
    clocks = TwoClocks(1 / 100)
    begin(clocks.lab)
    clocks.wait(50 * idle)
    clocks.pace = 1
    clocks.wait(0.4 * idle)
    assert not is_closed(clocks.lab)
    clocks.wait(0.7 * idle)
    assert is_closed(clocks.lab)


def test_the_looks_at_the_clocks_are_few() -> None:
    wall = WallTime(0.0)
    idle = IdleTimeout(wall, 600)
    idle.used(0.0)
    looks = 0
    while not idle.is_over(idle.due):
        looks += 1
        wall.now = idle.due / 400
    assert looks <= 400
    assert 600 <= idle.due / 400 < 602


def test_the_log_names_the_key() -> None:
    lab = Lab()
    tcp(lab)
    udp(lab)
    lab.wait(601)
    text = "\n".join(lab.log)
    assert "idle for 600 s (tcp.idle)" in text
    assert "idle for 600 s (udp.idle)" in text
