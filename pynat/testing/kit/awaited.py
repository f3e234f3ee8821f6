"""A guest for tests that are `async`: what waits does so in a thread, and the loop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Awaited:
    """Its methods are those of `inner`, as coroutines."""

    def __init__(self, inner: object) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self._inner, name)

        async def call(*words: Any, **options: Any) -> Any:
            return await asyncio.to_thread(method, *words, **options)

        return call
