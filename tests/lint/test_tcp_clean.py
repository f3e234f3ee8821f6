"""No false alarms: whatever the wire does, a guest that behaves is told nothing.

The linter stands where it stands under Bochs: at the guest's card, on this side of the bad wire.
"""

from __future__ import annotations

from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pynat.lint.frame import Finding
from pynat.lint.linter import Linter
from pynat.testing.lab import Lab
from pynat.testing.simguest import SimGuest, Wire
from tests.nat.test_tcp_sim import PATIENCE, SimHost

# What SimGuest really does: one time-out for ever, go-back-N without looking at duplicate
# acknowledgements, no PSH, no congestion window; its time-out is half a second, also for a SYN and
# whatever the wire's delay is. If it is not selective, it throws away what comes out of order.
EXPLAINED = {"TCP063", "TCP071", "TCP072", "TCP074", "TCP076", "TCP077", "TCP110", "TCP112"}
NOT_KEPT = "TCP103"


class Watched(SimGuest):
    def watch(self, *, selective: bool) -> None:
        self._forgetful = set() if selective else {NOT_KEPT}
        self.found: list[str] = []
        self.looked_at = 0
        self._linter = Linter(self.lab.config)

    def _launch(self, frame: bytes, *, to_guest: bool) -> None:
        if not to_guest:
            self._note(self._linter.from_guest(frame, self.lab.now))
        super()._launch(frame, to_guest=to_guest)

    def _receive(self, frame: bytes) -> None:
        self._note(self._linter.to_guest(frame, self.lab.now))
        super()._receive(frame)

    def end(self) -> None:
        self._note(self._linter.end(self.lab.now))

    def _note(self, findings: list[Finding]) -> None:
        self.looked_at += 1
        for finding in findings:
            code = finding.rule.code
            if code.startswith("TCP") and code not in EXPLAINED | self._forgetful:
                self.found.append(f"{self.lab.now:.3f} {code} {finding.text}")


@settings(deadline=None, max_examples=40)
@given(
    st.builds(
        Wire,
        loss=st.floats(0, 0.25),
        duplicate=st.floats(0, 0.2),
        delay=st.floats(0.0001, 0.2),
        jitter=st.floats(0, 0.05),
    ),
    st.integers(0, 2**32),
    st.integers(0, 60_000),
    st.integers(0, 60_000),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
@example(Wire(0.18, 0.02, 0.2, 0.0), 2089158917, 24_817, 50_568, False, True, False)
@example(Wire(0.03, 0.007, 0.001, 0.04), 2252751404, 5_922, 16_384, False, True, True)
@example(Wire(0.0, 0.0, 0.171875, 0.0), 0, 21_181, 0, True, False, False)
@example(Wire(0.03125, 0.0625, 0.140625, 0.015625), 1721, 17_002, 1001, True, False, False)
def test_a_bad_wire_is_not_the_guests_fault(
    wire: Wire, seed: int, up: int, down: int, slow: bool, selective: bool, stamped: bool
) -> None:
    dice = Random(seed)
    lab = Lab(seed=seed)
    guest = Watched(lab, wire, seed, dice.randbytes(up), selective=selective, stamped=stamped)
    guest.watch(selective=selective)
    host = SimHost(lab, seed, dice.randbytes(down), stutter=slow)
    while not (guest.done and host.closed) and lab.now < PATIENCE:
        guest.step()
        host.act()
    guest.end()
    assert guest.done, f"seed {seed}, {wire}"
    assert guest.looked_at > 8  # a handshake and its end, both ways
    assert not guest.found, f"seed {seed}, {wire}: {guest.found[:5]}"
