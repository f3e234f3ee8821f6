"""An asyncio event loop in the guest's time, for the coroutines of a network.

It is stepped: the engine calls `run` within its turn, and everything that is ready runs until
nothing more is. Between two steps time stands still, so `asyncio.sleep(1)` is one second of the
guest, and what runs when depends on the frames alone. It has no sockets, files, threads and
signals; `Net.host` is the way to a loop that has.

Tasks and futures are numbered and hash by their number: asyncio keeps them in sets, and the order
of a set must not depend on where memory happened to be.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import heapq
import sys
from asyncio import events
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from itertools import count
from typing import Any, TypeVar

from pynat.interrupts import is_interrupt, told_apart

Result = TypeVar("Result")
OnError = Callable[[str, BaseException | None], None]
_REFUSED = [
    "run_in_executor",
    "create_connection",
    "create_server",
    "create_unix_connection",
    "create_unix_server",
    "create_datagram_endpoint",
    "connect_accepted_socket",
    "connect_read_pipe",
    "connect_write_pipe",
    "subprocess_exec",
    "subprocess_shell",
    "getaddrinfo",
    "getnameinfo",
    "start_tls",
    "sendfile",
    "add_reader",
    "add_writer",
    "remove_reader",
    "remove_writer",
    "sock_recv",
    "sock_recv_into",
    "sock_recvfrom",
    "sock_sendall",
    "sock_sendto",
    "sock_connect",
    "sock_accept",
    "sock_sendfile",
    "add_signal_handler",
    "run_forever",
    "run_until_complete",
    "call_soon_threadsafe",
    "stop",
]


class GuestFuture(asyncio.Future[Any]):
    def __init__(self, number: int, loop: asyncio.AbstractEventLoop) -> None:
        self._number = number
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._number


class GuestTask(asyncio.Task[Any]):
    def __init__(self, number: int, coro: Any, **options: Any) -> None:
        self._number = number
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._number


class GuestLoop(asyncio.AbstractEventLoop):
    def __init__(self, fault: OnError) -> None:
        """fault: told of what nobody has caught: what was being done, and the exception."""
        self._on_error = fault
        self._now = 0.0
        self._ready: deque[asyncio.Handle] = deque()
        self._later: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._order = count()  # equal times run in the order in which they were set
        self._numbers = count(1)
        self._closed = False

    # ------------------------------------------------------------------ stepped by the engine
    def run(self, now: float, most: int) -> int:
        """Whatever is ready, and what becomes ready by it; how many callbacks that were."""
        self._now = max(self._now, now)
        self._wake(self._now)
        if not self._ready:
            return 0
        ran = 0
        with told_apart(), self.entered(now):
            while self._ready and ran < most:
                handle = self._ready.popleft()
                ran += 1
                if not handle.cancelled():
                    self._run(handle)
        return ran

    @contextlib.contextmanager
    def entered(self, now: float) -> Iterator[None]:
        """What is called within makes tasks of this loop, not of the engine's."""
        self._now = max(self._now, now)
        outer = events._get_running_loop()
        hooks = sys.get_asyncgen_hooks()
        events._set_running_loop(self)
        sys.set_asyncgen_hooks(None, self._finalize)
        try:
            yield
        finally:
            sys.set_asyncgen_hooks(*hooks)
            events._set_running_loop(outer)

    def next_timer(self) -> float | None:
        """When `run` has something to do."""
        if self._ready:
            return self._now
        while self._later and self._later[0][2].cancelled():
            heapq.heappop(self._later)
        return self._later[0][0] if self._later else None

    def _wake(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            self._ready.append(heapq.heappop(self._later)[2])

    def _run(self, handle: asyncio.Handle) -> None:
        """asyncio lets these out: SystemExit, KeyboardInterrupt, and what a __repr__ raises. A task
        keeps what it lets out, for those who wait for it.
        """
        try:
            handle._run()
        except BaseException as error:
            if is_interrupt(error):
                raise
            callback = handle._callback  # type: ignore[attr-defined]
            if not isinstance(getattr(callback, "__self__", None), asyncio.Task):
                self._on_error("in a callback", error)

    def _finalize(self, generator: AsyncGenerator[Any, Any]) -> None:
        if not self._closed:
            self.create_task(generator.aclose())

    # ------------------------------------------------------------------ what asyncio asks for
    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        if not self._closed:
            self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        if not self._closed:
            heapq.heappush(self._later, (when, next(self._order), handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return GuestFuture(next(self._numbers), self)

    def create_task(
        self,
        coro: Generator[Any, None, Result] | Coroutine[Any, Any, Result],
        **options: Any,
    ) -> asyncio.Task[Result]:
        return GuestTask(next(self._numbers), coro, loop=self, **options)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A task that was never awaited has failed, or a callback has."""
        error = context.get("exception")
        if error is not None:
            self._on_error(str(context.get("message", "")), error)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return events._get_running_loop() is self

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        raise RuntimeError("close: the network's loop ends with the network, and not before")

    def end(self) -> None:
        self._closed = True
        self._ready.clear()
        self._later.clear()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is skipped when its time comes."""


def _refused(name: str) -> Callable[..., Any]:
    def refuse(*_arguments: object, **_named: object) -> Any:
        raise RuntimeError(
            f"{name}: a network's coroutines run in the guest's time, without sockets, threads"
            " or subprocesses; run this on the host's loop: await net.host(coroutine)"
        )

    return refuse


for _name in _REFUSED:
    setattr(GuestLoop, _name, _refused(_name))
