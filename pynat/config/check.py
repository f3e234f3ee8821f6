"""The rules that join several keys, for both configuration loaders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from pynat.config.entries import (
    MAX_FAULTS,
    NAMED_NET,
    ROUTER_PORTS,
    Forward,
    GuestForward,
    HostAlias,
    TimePolicy,
    Transport,
)
from pynat.config.model import CAPTURE_FILES, Config
from pynat.config.tables import MAX_PREFIX, MIN_PREFIX, Network
from pynat.config.values import Source
from pynat.errors import ConfigError
from pynat.faulty_host import FaultyHost

UNUSABLE = [IPv4Network(net) for net in ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3")]
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
    if len(config.faults) > MAX_FAULTS:
        raise source.error("faults", len(config.faults), f"a list of {MAX_FAULTS} at most")
    if config.hermetic:
        _check_hermetic(config, source)
    for forward in config.forwards:
        check_forward(forward, network)
    _check_ports(config.forwards)
    _check_destinations(config, source)
    _check_peers(config, source)
    _check_static(config, source)
    _check_routes(config, source)


def of_host(config: Config) -> dict[str, object]:
    """What a configuration asks of the host: keys that need a socket of its, or its clock."""
    asked: dict[str, Sequence[object]] = {
        "forwards": config.forwards,
        "guestfwd": config.guestfwd,
        "host_aliases": config.host_aliases,
        "dns.resolvers": [f"{address}:{port}" for address, port in config.dns.resolvers],
    }
    found: dict[str, object] = {
        key: list(map(str, values)) for key, values in asked.items() if values
    }
    return found if config.time is TimePolicy.AUTO else found | {"time": config.time}


def _check_hermetic(config: Config, source: Source) -> None:
    for key, value in of_host(config).items():
        step = "with hermetic = true the engine is always in step with the guest"
        raise source.error(key, value, f"left out: {step if key == 'time' else NO_SOCKET}")


def _check_ports(rules: tuple[Forward, ...]) -> None:
    """No two of them want what the kernel gives only once."""
    taken: dict[tuple[Transport, int], list[Forward]] = {}
    for forward in rules:
        if forward.host_port == 0 and not isinstance(forward.host_address, Path):
            continue
        others = taken.setdefault((forward.protocol, forward.host_port), [])
        for other in others:
            addresses = {forward.host_address, other.host_address}
            if len(addresses) == 1 or (EVERYWHERE in addresses and _all_ipv4(addresses)):
                what = "path" if isinstance(forward.host_address, Path) else "host port"
                same = f"the same {what} as {other.source} = {other}"
                raise ConfigError(f"{forward.source} = {forward}: {same}")
        others.append(forward)


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
    if not MIN_PREFIX <= net.prefixlen <= MAX_PREFIX:
        return f"a network with a prefix length from {MIN_PREFIX} to {MAX_PREFIX}"
    return ""


def is_host(address: IPv4Address, net: IPv4Network) -> bool:
    return address in net and address not in (net.network_address, net.broadcast_address)


def check_forward(forward: Forward, network: Network) -> None:
    guest, net = forward.guest_address, network.net
    if guest is None:
        return
    if not is_host(guest, net):
        raise ConfigError(
            f"{forward.source} = {forward}: the guest address must be a host in {net}"
        )
    if guest in (network.router, network.dns):
        raise ConfigError(
            f"{forward.source} = {forward}: {guest} is the router itself, not a guest"
        )


# ---------------------------------------------------------------- destinations
def _check_destinations(config: Config, source: Source) -> None:
    if config.allow and not config.restricted:
        raise source.error("allow", [str(config.allow[0].net)], "left out, or restricted = true")
    seen: dict[tuple[IPv4Address, int], GuestForward | HostAlias] = {}
    ways: list[GuestForward | HostAlias] = [*config.guestfwd, *config.host_aliases]
    for one in ways:
        address, port = (one.address if isinstance(one, GuestForward) else one.guest), one.port
        if why := _why_not(address, port, one, config):
            raise ConfigError(f"{one.source}: {one}: {why}")
        if (address, port) in seen:
            other = seen[address, port]
            raise ConfigError(f"{one.source}: {one}: the same as {other.source}: {other}")
        seen[address, port] = one


def _why_not(
    address: IPv4Address, port: int, one: GuestForward | HostAlias, config: Config
) -> str | None:
    network = config.network
    net = network.net
    if isinstance(one, HostAlias) and one.name:
        if net.overlaps(NAMED_NET):
            return f"names get addresses in {NAMED_NET}, so network.net cannot be {net}"
        if one.name in config.dns.names:
            return f"dns.names has {one.name} too"
    if address in (net.network_address, net.broadcast_address):
        return f"{address} is not one host in {net}"
    if address == network.guest:
        return f"{address} is the guest itself; choose another address"
    served = sorted(set().union(*ROUTER_PORTS.values()))
    if address in (network.router, network.dns) and (not port or port in served):
        ports = f"{', '.join(map(str, served[:-1]))} and {served[-1]}"
        return f"{address} is the router, which serves ports {ports} itself; name another"
    return None


def _check_peers(config: Config, source: Source) -> None:
    for faulty_host in config.peers:
        if why := why_no_peer(faulty_host, config.network):
            raise ConfigError(f'{source.place("peers")}: peers."{faulty_host}": {why}')


def why_no_peer(faulty_host: FaultyHost, network: Network) -> str:
    net = network.net
    if faulty_host.name and net.overlaps(NAMED_NET):
        return f"names get addresses in {NAMED_NET}, so network.net cannot be {net}"
    if faulty_host.address in net:
        return f"{faulty_host.address} is in the guest's own net {net}; choose an address outside"
    return ""


# ---------------------------------------------------------------- DHCP
def _check_static(config: Config, source: Source) -> None:
    net = config.network.net
    ours = {config.network.router, config.network.dns, *config.claimed}
    taken: set[IPv4Address] = set()
    for mac, lease in config.dhcp.static.items():
        at, address = f'."{mac.hex(":")}"', lease.address
        if address not in net or address in (net.network_address, net.broadcast_address):
            raise source.error("dhcp.static", str(address), f"a host of {net}", at)
        if address in ours:
            raise source.error("dhcp.static", str(address), "not one of the router's own", at)
        if address in taken:
            raise source.error("dhcp.static", str(address), "an address that no other has", at)
        taken.add(address)


def _check_routes(config: Config, source: Source) -> None:
    for number, (net, gateway) in enumerate(config.dhcp.routes):
        if gateway not in config.network.net:
            written, at = f"{net} via {gateway}", f"[{number}]"
            raise source.error(
                "dhcp.routes", written, f"via an address of {config.network.net}", at
            )
