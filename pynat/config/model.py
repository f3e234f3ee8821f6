"""What a network can be told, with its defaults. One frozen value, made once at start.

The loaders (`pynat.config.toml`, `pynat.config.slirp`) turn files into this value; nothing
else in the package reads a configuration file. Addresses are `ipaddress` objects here and
packed bytes in the data path.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path

from pynat.impair.rule import ImpairRule
from pynat.peer import Peer

CAPTURE_FILES = 4
LINGER = 5.0  # seconds (wall) at the end, for what the guest has sent to reach its peers
MOST_FAULTS = 1000  # at once
HERMETIC_SEED = 0  # where none is given: a run is to be like the last one
USUAL_PREFIXES = (24, 16, 8)
DEFAULT_NET = IPv4Network("192.168.16.0/24")
# The addresses of names in host_aliases, in their order: RFC 2544's, which no real host has.
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


class Protocol(StrEnum):
    TCP = "tcp"
    UDP = "udp"


class Broadcast(StrEnum):
    """What becomes of the guest's UDP broadcasts and multicasts."""

    DHCP = "dhcp"  # the DHCP server gets what is for it, all others are dropped
    FORWARD = "forward"  # the others go to the host's network


class Shown(StrEnum):
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

    protocol: Protocol
    host_address: IPv4Address | IPv6Address | Path
    host_port: int
    guest_address: IPv4Address | None
    guest_port: int
    source: str = ""
    shown: Shown = Shown.ROUTER

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
class Network:
    net: IPv4Network = DEFAULT_NET
    router: IPv4Address = DEFAULT_NET[1]
    guest: IPv4Address = DEFAULT_NET[2]  # the first address that DHCP gives
    dns: IPv4Address = DEFAULT_NET[1]  # the address at which our forwarder answers
    mac: bytes = bytes.fromhex("525500a81001")  # the router's, 6 bytes, locally administered
    mtu: int = 1500  # bytes of IP packet
    adopt: bool = False  # whether the net of a guest that has another one becomes ours


_SLIRP = IPv4Network("10.0.2.0/24")
_VNET = IPv4Network("192.168.10.0/24")
LAYOUTS = {
    Layout.PYNAT: Network(),
    Layout.SLIRP: Network(_SLIRP, router=_SLIRP[2], dns=_SLIRP[3], guest=_SLIRP[15]),
    Layout.VNET: Network(_VNET, router=_VNET[1], dns=_VNET[2], guest=_VNET[15]),
}


def network_of(guest: IPv4Address, gateway: IPv4Address, base: Network) -> Network | None:
    """`base` with addresses at which this guest finds its gateway; None where there are none."""
    for known in LAYOUTS.values():
        ours = (known.router, known.dns)
        if gateway in ours and _are_hosts(known.net, guest):
            first = known.guest if guest in ours else guest
            return replace(base, net=known.net, router=known.router, dns=known.dns, guest=first)
    nets = (IPv4Network((gateway, bits), strict=False) for bits in USUAL_PREFIXES)
    net = next((net for net in nets if guest in net), None)
    if net is None or not _are_hosts(net, guest, gateway):
        return None
    return replace(base, net=net, router=gateway, dns=gateway, guest=guest)


def _are_hosts(net: IPv4Network, *addresses: IPv4Address) -> bool:
    ends = (net.network_address, net.broadcast_address)
    return all(
        one in net
        and one not in ends
        and 0 < one.packed[0] < 224
        and not one.is_loopback
        and not one.is_link_local
        for one in addresses
    )


@dataclass(frozen=True, slots=True)
class StaticLease:
    address: IPv4Address
    hostname: str = ""


@dataclass(frozen=True, slots=True)
class Dhcp:
    enabled: bool = True
    lease: float = 86_400.0  # seconds
    hostname: str = ""  # option 12
    domain: str = ""  # option 15
    search: tuple[str, ...] = ()  # option 119
    bootfile: str = ""  # file field and option 67
    next_server: IPv4Address | None = None  # siaddr; None is the router
    server_name: str = ""  # sname field and option 66
    ipxe_bootfile: str = ""  # instead of bootfile for a client whose user class is iPXE
    ntp: tuple[IPv4Address, ...] = ()  # option 42
    routes: tuple[tuple[IPv4Network, IPv4Address], ...] = ()  # option 121: net, gateway
    static: dict[bytes, StaticLease] = field(default_factory=dict)  # by MAC
    options: dict[int, bytes] = field(default_factory=dict)  # by number, over all others


@dataclass(frozen=True, slots=True)
class Dns:
    resolvers: tuple[tuple[IPv4Address | IPv6Address, int], ...] = ()  # () = the host's own
    names: dict[str, tuple[IPv4Address, ...]] = field(default_factory=dict)  # lower case
    timeout: float = 5.0  # seconds until SERVFAIL when no resolver has answered
    tries: int = 2  # how often each resolver is asked within `timeout`


@dataclass(frozen=True, slots=True)
class Tftp:
    root: Path | None = None  # the folder that is served; None answers every request with an error
    write: bool = False  # whether the guest may write files there
    max_size: int = 256 << 20  # bytes of a file that the guest writes


@dataclass(frozen=True, slots=True)
class Nat:
    keep_ports: bool = False  # the guest's source ports, where the host has them free


