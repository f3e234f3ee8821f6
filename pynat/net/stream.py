"""The guest's TCP connection, as a service written in Python has it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import NamedTuple

from pynat.inprocess.connection import CAPACITY, Connection
from pynat.wire.addresses import Address, address_text

Tell = Callable[[str, BaseException], None]
Judge = Callable[[BaseException], bool]


class Endpoint(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def endpoint(address: Address) -> Endpoint:
    return Endpoint(address_text(address[0]), address[1])


def not_bytes(given: object) -> str:
    """What is wrong with it, where bytes are wanted."""
    if inspect.iscoroutine(given):
        given.close()  # or Python too says that it was never awaited
        return "not a coroutine; await is missing before the call that gave it"
    remedy = "; text.encode() makes them" if isinstance(given, str) else ""
    return f"not {type(given).__name__}{remedy}"


class Reset(ConnectionResetError):  # noqa: N818 - reads as a word
    """The connection is over, and not because both sides have closed it."""


class Stream:
    """Reads wait for the guest, writes for room: what it does not read is not written.

    `async for line in stream` reads lines. Leaving `async with stream` closes our side.
    """

    def __init__(
        self, connection: Connection, wake: Callable[[], None], tell: Tell, is_given_up: Judge
    ) -> None:
        """wake: there is something for the engine to do. tell: of a fault of the script.

        is_given_up: whether an exception is none of the script's faults, but its task's end.
        """
        self._connection = connection
        self._wake = wake
        self.tell = tell
        self.is_given_up = is_given_up
        self._waiting: list[asyncio.Future[None]] = []
        connection.watch(self._changed)
        self.peer = endpoint(connection.four_tuple.guest)
        self.local = endpoint(connection.four_tuple.remote)

    # ------------------------------------------------------------------ reading
    async def read(self, count: int = CAPACITY) -> bytes:
        """What is there, at most `count` bytes; b"" when the guest has closed its side."""
        connection = self._connection
        while not connection.received and not connection.eof and count:
            await self._change()
        self._check()
        return connection.read(count)

    async def readexactly(self, count: int) -> bytes:
        """Raises asyncio.IncompleteReadError if the guest closes before."""
        data = bytearray()
        while len(data) < count:
            piece = await self.read(count - len(data))
            if not piece:
                raise asyncio.IncompleteReadError(bytes(data), count)
            data += piece
        return bytes(data)

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        """Up to the separator and with it; it has to come within 64 KiB."""
        received = self._connection.received
        while (at := received.find(separator)) < 0:
            self._check()
            if self._connection.eof:
                raise asyncio.IncompleteReadError(self._connection.read(CAPACITY), None)
            if len(received) >= CAPACITY:
                raise asyncio.LimitOverrunError(f"no {separator!r} in {CAPACITY} bytes", CAPACITY)
            await self._change()
        return self._connection.read(at + len(separator))

    async def readline(self) -> bytes:
        """With its newline; the last one may have none, and b"" is the end."""
        try:
            return await self.readuntil(b"\n")
        except asyncio.IncompleteReadError as end:
            return end.partial

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    # ------------------------------------------------------------------ writing
    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Returns when the guest's flow has room for all of it."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"write: bytes, {not_bytes(data)}")
        if self._connection.finishing:
            raise RuntimeError("write after write_eof or close")
        self._check()
        self._connection.write(bytes(data))
        self._wake()
        while self._connection.pending:
            await self._change()
            self._check()

    def write_eof(self) -> None:
        """FIN behind what has been written; reading goes on."""
        self._connection.finish()
        self._wake()

    def close(self) -> None:
        """FIN, and what the guest still sends is thrown away."""
        self._connection.discard()
        self.write_eof()

    def reset(self) -> None:
        """RST."""
        self._connection.abort()
        self._wake()

    abort = reset

    async def wait_closed(self) -> None:
        """Until both sides have closed, or the connection has broken."""
        while not self._connection.why:
            await self._change()

    @property
    def why(self) -> str:
        """Why it is over; empty while it is not."""
        return self._connection.why

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        place: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.reset()

    def __repr__(self) -> str:
        return f"<Stream {self.peer} > {self.local}>"

    # ------------------------------------------------------------------ waiting
    async def established(self) -> None:
        """Until the guest has taken up a connection that was made to it."""
        while not self._connection.established and not self._connection.why:
            await self._change()
        self._check()

    def _check(self) -> None:
        if self._connection.broken:
            raise Reset(self._connection.why)

    async def _change(self) -> None:
        change = asyncio.get_running_loop().create_future()
        self._waiting.append(change)
        try:
            await change
        finally:
            if change in self._waiting:  # given up; else it has been told, or is about to be
                self._waiting.remove(change)

    def _changed(self, now: float) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)
