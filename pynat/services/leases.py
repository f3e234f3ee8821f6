"""Which guest has which address: the table behind the DHCP server.

One record per address that was ever given: offered, bound, declined or free. A record is live
until its time; a dead or free one is remembered, so that the same client gets the address
again, until another client needs it. Two MACs never have the same live address.

A client is its MAC first and its client identifier (option 61) second: a boot ROM and the
system that it loads send different identifiers from one MAC, and the forwards lead to the
address that the ROM got. So clients that share one MAC (ipvlan) cannot be told apart here.
An identifier finds an address again after the MAC has changed, once nobody has it live.

An address that the configuration reserves for a MAC is that MAC's and nobody else's, and the MAC
gets no other one, whatever it or ARP says.

An address is free if it is a host of the net, neither the router's nor the forwarder's, not
live under another MAC, and `user_of` (the router's neighbour table) knows no other MAC there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from pynat.config import Network
from pynat.wire import dhcp
from pynat.wire.ipv4 import dotted

LIMIT = 4096  # records; a guest that makes up MACs fills no more
OFFER_LASTS = 60.0  # seconds of guest time for the client to take an offer
DECLINE_LASTS = 600.0  # seconds until an address that a client found taken is tried again

_LABEL = re.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class State(StrEnum):
    OFFERED = "offered"
    BOUND = "bound"
    DECLINED = "declined"
    FREE = "free"


@dataclass(slots=True)
class Lease:
    address: bytes
    mac: bytes
    client: bytes  # option 61, b"" if it sent none
    state: State
    until: float  # guest time; inf for BOOTP
    name: str = ""  # option 12: what the client calls itself, in lower case

    def live(self, now: float) -> bool:
        return self.state is not State.FREE and now < self.until

    def __str__(self) -> str:
        return f"{dotted(self.address)} {self.state} {self.mac.hex(':')} until {self.until:.0f}"


class Leases:
    def __init__(
        self,
        network: Network,
        user_of: Callable[[bytes], bytes | None],
        claimed: frozenset[IPv4Address] = frozenset(),
        reserved: dict[bytes, bytes] | None = None,
    ) -> None:
        """`claimed`: addresses of the net that something other than a guest has.

        `reserved`: addresses by MAC.
        """
        self.table: dict[bytes, Lease] = {}
        self._user_of = user_of
        self._reserved = reserved or {}
        self._others = frozenset(self._reserved.values())
        self._first = int(network.net.network_address) + 1
        self._last = int(network.net.broadcast_address) - 1
        self._start = int(network.guest)
        self._ours = {one.packed for one in (network.router, network.dns, *claimed)}
        self._hosts = self._last - self._first + 1 - len(self._ours)

    def held_by(self, mac: bytes, now: float) -> Lease | None:
        """The address that this MAC has bound."""
        for lease in self.table.values():
            if lease.mac == mac and _holds(lease, now):
                return lease
        return None

    def named(self, name: str, now: float) -> bytes | None:
        """Where the client is that calls itself so; of several the one with the lowest address."""
        leases = self.table.values()
        found = (x.address for x in leases if x.name == name and _holds(x, now))
        return min(found, default=None)

    def name_of(self, address: bytes, now: float) -> str:
        """What the client there calls itself, or an empty text."""
        lease = self.table.get(address)
        return lease.name if lease is not None and _holds(lease, now) else ""

    def choose(self, message: dhcp.Message, asked: bytes, now: float) -> bytes | None:
        """The address to offer: reserved, asked for, had before, or the next free one."""
        if (own := self._reserved.get(message.mac)) is not None:
            return own if self.may_have(own, message.mac, now) else None
        if asked != dhcp.ZERO and self.may_have(asked, message.mac, now):
            return asked
        client = message.options.get(dhcp.CLIENT, b"")
        had = [a for a, lease in self.table.items() if lease.mac == message.mac]
        same = [a for a, lease in self.table.items() if client and lease.client == client]
        for address in had + same:
            if self.may_have(address, message.mac, now):
                return address
        return self.next_free(message.mac, now)

    def may_have(self, address: bytes, mac: bytes, now: float) -> bool:
        number = int.from_bytes(address, "big")
        if not self._first <= number <= self._last or address in self._ours:
            return False
        if mac in self._reserved:
            return address == self._reserved[mac] and self._has_room(address, now)
        if address in self._others:
            return False
        lease = self.table.get(address)
        if lease is not None and lease.live(now):
            return lease.mac == mac and lease.state is not State.DECLINED
        return self._has_room(address, now) and self._unused(address, mac)

    def offer(self, address: bytes, message: dhcp.Message, now: float) -> None:
        self.withdraw_offers(message.mac)
        lease = self.table.get(address)
        if lease is None or not (lease.state is State.BOUND and lease.live(now)):
            self._record(address, message, State.OFFERED, now + OFFER_LASTS)

    def bind(self, address: bytes, message: dhcp.Message, until: float) -> None:
        """A MAC has one address: whatever else it had is free again. It keeps its name."""
        name = ""
        for lease in list(self.table.values()):
            if lease.mac == message.mac and lease.state is not State.DECLINED:
                name = lease.name or name
                del self.table[lease.address]
        self._record(address, message, State.BOUND, until)
        self.table[address].name = _host_name(message) or name

    def release(self, lease: Lease, now: float) -> None:
        lease.state, lease.until = State.FREE, now

    def decline(self, lease: Lease, now: float) -> None:
        lease.state, lease.until = State.DECLINED, now + DECLINE_LASTS

    def withdraw_offers(self, mac: bytes) -> None:
        for lease in list(self.table.values()):
            if lease.mac == mac and lease.state is State.OFFERED:
                lease.state, lease.until = State.FREE, -math.inf

    def _record(self, address: bytes, message: dhcp.Message, state: State, until: float) -> None:
        client = message.options.get(dhcp.CLIENT, b"")
        self.table[address] = Lease(address, message.mac, client, state, until)

    def _unused(self, address: bytes, mac: bytes) -> bool:
        """Nobody but this client is known to be there."""
        return self._user_of(address) in (None, mac)

    def next_free(self, mac: bytes, now: float) -> bytes | None:
        """From the first guest's address upwards, then below it, then the longest forgotten."""
        if len(self.table) < min(LIMIT, self._hosts):
            for span in (range(self._start, self._last + 1), range(self._first, self._start)):
                for number in span:
                    address = number.to_bytes(4, "big")
                    if address in self.table or address in self._ours or address in self._others:
                        continue
                    if self._unused(address, mac):
                        return address
        dead = [lease for lease in self.table.values() if not lease.live(now)]
        for lease in sorted(dead, key=lambda lease: lease.until):
            if lease.address not in self._others and self._unused(lease.address, mac):
                return lease.address
        return None

    def _has_room(self, address: bytes, now: float) -> bool:
        return address in self.table or self._room(now)

    def _room(self, now: float) -> bool:
        """Whether one more record fits, if need be after forgetting the oldest dead one."""
        if len(self.table) < LIMIT:
            return True
        dead = [lease for lease in self.table.values() if not lease.live(now)]
        if dead:
            del self.table[min(dead, key=lambda lease: lease.until).address]
        return bool(dead)


def _holds(lease: Lease, now: float) -> bool:
    return lease.state is State.BOUND and lease.live(now)


def _host_name(message: dhcp.Message) -> str:
    """The first label of option 12, if it is one that a host may have (RFC 1123 section 2.1)."""
    written = message.options.get(dhcp.HOSTNAME, b"").rstrip(b"\0").partition(b".")[0]
    name = written.decode("latin-1").lower()
    return name if _LABEL.fullmatch(name) and name != "localhost" else ""
