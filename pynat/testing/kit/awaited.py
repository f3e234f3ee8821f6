"""A guest for tests that are `async`: what waits does so in a thread, and the loop goes on.

The loop is asyncio's or trio's. Who is cancelled while a thread of his waits for the guest gives
the wait up: nothing that comes later is taken from whoever waits next.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

_HERE = {"reset"}  # it starts Bochs, which ends with the thread that has started it
_given_up: contextvars.ContextVar[threading.Event | None] = contextvars.ContextVar(
    "given_up", default=None
)


class GivenUp(Exception):  # noqa: N818 - nobody sees it
    """Nobody waits any more."""


def check_still_awaited() -> None:
    """For a loop that waits. Raises GivenUp."""
    event = _given_up.get()
    if event is not None and event.is_set():
        raise GivenUp


class Awaited:
    """Its methods are those of `inner`, as coroutines."""

    def __init__(self, inner: object) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self._inner, name)
        if not callable(method):
            raise AttributeError(f"guest.aio.{name}: it waits for nothing; use guest.{name}")

        async def call(*words: Any, **options: Any) -> Any:
            if name in _HERE:
                return method(*words, **options)
            event = threading.Event()
            token = _given_up.set(event)
            try:
                return await _in_a_thread(functools.partial(method, *words, **options))
            finally:
                event.set()
                _given_up.reset(token)

        return call


async def _in_a_thread(call: Callable[[], Any]) -> Any:
    """Both loops take the context to the thread."""
    trio: Any = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return await trio.to_thread.run_sync(call, abandon_on_cancel=True)
    return await asyncio.to_thread(call)
