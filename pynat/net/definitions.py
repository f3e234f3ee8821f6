"""What a script says of its network, before there is one: services, names, times."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from pynat.config import NAMED_NET, ROUTER_PORTS, Config, IpAddress, Transport, VirtualHosts
from pynat.config.values import Wrong, domain_name
from pynat.errors import ConfigError
from pynat.net.report import is_ours, name_of
from pynat.wire.addresses import is_host

NAMES_FROM = 1024  # of NAMED_NET; those before are those of host_aliases and peers
MAX_NAMES = 10_000
ANY = "*"  # host, or port


@dataclass(frozen=True, slots=True)
class Service:
    protocol: Transport
    host: str  # an address, a name, or "*"
    port: int  # 0 is every port
    handler: Callable[..., Any]
    where: str  # net.py:7

    def __str__(self) -> str:
        return f"{self.protocol} {self.host}:{self.port or ANY}"


@dataclass(frozen=True, slots=True)
class Timed:
    first: float | None  # guest time in seconds; None is once an interval after the start
    interval: float | None  # None is once
    handler: Callable[..., Any]


def where() -> str:
    """The line of the script that has called us."""
    frame = sys._getframe(1)
    while frame.f_back is not None and is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def wrong(what: str, right: str) -> ConfigError:
    return ConfigError(f"{where()}: {what}: must be {right}")


def address_of(written: Any) -> IpAddress:
    """What a script may write: one of IPv4, for the guest's net has no other. Raises ValueError."""
    return IPv4Address(written)


def host_text(call: str, host: object) -> str:
    if host == ANY:
        return ANY
    right = 'an IPv4 address, a name, or "*", for example "192.0.2.7" or "example.test"'
    if not isinstance(host, str):
        raise wrong(f"{call}({host!r})", right)
    if not re.fullmatch(r"[0-9.]+", host):
        try:
            return str(domain_name(host)).lower()
        except Wrong as found:
            raise wrong(f"{call}({host!r})", f"{right} ({found.right})") from None
    try:
        address = address_of(host)
    except ValueError:
        raise wrong(f"{call}({host!r})", right) from None
    if not is_host(address.packed):
        raise wrong(f"{call}({host!r})", f"{right}; {host} is no host")
    return host


def port_number(call: str, port: object, *, least: int = 0) -> int:
    if port == ANY:
        return 0
    if isinstance(port, bool) or not isinstance(port, int) or not least <= port <= 65_535:
        raise wrong(f"{call} port {port!r}", 'from 1 to 65535, or "*" for every port')
    return port


def seconds(call: str, value: object, *, least: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < 1e9:
        raise wrong(f"{call}({value!r})", f"seconds of guest time, from {least:g}")
    return float(value)


def checked_function(
    call: str, handler: Callable[..., Any], argument: str = "", *, is_async: bool | None = None
) -> None:
    """argument: what it is called with; "" is nothing. is_async: None is either."""
    found = inspect.iscoroutinefunction(handler)
    if not _takes(handler, argument) or is_async not in (None, found):
        name = name_of(handler)
        prefix = "async " if (found if is_async is None else is_async) else ""
        raise wrong(f"{call} {name}", f"{prefix}def {name}({argument}): ...")


def _takes(handler: Callable[..., Any], argument: str) -> bool:
    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError):
        return callable(handler)  # some that are written in C do not say
    try:
        signature.bind(*([argument] if argument else []))
    except TypeError:
        return False
    return True


# ---------------------------------------------------------------- names and addresses
class HostAddresses:
    """Which address each host of a script has."""

    def __init__(self, config: Config, names: dict[str, tuple[IpAddress, ...]]) -> None:
        """names: those that the script has given addresses to."""
        self._config = config
        self._names = dict(names)
        self._known = config.names | names
        self._given = 0

    def of(self, host: str) -> IpAddress:
        if re.fullmatch(r"[0-9.]+", host):
            return address_of(host)
        if host not in self._known:
            self._given += 1
            self._known[host] = self._names[host] = (NAMED_NET[NAMES_FROM + self._given],)
        return self._known[host][0]

    def virtual(self, services: list[Service], hosts: dict[str, str]) -> VirtualHosts:
        """hosts: those without a service, each with its place in the script."""
        network = self._config.network
        routers = (network.router, network.dns)
        served: dict[tuple[Transport, IpAddress | None, int], Service] = {}
        found: dict[IpAddress, None] = {}
        for service in services:
            address = None if service.host == ANY else self.of(service.host)
            key = (service.protocol, address, service.port)
            if key in served:
                other = served[key]
                raise ConfigError(f"{service.where}: {service} is served at {other.where} already")
            served[key] = service
            if address in routers:
                self._check_router(service, address)
            elif address is not None:
                self._check(service.where, service.host, address)
                found[address] = None
        for host, place in hosts.items():
            if host != ANY:
                self._check(place, host, self.of(host))
                found[self.of(host)] = None
        return VirtualHosts(tuple(found), ANY in hosts, frozenset(served), self._names)

    def _check_router(self, service: Service, address: IpAddress | None) -> None:
        if service.port == 0 or service.port in ROUTER_PORTS[service.protocol]:
            ports = ", ".join(map(str, ROUTER_PORTS[service.protocol]))
            raise ConfigError(
                f"{service.where}: {service}: {address} is the router, which serves {ports} itself;"
                " name another port"
            )

    def _check(self, place: str, host: str, address: IpAddress) -> None:
        network = self._config.network
        net = network.net
        if address in (net.network_address, net.broadcast_address):
            why = f"{address} is not one host in {net}"
        elif address == network.guest:
            why = f"{address} is the guest itself; choose another address"
        elif address in NAMED_NET and net.overlaps(NAMED_NET):
            why = f"names get addresses in {NAMED_NET}, so network.net cannot be {net}"
        else:
            return
        raise ConfigError(f"{place}: {host}: {why}")
