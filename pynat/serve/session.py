"""An engine that runs on a link, with the wrappers around it and the control socket beside it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from pynat.control.server import controlled
from pynat.engine import Engine
from pynat.link.link import Link
from pynat.log.notices import Notices
from pynat.serve.load import Loaded
from pynat.serve.stack import stacked


@contextlib.asynccontextmanager
async def session(
    card: Link,
    loaded: Loaded,
    notices: Notices,
    name: str,
    *,
    lint: bool,
    in_step: bool = False,
    counters: Callable[[], dict[str, int]] | None = None,
    awake: Callable[[], float] | None = None,
    epoch: float = 0.0,
) -> AsyncIterator[Engine]:
    """The configuration is seeded. Raises ConfigError.

    name: what the control socket calls it. in_step: as for Engine. lint, awake, epoch: as for
    `stacked`. counters: the card's own, for `pynat ctl stats`.
    """
    config, program = loaded.config, loaded.program
    with stacked(
        card, config, notices, lint=lint, program=program, awake=awake, epoch=epoch
    ) as stack:
        loop, wire = asyncio.get_running_loop(), stack.impair
        engine = Engine(
            config,
            stack.link,
            loop,
            notices,
            in_step=in_step,
            program=program,
            wire=wire,
            adopt=stack.adopt,
            end=stack.end,
        )
        async with controlled(
            engine, config, name, stack.capture, stack.impair, counters, stack.summary
        ):
            yield engine
