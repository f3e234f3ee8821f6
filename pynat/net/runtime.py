"""A network in Python that runs: its loop of guest time, stepped within the engine's turn, and what
its script asks of the network.

    turn: frames -> router -> hosts within the process -> streams -> loop -> writes -> router -> ...
          until nothing more is ready; then the frames for the guest go out together

A coroutine that never awaits keeps the engine from everything else; one that always has something
ready ends the turn after MAX_CALLBACKS callbacks and goes on a millisecond later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, Protocol, TypeVar

from pynat.config import Config
from pynat.errors import ConfigError
from pynat.interrupts import is_interrupt
from pynat.log.notices import Level, Notices, Rate
from pynat.nat.time_hold import MAX_ANSWER_TIME
from pynat.net.datagram import checked
from pynat.net.definitions import HostAddresses, Timed, host_text, port_number
from pynat.net.net import Net
from pynat.net.report import placed
from pynat.net.stream import Reset, Stream
from pynat.net.tasks import Tasks
from pynat.router.router import Router
from pynat.wire.addresses import Address

Result = TypeVar("Result")
_LINES = Rate(100, 10)  # of net.log
MAX_CALLBACKS = 100_000  # callbacks in one turn
BREATH = 0.001  # seconds until a script goes on that had too much to do
EPHEMERAL = 49_152  # RFC 6335 6: ports from here on are nobody's


class ImpairableWire(Protocol):
    """What takes rules of impairment (pynat.link.impair)."""

    def add(self, rule: str) -> int: ...


class NetRuntime:
    def __init__(
        self,
        net: Net,
        config: Config,
        tasks: Tasks,
        router: Router,
        notices: Notices,
        seed: int,
        host_loop: asyncio.AbstractEventLoop | None = None,
        wire: ImpairableWire | None = None,
    ) -> None:
        """tasks: the script's, with those of the services that the router has.

        wire: between the guest and the engine.

        host_loop: with sockets, where the host may be reached.
        """
        self.config = config
        self.dice = Random(f"script {seed}")  # beside the router's
        self.loop = tasks.loop
        self.wake = tasks.wake
        self._net = net
        self._tasks = tasks
        self._router = router
        self._in_process = router.in_process
        self._notices = notices
        self._wire = wire
        self._host_loop = None if config.hermetic else host_loop
        self._on_host = 0  # coroutines that the script waits for
        self._started = False
        self._resume: float | None = None
        net.run_by(self)
        net.frames.start(tasks.guarded)

    # ------------------------------------------------------------------ within the engine's turn
    def run(self, now: float, settle: Callable[[], None]) -> None:
        """settle: lets the router and the host deal with what the script has done."""
        settle()
        left = MAX_CALLBACKS
        self._resume = None
        if not self._started:
            self._start(now)
        with self._tasks.watched():
            while left > 0 and (ran := self.loop.run(now, left)):
                left -= ran
                settle()
        if left <= 0:
            self._resume = now + BREATH
            text = f"the script had {MAX_CALLBACKS} things to do in one moment;"
            text += " is there a loop without end?"
            self._notices.limited("script busy", text, now, Level.ERROR)

    def next_timer(self) -> float | None:
        if not self._started:
            return 0.0
        return self.loop.next_timer() if self._resume is None else self._resume

    def hold_until(self, now: float) -> float:
        """Guest time up to which the guest may not run ahead; 0 = free."""
        return now + MAX_ANSWER_TIME if self._on_host else 0.0

    def close(self, now: float) -> None:
        self._tasks.close(now, MAX_CALLBACKS)

    def _start(self, now: float) -> None:
        self._started = True
        self.loop.run(now, 0)  # so that it knows the time
        for timed in self._net.timed:
            self._tasks.spawn(self._timed(timed), placed(timed.handler))

    async def _timed(self, timed: Timed) -> None:
        loop = self.loop
        if timed.interval is None:
            await asyncio.sleep((timed.first or 0) - loop.time())
            await self._tasks.once(timed.handler)
            return
        due = loop.time() + timed.interval
        while True:
            await asyncio.sleep(due - loop.time())
            await self._tasks.once(timed.handler)
            due = max(due + timed.interval, loop.time())

    # ------------------------------------------------------------------ what a script asks for
    def log(self, text: str) -> None:
        line = f"script: {text}"
        self._notices.limited("script", line, self.loop.time(), rate=_LINES, lines=True)

    async def connect(
        self, guest_port: int, host: str | None, port: int, guest: str | None
    ) -> Stream:
        ends = self._ends("net.connect", guest_port, host, port, guest)
        stream = self._tasks.stream(self._in_process.call(*ends))
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
        self._in_process.send(*ends, checked(payload))
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
        return HostAddresses(self.config, {}).of(name)

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
