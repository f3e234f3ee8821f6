"""Whose an address on the guest's wire is, in the net that it has now, and where a packet leads."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

from pynat.config import IpAddress, Network
from pynat.wire.addresses import (
    UNSPECIFIED,
    is_group_of_link,
    is_host,
    is_loopback,
    is_multicast,
)
from pynat.wire.ipv4 import LIMITED_BROADCAST


class Where(Enum):
    """Where a packet of the guest's leads, by its two addresses alone."""

    EVERYBODY = auto()  # on its wire; also from somebody who has no address yet
    FROM_STRANGER = auto()  # its sender is no guest of this net
    ROUTER = auto()
    NEIGHBOR = auto()  # on the guest's own wire
    GROUP = auto()  # beyond the wire, where groups are forwarded
    HOST = auto()  # out there
    NOBODY = auto()


class GuestNet:
    def __init__(
        self, network: Network, claimed: Iterable[IpAddress], *, groups: bool = False
    ) -> None:
        """claimed: addresses of the net, other than the router's, at which something is served.

        groups: those that do not end at the wire are forwarded.
        """
        self.claimed = frozenset(address.packed for address in claimed)
        self._groups = groups
        self.adopt(network)

    def adopt(self, network: Network) -> None:
        net = network.net
        self.network = network
        self.net = net
        self.router = network.router.packed
        self.dns = network.dns.packed
        self._own = frozenset((self.router, self.dns))
        self._zero = net.network_address.packed
        self._size = len(self._zero)
        self._mask = int(net.netmask)
        self._prefix = int(net.network_address)
        broadcast = net.broadcast_address.packed
        self._broadcasts = (LIMITED_BROADCAST, broadcast)
        self._not_guests = self._own | self.claimed | {broadcast, self._zero}

    def is_guest(self, address: bytes) -> bool:
        """Whether a guest may have it."""
        is_inside = int.from_bytes(address, "big") & self._mask == self._prefix
        return is_inside and len(address) == self._size and address not in self._not_guests

    def is_to_router(self, source: bytes, destination: bytes) -> bool:
        """Whether they lead to Where.ROUTER, whatever they are."""
        return destination in self._own and self.is_guest(source)

    def where(self, source: bytes, destination: bytes) -> Where:
        if source in UNSPECIFIED or destination in self._broadcasts:
            return Where.EVERYBODY
        if not self.is_guest(source):
            return Where.FROM_STRANGER
        if destination in self._own:
            return Where.ROUTER
        if self.is_guest(destination):
            return Where.NEIGHBOR
        if is_host(destination) and destination != self._zero:
            return Where.HOST
        is_group = self._groups and is_multicast(destination)
        return Where.GROUP if is_group and not is_group_of_link(destination) else Where.NOBODY

    def as_guest_sees(self, host: bytes) -> bytes:
        """How the guest names a host's address: its loopback is the router's."""
        return self.router if is_loopback(host) else host
