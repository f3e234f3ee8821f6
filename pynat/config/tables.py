"""The tables of a configuration file, each key declared as in `pynat.config.model`."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path

from pynat.config import dhcp, values
from pynat.config.entries import Broadcast, StaticLease
from pynat.config.key import key
from pynat.config.lint import codes

DEFAULT_NET = IPv4Network("192.168.16.0/24")
MAX_MTU = 65_520  # what Linux lets a TAP device have, in whole words
# 4,096 bytes is the longest frame that every NIC model of Bochs takes (pcipnic panics above).
MAX_CARD_MTU = 4096 - 14
MIN_MTU = 576  # RFC 791: what every host must accept
MIN_MSS = 88  # Linux takes no smaller one
MIN_PREFIX, MAX_PREFIX = 8, 30  # bits of a net
FOREVER = float(2**32 - 1)  # RFC 2131 section 3.3: a lease of this length never ends


@dataclass(frozen=True, slots=True)
class Network:
    net: IPv4Network = key(
        values.network,
        DEFAULT_NET,
        "the guest's network; the three addresses below move along: router and DNS first, guest "
        "second",
        allowed=f"prefix length {MIN_PREFIX} to {MAX_PREFIX}; not loopback, not multicast",
    )
    router: IPv4Address = key(
        values.address,
        DEFAULT_NET[1],
        "the router's address",
        allowed="a host of the net",
    )
    guest: IPv4Address = key(
        values.address,
        DEFAULT_NET[2],
        "the first address that DHCP gives",
        allowed="a host of the net, but neither router nor DNS",
    )
    dns: IPv4Address = key(
        values.address,
        DEFAULT_NET[1],
        "the address at which the DNS forwarder answers; where only the router is set, the "
        "router's",
        allowed="a host of the net",
    )
    mac: bytes = key(
        values.mac,
        bytes.fromhex("525500a81001"),
        "the router's MAC address",
    )
    mtu: int = key(
        values.whole(MIN_MTU, MAX_MTU),
        1500,
        "bytes of an IP packet; DHCP tells it (option 26) where it is not 1500, and to a guest "
        f"that asks. A card of Bochs takes {MAX_CARD_MTU} at most, a TAP device all",
    )
    adopt: bool = key(
        values.boolean,
        False,
        "whether the net of a guest that is set up for another one becomes this network's: the "
        "first gateway that such a guest asks for by ARP is the router from then on. `allow` goes "
        "on to name the router by `network.router`",
    )


@dataclass(frozen=True, slots=True)
class Dhcp:
    enabled: bool = key(
        values.boolean,
        True,
        "whether DHCP and BOOTP are answered",
    )
    lease: float = key(
        values.seconds(10, FOREVER),
        86_400.0,
        "how long a lease lasts; 4294967295 is for ever",
    )
    hostname: str = key(
        values.domain_name,
        "",
        "the guest's host name (option 12)",
    )
    domain: str = key(
        values.domain_name,
        "",
        "the guest's domain (option 15)",
    )
    search: tuple[str, ...] = key(
        values.list_of(values.domain_name, "a list of domain names"),
        (),
        "domains that the guest's resolver tries (option 119)",
    )
    bootfile: str = key(
        values.text(255, "the name of the boot file"),
        "",
        "the file to boot from (file field and option 67): a file below `tftp.root`, or a URL for "
        "iPXE; see [booting](booting.md)",
    )
    next_server: IPv4Address | None = key(
        values.address,
        None,
        "the server to boot from (siaddr); not set is the router",
    )
    server_name: str = key(
        values.text(255, "the name of the boot server"),
        "",
        "the boot server's name (sname field and option 66)",
    )
    ipxe_bootfile: str = key(
        values.text(255, "the name of the boot file"),
        "",
        "what a client gets instead of `dhcp.bootfile` that says it is iPXE (option 77): "
        "`bootfile` loads iPXE, this is its script",
    )
    ntp: tuple[IPv4Address, ...] = key(
        values.list_of(values.address, "a list of addresses"),
        (),
        "time servers (option 42)",
    )
    routes: tuple[tuple[IPv4Network, IPv4Address], ...] = key(
        values.list_of(dhcp.route, "a list of routes"),
        (),
        'routes beside the default one, `"10.0.0.0/8 via 192.168.16.9"` (option 121; the default '
        "route is added there, as its readers ignore option 3)",
    )
    static: dict[bytes, StaticLease] = key(
        dhcp.static,
        {},
        'addresses by MAC: `{"52:54:00:12:34:56" = "192.168.16.9"}` or, with a host name, '
        '`{"52:54:00:12:34:56" = {address = "192.168.16.9", hostname = "box"}}`',
    )
    options: dict[int, bytes] = key(
        dhcp.options,
        {},
        "any option by its number, 1 to 254, over what pynat sends by itself; see below",
    )


@dataclass(frozen=True, slots=True)
class Dns:
    resolvers: tuple[tuple[IPv4Address | IPv6Address, int], ...] = key(
        values.list_of(
            values.resolver,
            "a list of addresses, IPv4 or IPv6, with a port of 1 to 65535 or without",
        ),
        (),
        'the servers to ask, `"1.1.1.1"`, `"1.1.1.1:53"`, `"::1"` or `"[::1]:5353"`; none are the '
        "host's own (`/etc/resolv.conf`)",
    )
    names: dict[str, tuple[IPv4Address, ...]] = key(
        values.names,
        {},
        'names with fixed answers: `{"x.test" = "1.2.3.4"}` or a list of addresses; names with '
        "dots need the quotes",
    )
    timeout: float = key(
        values.seconds(0.1, 60),
        5.0,
        "when a question that no resolver answers gets SERVFAIL",
    )
    tries: int = key(
        values.whole(1, 10),
        2,
        "how often each resolver is asked within that time",
    )


@dataclass(frozen=True, slots=True)
class Tftp:
    root: Path | None = key(
        values.folder,
        None,
        "the folder that the router serves by TFTP; not set takes the card's `ethdev=`, if that "
        "names a folder; a leading `~` is the home folder",
    )
    write: bool = key(
        values.boolean,
        False,
        "whether the guest may write files there by TFTP",
    )
    max_size: int = key(
        values.whole(1, 2**63 - 1),
        256 << 20,
        "how many bytes a file may have that the guest writes",
    )


@dataclass(frozen=True, slots=True)
class Nat:
    keep_ports: bool = key(
        values.boolean,
        False,
        "whether a connection or datagram of the guest's leaves the host from the guest's own "
        "port; see below",
    )


@dataclass(frozen=True, slots=True)
class Tcp:
    idle: float = key(
        values.seconds(1, 86_400 * 365),
        600.0,
        "when a TCP flow without a segment in either direction is given up, on both clocks",
    )
    mss: int | None = key(
        values.whole(MIN_MSS, MAX_MTU - 40),
        None,
        "the segment size announced to the guest; not set is MTU - 40",
        allowed=f"{MIN_MSS} to {MAX_MTU - 40}, at most MTU - 40",
    )
    window: int = key(
        values.whole(1024, 1 << 24),
        256 * 1024,
        "how many bytes the guest may send ahead of the host, per flow",
    )
    window_scale: bool = key(
        values.boolean,
        True,
        "whether the window scale option is offered and taken up (RFC 7323); without it no window "
        "is above 65535",
    )
    timestamps: bool = key(
        values.boolean,
        True,
        "the same for timestamps (RFC 7323)",
    )
    sack: bool = key(
        values.boolean,
        True,
        "the same for selective acknowledgements (RFC 2018)",
    )
    delayed_ack: float = key(
        values.seconds(0, 0.5),  # RFC 9293 3.8.6.3
        0.04,
        "how long an acknowledgement may wait for more data or an answer; 0 acknowledges at once",
    )
    isn: int | None = key(
        values.whole(0, 2**32 - 1),
        None,
        "our initial sequence number in every connection, 4294967290 to test wrap-around; not set "
        "is RFC 6528",
    )
    rto_initial: float = key(
        values.seconds(0.01, 60),
        1.0,
        "the first retransmission time-out (RFC 6298)",
    )
    rto_min: float = key(
        values.seconds(0.01, 60),
        0.2,
        "the least one",
    )
    rto_max: float = key(
        values.seconds(0.1, 3600),
        60.0,  # RFC 6298 2.5
        "the longest one",
    )
    retries: int = key(
        values.whole(1, 100),
        12,  # RFC 9293 3.8.3
        "after so many time-outs without an answer a flow is given up and both sides are reset",
    )
    forward_wait: float = key(
        values.seconds(1, 86_400),
        60.0,
        "how long a connection through a forward waits for a guest that does not answer; its SYN "
        "is repeated every 4 s at least",
    )
    flows: int = key(
        values.whole(1, 65_536),
        4096,
        "how many TCP flows may be open at once; the next one gets RST",
    )
    memory: int = key(
        values.whole(1 << 20, 1 << 40),
        256 << 20,
        "bytes that all TCP flows together hold, of the guest and for it; once it is half used "
        "up, each flow may hold an equal share of the rest, 4 KiB in each direction at least: "
        "less is read from the host, and windows get smaller",
    )


@dataclass(frozen=True, slots=True)
class Udp:
    idle: float = key(
        values.seconds(1, 86_400 * 365),
        600.0,
        "when the host's socket of a silent UDP flow is closed, on both clocks",
    )
    dns_idle: float = key(
        values.seconds(1, 86_400 * 365),
        30.0,
        "the same for a flow that has only asked servers at port 53 and has its answer",
    )
    flows: int = key(
        values.whole(1, 65_535),
        4096,
        "UDP flows at once; each has a socket of the host. At the limit the one used longest ago "
        "goes",
    )
    broadcast: Broadcast = key(
        values.one_of(Broadcast),
        Broadcast.DHCP,
        "what becomes of the guest's UDP broadcasts and multicasts: all but DHCP are dropped, or "
        "they go to the host's network; see below",
    )


@dataclass(frozen=True, slots=True)
class Icmp:
    idle: float = key(
        values.seconds(1, 86_400 * 365),
        60.0,  # RFC 5508 3.2 asks for as much at least
        "when the host's socket of a silent ping is closed, on both clocks",
    )
    flows: int = key(
        values.whole(1, 65_535),
        256,
        "pings (identifiers) at once; at the limit the one used longest ago goes",
    )


@dataclass(frozen=True, slots=True)
class Lint:
    """What is said of a guest that does legal but wrong things."""

    enabled: bool | None = key(
        values.boolean,
        None,
        "whether the guest's frames are looked at for what is legal but wrong; not set is `true` "
        "under Bochs and `false` with `pynat tap`, where it costs speed",
    )
    silence: frozenset[str] = key(
        codes,
        frozenset(),
        'rules that are counted and not shown: `["TCP062"]`, or all of a protocol: `["ARP"]`',
    )
    json: Path | None = key(
        values.new_file,
        None,
        "a file for all drops and findings, a JSON object a line, up to 64 MiB; see "
        "[rules](rules/README.md)",
    )


@dataclass(frozen=True, slots=True)
class Tap:
    """What `pynat tap` asks of its device; there is none under Bochs."""

    offload: bool = key(
        values.boolean,
        False,
        "whether checksums and the cutting of data into segments are left to Linux, at either end "
        "of the device, which is much faster. What looks at frames, such as the linter or a "
        "capture, still sees those of a wire; see [tap](tap.md)",
    )
