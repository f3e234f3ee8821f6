"""An existing slirp file ("# slirp config" in its first line) into a Config.

What Bochs's own back end takes is taken, with its meaning: the defaults are slirp's, values are
read as C reads them, the last of several lines with one key counts (hostfwd adds up). What it
takes and has no use here is a warning: a value without effect, an address that its net does not
have. Three things differ on purpose: a key or value that slirp reports and then ignores is an error
here; any number of hostfwd lines is taken; and a hostfwd without a host address listens on
127.0.0.1 instead of on all addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from pynat.config import lines, values
from pynat.config.check import check, check_forward, is_host, why_no_net
from pynat.config.entries import Forward, Layout
from pynat.config.forwards import forward
from pynat.config.layouts import LAYOUTS, addresses_in
from pynat.config.model import Config
from pynat.config.tables import MAX_PREFIX, MIN_PREFIX, Network
from pynat.config.values import Source, Wrong
from pynat.errors import ConfigError

FIRST_LINE = "# slirp config"
HEADER = re.compile(r"^[^\S\n]*#[^\S\n]*slirp\s+config\s*$", re.IGNORECASE | re.MULTILINE)

DEFAULT = LAYOUTS[Layout.SLIRP].net
MASKS = {IPv4Network((0, bits)).netmask for bits in range(MIN_PREFIX, MAX_PREFIX + 1)}
NO_ADDRESS = IPv4Address(0)
DNS_OPTION = 6  # of DHCP (RFC 2132 3.8)

_HOSTFWD = re.compile(r"(tcp|udp|):([^:]*):([^:-]*)-([^:]*):(.*)")


def _search(value: object) -> tuple[str, ...]:
    return tuple(name for name in _items(value) if not _why_no_name(name))


def _items(value: object) -> list[str]:
    return [name for name in map(str.strip, str(value).split(",")) if name]


def _why_no_name(name: str) -> str:
    try:
        values.domain_name(name)
    except Wrong as wrong:
        return wrong.right
    return ""


def packet_log(value: object) -> Path | None:
    try:
        return values.new_file(value)
    except Wrong:
        return None


def hostfwd(value: object) -> tuple[Forward, ...]:
    """slirp's form, with its numbers; else one of those that pynat has beyond it."""
    match = _HOSTFWD.fullmatch(str(value))
    if match is None:
        return forward(value)
    protocol, host, host_port, guest, guest_port = match.groups()
    try:
        ports = [lines.any_base(port) for port in (host_port, guest_port)]
        hosts = [lines.address(host) if host else "" for host in (host, guest)]
    except Wrong:
        return forward(value)
    to = "" if hosts[1] == NO_ADDRESS else hosts[1]
    return forward(f"{protocol}:{hosts[0]}:{ports[0]}-{to}:{ports[1]}")


# key: (our key, parser)
KEYS: dict[str, tuple[str, Callable[[object], object]]] = {
    "net": ("network.net", lines.address),
    "mask": ("network.mask", lines.address),
    "host": ("network.router", lines.address),
    "dhcpstart": ("network.guest", lines.address),
    "dns": ("network.dns", lines.address),
    "hostname": ("dhcp.hostname", values.text(253, "the guest's name")),
    "bootfile": ("dhcp.bootfile", values.text(127, "the name of the boot file")),
    "tftp_srvname": ("dhcp.server_name", values.text(255, "the name of the boot server")),
    "dnssearch": ("dhcp.search", _search),
    "pktlog": ("capture", packet_log),
    "restricted": ("restricted", lambda value: lines.number(str(value)) != 0),
    "hostfwd": ("forwards", hostfwd),
}
# key: which values mean that the user wanted something
NO_EFFECT: dict[str, Callable[[str], object]] = {
    "smb_export": bool,
    "smb_srv": bool,
    "ipv6_enabled": lines.number,
    "ipv6_prefix": bool,
    "debug_switches": lines.number,
}


def is_slirp(written: str) -> bool:
    return written.lstrip("\r\n").startswith(FIRST_LINE)


def is_almost_slirp(written: str) -> bool:
    """For a file that is no good as TOML: was it meant for slirp, but for its first line?"""
    if HEADER.search(written):
        return True
    stripped = [line.strip() for line in written.splitlines()]
    pairs = [line.partition("=") for line in stripped if "=" in line and not line.startswith("#")]
    is_toml = any(line.startswith("[") for line in stripped) or any(
        value.strip().startswith(("'", '"', "[", "{")) for _, _, value in pairs
    )
    known = {*KEYS, *NO_EFFECT}
    return bool(pairs) and not is_toml and all(key.strip().lower() in known for key, _, _ in pairs)


