"""Asks guests on purpose, where they would not be asked soon: do they answer ARP, and pings?

A router learns a guest's MAC address from the guest's own question and needs no answer for ten
minutes, so a guest that answers nothing would pass every short test. In a hermetic network, with
the linter on, each guest that is heard of is asked by ARP a second later, `TRIES` times at most;
one that answers is pinged once. That is repeated when it is heard of by ARP `AGAIN` seconds later.
What is wrong with the answers is the linter's to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pynat.timers import Timers

TRIES = 3
PAUSE = 1.0  # seconds
AGAIN = 60.0  # seconds
GUESTS = 256

Ask = Callable[[bytes, float], None]  # that address, now


@dataclass(slots=True, eq=False)
class _Check:
    address: bytes
    checks: Checks
    begun: float
    tries: int = 0

    def on_timer(self, now: float) -> None:
        self.checks.go_on(self, now)


class Checks:
    def __init__(self, timers: Timers, ask: Ask, ping: Ask) -> None:
        self._timers = timers
        self._ask = ask
        self._ping = ping
        self._known: dict[bytes, _Check] = {}

    def heard(self, address: bytes, now: float) -> None:
        """A request or an announcement from there."""
        check = self._known.get(address)
        if check is not None and now < check.begun + AGAIN:
            return
        if check is None and len(self._known) >= GUESTS:
            return
        check = self._known[address] = _Check(address, self, now)
        self._timers.set(check, now + PAUSE)

    def answered(self, address: bytes, now: float) -> None:
        check = self._known.get(address)
        if check is not None and 0 < check.tries <= TRIES:
            check.tries = TRIES + 1
            self._timers.set(check, None)
            self._ping(address, now)

    def go_on(self, check: _Check, now: float) -> None:
        if check.tries < TRIES:
            check.tries += 1
            self._timers.set(check, now + PAUSE)
            self._ask(check.address, now)
