"""Our own TCP, looked at as if it were a guest's: whole transfers over a bad wire, no bad word."""

from __future__ import annotations

from random import Random

import pytest

from pynat.lint.linter import Linter
from pynat.testing.lab import Lab
from pynat.testing.simguest import SimGuest, Wire
from tests.nat.test_tcp_sim import SimHost

BY_DESIGN = {"TCP096"}  # the head of pynat/nat/tcp/receive.py says why


class Mirrored(Lab):
    """The linter stands at the network's end of the wire, and takes that for the guest's."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self._linter = Linter(self.config)
        self.found: set[str] = set()

    def from_guest(self, frame: bytes) -> None:
        self._linter.to_guest(frame, self.now)
        super().from_guest(frame)

    def _turn(self) -> None:
        before = len(self._frames)
        super()._turn()
        for frame in self._frames[before:]:
            found = self._linter.from_guest(frame, self.now)
            self.found |= {one.rule.code for one in found if one.rule.protocol == "TCP"}


@pytest.mark.parametrize("kinds", [{}, {"selective": True}, {"selective": True, "stamped": True}])
@pytest.mark.parametrize("loss", [0.0, 0.02, 0.1])
@pytest.mark.parametrize(("up", "down"), [(0, 60_000), (60_000, 0), (40_000, 40_000)])
def test_nothing_is_said_against_it(
    up: int, down: int, loss: float, kinds: dict[str, bool]
) -> None:
    """A guest whose number goes back for a retransmission, a host that reads in fits and starts."""
    for seed, delay in ((0, 0.02), (1, 0.0005), (2, 0.02)):
        dice = Random(seed)
        lab = Mirrored(seed)
        guest = SimGuest(lab, Wire(loss=loss, delay=delay), seed, dice.randbytes(up), **kinds)
        host = SimHost(lab, seed, dice.randbytes(down), stutter=True)
        while not (guest.done and host.closed):
            guest.step()
            host.act()
        assert lab.found <= BY_DESIGN, f"seed {seed}, delay {delay}"
