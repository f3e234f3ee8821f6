"""Whose an address on the guest's wire is, in the net that it has now."""

from __future__ import annotations

from collections.abc import Iterable

from pynat.config import IpAddress, Network
from pynat.wire.addresses import is_loopback
from pynat.wire.ipv4 import LIMITED_BROADCAST


class GuestNet:
    def __init__(self, network: Network, claimed: Iterable[IpAddress]) -> None:
        """claimed: addresses of the net, other than the router's, at which something is served."""
        self.claimed = frozenset(address.packed for address in claimed)
        self.adopt(network)

    def adopt(self, network: Network) -> None:
        net = network.net
        self.network = network
        self.net = net
        self.router = network.router.packed
        self.dns = network.dns.packed
        self.own = frozenset((self.router, self.dns))
        self.zero = net.network_address.packed
        self._size = len(self.zero)
        self._mask = int(net.netmask)
        self._prefix = int(net.network_address)
        broadcast = net.broadcast_address.packed
        self.broadcasts = (LIMITED_BROADCAST, broadcast)
        self._not_guests = self.own | self.claimed | {broadcast, self.zero}

    def is_guest(self, address: bytes) -> bool:
        """Whether a guest may have it."""
        is_inside = int.from_bytes(address, "big") & self._mask == self._prefix
        return is_inside and len(address) == self._size and address not in self._not_guests

    def as_guest_sees(self, host: bytes) -> bytes:
        """How the guest names a host's address: its loopback is the router's."""
        return self.router if is_loopback(host) else host
