"""`pynat tap`: Linux's own stack as the guest, in a network namespace of its own."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from pynat.children import none_left
from pynat.cli.parsing import Subparsers, add_command
from pynat.config import Config, Network, TimePolicy
from pynat.engine import say
from pynat.engine_loop import run
from pynat.link import netns
from pynat.link.awake import awake
from pynat.link.offload import OffloadLink
from pynat.link.tap import Tap, TapLink
from pynat.log.notices import Level, Notices
from pynat.serve.load import Loaded, load
from pynat.serve.session import session
from pynat.serve.stack import seeded
from pynat.wire import virtio

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
KEPT = 16 << 20  # bytes

_EPILOG = """\
It prints a line that begins with "ready" when frames flow and runs until Ctrl-C or SIGTERM. What
the guest has sent by then is still delivered, for 5 s at most; a second Ctrl-C does not wait.

exit code: 0 when it was asked to end, else 1

examples:
  pynat tap tap0 --netns lab --configure
  ip netns exec lab curl http://192.168.16.1:8000/

docs/tap.md has more, also without root.
"""


def add(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers, "tap", "be the network of a TAP device of this Linux machine", _EPILOG
    )
    parser.add_argument("name", metavar="NAME", help="the device; it is made if it is not there")
    parser.add_argument(
        "--netns",
        metavar="NETNS",
        help="the namespace it is put into, by name (made if it is not there, and then removed at"
        " the end) or as a path (/proc/PID/ns/net); default: this one",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="as script= for Bochs")
    parser.add_argument(
        "--configure",
        action="store_true",
        help="give the device its address and route, as a DHCP client would",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="log every drop and debug line"
    )
    parser.set_defaults(command=_tap)


def _tap(arguments: argparse.Namespace) -> int:
    with none_left():
        loaded = load(str(arguments.config or ""), "", strict=True)
        loaded = replace(loaded, config=seeded(loaded.config))
        _take_all_descriptors()
        _keep_freed_memory()
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a namespace of ours is removed
        with _namespace(arguments.netns) as there:
            descriptor = _open(arguments, loaded.config, there)
            run(_serve(descriptor, loaded, arguments))
    return 0


@contextlib.contextmanager
def _namespace(name: str | None) -> Iterator[Path | None]:
    """Where the device lives; None is this process's own namespace."""
    if name is None:
        yield None
        return
    path = netns.path_of(name)
    ours = path.parent == netns.NAMED and not path.exists()
    try:
        if ours:
            netns.make(path.name)
        yield path
    finally:
        if ours and path.exists():
            netns.remove(path.name)


def _open(arguments: argparse.Namespace, config: Config, there: Path | None) -> int:
    def open_here() -> int:
        descriptor = Tap(arguments.name, config.network.mtu, config.tap.offload).open()
        if arguments.configure:
            configure(arguments.name, config.network)
        return descriptor

    return open_here() if there is None else netns.open_there(there, open_here)


def configure(device: str, network: Network) -> None:
    """What a DHCP client would have set."""
    address = f"{network.guest}/{network.net.prefixlen}"
    netns.ip("addr", "replace", address, "dev", device)
    netns.ip("route", "replace", "default", "via", str(network.router), "dev", device)


async def _serve(descriptor: int, loaded: Loaded, arguments: argparse.Namespace) -> None:
    config = replace(loaded.config, time=TimePolicy.NEVER)  # guest time is the wall's
    loaded = replace(loaded, config=config)
    loop = asyncio.get_running_loop()
    serving = asyncio.current_task()
    assert serving is not None
    tap = TapLink(
        descriptor,
        loop,
        _log_from(arguments.verbose),
        virtio.HEADER.size if config.tap.offload else 0,
    )
    card = OffloadLink(tap) if config.tap.offload else tap
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _leave, tap, serving)
        epoch = time.time() - tap.now()
        notices = Notices(
            lambda level, text: say(tap, level, text),
            config.lint.silence,
            verbose=arguments.verbose,
        )
        async with session(
            card, loaded, notices, arguments.name, lint=False, awake=awake(), epoch=epoch
        ) as engine:
            loop.call_soon(_say_ready, arguments, config)
            with contextlib.suppress(asyncio.CancelledError):
                await engine.run()
        card.count_rest()
    finally:
        tap.dispose()
    print(f"done: from the guest {tap.from_guest}; to the guest {tap.to_guest}", flush=True)


def _leave(tap: TapLink, serving: asyncio.Task[None]) -> None:
    """The first signal ends the network; the second one does not wait for slow hosts either."""
    if tap.closing:
        serving.cancel()
    tap.close()


def _say_ready(arguments: argparse.Namespace, config: Config) -> None:
    where = f" in {arguments.netns}" if arguments.netns else ""
    network = config.network
    print(
        f"ready: {arguments.name}{where}, guest {network.guest}, router {network.router}",
        flush=True,
    )


def _log_from(verbose: bool) -> Callable[[int, str], None]:
    least = Level.DEBUG if verbose else Level.INFO

    def log(level: int, text: str) -> None:
        if level >= least:
            print(text, file=sys.stderr, flush=True)

    return log


def _take_all_descriptors() -> None:
    """This process is nobody else's, so it may have as many flows as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _keep_freed_memory() -> None:
    """What one turn frees the next one needs: else it goes back to the kernel in between, and comes
    again page by page, cleared (mallopt(3), of glibc alone)."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    for threshold in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
        if mallopt is not None:
            mallopt(threshold, KEPT)
