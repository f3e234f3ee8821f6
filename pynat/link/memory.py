"""A link within the process: frames are put in by a test or a script and taken out again.

Time is the event loop's, so this is for engines with real sockets; protocol tests need no link
(`pynat.testing.lab`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque


class MemoryLink:
    receive_runs = None
    send_runs = None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._start = loop.time()
        self._doorbell, self._bell_rope = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._from_guest: deque[tuple[float, bytes]] = deque()
        self._to_guest: asyncio.Queue[bytes] = asyncio.Queue()
        self._timer: asyncio.TimerHandle | None = None
        self.closing = False
        self.speed = 0
        self.refuses_since: float | None = None
        self.resets = 0
        self.hold_until = 0.0
        self._turn_ended = asyncio.Event()
        self.lines: list[tuple[int, str]] = []

    @property
    def doorbell(self) -> int:
        return self._doorbell

    # ------------------------------------------------------------------ the guest's end
    def put(self, frame: bytes) -> None:
        self._from_guest.append((self.now(), frame))
        self._ring()

    async def take(self) -> bytes:
        """The next frame for the guest."""
        return await self._to_guest.get()

    async def turn(self) -> None:
        """Wait for the end of the engine's next turn."""
        self._turn_ended.clear()
        await self._turn_ended.wait()

    def close(self) -> None:
        """The engine ends at its next turn."""
        self.closing = True
        self._ring()

    def dispose(self) -> None:
        """After the engine has ended."""
        if self._timer is not None:
            self._timer.cancel()
        os.close(self._doorbell)
        os.close(self._bell_rope)

    # ------------------------------------------------------------------ the engine's end
    def now(self) -> float:
        return self._loop.time() - self._start

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        with contextlib.suppress(BlockingIOError):
            os.read(self._doorbell, 4096)
        count = min(limit, len(self._from_guest))
        if count < len(self._from_guest):
            self._ring()
        return [self._from_guest.popleft() for _ in range(count)]

    def send(self, frames: list[bytes]) -> int:
        for frame in frames:
            self._to_guest.put_nowait(frame)
        return len(frames)

    def done(self, hold_until: float, timer: float | None) -> None:
        self.hold_until = hold_until
        self._turn_ended.set()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if timer is not None:
            self._timer = self._loop.call_at(self._start + timer, self._ring)

    def log(self, level: int, text: str) -> None:
        self.lines.append((level, text))

    def _ring(self) -> None:
        os.write(self._bell_rope, b"!")
