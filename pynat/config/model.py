"""What a network can be told: one frozen value, made once at start.

A key of a configuration file is a field of this value, or of one of its tables (`tables.py`):

    mss: int | None = key(whole(88, 4042), None, "the segment size announced to the guest; ...")

That is all that says its name, type, range, default and meaning. To add one: declare it so (its
parser is in `values.py`, or in the file beside it about its subject), use it where it matters, test
what it does there, write a line with it into tests/config/test_toml.py, and run
`scripts/make-config-pages`: the table in docs/configuration.md and docs/config.schema.json, for
editors, are made of the declarations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pynat.config import destinations, values
from pynat.config.entries import (
    Allowed,
    Fault,
    Forward,
    GuestForward,
    HostAlias,
    IpAddress,
    Layout,
    TimePolicy,
    VirtualHosts,
)
from pynat.config.faults import fault
from pynat.config.forwards import MAX_SOCKET_PATH, forward_rules
from pynat.config.impair import rule
from pynat.config.key import key
from pynat.config.peers import peers as peer_table
from pynat.config.tables import Dhcp, Dns, Icmp, Lint, Nat, Network, Tap, Tcp, Tftp, Udp
from pynat.faulty_host import FaultyHost
from pynat.impair.rule import ImpairRule

LINGER = 5.0  # seconds (wall) at the end, for what the guest has sent to reach its peers
HERMETIC_SEED = 0  # where none is given: a run is to be like the last one
CAPTURE_FILES = 4


@dataclass(frozen=True, slots=True)
class Config:
    layout: Layout = key(
        values.one_of(Layout),
        Layout.PYNAT,
        'where the addresses are that `network` does not set; `"slirp"` has those of QEMU\'s user '
        'network: net 10.0.2.0/24, router .2, DNS .3, guest .15; `"vnet"` those of Bochs\'s vnet: '
        "net 192.168.10.0/24, router .1, DNS .2, guest .15",
    )
    time: TimePolicy = key(
        values.one_of(TimePolicy),
        TimePolicy.AUTO,
        'when guest time is held back to wall time: `"auto"` (while the guest waits for the '
        "host), always or never; see [time](time.md)",
    )
    hermetic: bool = key(
        values.boolean,
        False,
        "whether the network has no outside: no socket of the host is opened, and the engine goes "
        "in step with the guest, so that a run can be repeated byte for byte; `seed` is then 0 "
        "unless it is set; see [hermetic](hermetic.md)",
    )
    patience: float = key(
        values.seconds(0, 3600),
        1.0,
        "how long guest time is held after the last frame of an open flow",
    )
    host_loopback: bool = key(
        values.boolean,
        True,
        "whether the router's address leads to programs that listen on the host's 127.0.0.1; "
        "programs that listen on all addresses are also reached by the host's other addresses, as "
        "from any machine",
    )
    script: Path | None = key(
        values.script,
        None,
        "a network written in Python; see [python.md](python.md)",
    )
    forwards: tuple[Forward, ...] = key(
        forward_rules,
        (),
        "ports of the host that lead to the guest; see below",
    )
    guestfwd: tuple[GuestForward, ...] = key(
        destinations.guest_forwards,
        (),
        "addresses of the guest's that programs of the host serve; see [forwarding](forwarding.md)",
    )
    host_aliases: tuple[HostAlias, ...] = key(
        destinations.host_aliases,
        (),
        "addresses and names of the guest's that lead elsewhere; see [forwarding](forwarding.md)",
    )
    peers: tuple[FaultyHost, ...] = key(
        peer_table,
        (),
        'hosts of the virtual network that misbehave on purpose: `"slow.test:80" = "accept after '
        '3s"`; see [peers.md](peers.md)',
    )
    zoo: bool = key(
        values.boolean,
        False,
        "one peer of each kind: `refuse.test`, `reorder.test`, ...; see [peers.md](peers.md)",
    )
    restricted: bool = key(
        values.boolean,
        False,
        "whether the guest is shut in; see [forwarding](forwarding.md)",
    )
    allow: tuple[Allowed, ...] = key(
        values.list_of(destinations.allowed, "a list of addresses or nets, with a port or without"),
        (),
        "where a restricted guest may go all the same",
    )
    faults: tuple[Fault, ...] = key(
        values.list_of(fault, "a list of faults"),
        (),
        "what DHCP, DNS, ARP and ICMP do wrong on purpose; see [faults](faults.md)",
    )
    control: str = key(
        values.text(MAX_SOCKET_PATH, '"auto", "none" or the path of a socket'),
        "auto",
        'the path of the socket to which `pynat ctl` talks; `"auto"` is one where it looks by '
        'itself, `"none"` is none; see [control](control.md)',
    )
    backlog: int = key(
        values.whole(1, 65535),
        128,
        "connections of one forward that may wait to be accepted",
    )
    impair: tuple[ImpairRule, ...] = key(
        values.list_of(rule, "list of rules"),
        (),
        'how bad the wire between the guest and the router is: `["to-guest tcp loss 1%"]`; see '
        "[impairment.md](impairment.md)",
    )
    capture: Path | None = key(
        values.new_file,
        None,
        "a file that records every frame, for Wireshark: pcapng, or pcap if its name ends in "
        "`.pcap`; its folder must be there, and a leading `~` is the home folder; see below",
    )
    capture_size: int | None = key(
        values.whole(1, 1 << 20),
        None,
        "MiB after which the next capture file begins; not set is one file that grows as long as "
        "there is room",
    )
    capture_files: int = key(
        values.whole(2, 1000),
        CAPTURE_FILES,
        "how many files are kept where `capture_size` is set, the newest among them",
    )
    seed: int | None = key(
        values.whole(0, 2**64 - 1),
        None,
        "the start of all random numbers, for runs that repeat exactly; not set takes a fresh one "
        "and logs it",
    )
    network: Network = field(default_factory=Network)
    dhcp: Dhcp = field(default_factory=Dhcp)
    dns: Dns = field(default_factory=Dns)
    tftp: Tftp = field(default_factory=Tftp)
    nat: Nat = field(default_factory=Nat)
    tcp: Tcp = field(default_factory=Tcp)
    udp: Udp = field(default_factory=Udp)
    icmp: Icmp = field(default_factory=Icmp)
    lint: Lint = field(default_factory=Lint)
    tap: Tap = field(default_factory=Tap)
    virtual: VirtualHosts = field(default_factory=VirtualHosts)
    warnings: tuple[str, ...] = ()  # keys understood but of no use here; told once in the log

    def __post_init__(self) -> None:
        if self.hermetic and self.seed is None:
            object.__setattr__(self, "seed", HERMETIC_SEED)

    @property
    def claimed(self) -> frozenset[IpAddress]:
        """Addresses of the guest's net, other than the router's, at which something is served."""
        served: set[IpAddress] = set(self.virtual.hosts)
        served |= {one.address for one in self.guestfwd} | {one.guest for one in self.host_aliases}
        ours = {self.network.router, self.network.dns}
        return frozenset(address for address in served - ours if address in self.network.net)

    @property
    def names(self) -> dict[str, tuple[IpAddress, ...]]:
        """What the DNS answers by itself, in lower case."""
        aliases = {alias.name: (alias.guest,) for alias in self.host_aliases if alias.name}
        peers = {
            faulty_host.name: (faulty_host.address,)
            for faulty_host in self.peers
            if faulty_host.name
        }
        return peers | aliases | self.virtual.names | self.dns.names
