"""Where the addresses that the guest names really lead.

    what is served at run time   a host within the process, or a control client for UDP
    what a program serves        another one
    guestfwd                     a program, a Unix socket or a TCP port of the host
    host_aliases                 another host, or another port of it
    restricted, not in `allow`   nowhere: prohibited
    the router's address         the host's loopback, as in QEMU and VirtualBox, if host_loopback
    other addresses of ours      nobody listens there
    everything else              itself

The first that fits counts. Addresses of ours are the router's, the DNS forwarder's, those of the
guest's net that a program, guestfwd or host_aliases name, and those that stand for names of
host_aliases. The services at the router (DHCP, DNS) come before all this.

`allow` speaks of the net that the configuration has. Where the guest's is adopted instead, the
router's address in it means the router wherever that is now: no host that it allows becomes the
loopback because the guest calls it its router, and no host of the real net is reached under the
address that the router had.
"""

from __future__ import annotations

from enum import Enum, auto

from pynat.config import (
    Allowed,
    Config,
    GuestForward,
    Network,
    TcpServer,
    Transport,
    VirtualHosts,
)
from pynat.nat.messages import Destination, InProcessAddress
from pynat.wire.addresses import Address, loopback


class Unreachable(Enum):
    NOBODY = auto()
    PROHIBITED = auto()


class DestinationMap:
    def __init__(self, config: Config) -> None:
        self._host_loopback = config.host_loopback and not config.hermetic
        self._restricted = config.restricted
        self._allow = _Allow(config.allow)
        self._configured = config.network.router.packed
        self._guestfwd = {(one.address.packed, one.port): _served(one) for one in config.guestfwd}
        self._aliases: dict[Address, Address] = {
            (alias.guest.packed, alias.port): (alias.host.packed, alias.host_port)
            for alias in config.host_aliases
        }
        self._served: set[Address] = set()
        self._serving: set[bytes] = set()  # their hosts
        self._claimed: set[Address] = set()
        named = {alias.guest for alias in config.host_aliases if alias.name}
        self._virtual = _Virtual(config.virtual) if config.virtual != VirtualHosts() else None
        self._named = {address.packed for address in config.claimed | named}
        self.adopt(config.network)
        self._special = bool(self._guestfwd or self._aliases)

    def adopt(self, network: Network) -> None:
        self._router = network.router.packed
        self._ours = {self._router, network.dns.packed} | self._named

    # ------------------------------------------------------------------ at run time
    def serve(self, at: Address) -> None:
        """A service within the process; port 0 is every port. Its host has nothing else."""
        self._served.add(at)
        self._serving.add(at[0])

    def withdraw(self, at: Address) -> None:
        self._served.discard(at)
        self._serving = {address for address, _ in self._served}

    def claim(self, at: Address) -> None:
        """A service of UDP within the process; its host goes on having all else that it has."""
        self._claimed.add(at)

    def release(self, at: Address) -> None:
        self._claimed.discard(at)

    def is_claimed(self, at: Address) -> bool:
        return at in self._claimed

    def _is_served(self, to: Address) -> bool:
        return bool(self._served) and (to in self._served or (to[0], 0) in self._served)

    # ------------------------------------------------------------------ where to
    def tcp(self, to: Address) -> Destination | Unreachable:
        if self._is_served(to):
            return InProcessAddress(*to)
        if self._special:
            served = self._guestfwd.get(to)
            if served is not None:
                return served
        return self._host(Transport.TCP, to)

    def udp(self, to: Address) -> Address | Unreachable:
        if to in self._claimed or self._is_served(to):
            return InProcessAddress(*to)
        return self._host(Transport.UDP, to)

    def _host(self, protocol: Transport, to: Address) -> Address | Unreachable:
        address, port = to
        if self._virtual and self._virtual.has(protocol, to):
            return InProcessAddress(*to)
        if address in self._serving:
            return Unreachable.NOBODY
        if self._special:
            alias = self._aliases.get(to) or self._aliases.get((address, 0))
            if alias is not None:
                return alias[0], alias[1] or port
        if self._virtual and address not in self._ours and self._virtual.everywhere(protocol, port):
            return InProcessAddress(*to)
        if self._restricted and not self._allowed(address, port):
            return Unreachable.PROHIBITED
        if address == self._router and self._host_loopback:
            return loopback(address), port
        return Unreachable.NOBODY if address in self._ours else to

    def echo(self, address: bytes) -> bytes | Unreachable:
        """NOBODY: the address is ours, and answering is up to us."""
        alias = self._aliases.get((address, 0))
        if alias is not None:
            return alias[0]
        if address in self._ours or address in self._serving:
            return Unreachable.NOBODY
        if self._virtual and self._virtual.is_host(address):
            return Unreachable.NOBODY
        if self._restricted and not self._allowed(address, 0):
            return Unreachable.PROHIBITED
        return address

    def _allowed(self, address: bytes, port: int) -> bool:
        if address == self._router:
            address = self._configured
        elif address == self._configured:
            return False
        return self._allow.covers(address, port)


class _Virtual:
    """Hosts within the process. They refuse by themselves what nobody serves there."""

    def __init__(self, config: VirtualHosts) -> None:
        self._hosts = {address.packed for address in config.hosts}
        self._every_host = config.every_host
        self._services = {
            (protocol, address.packed if address else b"", port)
            for protocol, address, port in config.services
        }

    def is_host(self, address: bytes) -> bool:
        return self._every_host or address in self._hosts

    def has(self, protocol: Transport, to: Address) -> bool:
        return to[0] in self._hosts or (protocol, *to) in self._services

    def everywhere(self, protocol: Transport, port: int) -> bool:
        """Whether what has nothing of its own leads here."""
        wanted = {(protocol, b"", port), (protocol, b"", 0)}
        return self._every_host or not wanted.isdisjoint(self._services)


class _Allow:
    """Asked of each packet: a look for each length of a prefix, however many nets there are."""

    def __init__(self, allow: tuple[Allowed, ...]) -> None:
        self._ports: dict[tuple[int, int, int], set[int]] = {}  # by length, bits of the host, net
        for one in allow:
            host = one.net.max_prefixlen - one.net.prefixlen
            net = int(one.net.network_address) >> host
            self._ports.setdefault((one.net.max_prefixlen // 8, host, net), set()).add(one.port)
        self._lengths = {(length, host) for length, host, _ in self._ports}

    def covers(self, address: bytes, port: int) -> bool:
        """Port 0 is of a ping: a host of which one port is allowed may be looked for."""
        number = int.from_bytes(address, "big")
        for length, host in self._lengths:
            if length == len(address):
                ports = self._ports.get((length, host, number >> host))
                if ports and (not port or port in ports or 0 in ports):
                    return True
        return False


def _served(one: GuestForward) -> Destination:
    if isinstance(one.to, TcpServer):
        return one.to.address.packed, one.to.port
    return one.to