def read_slirp(written: str, file: str) -> Config:
    source = Source(file)
    found: dict[str, Any] = {}
    forwards: list[Forward] = []
    warnings: list[str] = []
    for number, key, value in lines.lines_of(written, file, [*KEYS, *NO_EFFECT]):
        source.lines[key] = number
        if key == "hostfwd":
            rules = source.parse(key, hostfwd, value)
            forwards += [replace(rule, source=f"{file}:{number}: hostfwd") for rule in rules]
        elif key in KEYS:
            found[KEYS[key][0]] = source.parse(key, KEYS[key][1], value)
        if said := remark(key, value):
            warnings.append(f"{file}:{number}: {key} = {value} {said}")
    network, told, about_addresses = _network(found, source)
    reachable, out_of_reach = _reachable(forwards, network)
    config = replace(
        _assemble(found, network, told),
        forwards=reachable,
        warnings=(*warnings, *about_addresses, *out_of_reach),
    )
    check(config, source, {ours: key for key, (ours, _) in KEYS.items()})
    return config


def remark(key: str, value: str) -> str:
    """What a user should know of a value that is taken, or taken and of no use."""
    match key:
        case "restricted" if not lines.is_number(value):
            return (
                f"counts as {lines.number(value)}, as with slirp: 1 shuts the guest in, 0 does not"
            )
        case "hostname" if why := _why_no_name(value):
            return f"goes to the guest as it stands, as with slirp; it should be {why}"
        case "bootfile" | "tftp_srvname" if value[0] in "\"'":
            return "goes to the guest with its quotes, as with slirp"
        case "dnssearch" if bad := [name for name in _items(value) if _why_no_name(name)]:
            return f"is taken without {', '.join(bad)}: no domain name"
        case "pktlog" if packet_log(value) is None:
            return "has no effect: its folder does not exist"
        case "hostfwd" if value.partition(":")[2].startswith(":"):
            return (
                "listens on 127.0.0.1 only;"
                " name the host address 0.0.0.0 to listen on all, as slirp does"
            )
        case _ if key in NO_EFFECT and NO_EFFECT[key](value):
            return "is understood but has no effect"
    return ""


def _assemble(found: dict[str, Any], network: Network, told: IPv4Address) -> Config:
    base = Config()
    names = ("hostname", "bootfile", "server_name", "search")
    dhcp = {name: found[f"dhcp.{name}"] for name in names if f"dhcp.{name}" in found}
    if told != network.dns:
        dhcp["options"] = {DNS_OPTION: b"" if told == NO_ADDRESS else told.packed}
    return replace(
        base,
        layout=Layout.SLIRP,
        network=network,
        dhcp=replace(base.dhcp, **dhcp),
        capture=found.get("capture"),
        restricted=found.get("restricted", False),
    )


def _reachable(rules: list[Forward], network: Network) -> tuple[tuple[Forward, ...], list[str]]:
    """slirp takes also those that lead to nobody."""
    good, bad = [], []
    for rule in rules:
        try:
            check_forward(rule, network)
        except ConfigError as error:
            bad.append(f"{error}; the network goes on without this forward")
        else:
            good.append(rule)
    return tuple(good), bad


# ---------------------------------------------------------------- addresses
def _network(found: dict[str, Any], source: Source) -> tuple[Network, IPv4Address, list[str]]:
    """The network, the DNS server that DHCP tells of, warnings.

    slirp looks at no address twice: what its net does not have it tells the guest all the same,
    and nobody answers there.
    """
    net, warnings = _net(found, source)
    places = addresses_in(Layout.SLIRP, net)
    asked = {name: found.get(f"network.{name}", place) for name, place in places.items()}
    router = _first(net, asked["router"], places["router"], net[1])
    few = net.prefixlen == MAX_PREFIX
    dns = router if few else _first(net, asked["dns"], places["dns"], router)
    hosts = (asked["guest"], places["guest"], net[1], net[2], net[3])
    guest = _first(net, *(host for host in hosts if host not in (router, dns)))
    network = Network(net=net, router=router, dns=dns, guest=guest)
    for key, name in (("host", "router"), ("dhcpstart", "guest")):
        has = getattr(network, name)
        if found.get(f"network.{name}", has) != has:
            place = source.place(key)
            warnings.append(f"{place}: {key} = {asked[name]} is no free host of {net}: it is {has}")
    told = found.get("network.dns", dns)
    if told != dns:
        what = "DHCP names no DNS server" if told == NO_ADDRESS else "DHCP names it to the guest"
        warnings.append(
            f"{source.place('dns')}: dns = {told} is no host of {net}: {what}; the network's own is"
            f" {dns}"
        )
    return network, told, warnings


def _first(net: IPv4Network, *wanted: IPv4Address) -> IPv4Address:
    return next(address for address in wanted if is_host(address, net))


def _net(found: dict[str, Any], source: Source) -> tuple[IPv4Network, list[str]]:
    """slirp takes any two numbers; where they make no net, its default stands for them."""
    warnings = []
    address = found.get("network.net", DEFAULT.network_address)
    mask = found.get("network.mask", DEFAULT.netmask)
    if mask not in MASKS:
        warnings.append(
            f"{source.place('mask')}: mask = {mask} is no netmask of {MIN_PREFIX} to"
            f" {MAX_PREFIX} bits: it is {DEFAULT.netmask}"
        )
        mask = DEFAULT.netmask
    net = IPv4Network(f"{address}/{mask}", strict=False)
    if why := why_no_net(net):
        warnings.append(f"{source.place('net')}: net = {address} must be {why}: it is {DEFAULT}")
        net = DEFAULT
    return net, warnings
