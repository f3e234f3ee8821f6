"""What single keys hold: choices, and the entries of lists and tables. Values only.

Addresses are `ipaddress` objects here and packed bytes in the data path.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path

MAX_FAULTS = 1000  # at once
# The addresses of names in host_aliases, in their order: RFC 2544's, which no real host has.
IpAddress = IPv4Address | IPv6Address  # of a host that the guest may name
NAMED_NET = IPv4Network("198.18.0.0/15")


class Layout(StrEnum):
    """Where the addresses are that the configuration does not set."""

    PYNAT = "pynat"
    SLIRP = "slirp"  # QEMU's and Bochs's user networks
    VNET = "vnet"  # of Bochs's vnet


class TimePolicy(StrEnum):
    """When the simulator may not run ahead of wall time (docs/time.md)."""

    AUTO = "auto"  # while host work that the guest waits for is outstanding
    ALWAYS = "always"
    NEVER = "never"


class Transport(StrEnum):
    TCP = "tcp"
    UDP = "udp"


ROUTER_PORTS = {Transport.TCP: (53,), Transport.UDP: (53, 67, 69)}  # its own, to nobody else's use


class Broadcast(StrEnum):
    """What becomes of the guest's UDP broadcasts and multicasts."""

    DHCP = "dhcp"  # the DHCP server gets what is for it, all others are dropped
    FORWARD = "forward"  # the others go to the host's network


class ShownSource(StrEnum):
    """Whose address the guest sees on what comes through a forward."""

    ROUTER = "router"
    PEER = "peer"  # the host program's own, unless it is one that the guest could not answer


@dataclass(frozen=True, slots=True)
class Forward:
    """Host connections to `host_address:host_port` go to `guest_address:guest_port`.

    A path as `host_address` is a Unix socket, whose host_port is 0; otherwise host_port 0 lets
    the kernel choose. guest_address None means the first DHCP address.
    `source` is where the rule was written, for error messages ("net.toml: forwards[0]").
    """

    protocol: Transport
    host_address: IPv4Address | IPv6Address | Path
    host_port: int
    guest_address: IPv4Address | None
    guest_port: int
    source: str = ""
    shown: ShownSource = ShownSource.ROUTER

    def __str__(self) -> str:
        guest = f"{self.guest_address or ''}:{self.guest_port}"
        match self.host_address:
            case Path():
                return f"unix:{self.host_address}-{guest}"
            case IPv6Address():
                return f"{self.protocol}:[{self.host_address}]:{self.host_port}-{guest}"
            case _:
                return f"{self.protocol}:{self.host_address}:{self.host_port}-{guest}"

    @property
    def is_open(self) -> bool:
        """Whether other machines can get in."""
        return not isinstance(self.host_address, Path) and not self.host_address.is_loopback


@dataclass(frozen=True, slots=True)
class Command:
    """A program, started for each connection; the stream is its standard input and output."""

    argv: tuple[str, ...]

    def __str__(self) -> str:
        return f"cmd:{shlex.join(self.argv)}"


@dataclass(frozen=True, slots=True)
class UnixPath:
    """A program of the host that listens at a Unix socket."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class TcpServer:
    """A program that listens at a TCP port, on the host or wherever the host can go."""

    address: IPv4Address | IPv6Address
    port: int

    def __str__(self) -> str:
        shown = f"[{self.address}]" if self.address.version == 6 else self.address
        return f"tcp:{shown}:{self.port}"


@dataclass(frozen=True, slots=True)
class GuestForward:
    """The guest's TCP connections to this address and port are served by `to`."""

    address: IPv4Address
    port: int
    to: Command | UnixPath | TcpServer
    source: str = ""

    def __str__(self) -> str:
        return f"tcp:{self.address}:{self.port}-{self.to}"


@dataclass(frozen=True, slots=True)
class HostAlias:
    """What the guest sends to `guest` goes to `host`, and comes back as from `guest`.

    Port 0 is every port; host_port 0 is the port that the guest named. `name`, if there is one,
    is what the DNS answers `guest` to.
    """

    guest: IPv4Address
    port: int
    host: IPv4Address
    host_port: int
    name: str = ""
    source: str = ""

    def __str__(self) -> str:
        written = _with_port(self.name or self.guest, self.port)
        return f'"{written}" = "{_with_port(self.host, self.host_port)}"'


def _with_port(host: object, port: int) -> str:
    return f"{host}:{port}" if port else str(host)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Where a restricted guest may go all the same; port 0 is every port."""

    net: IPv4Network
    port: int = 0


@dataclass(frozen=True, slots=True)
class StaticLease:
    address: IPv4Address
    hostname: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that a service does wrong on purpose (docs/faults.md)."""

    text: str
    service: str  # dhcp, dns, arp or icmp
    kind: str
    about: str = ""  # a name of DNS or the address of a host, where the service has such
    word: str = ""  # which of several
    number: float = 0  # seconds or bytes
    times: int | None = None  # None = always

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class VirtualHosts:
    """What hosts within the process serve, for whom a network's program answers (pynat.net)."""

    hosts: tuple[IpAddress, ...] = ()  # that are nothing else
    every_host: bool = False  # all are, that have nothing of their own
    # Port 0 is every port; the address None is every host that has nothing of its own.
    services: frozenset[tuple[Transport, IpAddress | None, int]] = frozenset()
    names: dict[str, tuple[IpAddress, ...]] = field(default_factory=dict)  # lower case
