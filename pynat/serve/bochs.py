"""Where the Bochs shim enters Python: `serve(port)`, called on the NIC's own engine thread.

The shim says when frames wait and what guest time it is; everything that happens in Python is an
asyncio loop on this thread. A fault in the configuration ends here as log lines with a remedy;
the guest then has no network and Bochs goes on.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Protocol

from pynat.children import none_left
from pynat.engine import say
from pynat.engine_loop import run
from pynat.errors import ConfigError
from pynat.link.link import Link
from pynat.log.notices import Level, Notices
from pynat.serve.load import Loaded, load_for_card
from pynat.serve.session import session
from pynat.serve.stack import seeded


class BochsNic(Link, Protocol):
    """One emulated network card; the class is C++ (bochs_shim/port_module.cc)."""

    @property
    def script(self) -> str: ...
    @property
    def ethdev(self) -> str: ...
    @property
    def mac(self) -> bytes: ...
    def lost(self) -> list[tuple[float, bytes]]: ...
    def policy(self, text: str) -> None: ...
    def ready(self) -> None: ...
    def stats(self) -> dict[str, int]: ...


def serve(port: BochsNic) -> None:
    """Until Bochs ends."""
    try:
        with none_left():
            loaded = load_for_card(port.script, port.ethdev)
            run(_serve(port, replace(loaded, config=seeded(loaded.config))))
    except ConfigError as error:
        say(port, Level.ERROR, f"{error}; the guest has no network until this is mended")


def _say(port: BochsNic, level: Level, text: str) -> None:
    """With the seconds of guest time; the number before Bochs's own lines is of instructions."""
    say(port, level, f"{port.now():.6f} {text}")


async def _serve(port: BochsNic, loaded: Loaded) -> None:
    config = loaded.config
    port.policy("step" if config.hermetic else config.time)
    if port.mac[0] & 1:
        mac = port.mac.hex(":")
        say(port, Level.ERROR, f"mac={mac} is a multicast address: make its first byte even")
    notices = Notices(partial(_say, port), config.lint.silence)
    async with session(
        port,
        loaded,
        notices,
        port.mac.hex(),
        lint=True,
        in_step=config.hermetic,
        counters=port.stats,
    ) as engine:
        port.ready()
        await engine.run()
