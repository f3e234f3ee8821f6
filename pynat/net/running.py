"""A network in Python that runs: its services at the router's hosts within the process, its
coroutines in a loop of guest time, stepped within the engine's turn.

    turn: frames -> router -> inner hosts -> `changed` of streams -> loop -> writes -> router -> ...
          until nothing more is ready; then the frames for the guest go out together

A fault of the script - whatever it raises, but Ctrl-C (`pynat.interrupts`) - costs the connection,
datagram or frame that met it, and is told with the script's lines. A coroutine that never awaits
keeps the engine from everything else; one that always has something ready ends the turn after MOST
callbacks and goes on a millisecond later.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import warnings
from collections.abc import Callable, Coroutine, Iterator
from random import Random
from typing import Any, TypeVar
from typing import Protocol as Protocol_

from pynat.config import Config, IpAddress, Protocol
from pynat.errors import ConfigError
from pynat.harmless import harmless
from pynat.inner.connection import Connection
from pynat.inner.hosts import ANYWHERE, TcpService, UdpService
from pynat.inner.hosts import Datagram as InnerDatagram
from pynat.interrupts import is_interrupt, told_apart
from pynat.nat.holds import ANSWER
from pynat.net.datagram import Datagram, checked
from pynat.net.definitions import EVERY, Places, Timed, address_of, host_text, port_number
from pynat.net.gate import FlowGate
from pynat.net.loop import GuestLoop
from pynat.net.net import Net
from pynat.net.report import is_ours, placed, told
from pynat.net.stream import Reset, Stream
from pynat.notices import Level, Notices, Rate
from pynat.router.router import Router
from pynat.wire.addresses import Address

Result = TypeVar("Result")
_LINES = Rate(100, 10)  # of net.log
MOST = 100_000  # callbacks in one turn
MOST_TASKS = 1024  # datagrams that are being dealt with at once
BREATH = 0.001  # seconds until a script goes on that had too much to do
EPHEMERAL = 49_152  # RFC 6335 6: ports from here on are nobody's


class Wire(Protocol_):
    """What takes rules of impairment (pynat.link.impair)."""

    def add(self, rule: str) -> int: ...


class Running:
    def __init__(
        self,
        net: Net,
        config: Config,
        router: Router,
        notices: Notices,
        seed: int,
        wake: Callable[[], None],
        clock: Callable[[], float],
        host_loop: asyncio.AbstractEventLoop | None = None,
        wire: Wire | None = None,
    ) -> None:
        """wake: asks for another turn. clock: guest time. wire: between the guest and the engine.

        host_loop: with sockets, where the host may be reached.
        """
        self.config = config
        self.clock = clock
        self._wake_engine = wake
        self.dice = Random(f"script {seed}")  # beside the router's
        self.loop = GuestLoop(self._fault)  # type: ignore[abstract]
        self._net = net
        self._router = router
        self._inner = router.inner
        self._notices = notices
        self._wire = wire
        self._host_loop = None if config.hermetic else host_loop
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._datagrams = 0
        self._on_host = 0  # coroutines that the script waits for
        self._started = False
        self._closing = False
        self._resume: float | None = None
        net.running = self
        net.frames.start(self.guarded)
        self._listen()
        if net.flow_hooks or net.end_hooks:
            gate = self._inner.gate = FlowGate(self, net.flow_hooks, net.end_hooks)
            router.numbers.on_end = gate.ended

        if net.name_hook is not None:
            router.dns.program = self._addresses

    def _listen(self) -> None:
        places = Places(self.config, {})
        self._inner.hosts.update(address.packed for address in self.config.virtual.hosts)
        for service in self._net.services:
            address = ANYWHERE if service.host == EVERY else places.of(service.host).packed
            handler, name = service.handler, f"{service} ({service.where})"
            if service.protocol is Protocol.TCP:
                self._inner.tcp[address, service.port] = self.tcp_service(handler, name)
            else:
                self._inner.udp[address, service.port] = self.udp_service(handler, name)

    # ------------------------------------------------------------------ within the engine's turn
    def run(self, now: float, settle: Callable[[], None]) -> None:
        """settle: lets the router and the host deal with what the script has done."""
        settle()
        left = MOST
        self._resume = None
        if not self._started:
            self._start(now)
        with self._watched():
            while left > 0 and (ran := self.loop.run(now, left)):
                left -= ran
                settle()
        if left <= 0:
            self._resume = now + BREATH
            text = f"the script had {MOST} things to do in one moment; is there a loop without end?"
            self._notices.limited("script busy", text, now, Level.ERROR)

    def wake(self) -> None:
        """There is something to do; within a step it is done anyway."""
        if not self.loop.is_running():
            self._wake_engine()

    def next_timer(self) -> float | None:
        if not self._started:
            return 0.0
        return self.loop.next_timer() if self._resume is None else self._resume

    def hold_until(self, now: float) -> float:
        """Guest time up to which the guest may not run ahead; 0 = free."""
        return now + ANSWER if self._on_host else 0.0

    def close(self, now: float) -> None:
        """What still runs is cancelled, so that it can tidy up."""
        self._closing = True
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        with self._watched():
            self.loop.run(now, MOST)
        self.loop.end()

    def _start(self, now: float) -> None:
        self._started = True
        self.loop.run(now, 0)  # so that it knows the time
        for timed in self._net.timed:
            self._spawn(self._timed(timed), placed(timed.handler))

    async def _timed(self, timed: Timed) -> None:
        loop = self.loop
        if timed.interval is None:
            await asyncio.sleep((timed.first or 0) - loop.time())
            await self._once(timed.handler)
            return
        due = loop.time() + timed.interval
        while True:
            await asyncio.sleep(due - loop.time())
            await self._once(timed.handler)
            due = max(due + timed.interval, loop.time())

    async def _once(self, handler: Callable[..., Any]) -> None:
        try:
            await _called(handler)
        except BaseException as error:
            if self._is_given_up(error):
                raise
            self._tell(f"in {placed(handler)}", error)

    # ------------------------------------------------------------------ services
    def tcp_service(self, handler: Callable[..., Any], name: str) -> TcpService:
        def serve(connection: Connection) -> None:
            stream = Stream(connection, self.wake, self._tell, self._is_given_up)
            self._spawn(self._serve(handler, stream, connection, name), name)

        return serve

    async def _serve(
        self, handler: Callable[..., Any], stream: Stream, connection: Connection, name: str
    ) -> None:
        try:
            await handler(stream)
        except Reset:
            pass  # the guest's doing, and told by the flow
        except BaseException as error:
            connection.abort()
            if self._is_given_up(error):
                raise
            self._tell(f"in {name}; the connection from {stream.peer} is reset", error)
        else:
            stream.close()

    def udp_service(self, handler: Callable[..., Any], name: str) -> UdpService:
        def serve(inner: InnerDatagram) -> None:
            if self._datagrams >= MOST_TASKS:
                text = f"{name}: {MOST_TASKS} datagrams are being dealt with already"
                self._notices.limited("script datagrams", text, self.loop.time(), Level.ERROR)
                return
            self._datagrams += 1
            self._spawn(self._answer(handler, Datagram(inner, self.wake), name), name)

        return serve

    async def _answer(self, handler: Callable[..., Any], datagram: Datagram, name: str) -> None:
        try:
            await _called(handler, datagram)
        except BaseException as error:
            if self._is_given_up(error):
                raise
            self._tell(f"in {name}; the datagram from {datagram.source} is lost", error)
        finally:
            self._datagrams -= 1

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self.loop.create_task(work, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._done)

    def _is_given_up(self, error: BaseException) -> bool:
        """What ends a coroutine from outside: it was cancelled, or is thrown away; or Ctrl-C."""
        task = asyncio.current_task(self.loop)
        match error:
            case asyncio.CancelledError():
                return task is None or task.cancelling() > 0
            case GeneratorExit():
                return task is None
            case _:
                return is_interrupt(error)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._tell(f"in {task.get_name()}", error)

    # ------------------------------------------------------------------ names
    def _addresses(self, name: str) -> tuple[IpAddress, ...] | None:
        hook = self._net.name_hook
        what = f"dns {placed(hook)}, asked for {harmless(name)}; it knows nothing of it"
        with self.guarded(what):
            found = hook(name) if hook else None
            if found is not None:
                several = found if isinstance(found, list | tuple) else [found] if found else []
                return tuple(map(address_of, several))
        return None

    # ------------------------------------------------------------------ what a script asks for
    def log(self, text: str) -> None:
        line = f"script: {text}"
        self._notices.limited("script", line, self.loop.time(), rate=_LINES, lines=True)

    async def connect(
        self, guest_port: int, host: str | None, port: int, guest: str | None
    ) -> Stream:
        ends = self._ends("net.connect", guest_port, host, port, guest)
        stream = Stream(self._inner.call(*ends), self.wake, self._tell, self._is_given_up)
        self.wake()
        try:
            await stream.established()
        except Reset as reset:
            if "refused" in stream.why:
                raise ConnectionRefusedError(stream.why) from None
            raise reset from None
        except asyncio.CancelledError:
            stream.reset()
            raise
        return stream

    def send_udp(
        self, payload: bytes, guest_port: int, host: str | None, port: int, guest: str | None
    ) -> None:
        ends = self._ends("net.send_udp", guest_port, host, port, guest)
        self._inner.send(*ends, checked(payload))
        self.wake()

    def _ends(
        self, call: str, guest_port: int, host: str | None, port: int, guest: str | None
    ) -> tuple[Address, Address]:
        network = self._router.net.network
        to = network.guest if guest is None else self._address(call, guest)
        source = network.router if host is None else self._address(call, host)
        number = port_number(call, port) or self.dice.randrange(EPHEMERAL, 65_536)
        wanted = port_number(call, guest_port)
        if not wanted:
            raise ConfigError(f"{call}: the guest's port is one from 1 to 65535")
        return (to.packed, wanted), (source.packed, number)

    def _address(self, call: str, host: str) -> Any:
        name = host_text(call, host)
        places = self.config.names
        if not name[-1].isdigit() and name not in places:
            raise ConfigError(f"{call}: no host of this network is called {name}")
        return Places(self.config, {}).of(name)

    def impair(self, text: str) -> int:
        if self._wire is None:
            raise RuntimeError("net.impair: this network has no wire that could be impaired")
        return self._wire.add(text)

    def fault(self, text: str) -> int:
        return self._router.faults.add(text, self.loop.time())

    async def on_host(self, work: Coroutine[Any, Any, Result]) -> Result:
        if self._host_loop is None or not self._host_loop.is_running():
            work.close()
            why = "a hermetic network has no host" if self.config.hermetic else "there is no host"
            raise RuntimeError(f"net.host: {why}; everything the guest sees is this script")
        answer = self.loop.create_future()
        task = self._host_loop.create_task(_contained(work))
        task.add_done_callback(lambda done: self._bring_back(done, answer))
        task.add_done_callback(lambda _: work.close())  # that was cancelled before it began
        self._on_host += 1
        try:
            return await answer  # type: ignore[no-any-return]
        finally:
            self._on_host -= 1
            task.cancel()

    def _bring_back(self, done: asyncio.Task[Any], answer: asyncio.Future[Any]) -> None:
        """On the host's loop; the next turn goes on with it."""
        if answer.done() or self.loop.is_closed():
            return
        if done.cancelled():
            answer.cancel()
            self.wake()
            return
        result, error = done.result()
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)
        self.wake()

    # ------------------------------------------------------------------ faults of the script
    @contextlib.contextmanager
    def guarded(self, what: str | Callable[[], str]) -> Iterator[None]:
        """For a function of the script's that is called beside the loop, and may make tasks."""
        with told_apart():
            try:
                with self.loop.entered(self.clock()), self._watched():
                    yield
            except BaseException as error:
                if is_interrupt(error):
                    raise
                self._tell(f"in {what if isinstance(what, str) else what()}", error)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Python warns on stderr of a coroutine that nobody awaits; the log is what is read."""
        outer = warnings.showwarning
        warnings.showwarning = self._warned  # type: ignore[assignment]
        try:
            yield
        finally:
            warnings.showwarning = outer

    def _warned(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        *_: object,
    ) -> None:
        place = "" if is_ours(filename) else f"{filename}:{lineno}: "
        text = f"{place}{category.__name__}: {message}"
        if "never awaited" in text:
            text = f"{place}{message}: write await before the call"
        self._notices.limited("script warning", text, self.loop.time(), Level.ERROR)

    def _tell(self, what: str, error: BaseException) -> None:
        self._notices.limited(
            "script fault",
            lambda: f"{told(error)}\n{what}",
            self.loop.time(),
            Level.ERROR,
            lines=True,
        )

    def _fault(self, what: str, error: BaseException | None) -> None:
        if error is not None:
            self._tell(what, error)


async def _contained(
    work: Coroutine[Any, Any, Result],
) -> tuple[Result | None, BaseException | None]:
    """On the host's loop: what would end that loop is no result of the task."""
    try:
        return await work, None
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        if is_interrupt(error):
            raise
        return None, error


async def _called(handler: Callable[..., Any], *arguments: object) -> None:
    """A function of the script's, async or not."""
    result = handler(*arguments)
    if inspect.isawaitable(result):
        await result
