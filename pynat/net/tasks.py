"""The code of a script while it runs: coroutines in a loop of guest time, and hooks beside them.

A fault of the script - whatever it raises, but Ctrl-C (`pynat.interrupts`) - costs the connection,
datagram or frame that met it, and is told with the script's lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import warnings
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from pynat.inprocess.connection import Connection
from pynat.inprocess.hosts import ReceivedDatagram, TcpService, UdpService
from pynat.interrupts import is_interrupt, told_apart
from pynat.log.notices import Level, Notices
from pynat.net.datagram import Datagram
from pynat.net.loop import GuestLoop
from pynat.net.report import is_ours, placed, told
from pynat.net.stream import Reset, Stream

MAX_TASKS = 1024  # datagrams that are being dealt with at once


class Tasks:
    def __init__(self, notices: Notices, wake: Callable[[], None]) -> None:
        """wake: asks for another turn of the engine."""
        self.loop = GuestLoop(self._report_error)  # type: ignore[abstract]
        self._notices = notices
        self._wake_engine = wake
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._datagrams = 0

    def wake(self) -> None:
        """There is something to do; within a step it is done anyway."""
        if not self.loop.is_running():
            self._wake_engine()

    def close(self, now: float, most: int) -> None:
        """What still runs is cancelled, so that it can tidy up."""
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        with self.watched():
            self.loop.run(now, most)
        self.loop.end()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self.loop.create_task(work, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._done)

    async def once(self, handler: Callable[..., Any]) -> None:
        try:
            await _called(handler)
        except BaseException as error:
            if self.is_given_up(error):
                raise
            self.tell(f"in {placed(handler)}", error)

    # ------------------------------------------------------------------ services
    def stream(self, connection: Connection) -> Stream:
        return Stream(connection, self.wake, self.tell, self.is_given_up)

    def tcp_service(self, handler: Callable[..., Any], name: str) -> TcpService:
        def serve(connection: Connection, now: float) -> None:  # noqa: ARG001
            stream = self.stream(connection)
            self.spawn(self._serve(handler, stream, connection, name), name)

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
            if self.is_given_up(error):
                raise
            self.tell(f"in {name}; the connection from {stream.peer} is reset", error)
        else:
            stream.close()

    def udp_service(self, handler: Callable[..., Any], name: str) -> UdpService:
        def serve(received: ReceivedDatagram) -> None:
            if self._datagrams >= MAX_TASKS:
                text = f"{name}: {MAX_TASKS} datagrams are being dealt with already"
                self._notices.limited("script datagrams", text, self.loop.time(), Level.ERROR)
                return
            self._datagrams += 1
            self.spawn(self._answer(handler, Datagram(received, self.wake), name), name)

        return serve

    async def _answer(self, handler: Callable[..., Any], datagram: Datagram, name: str) -> None:
        try:
            await _called(handler, datagram)
        except BaseException as error:
            if self.is_given_up(error):
                raise
            self.tell(f"in {name}; the datagram from {datagram.source} is lost", error)
        finally:
            self._datagrams -= 1

    def is_given_up(self, error: BaseException) -> bool:
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
            self.tell(f"in {task.get_name()}", error)

    # ------------------------------------------------------------------ faults of the script
    @contextlib.contextmanager
    def guarded(self, what: str | Callable[[], str], now: float) -> Iterator[None]:
        """For a function of the script's that is called beside the loop, and may make tasks."""
        with told_apart():
            try:
                with self.loop.entered(now), self.watched():
                    yield
            except BaseException as error:
                if is_interrupt(error):
                    raise
                self.tell(f"in {what if isinstance(what, str) else what()}", error)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
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

    def tell(self, what: str, error: BaseException) -> None:
        self._notices.limited(
            "script fault",
            lambda: f"{told(error)}\n{what}",
            self.loop.time(),
            Level.ERROR,
            lines=True,
        )

    def _report_error(self, what: str, error: BaseException | None) -> None:
        if error is not None:
            self.tell(what, error)


async def _called(handler: Callable[..., Any], *arguments: object) -> None:
    """A function of the script's, async or not."""
    result = handler(*arguments)
    if inspect.isawaitable(result):
        await result
