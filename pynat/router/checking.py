"""Asks guests on purpose, where they would not be asked soon: do they answer ARP, and pings?

A router learns a guest's MAC address from the guest's own question and needs no answer for ten
minutes, so a guest that answers nothing would pass every short test. With the linter on, each guest
that is heard of is asked by ARP a second later, `TRIES` times at most; two of these questions go to
its card alone, which a guest answers that takes no broadcasts. In a hermetic network one that
answers is asked for addresses that nobody has, and gets the probes of `probes.py`, each
once: the next one when the one before is answered, or after `PAUSE`; but behind a plain ping only
if that was answered. One that is not answered within `STIR` is followed by a question by ARP: a
driver that is one frame behind answers then. A guest is asked again when it is heard of by ARP
`AGAIN` seconds later, and probed from where that has stopped; if all is done it gets a plain ping.
What is wrong with the answers is the linter's to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pynat.router.probes import PROBES, STRANGERS, Probe, nobody
from pynat.timers import Timers

TRIES = 5
_DIRECT = (3, TRIES)  # which of them go to the card alone
RETRY = 1.0  # seconds between questions by ARP
PAUSE = 0.2  # seconds for an answer to a probe
STIR = 2.0  # seconds for an answer to a plain ping
AGAIN = 60.0  # seconds
GUESTS = 256

Ask = Callable[[bytes, bool], None]  # that address; its card alone
Spare = Callable[[], list[bytes]]  # addresses of the net at which nobody seems to be
# To the first address, from the second one or else the router; the probe's number, now.
Send = Callable[[bytes, bytes | None, Probe, int, float], None]


@dataclass(slots=True, eq=False)
class _Check:
    address: bytes
    checks: Checks
    begun: float
    tries: int = 0
    answers_arp: bool = False
    probe: int = 0  # which one is next, or waits for its answer
    strangers: list[bytes] = field(default_factory=list)

    def on_timer(self, now: float) -> None:
        self.checks.go_on(self, now)


class Checks:
    def __init__(self, timers: Timers, ask: Ask, spare: Spare, send: Send | None) -> None:
        """send: None where there are to be no probes."""
        self._timers = timers
        self._spare = spare
        self._ask = ask
        self._send = send
        self._known: dict[bytes, _Check] = {}

    def heard(self, address: bytes, now: float) -> None:
        """A request or an announcement from there."""
        check = self._known.get(address)
        if check is not None and now < check.begun + AGAIN:
            return
        if check is None and len(self._known) >= GUESTS:
            return
        done = check.probe if check is not None else 0
        check = self._known[address] = _Check(address, self, now, probe=done)
        self._timers.set(check, now + RETRY)

    def answered(self, address: bytes, now: float) -> None:
        check = self._known.get(address)
        if check is None or check.answers_arp or check.tries in (0, _DIRECT[0]):
            return
        check.answers_arp = True
        if self._send is None:
            self._timers.set(check, None)
            return
        if not check.probe:
            check.strangers = self._spare()[:STRANGERS]
            for other in (nobody(address), *check.strangers):
                self._ask(other, False)
        self._probe(check, now)

    def replied(self, address: bytes, number: int, now: float) -> None:
        """To the probe of that number."""
        check = self._known.get(address)
        if check is not None and check.answers_arp and number == _place(check) + 1:
            self._next(check, now)

    def go_on(self, check: _Check, now: float) -> None:
        if check.answers_arp and _current(check).waits:
            self._ask(check.address, False)
        elif check.answers_arp:
            self._next(check, now)
        elif check.tries < TRIES:
            check.tries += 1
            self._timers.set(check, now + RETRY)
            self._ask(check.address, check.tries in _DIRECT)

    def _next(self, check: _Check, now: float) -> None:
        check.probe += 1
        if check.probe < len(PROBES):
            self._probe(check, now)
        else:
            self._timers.set(check, None)

    def _probe(self, check: _Check, now: float) -> None:
        assert self._send is not None
        probe, asker = _current(check), None
        if probe.stranger is not None:
            asker = next(iter(check.strangers[probe.stranger :]), None)
            if asker not in self._spare():
                self._next(check, now)
                return
        self._timers.set(check, now + (STIR if probe.waits else PAUSE))
        self._send(check.address, asker, probe, _place(check) + 1, now)


def _place(check: _Check) -> int:
    return min(check.probe, len(PROBES) - 1)


def _current(check: _Check) -> Probe:
    return PROBES[_place(check)]
