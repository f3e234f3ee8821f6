"""The rules that join several keys, for both configuration loaders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from pynat.config.destinations import check_ways
from pynat.config.dhcp import check_routes, check_static
from pynat.config.model import (
    CAPTURE_FILES,
    MOST_FAULTS,
    Config,
    Forward,
    Network,
    Protocol,
    TimePolicy,
)
from pynat.config.peers import check_peers
from pynat.config.values import Source
from pynat.errors import ConfigError

UNUSABLE = [IPv4Network(net) for net in ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3")]
LARGEST, SMALLEST = 8, 30  # bits of a net's prefix
EVERYWHERE = IPv4Address("0.0.0.0")
NO_SOCKET = "hermetic = true opens no socket of the host"


def check(config: Config, source: Source, keys: dict[str, str]) -> None:
    """`keys` maps our keys to those that this kind of file uses for them."""
    network = config.network
    _check_addresses(network, source, keys)
    if config.tcp.mss is not None and config.tcp.mss > network.mtu - 40:
        right = f"at most network.mtu - 40, which is {network.mtu - 40}"
        raise source.error("tcp.mss", config.tcp.mss, right)
    if config.tcp.rto_min > config.tcp.rto_max:
        right = f"at most tcp.rto_max, which is {config.tcp.rto_max:g}"
        raise source.error("tcp.rto_min", config.tcp.rto_min, right)
    if config.capture_size is None and config.capture_files != CAPTURE_FILES:
        right = "together with capture_size, which says when the next file begins"
        raise source.error("capture_files", config.capture_files, right)
    if len(config.faults) > MOST_FAULTS:
        raise source.error("faults", len(config.faults), f"a list of {MOST_FAULTS} at most")
    if config.hermetic:
        _check_hermetic(config, source)
    for rule in config.forwards:
        check_forward(rule, network)
    _check_ports(config.forwards)
    check_ways(config, source)
    check_peers(config, source)
    check_static(config, source)
    check_routes(config, source)


def _check_hermetic(config: Config, source: Source) -> None:
    """What needs a socket of the host, and a clock of its own."""
    beyond: dict[str, Sequence[object]] = {
        "forwards": config.forwards,
        "guestfwd": config.guestfwd,
        "host_aliases": config.host_aliases,
        "dns.resolvers": [f"{address}:{port}" for address, port in config.dns.resolvers],
    }
    for key, values in beyond.items():
        if values:
            raise source.error(key, list(map(str, values)), f"left out: {NO_SOCKET}")
    if config.control not in ("auto", "none"):
        raise source.error("control", config.control, f'"none" or left out: {NO_SOCKET}')
    if config.time is not TimePolicy.AUTO:
        right = "left out: with hermetic = true the engine is always in step with the guest"
        raise source.error("time", config.time, right)


def _check_ports(rules: tuple[Forward, ...]) -> None:
    """No two of them want what the kernel gives only once."""
    taken: dict[tuple[Protocol, int], list[Forward]] = {}
    for rule in rules:
        if rule.host_port == 0 and not isinstance(rule.host_address, Path):
            continue
        others = taken.setdefault((rule.protocol, rule.host_port), [])
        for other in others:
            addresses = {rule.host_address, other.host_address}
            if len(addresses) == 1 or (EVERYWHERE in addresses and _all_ipv4(addresses)):
                what = "path" if isinstance(rule.host_address, Path) else "host port"
                same = f"the same {what} as {other.source} = {other}"
                raise ConfigError(f"{rule.source} = {rule}: {same}")
        others.append(rule)


def _all_ipv4(addresses: Iterable[object]) -> bool:
    return all(isinstance(address, IPv4Address) for address in addresses)


def _check_addresses(network: Network, source: Source, keys: dict[str, str]) -> None:
    net = network.net
    net_key = keys.get("network.net", "network.net")
    if why := why_no_net(net):
        raise source.error(net_key, net, why)
    for name in ("router", "guest", "dns"):
        key, value = keys.get(f"network.{name}", f"network.{name}"), getattr(network, name)
        if value not in net:
            raise source.error(key, value, f"an address in {net}")
        if value in (net.network_address, net.broadcast_address):
            right = f"an address from {net[1]} to {net[-2]}: the first and last name the net"
            raise source.error(key, value, right)
    guest_key = keys.get("network.guest", "network.guest")
    if network.guest in (network.router, network.dns):
        raise source.error(guest_key, network.guest, "neither the router's nor the DNS address")


def why_no_net(net: IPv4Network) -> str:
    """What would be right; "" if it is."""
    if any(net.overlaps(other) for other in UNUSABLE):
        return "a network of unicast addresses, not loopback"
    if not LARGEST <= net.prefixlen <= SMALLEST:
        return f"a network with a prefix length from {LARGEST} to {SMALLEST}"
    return ""


def is_host(address: IPv4Address, net: IPv4Network) -> bool:
    return address in net and address not in (net.network_address, net.broadcast_address)


def check_forward(rule: Forward, network: Network) -> None:
    guest, net = rule.guest_address, network.net
    if guest is None:
        return
    if not is_host(guest, net):
        raise ConfigError(f"{rule.source} = {rule}: the guest address must be a host in {net}")
    if guest in (network.router, network.dns):
        raise ConfigError(f"{rule.source} = {rule}: {guest} is the router itself, not a guest")
