"""A stack in another language as the guest: a program of its own, in virtual time.

    with ProgramStack(["./stack"]) as stack, virtual(Config(hermetic=True)) as network:
        network.run(stack, seconds=60)

The program has the wire as descriptor 0, a socket that keeps messages apart (SOCK_SEQPACKET, so
`read` takes one and `write` sends one). It is told the time, and perhaps a frame; it answers with
the frames that it sends, and at last with the time of its next timer. Times are nanoseconds, 8
bytes in the machine's order:

    to the program      time, or time and frame
    from the program    frames, one a message, at least 14 bytes; then the timer, or NEVER

The first message is a time alone, and so is one that says that the timer is due. Nothing happens in
between: a program that does nothing of its own and looks at no clock is the same each time. The end
of file is the end of the network.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
from collections.abc import Sequence
from typing import Self

from pynat.children import dies_with_us
from pynat.testing.guests.boot import GuestSilent

NEVER = 2**64 - 1  # no timer
PATIENCE = 10.0  # seconds (wall) for an answer, and for the end of the program
_SECOND = 1_000_000_000  # nanoseconds
_TIME = struct.Struct("=Q")
_LEAST, _MOST = 14, 65_536  # bytes of a frame


class ProgramStack:
    """command: the program and its arguments. Its output is left where ours is."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._ending = contextlib.ExitStack()
        self._frames: list[bytes] = []
        self._timer: float | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._wire, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
            stack.callback(self._wire.close)
            self._wire.settimeout(PATIENCE)
            with theirs:
                command = [*dies_with_us(), *self._command]
                self._process = subprocess.Popen(command, stdin=theirs.fileno())
            stack.callback(self._end)
            self._ending = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """The program is told by the end of its file; one that goes on is killed."""
        self._ending.close()

    def _end(self) -> None:
        self._wire.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    # ------------------------------------------------------------------ as `virtual.Guest`
    def start(self, now: float) -> None:
        self._tell(now)

    def on_timer(self, now: float) -> None:
        self._tell(now)

    def from_wire(self, frame: bytes, now: float) -> None:
        self._tell(now, frame)

    def to_wire(self) -> list[bytes]:
        frames, self._frames = self._frames, []
        return frames

    def next_timer(self) -> float | None:
        return self._timer

    # ------------------------------------------------------------------ the wire
    def _tell(self, now: float, frame: bytes = b"") -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # `_heard` says why
            self._wire.send(_TIME.pack(round(now * _SECOND)) + frame)
        while len(message := self._heard()) != _TIME.size:
            if not _LEAST <= len(message) <= _MOST:
                told = f"a message of {len(message)} bytes"
                raise GuestSilent(f"{self}: {told}: expected a frame, or a timer of 8 bytes")
            self._frames.append(message)
        (timer,) = _TIME.unpack(message)
        self._timer = None if timer == NEVER else timer / _SECOND

    def _heard(self) -> bytes:
        try:
            message = self._wire.recv(_MOST + 1)
        except TimeoutError:
            raise GuestSilent(f"{self}: no timer within {PATIENCE:g} s") from None
        except ConnectionResetError:
            message = b""
        if not message:
            raise GuestSilent(f"{self}: it has ended, {self._how()}")
        return message

    def _how(self) -> str:
        try:
            return f"exit code {self._process.wait(PATIENCE)}"
        except subprocess.TimeoutExpired:
            return "or closed its descriptor 0"

    def __str__(self) -> str:
        return f"the stack {' '.join(self._command)}"
