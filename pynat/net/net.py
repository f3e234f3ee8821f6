"""A network written in Python: what a script makes one of, and says what is in it.

    from pynat.net import Net

    net = Net()

    @net.tcp("example.test", 80)
    async def web(stream):
        ...

docs/python.md is its reference. A Net is what is said; `pynat.net.runtime` is one that runs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, TypeVar, overload

from pynat.config import Config, IpAddress, Transport
from pynat.config.values import Source
from pynat.errors import ConfigError
from pynat.net.datagram import Datagram
from pynat.net.definitions import (
    ANY,
    HostAddresses,
    Service,
    Timed,
    address_of,
    checked_function,
    host_text,
    port_number,
    seconds,
    where,
    wrong,
)
from pynat.net.flows import REFUSE, Flow
from pynat.net.frame_hooks import BOTH, DROP, FrameHooks, Hook
from pynat.net.http import Answer, Request, serve_folder, serve_pages
from pynat.net.report import name_of
from pynat.net.runtime_api import RuntimeApi
from pynat.net.stream import Stream

Function = TypeVar("Function", bound=Callable[..., Any])
StreamHandler = Callable[[Stream], Coroutine[Any, Any, None]]
DatagramHandler = Callable[[Datagram], Awaitable[None] | None]
FlowHook = Callable[[Flow], object]
NameHook = Callable[[str], str | list[str] | None]
Result = TypeVar("Result")
DIRECTIONS = (BOTH, "from_guest", "to_guest")


class Net:
    REFUSE = REFUSE
    DROP = DROP

    def __init__(self, *, config: str | Path | None = None, **keys: Any) -> None:
        """config: a TOML file. Keys are those of such a file, and count before it."""
        self.where = where()
        self.services: list[Service] = []
        self.hosts: dict[str, str] = {}  # that have no service, and where the script says so
        self.names: dict[str, tuple[IpAddress, ...]] = {}
        self._named: dict[str, str] = {}  # where the script says so
        self.timed: list[Timed] = []
        self.frames = FrameHooks()
        self.flow_hooks: list[FlowHook] = []
        self.end_hooks: list[FlowHook] = []
        self.name_hook: NameHook | None = None
        self.running: RuntimeApi | None = None  # since `run_by`
        self._file = config
        self._keys = keys

    # ------------------------------------------------------------------ what there is
    def tcp(self, host: str, port: int | str) -> Callable[[StreamHandler], StreamHandler]:
        """@net.tcp("example.test", 80): an async function that is given each connection."""

        def add(handler: StreamHandler) -> StreamHandler:
            checked_function("net.tcp", handler, "stream", is_async=True)
            self._serve(Transport.TCP, host, port, handler)
            return handler

        return add

    def udp(self, host: str, port: int | str) -> Callable[[DatagramHandler], DatagramHandler]:
        """@net.udp("192.0.2.7", 9999): a function, async or not, that is given each datagram."""

        def add(handler: DatagramHandler) -> DatagramHandler:
            checked_function("net.udp", handler, "datagram")
            self._serve(Transport.UDP, host, port, handler)
            return handler

        return add

    def http(
        self, host: str, port: int = 80, *, directory: str | Path | None = None
    ) -> Callable[[Callable[[Request], Answer]], Callable[[Request], Answer]]:
        """Files of a folder; or, as a decorator, what a function answers to each request."""
        if directory is not None:
            self._serve(Transport.TCP, host, port, serve_folder(self._folder(directory)))

        def add(page: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
            if directory is not None:
                raise wrong("net.http", "a directory or a function, not both")
            checked_function("net.http", page, "request")
            self._serve(Transport.TCP, host, port, serve_pages(page))
            return page

        return add

    def name(self, name: str, *addresses: str) -> None:
        """What the DNS says."""
        found = host_text("net.name", name)
        if found == ANY or found[-1].isdigit() or not addresses:
            raise wrong(f"net.name({name!r})", 'a name and its addresses: "a.test", "192.0.2.1"')
        if found in self._named:
            right = f"one line with all its addresses; {self._named[found]} has it already"
            raise wrong(f"net.name({name!r})", right)
        self._named[found] = where()
        self.names[found] = tuple(map(_address, addresses))

    def machine(self, host: str) -> None:
        """A host that answers ping, and refuses where it serves nothing; "*" is all of them."""
        self.hosts[host_text("net.machine", host)] = where()

    def _serve(
        self, protocol: Transport, host: str, port: int | str, handler: Callable[..., Any]
    ) -> None:
        call = f"net.{protocol}"
        number = port_number(call, port, least=1)
        self.services.append(Service(protocol, host_text(call, host), number, handler, where()))

    def _folder(self, directory: str | Path) -> Path:
        folder = Path(directory)
        if not folder.is_dir():
            right = f"the path of a folder; there is none (looked from {Path.cwd()})"
            raise wrong(f"net.http directory {str(directory)!r}", right)
        return folder.absolute()

    # ------------------------------------------------------------------ what happens
    def at(self, when: float) -> Callable[[Function], Function]:
        """@net.at(5.0): at this guest time, or at once if that is over."""
        first = seconds("net.at", when, least=0)

        def add(handler: Function) -> Function:
            checked_function("net.at", handler)
            self.timed.append(Timed(first, None, handler))
            return handler

        return add

    def every(self, interval: float) -> Callable[[Function], Function]:
        """@net.every(1.0): again and again, first when the interval has passed."""
        step = seconds("net.every", interval, least=0.001)

        def add(handler: Function) -> Function:
            checked_function("net.every", handler)
            self.timed.append(Timed(None, step, handler))
            return handler

        return add

    @overload
    def on_frame(self, hook: Hook) -> Hook: ...
    @overload
    def on_frame(self, *, direction: str = BOTH) -> Callable[[Hook], Hook]: ...
    def on_frame(
        self, hook: Hook | None = None, *, direction: str = BOTH
    ) -> Hook | Callable[[Hook], Hook]:
        """@net.on_frame or @net.on_frame(direction="to_guest"): each frame, before it passes."""
        if direction not in DIRECTIONS:
            right = " or ".join(f'"{one}"' for one in DIRECTIONS)
            raise wrong(f"net.on_frame direction {direction!r}", right)

        def add(function: Hook) -> Hook:
            checked_function("net.on_frame", function, "frame", is_async=False)
            self.frames.hooks.append((direction, function))
            return function

        return add if hook is None else add(hook)

    def on_flow(self, hook: FlowHook) -> FlowHook:
        """@net.on_flow: asked about each flow that the guest opens."""
        checked_function("net.on_flow", hook, "flow", is_async=False)
        self.flow_hooks.append(hook)
        return hook

    def dns(self, answer: NameHook) -> NameHook:
        """@net.dns: asked for each name; an address, several, "" for none, None to leave it."""
        checked_function("net.dns", answer, "name", is_async=False)
        if self.name_hook is not None:
            right = f"one function, {name_of(self.name_hook)} is it"
            raise wrong(f"net.dns {name_of(answer)}", right)
        self.name_hook = answer
        return answer

    def on_end(self, hook: FlowHook) -> FlowHook:
        """@net.on_end: told of the end of each flow."""
        checked_function("net.on_end", hook, "flow", is_async=False)
        self.end_hooks.append(hook)
        return hook

    # ------------------------------------------------------------------ while it runs
    def run_by(self, running: RuntimeApi) -> None:
        """What is said here runs there from now on."""
        self.running = running

    def now(self) -> float:
        """Guest time in seconds."""
        return self._running.loop.time()

    @property
    def random(self) -> Random:
        """Dice of the network's seed: the same in every run that has it."""
        return self._running.dice

    @property
    def config(self) -> Config:
        return self._running.config

    async def sleep(self, seconds: float) -> None:
        """In guest time, as asyncio.sleep is here."""
        import asyncio

        await asyncio.sleep(seconds)

    def log(self, text: str) -> None:
        self._running.log(text)

    async def connect(
        self, guest_port: int, *, host: str | None = None, port: int = 0, guest: str | None = None
    ) -> Stream:
        """A connection to the guest, from a host that it sees; the router is the usual one."""
        return await self._running.connect(guest_port, host, port, guest)

    def send_udp(
        self,
        payload: bytes,
        guest_port: int,
        *,
        host: str | None = None,
        port: int = 0,
        guest: str | None = None,
    ) -> None:
        self._running.send_udp(payload, guest_port, host, port, guest)

    def inject(self, frame: object, *, to_guest: bool = True) -> None:
        """A frame on the guest's wire, bytes or a packet of scapy; or one as from the guest."""
        self.frames.inject(frame, to_guest=to_guest)
        self._running.wake()

    def impair(self, text: str) -> int:
        """A rule for the guest's wire from now on (docs/impairment.md): its number."""
        return self._running.impair(text)

    def fault(self, text: str) -> int:
        """Something that a service does wrong from now on (docs/faults.md)."""
        return self._running.fault(text)

    async def host(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What a coroutine gives that runs on the host's loop, with sockets and in wall time."""
        return await self._running.on_host(work)

    @property
    def _running(self) -> RuntimeApi:
        if self.running is None:
            raise RuntimeError("the network does not run yet: this is for within its functions")
        return self.running

    # ------------------------------------------------------------------ the configuration
    def configured(self, tables: dict[str, Any] | None = None, file: str = "") -> Config:
        """tables: what a TOML file says that names this script. Raises ConfigError."""
        from pynat.config.toml import from_tables

        if self._file is not None:
            if file:
                raise ConfigError(f"{self.where}: config={self._file}: {file} is it already")
            tables = self._read(Path(self._file))
        config = from_tables(_merged(tables or {}, self._keys), Source(self.where))
        virtual = HostAddresses(config, self.names).virtual(self.services, self.hosts)
        return replace(config, virtual=virtual)

    def _read(self, path: Path) -> dict[str, Any]:
        """The file, and first whether it is right by itself, so that errors name its lines."""
        from pynat.config.toml import read_toml

        try:
            written = path.read_text("utf-8")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise ConfigError(f"{self.where}: config={str(path)!r}: {why}") from None
        read_toml(written, str(path))
        tables = tomllib.loads(written)
        if "script" in tables:
            raise ConfigError(f"{path}: script: left out; {self.where} names this file")
        return tables


def _address(written: object) -> IpAddress:
    try:
        return address_of(host_text("net.name", written))
    except ValueError:
        raise wrong(f"net.name address {written!r}", 'an IPv4 address like "192.0.2.1"') from None


def _merged(tables: dict[str, Any], keys: dict[str, Any]) -> dict[str, Any]:
    """A table of both has the keys of both."""
    found = dict(tables)
    for key, given in keys.items():
        value = str(given) if isinstance(given, Path) else given
        under = found.get(key)
        both = isinstance(value, dict) and isinstance(under, dict)
        found[key] = {**under, **value} if both else value  # type: ignore[dict-item]
    return found
