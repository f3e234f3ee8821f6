"""A wire on which ARP goes wrong as `faults` says (RFC 826; RFC 5227 for conflicts).

    silent      a request for the router is not answered
    wrong-mac   it is answered with a MAC address that nobody has
    conflict    another host has the address that the guest probes for or announces
    claim T     T seconds after it was set, that host announces the guests' addresses
    failover T  T seconds after it was set, the router goes on with another MAC address, as where
                two routers share one address (RFC 9568); a further one goes back

The other host is there for this only: nothing that is sent to it comes anywhere. It defends an
address once in `DEFENCE` seconds, as a real one would (RFC 5227 2.4 c).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Protocol

from pynat.faults.active import ActiveFault, ActiveFaults, LateReply
from pynat.timers import Timers
from pynat.wire import arp, ethernet
from pynat.wire.arp import Arp
from pynat.wire.ipv4 import dotted

DEFENCE = 10.0  # seconds (RFC 5227 1.1)
NO_MAC, UNKNOWN = bytes(6), bytes(4)


class OrdinaryNeighbors(Protocol):
    """The router's ARP."""

    @property
    def mac(self) -> bytes: ...

    @property
    def own(self) -> frozenset[bytes]: ...

    @property
    def others(self) -> list[bytes]: ...

    def from_guest(self, packet: Arp, now: float) -> Arp | None: ...
    def send_arp(self, packet: Arp, to: bytes, source: bytes | None = None) -> None: ...


class FaultyArp:
    def __init__(
        self,
        neighbors: OrdinaryNeighbors,
        faults: ActiveFaults,
        timers: Timers,
        move: Callable[[bytes], None],
    ) -> None:
        """move: has the router take another MAC address."""
        self._faults = faults
        self._neighbors = neighbors
        self._timers = timers
        self._defended = -inf
        self._move = move
        self._first = neighbors.mac
        faults.watch(self._schedule)

    @property
    def other(self) -> bytes:
        """The MAC address of the host that takes the guest's address."""
        return _near(self._first, 0x66)

    # ------------------------------------------------------------ when the guest sends
    def from_guest(self, packet: Arp, now: float) -> None:
        if self._faults.arp:
            self._conflict(packet, now)
        answer = self._neighbors.from_guest(packet, now)
        if answer is not None and self._faults.arp:
            answer = self._changed(packet, answer, now)
        if answer is not None:
            self._neighbors.send_arp(answer, packet.sender_mac)

    def _conflict(self, packet: Arp, now: float) -> None:
        own = self._neighbors.own
        one = self._faults.find(self._faults.arp, "conflict")
        if one is None or packet.operation != arp.REQUEST or {packet.target, packet.sender} & own:
            return
        address = dotted(packet.target)
        if packet.is_probe:
            self._say(one, f"another host answers the probe for {address}", now)
            answer = Arp(arp.REPLY, self.other, packet.target, packet.sender_mac, UNKNOWN)
            self._neighbors.send_arp(answer, packet.sender_mac, self.other)
        elif packet.is_announcement and now >= self._defended + DEFENCE:
            self._defended = now
            self._say(one, f"another host claims the announced {address}", now)
            self._announce(packet.sender, self.other)

    def _changed(self, packet: Arp, answer: Arp, now: float) -> Arp | None:
        if one := self._faults.find(self._faults.arp, "silent"):
            self._faults.tell(one, f"{packet}: not answered", now, lost=True)
            return None
        if one := self._faults.find(self._faults.arp, "wrong-mac"):
            wrong = _near(self._first, 0xFF)
            self._say(one, f"{packet}: {dotted(packet.target)} is at {ethernet.text(wrong)}", now)
            return replace(answer, sender_mac=wrong)
        return answer

    # ------------------------------------------------------------ at a time
    def _schedule(self, one: ActiveFault | None) -> None:
        if one is None:
            return
        act = {"claim": self._claim, "failover": self._fail_over}.get(one.fault.kind)
        if act is not None:
            due = one.set_at + one.fault.number
            self._timers.set(LateReply(lambda _: act(one, due)), due)

    def _claim(self, one: ActiveFault, now: float) -> None:
        if one not in self._faults:
            return
        addresses = self._neighbors.others
        claimed = ", ".join(map(dotted, addresses)) or "nothing: no guest is known"
        self._say(one, f"another host claims {claimed}", now)
        for address in addresses:
            self._announce(address, self.other)

    def _fail_over(self, one: ActiveFault, now: float) -> None:
        if one not in self._faults:
            return
        new = _near(self._first, 1) if self._neighbors.mac == self._first else self._first
        self._say(one, f"the router is at {ethernet.text(new)} now", now)
        self._move(new)
        for address in self._neighbors.own:
            self._announce(address, new)

    def _announce(self, address: bytes, mac: bytes) -> None:
        packet = Arp(arp.REQUEST, mac, address, NO_MAC, address)
        self._neighbors.send_arp(packet, ethernet.BROADCAST, mac)

    def _say(self, one: ActiveFault, what: str, now: float) -> None:
        self._faults.tell(one, what, now)


def _near(mac: bytes, bits: int) -> bytes:
    return mac[:5] + bytes((mac[5] ^ bits,))
