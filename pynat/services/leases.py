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
live under another MAC, and `user_of` (the router's neighbor table) knows no other MAC there.

Records are found by MAC, identifier, name and end through an index each; all go through `_put`,
`_forget` and `end`, which keep them.
"""

from __future__ import annotations

import hashlib
import math
import re
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from pynat.config import IpAddress, Network
from pynat.services.address_pool import MAX_LOOKS, Expiries, UnusedAddresses
from pynat.wire import dhcp
from pynat.wire.ipv4 import dotted

MAX_LEASES = 4096  # records; a guest that makes up MACs fills no more
MAX_OPTION = 255  # bytes of an option in one piece
OFFER_LASTS = 60.0  # seconds of guest time for the client to take an offer
DECLINE_LASTS = 600.0  # seconds until an address that a client found taken is tried again

_FQDN_ENCODED = 0x04  # flag E of option 81 (RFC 4702 section 2.1)
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
    client: bytes  # option 61 or its digest, b"" if it sent none
    state: State
    until: float  # guest time; inf for BOOTP
    name: str = ""  # what the client calls itself by option 81 or 12, in lower case
    is_asked_anew: bool = False  # it is bound, and its client has begun from the start
    is_of_before: bool = False  # it is bound, and the guest's machine was reset since

    def live(self, now: float) -> bool:
        return self.state is not State.FREE and now < self.until

    def __str__(self) -> str:
        return f"{dotted(self.address)} {self.state} {self.mac.hex(':')} until {self.until:.0f}"


class Leases:
    def __init__(
        self,
        network: Network,
        user_of: Callable[[bytes, float], bytes | None],
        claimed: frozenset[IpAddress] = frozenset(),
        reserved: dict[bytes, bytes] | None = None,
    ) -> None:
        """`claimed`: addresses of the net that something other than a guest has.

        `reserved`: addresses by MAC.
        """
        self.changes = 0  # of who has which address, or for how long
        self._user_of = user_of
        self._reserved = reserved or {}
        self._others = frozenset(self._reserved.values())
        self._claimed = claimed
        self.adopt(network)

    def adopt(self, network: Network) -> None:
        """Give addresses of this net from now on."""
        self.changes += 1
        self.table: dict[bytes, Lease] = {}
        self._of_mac: defaultdict[bytes, dict[bytes, Lease]] = defaultdict(dict)  # by address
        self._offers: dict[bytes, Lease] = {}  # the last one to each MAC
        self._bound: dict[bytes, Lease] = {}  # the last one of each MAC
        self._of_client: defaultdict[bytes, dict[bytes, Lease]] = defaultdict(dict)
        self._named: defaultdict[str, list[bytes]] = defaultdict(list)  # lowest address first
        self._first = int(network.net.network_address) + 1
        self._last = int(network.net.broadcast_address) - 1
        self._ours = {one.packed for one in (network.router, network.dns, *self._claimed)}
        self._hosts = self._last - self._first + 1 - len(self._ours)
        self._fresh = UnusedAddresses(self._first, self._last, int(network.guest))
        self._ends = Expiries()

    def held_by(self, mac: bytes, now: float) -> Lease | None:
        """The address that this MAC has bound."""
        lease = self._bound.get(mac)
        return lease if lease is not None and _holds(lease, now) else None

    def named(self, name: str, now: float) -> bytes | None:
        """Where the client is that calls itself so; of several the one with the lowest address."""
        addresses = self._named.get(name)
        while addresses:
            if _holds(self.table[addresses[0]], now):
                return addresses[0]
            del addresses[0]  # it comes back when it is bound again
        return None

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
        client = _identifier(message)
        had = islice(self._of_mac.get(message.mac, ()), 1)
        same = islice(self._of_client.get(client, ()), MAX_LOOKS)
        for address in (*had, *same):
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
        return self._has_room(address, now) and self._unused(address, mac, now)

    def offer(self, address: bytes, message: dhcp.Message, now: float) -> None:
        self.withdraw_offers(message.mac)
        held = self.held_by(message.mac, now)
        if held is not None and not (held.is_asked_anew or held.is_of_before):
            held.is_asked_anew = True
            self.changes += 1
        lease = self.table.get(address)
        if lease is None or not (lease.state is State.BOUND and lease.live(now)):
            self._record(address, message, State.OFFERED, now + OFFER_LASTS)

    def bind(self, address: bytes, message: dhcp.Message, until: float) -> None:
        """A MAC has one address: whatever else it had is free again. It keeps its name."""
        had = list(self._of_mac.get(message.mac, {}).values())
        for lease in had:
            self._forget(lease)
        name = _host_name(message) or next((one.name for one in reversed(had) if one.name), "")
        self._record(address, message, State.BOUND, until, name)

    def reset_machine(self) -> None:
        """Who asks anew after that is no news."""
        for lease in self._bound.values():
            lease.is_of_before = True

    def release(self, lease: Lease, now: float) -> None:
        self.end(lease, now, State.FREE)

    def decline(self, lease: Lease, now: float) -> None:
        """It rests, and is nobody's old address any more."""
        self._unlink(lease)
        self.end(lease, now + DECLINE_LASTS, State.DECLINED)

    def withdraw_offers(self, mac: bytes) -> None:
        lease = self._offers.pop(mac, None)
        if lease is not None and lease.state is State.OFFERED:
            self.end(lease, -math.inf, State.FREE)

    def end(self, lease: Lease, until: float, state: State | None = None) -> None:
        """From now on it ends then."""
        self.changes += 1
        lease.state, lease.until = state or lease.state, until
        self._ends.set(lease.address, lease.until)

    # ------------------------------------------------------------ records
    def _record(
        self, address: bytes, message: dhcp.Message, state: State, until: float, name: str = ""
    ) -> None:
        self.changes += 1
        if (before := self.table.get(address)) is not None:
            self._forget(before)
        client = _identifier(message)
        lease = Lease(address, message.mac, client, state, until, name)
        self.table[address] = self._of_mac[lease.mac][address] = lease
        last = self._bound if state is State.BOUND else self._offers
        last[lease.mac] = lease
        if client:
            self._of_client[client][address] = lease
        if name:
            insort(self._named[name], address)
        self._ends.set(lease.address, lease.until)

    def _forget(self, lease: Lease) -> None:
        del self.table[lease.address]
        self._ends.drop(lease.address)
        self._fresh.put_back(lease.address)
        self._unlink(lease)

    def _unlink(self, lease: Lease) -> None:
        """No index but that of times leads to it any more."""
        for index, key in ((self._of_mac, lease.mac), (self._of_client, lease.client)):
            index[key].pop(lease.address, None)
            if not index[key]:
                del index[key]
        for last in (self._offers, self._bound):
            if last.get(lease.mac) is lease:
                del last[lease.mac]
        if lease.name:
            self._unname(lease)

    def _unname(self, lease: Lease) -> None:
        addresses = self._named[lease.name]
        at = bisect_left(addresses, lease.address)
        if addresses[at : at + 1] == [lease.address]:
            del addresses[at]
        if not addresses:
            del self._named[lease.name]

    # ------------------------------------------------------------ what is free
    def _unused(self, address: bytes, mac: bytes, now: float) -> bool:
        """Nobody but this client is known to be there."""
        return self._user_of(address, now) in (None, mac)

    def next_free(self, mac: bytes, now: float, but: bytes = b"") -> bytes | None:
        """From the first guest's address upwards, then below it, then the longest forgotten.

        but: not this one.
        """

        def is_unused(one: bytes) -> bool:
            return one != but and self._unused(one, mac, now)

        if len(self.table) < min(MAX_LEASES, self._hosts):
            address = self._fresh.find(self._known, is_unused)
            if address is not None:
                return address
        return self._ends.oldest(now, lambda one: one not in self._others and is_unused(one))

    def _known(self, address: bytes) -> bool:
        return address in self.table or address in self._ours or address in self._others

    def _has_room(self, address: bytes, now: float) -> bool:
        return address in self.table or self._room(now)

    def _room(self, now: float) -> bool:
        """Whether one more record fits, if need be after forgetting the oldest dead one."""
        if len(self.table) < MAX_LEASES:
            return True
        oldest = self._ends.oldest(now, lambda _: True)
        if oldest is not None:
            self._forget(self.table[oldest])
        return oldest is not None


def _holds(lease: Lease, now: float) -> bool:
    return lease.state is State.BOUND and lease.live(now)


def _identifier(message: dhcp.Message) -> bytes:
    """Option 61; its digest where it came in pieces (RFC 3396), of which there may be 64 KiB."""
    client = message.options.get(dhcp.CLIENT, b"")
    return client if len(client) <= MAX_OPTION else hashlib.sha256(client).digest()


def _host_name(message: dhcp.Message) -> str:
    """The first label of the name that the client gives itself, if a host may have it (RFC 1123
    section 2.1). Who says it twice means option 81 (RFC 4702 section 3.1).
    """
    host_name, fqdn = (message.options.get(code, b"") for code in (dhcp.HOSTNAME, dhcp.FQDN))
    for label in (_of_fqdn(fqdn), _of_text(host_name)):
        name = label.decode("latin-1").lower()
        if _LABEL.fullmatch(name) and name != "localhost":
            return name
    return ""


def _of_fqdn(option: bytes) -> bytes:
    """Flags, two bytes of no meaning, the name: as DNS has it with flag E, or ASCII text."""
    name = option[3:]
    if name and option[0] & _FQDN_ENCODED:
        return name[1 : 1 + name[0]] if len(name) > name[0] else b""
    return _of_text(name)


def _of_text(name: bytes) -> bytes:
    return name.rstrip(b"\0").partition(b".")[0]
