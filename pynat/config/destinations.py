"""Where addresses that the guest names lead, as users write it: guestfwd, host_aliases, allow."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, ip_address

from pynat.config.forwards import socket_path
from pynat.config.model import (
    NAMED_NET,
    Allowed,
    Command,
    Config,
    GuestForward,
    HostAlias,
    TcpServer,
    UnixPath,
)
from pynat.config.values import Source, Wrong, domain_name, item, string, unquoted
from pynat.errors import ConfigError

GUESTFWD_FORM = (
    "[tcp]:address:port-cmd:command, -unix:path or -tcp:host:port,"
    ' for example "tcp:192.168.16.100:7-cmd:cat"'
)
ALIAS_FORM = (
    "a table of addresses or names, with a port or without, and where they lead,"
    ' for example {"www.test:80" = "127.0.0.1:8080"}'
)
SERVED = (53, 67, 69)  # the router's own ports

_GUESTFWD = re.compile(r"(?:tcp|):([^:]*):([0-9]{1,5})-(cmd|unix|tcp):(.+)", re.DOTALL)
_HOST_PORT = re.compile(r"([^:/\[\]]+)(?::([0-9]{1,5}))?")
_TCP_SERVER = re.compile(r"(?:\[([^\]]+)\]|([^:]+)):([0-9]{1,5})")
_ALLOWED = re.compile(r"([0-9./]+)(?::([0-9]{1,5}))?")


# ---------------------------------------------------------------- guestfwd
def guest_forward(value: object) -> GuestForward:
    match = _GUESTFWD.fullmatch(string(value))
    if not match:
        raise Wrong(GUESTFWD_FORM)
    address, port, kind, to = match.groups()
    return GuestForward(
        _host(address, GUESTFWD_FORM), _port(port, GUESTFWD_FORM), _SERVED_BY[kind](to)
    )


def _command(written: str) -> Command:
    try:
        argv = shlex.split(written)
    except ValueError as error:
        raise Wrong(f"a command that can be read ({str(error).lower()})") from None
    if not argv or "\0" in written:
        raise Wrong(GUESTFWD_FORM)
    return Command(tuple(argv))


def _unix(written: str) -> UnixPath:
    return UnixPath(socket_path(written))


def _tcp_server(written: str) -> TcpServer:
    match = _TCP_SERVER.fullmatch(written)
    if not match:
        raise Wrong(GUESTFWD_FORM)
    try:
        address = ip_address(match[1] or match[2])
    except ValueError:
        raise Wrong(f"{GUESTFWD_FORM}; the host is an address, [::1] if it is IPv6") from None
    return TcpServer(address, _port(match[3], GUESTFWD_FORM))


_SERVED_BY: dict[str, Callable[[str], Command | UnixPath | TcpServer]] = {
    "cmd": _command,
    "unix": _unix,
    "tcp": _tcp_server,
}


# ---------------------------------------------------------------- host_aliases
def host_aliases(value: object) -> tuple[HostAlias, ...]:
    """Each name gets an address of its own, in the order in which they stand there."""
    if not isinstance(value, dict):
        raise Wrong(ALIAS_FORM)
    addresses: dict[str, IPv4Address] = {}
    aliases = []
    for key, given in value.items():
        at = f'."{key}"'
        if isinstance(given, dict):
            raise unquoted(key, given)
        host, host_port = item(_target, at, given)
        guest, port = item(_written, at, key)
        name = ""
        if not isinstance(guest, IPv4Address):
            name = guest
            guest = addresses.setdefault(name, NAMED_NET[1 + len(addresses)])
        aliases.append(HostAlias(guest, port, host, host_port, name))
    return tuple(aliases)


def _written(value: object) -> tuple[IPv4Address | str, int]:
    """The guest's side: an address or a name, and the port or 0."""
    match = _HOST_PORT.fullmatch(string(value))
    if not match:
        raise Wrong(ALIAS_FORM)
    port = _port(match[2], ALIAS_FORM) if match[2] else 0
    if re.fullmatch(r"[0-9.]+", match[1]):
        return _host(match[1], ALIAS_FORM), port
    return domain_name(match[1]).lower(), port


def _target(value: object) -> tuple[IPv4Address, int]:
    right = 'an IPv4 address of the host or beyond, for example "127.0.0.1" or "127.0.0.1:8080"'
    match = _HOST_PORT.fullmatch(string(value))
    if not match:
        raise Wrong(right)
    return _host(match[1], right), _port(match[2], right) if match[2] else 0


# ---------------------------------------------------------------- allow
def allowed(value: object) -> Allowed:
    right = 'an IPv4 address or net, with a port or without: "10.0.0.5", "192.0.2.0/24:443"'
    match = _ALLOWED.fullmatch(string(value))
    if not match:
        raise Wrong(right)
    try:
        net = IPv4Network(match[1])
    except ValueError as error:
        raise Wrong(f"{right} ({error})") from None
    return Allowed(net, _port(match[2], right) if match[2] else 0)


# ---------------------------------------------------------------- all of them together
def check_ways(config: Config, source: Source) -> None:
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
    if address in (network.router, network.dns) and (not port or port in SERVED):
        return f"{address} is the router, which serves ports 53, 67 and 69 itself; name another"
    return None


def _host(written: str, right: str) -> IPv4Address:
    try:
        address = IPv4Address(written)
    except ValueError:
        raise Wrong(right) from None
    if not 0 < address.packed[0] < 224:
        raise Wrong(f"{right}; {address} is no host")
    return address


def _port(written: str, right: str) -> int:
    if not 1 <= int(written) <= 65535:
        raise Wrong(f"{right}; with a port from 1 to 65535")
    return int(written)
