"""How a guest takes an address and keeps it (RFC 5227).

    probe       three, 1 to 2 s apart, then 2 s of silence; the sender's address is 0.0.0.0 and the
                target's MAC address zero (2.1.1)
    announce    two, 2 s apart (2.3)
    conflict    another host claims the address: one that is probed for must not be used; one that
                is used may be defended by one announcement in 10 s (2.4). After ten of the first
                kind the next address is tried a minute later (2.1.1), or ten seconds, where the
                guest has declined it by DHCP (RFC 2131 3.1)

Times are compared with a tenth to spare: a guest's clock may differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pynat.lint.span import NEVER, Span
from pynat.rules import Rule
from pynat.rules import arp as rules
from pynat.wire import ethernet
from pynat.wire.arp import Arp
from pynat.wire.ipv4 import dotted

# RFC 5227 1.1
PROBE_NUM = 3
PROBE_MIN, PROBE_MAX = 1.0, 2.0  # seconds
ANNOUNCE_WAIT = 2.0
ANNOUNCE_INTERVAL = 2.0
MAX_CONFLICTS = 10
RATE_LIMIT_INTERVAL = 60.0
DEFEND_INTERVAL = 10.0

ANNOUNCED = 4.37  # seconds in which both announcements have come; no sum of round pauses
AFTER_DECLINE = 10.0  # seconds (RFC 2131 3.1)
SLOW = 2  # probes in a row that come late; one may begin a new attempt
PATIENCE = 1.0  # seconds that a guest may go on with what others claim
OLD = 10.0  # seconds after which a probe begins a new attempt
DEFENCES = 3  # announcements within DEFEND_INTERVAL; two belong to every new address
_NO_MAC = bytes(6)

Found = Iterator[tuple[Rule, str]]


@dataclass(slots=True)
class Conflicts:
    """Of one card, about what it has probed for, since it took an address."""

    count: int = 0
    last: Span = NEVER
    by_dhcp: bool = False  # it asks for its addresses

    def probe(self, packet: Arp, when: Span) -> Found:
        wait = AFTER_DECLINE if self.by_dhcp else RATE_LIMIT_INTERVAL
        ago = when.most(self.last)
        if self.count > MAX_CONFLICTS and ago < wait * 0.9:
            text = f"{packet}: {ago:.1f} s after conflict {self.count} with another host"
            yield rules.PROBES_ON, f"{text}, expected {wait:g} s at least (RFC 5227 2.1.1)"
            self.count = 0


@dataclass(slots=True)
class Claim:
    """One address of the guest's."""

    card: bytes = b""  # that probes for it
    probes: int = 0
    probed: Span | None = None  # last
    slow: int = 0  # probes in a row that came late
    begun: Span | None = None  # its first use after the probes, then the first announcement
    announcements: int = 0
    taken: Span | None = None  # when another host claimed it, and the guest had not used it
    again: int = 0  # probes since then
    attacked: Span | None = None  # when another host first claimed what the guest uses
    defences: int = 0  # since then

    def is_settled(self, until: Span) -> bool:
        """Up to then `uses` has nothing to say, and nothing to keep."""
        if self.probes or self.taken is not None:
            return False
        return self.begun is None or until.least(self.begun) <= ANNOUNCED

    def is_claimed(self, when: Span, *, used: bool) -> None:
        if not used:
            self.taken, self.again = when, 0
        elif self.attacked is None or when.least(self.attacked) > DEFEND_INTERVAL:
            self.attacked, self.defences = when, 0

    # ------------------------------------------------------------------ from the guest
    def probe(self, packet: Arp, when: Span) -> Found:
        before = self.probed
        if before is None or when.least(before) > OLD:
            self.probes = 0
        elif when.most(before) < PROBE_MIN * 0.9:
            text = f"{packet}: {when.most(before):.3f} s after the probe before, expected 1 to 2 s"
            yield rules.PROBES, f"{text} (RFC 5227 2.1.1)"
        is_late = when.least(before or NEVER) > PROBE_MAX * 1.1
        self.slow = self.slow + 1 if is_late and self.probes and self.taken is None else 0
        if before and self.slow == SLOW:
            text = f"{packet}: {when.least(before):.3f} s after the probe before, the second time"
            yield rules.PROBES, f"{text} in a row, expected 1 to 2 s (RFC 5227 2.1.1)"
        if packet.target_mac != _NO_MAC:
            text = f"{packet}: target {ethernet.text(packet.target_mac)} in a probe, expected zero"
            yield rules.PROBES, f"{text} (RFC 5227 2.1.1)"
        self.probes += 1
        self.again += 1
        if self.taken and (self.again == PROBE_NUM or when.least(self.taken) > OLD):
            self.taken = None  # of an attempt before
        self.card, self.probed, self.attacked = packet.sender_mac, when, None
        self.begun, self.announcements = None, 0

    def announce(self, address: bytes, when: Span) -> Found:
        self.announcements += 1
        if self.probed is not None and self.announcements == 1:
            self.begun = when  # who does not probe follows another custom
        if self.begun and self.announcements == 2 and not self.attacked:
            after = when.most(self.begun)
            if after < ANNOUNCE_INTERVAL * 0.9:
                text = f"{dotted(address)} is announced again after {after:.3f} s, expected 2 s"
                yield rules.ANNOUNCEMENTS, f"{text} (RFC 5227 2.3)"
        if self.attacked is not None and when.most(self.attacked) < DEFEND_INTERVAL:
            self.defences += 1
            if self.defences == DEFENCES:
                text = f"{dotted(address)} is announced {DEFENCES} times in"
                text += f" {when.most(self.attacked):.1f} s after another host has claimed it"
                text += f", expected once in {DEFEND_INTERVAL:g} s"
                yield rules.DEFENDS_TOO_OFTEN, f"{text} (RFC 5227 2.4)"

    def uses(self, address: bytes, when: Span) -> Found:
        if self.probes:
            yield from self._after_probes(address, when)
        if self.taken is not None and when.least(self.taken) > PATIENCE:
            text = f"{dotted(address)} is used, although the probe for it was answered"
            ago = f"{when.least(self.taken):.1f} s ago"
            yield rules.USED_IN_CONFLICT, f"{text} {ago} (RFC 5227 2.1.1)"
            self.taken = None
        if self.begun is not None and when.least(self.begun) > ANNOUNCED:
            ago = f"{when.least(self.begun):.1f} s"
            if self.announcements == 1:
                text = f"{dotted(address)} was announced once, {ago} ago; expected a second time"
                yield rules.ANNOUNCEMENTS, f"{text} after 2 s (RFC 5227 2.3)"
            elif not self.announcements:
                text = f"{dotted(address)} is used for {ago} and was not announced; expected twice"
                yield rules.ANNOUNCEMENTS, f"{text}, 2 s apart (RFC 5227 2.3)"
            self.begun = None

    def _after_probes(self, address: bytes, when: Span) -> Found:
        assert self.probed is not None
        ago = when.most(self.probed)
        if self.probes < PROBE_NUM:
            text = f"{dotted(address)} is used after {self.probes} probes, expected {PROBE_NUM}"
            yield rules.PROBES, f"{text} (RFC 5227 2.1.1)"
        elif ago < ANNOUNCE_WAIT * 0.9:
            text = f"{dotted(address)} is used {ago:.3f} s after the last probe"
            yield rules.PROBES, f"{text}, expected {ANNOUNCE_WAIT:g} s (RFC 5227 2.1.1)"
        self.probes = self.slow = 0
        self.begun = self.begun or when
