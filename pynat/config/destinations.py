"""Where addresses that the guest names lead, as users write it: guestfwd, host_aliases, allow."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, ip_address

from pynat.config.entries import (
    NAMED_NET,
    Allowed,
    Command,
    GuestForward,
    HostAlias,
    TcpServer,
    UnixPath,
)
from pynat.config.forwards import socket_path
from pynat.config.values import (
    ADDRESS,
    Wrong,
    domain_name,
    item,
    list_of,
    parser,
    string,
    unquoted,
    whole_text,
)

GUESTFWD_FORM = (
    "[tcp]:address:port-cmd:command, -unix:path or -tcp:host:port,"
    ' for example "tcp:192.168.16.100:7-cmd:cat"'
)
ALIAS_FORM = (
    "a table of addresses or names, with a port or without, and where they lead,"
    ' for example {"www.test:80" = "127.0.0.1:8080"}'
)

_GUESTFWD = re.compile(r"(?:tcp|):([^:]*):([0-9]{1,5})-(cmd|unix|tcp):([\s\S]+)")
_HOST_PORT = re.compile(r"([^:/\[\]]+)(?::([0-9]{1,5}))?")
_TCP_SERVER = re.compile(r"(?:\[([^\]]+)\]|([^:]+)):([0-9]{1,5})")
_ALLOWED = re.compile(r"([0-9./]+)(?::([0-9]{1,5}))?")


# ---------------------------------------------------------------- guestfwd
@parser("a rule", type="string", pattern=whole_text(_GUESTFWD.pattern))
def guest_forward(value: object) -> GuestForward:
    match = _GUESTFWD.fullmatch(string(value))
    if not match:
        raise Wrong(GUESTFWD_FORM)
    address, port, kind, to = match.groups()
    return GuestForward(
        _host(address, GUESTFWD_FORM), _port(port, GUESTFWD_FORM), _SERVED_BY[kind](to)
    )


_items = list_of(guest_forward, "a list of rules")


@parser(_items.allowed, **_items.schema)
def guest_forwards(value: object) -> tuple[GuestForward, ...]:
    """Each has as its source where it stands in the list."""
    found = enumerate(_items(value))
    return tuple(replace(one, source=f"guestfwd[{number}]") for number, one in found)


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
@parser(
    "a table of addresses or names",
    type="object",
    propertyNames={"pattern": whole_text(_HOST_PORT.pattern)},
    additionalProperties={"type": "string", "pattern": whole_text(f"{ADDRESS}(?::[0-9]+)?")},
)
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
        aliases.append(HostAlias(guest, port, host, host_port, name, "host_aliases"))
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
@parser("an address or net", type="string", pattern=whole_text(_ALLOWED.pattern))
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