@dataclass(frozen=True, slots=True)
class Tcp:
    idle: float = 600.0  # seconds without a segment in either direction
    mss: int | None = None  # announced to the guest; None = MTU - 40
    window: int = 256 * 1024  # bytes that a guest may send ahead of the host, per flow
    window_scale: bool = True  # RFC 7323
    timestamps: bool = True  # RFC 7323
    sack: bool = True  # RFC 2018
    delayed_ack: float = 0.04  # seconds that an acknowledgement may wait; 0 = never
    isn: int | None = None  # our initial sequence number; None = by RFC 6528
    rto_initial: float = 1.0  # seconds, RFC 6298 2.1
    rto_min: float = 0.2
    rto_max: float = 60.0  # RFC 6298 2.5
    retries: int = 12  # time-outs without an answer before a flow is given up (RFC 9293 3.8.3)
    forward_wait: float = 60.0  # seconds that a forwarded connection waits for the guest
    flows: int = 4096  # at once
    memory: int = 256 << 20  # bytes that all flows together hold


@dataclass(frozen=True, slots=True)
class Udp:
    idle: float = 600.0  # seconds without a datagram in either direction
    dns_idle: float = 30.0  # the same, of a flow that has only asked DNS and has its answer
    flows: int = 4096  # one host socket each
    broadcast: Broadcast = Broadcast.DHCP


@dataclass(frozen=True, slots=True)
class Icmp:
    idle: float = 60.0  # seconds without an echo; RFC 5508 3.2 asks for 60 at least
    flows: int = 256  # one host socket each


@dataclass(frozen=True, slots=True)
class Lint:
    """What is said of a guest that does legal but wrong things."""

    enabled: bool | None = None  # None = under Bochs; not on a TAP device, where it costs speed
    silence: frozenset[str] = frozenset()  # codes of rules that are counted and not shown
    json: Path | None = None  # a file for all drops and findings, an object a line


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
class Virtual:
    """What hosts within the process serve, for whom a network's program answers (pynat.net)."""

    hosts: tuple[IPv4Address, ...] = ()  # that are nothing else
    every_host: bool = False  # all are, that have nothing of their own
    # Port 0 is every port; the address None is every host that has nothing of its own.
    services: frozenset[tuple[Protocol, IPv4Address | None, int]] = frozenset()
    names: dict[str, tuple[IPv4Address, ...]] = field(default_factory=dict)  # lower case


@dataclass(frozen=True, slots=True)
class Config:
    layout: Layout = Layout.PYNAT
    network: Network = field(default_factory=Network)
    dhcp: Dhcp = field(default_factory=Dhcp)
    dns: Dns = field(default_factory=Dns)
    tftp: Tftp = field(default_factory=Tftp)
    nat: Nat = field(default_factory=Nat)
    tcp: Tcp = field(default_factory=Tcp)
    udp: Udp = field(default_factory=Udp)
    icmp: Icmp = field(default_factory=Icmp)
    impair: tuple[ImpairRule, ...] = ()  # how bad the wire between guest and router is
    lint: Lint = field(default_factory=Lint)
    faults: tuple[Fault, ...] = ()
    hermetic: bool = False  # no socket of the host; in step with the simulator (docs/hermetic.md)
    time: TimePolicy = TimePolicy.AUTO
    patience: float = 1.0  # seconds that guest time is held after the last frame of an open flow
    host_loopback: bool = True
    forwards: tuple[Forward, ...] = ()
    guestfwd: tuple[GuestForward, ...] = ()
    host_aliases: tuple[HostAlias, ...] = ()
    script: Path | None = None  # a network written in Python (docs/python.md)
    virtual: Virtual = field(default_factory=Virtual)
    peers: tuple[Peer, ...] = ()  # those of [peers], then those of the zoo
    zoo: bool = False  # whether `peers` ends with one of each kind
    restricted: bool = False  # nothing leaves but to the above and to `allow`
    allow: tuple[Allowed, ...] = ()
    control: str = "auto"  # the path of the control socket; "auto" makes one up, "none" has none
    backlog: int = 128  # connections of one forward that wait to be accepted
    capture: Path | None = None
    capture_size: int | None = None  # MiB of one file; None = one file without limit
    capture_files: int = CAPTURE_FILES  # that are kept, the newest among them
    seed: int | None = None  # None = a fresh one, told in the log
    warnings: tuple[str, ...] = ()  # keys understood but of no use here; told once in the log

    def __post_init__(self) -> None:
        if self.hermetic and self.seed is None:
            object.__setattr__(self, "seed", HERMETIC_SEED)

    @property
    def claimed(self) -> frozenset[IPv4Address]:
        """Addresses of the guest's net, other than the router's, at which something is served."""
        served = {one.address for one in self.guestfwd} | {one.guest for one in self.host_aliases}
        served |= set(self.virtual.hosts)
        ours = {self.network.router, self.network.dns}
        return frozenset(address for address in served - ours if address in self.network.net)

    @property
    def names(self) -> dict[str, tuple[IPv4Address, ...]]:
        """What the DNS answers by itself, in lower case."""
        aliases = {alias.name: (alias.guest,) for alias in self.host_aliases if alias.name}
        peers = {peer.name: (peer.address,) for peer in self.peers if peer.name}
        return peers | aliases | self.virtual.names | self.dns.names
