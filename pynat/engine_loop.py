"""The loop in which an engine runs, with sockets and in wall time; a script's `net.host` too.

asyncio lets SystemExit and KeyboardInterrupt of any task end the whole loop, and with it the
guest's network. Here they are a fault of that task, but for Ctrl-C (`pynat.interrupts`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from pynat.interrupts import is_interrupt


class EngineLoop(asyncio.SelectorEventLoop):
    def _run_once(self) -> None:
        try:
            super()._run_once()  # type: ignore[misc]
        except BaseException as error:
            if is_interrupt(error):
                raise
            self.call_exception_handler({"message": "a way out of the loop", "exception": error})


def run(main: Coroutine[None, None, None]) -> None:
    with asyncio.Runner(loop_factory=EngineLoop) as runner:
        runner.run(main)
