"""What a network that runs can be asked by its Net."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, Protocol, TypeVar

from pynat.config import Config
from pynat.net.loop import GuestLoop
from pynat.net.stream import Stream

Result = TypeVar("Result")


class RuntimeApi(Protocol):
    """`pynat.net.runtime.NetRuntime` does."""

    config: Config
    dice: Random
    loop: GuestLoop
    wake: Callable[[], None]

    def hold_until(self, now: float) -> float: ...
    def log(self, text: str) -> None: ...
    def impair(self, text: str) -> int: ...
    def fault(self, text: str) -> int: ...
    async def on_host(self, work: Coroutine[Any, Any, Result]) -> Result: ...
    async def connect(
        self, guest_port: int, host: str | None, port: int, guest: str | None
    ) -> Stream: ...
    def send_udp(
        self, payload: bytes, guest_port: int, host: str | None, port: int, guest: str | None
    ) -> None: ...
