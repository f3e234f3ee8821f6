"""A control client without a socket: it talks to the engine of a virtual guest, in virtual time."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable
from typing import Self

from pynat.control.conversation import Conversation
from pynat.control.protocol import Answer, encode, refusal
from pynat.testing.guests.boot import GuestSilent
from pynat.testing.kit.observed import Observed

_FOREVER = 86_400.0  # seconds of virtual time


class VirtualClient:
    """Whom a conversation is held with. line: its answer, once it is there."""

    def __init__(self) -> None:
        self.line: bytes | None = None
        self.received = bytearray()
        self.ended = False
        self.broken = False

    def answer(self, answer: Answer) -> None:
        self.line = encode({"ok": True} | answer)

    def refuse(self, why: str) -> None:
        self.line = refusal(why)

    def tell(self, answer: Answer) -> bool:
        self.answer(answer)
        return True

    def send(self, data: bytes) -> bool:
        self.received += data
        return True

    def pause(self, paused: bool) -> None:
        """What is written waits in the engine."""

    def finish(self, *, broken: bool) -> None:
        self.ended, self.broken = True, broken


class VirtualStream(io.RawIOBase):
    """As a connected socket; virtual time goes on while something is waited for."""

    def __init__(
        self, guest: Observed, settle: Callable[[], None], talk: Conversation, client: VirtualClient
    ) -> None:
        """settle: lets guest and network deal with what is written."""
        super().__init__()
        self._guest = guest
        self._settle = settle
        self._talk = talk
        self._client = client
        self._timeout: float | None = None

    def settimeout(self, seconds: float | None) -> None:
        """Of virtual time."""
        self._timeout = seconds

    def sendall(self, data: bytes) -> None:
        self._talk.data(data)
        self._settle()

    def recv(self, size: int) -> bytes:
        patience = _FOREVER if self._timeout is None else self._timeout
        try:
            self._guest.wait(self._is_there, "nothing to read", patience)
        except GuestSilent:
            raise TimeoutError("timed out") from None
        if self._client.broken:
            raise ConnectionResetError("the guest has reset the connection")
        data = bytes(self._client.received[:size])
        del self._client.received[: len(data)]
        return data

    def _is_there(self) -> bool | None:
        return bool(self._client.received) or self._client.ended or None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def makefile(self, mode: str = "rb", buffering: int = -1) -> io.BufferedReader:
        return io.BufferedReader(self)

    def shutdown(self, how: int) -> None:
        if how != socket.SHUT_RD:
            self._talk.eof()
            self._settle()

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._talk.stop()
            self._settle()

    def __enter__(self) -> Self:
        return self
