"""What of a network in Python the router asks: its services, its names, its hooks on flows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pynat.config import Config, IpAddress, Transport
from pynat.harmless import harmless
from pynat.inprocess.hosts import ANYWHERE, TcpService, UdpService
from pynat.log.notices import Notices
from pynat.net.definitions import ANY, HostAddresses, address_of
from pynat.net.flow_hooks import FlowHooks
from pynat.net.net import NameHook, Net
from pynat.net.report import placed
from pynat.net.runtime import ImpairableWire, NetRuntime
from pynat.net.tasks import Tasks
from pynat.router.assembly import Program
from pynat.router.router import Router
from pynat.wire.addresses import Address

Addresses = tuple[IpAddress, ...]


class Script:
    """A network in Python: first what it says, then what runs."""

    def __init__(
        self, net: Net, config: Config, notices: Notices, wake: Callable[[], None]
    ) -> None:
        """wake: asks for another turn of the engine."""
        self._net = net
        self._config = config
        self._notices = notices
        self._tasks = Tasks(notices, wake)
        self.program = _program(net, config, self._tasks)

    def run(
        self,
        router: Router,
        seed: int,
        host_loop: asyncio.AbstractEventLoop | None = None,
        wire: ImpairableWire | None = None,
    ) -> NetRuntime:
        """router: which has `program`. The others are as for NetRuntime."""
        net, config, notices = self._net, self._config, self._notices
        return NetRuntime(net, config, self._tasks, router, notices, seed, host_loop, wire)


def _program(net: Net, config: Config, tasks: Tasks) -> Program:
    tcp, udp = _services(net, config, tasks)
    lookup = _lookup(net.name_hook, tasks) if net.name_hook else None
    if not net.flow_hooks and not net.end_hooks:
        return Program(tcp, udp, lookup=lookup)
    hooks = FlowHooks(tasks, config.names, net.flow_hooks, net.end_hooks)
    return Program(tcp, udp, hooks, hooks.ended, lookup)


def _services(
    net: Net, config: Config, tasks: Tasks
) -> tuple[dict[Address, TcpService], dict[Address, UdpService]]:
    places = HostAddresses(config, {})
    tcp: dict[Address, TcpService] = {}
    udp: dict[Address, UdpService] = {}
    for service in net.services:
        address = ANYWHERE if service.host == ANY else places.of(service.host).packed
        handler, name = service.handler, f"{service} ({service.where})"
        if service.protocol is Transport.TCP:
            tcp[address, service.port] = tasks.tcp_service(handler, name)
        else:
            udp[address, service.port] = tasks.udp_service(handler, name)
    return tcp, udp


def _lookup(hook: NameHook, tasks: Tasks) -> Callable[[str, float], Addresses | None]:
    def addresses(name: str, now: float) -> Addresses | None:
        what = f"dns {placed(hook)}, asked for {harmless(name)}; it knows nothing of it"
        with tasks.guarded(what, now):
            found = hook(name)
            if found is not None:
                several = found if isinstance(found, list | tuple) else [found] if found else []
                return tuple(map(address_of, several))
        return None

    return addresses
