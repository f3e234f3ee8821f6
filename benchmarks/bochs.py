"""A Linux guest in Bochs, the same image on Bochs's own slirp and on pynat.

The guest talks to servers on the host's loopback (bochs_guest.py has what it does). Guest time is
what the guest's own clock says, wall time what a person waits (docs/benchmarks.md).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

from benchmarks import bochs_guest
from benchmarks.bochs_guest import SIZE
from benchmarks.results import Figure, Unmeasurable
from pynat.bochs.find import BochsError, find_bochs
from pynat.testing.guests import (
    DONE,
    READY,
    Boot,
    GuestSilent,
    GuestUnavailable,
    Machine,
    Nic,
    fetch_kernel,
    linux_image,
)
from pynat.testing.servers import HttpServer, TcpSink, TcpSource, pseudo_random

Clock = Literal["guest", "wall"]
CLOCKS: tuple[Clock, ...] = ("guest", "wall")

ROUTER = "192.168.16.1"
LATEST = 300  # seconds for a boot, and for what is done then
CONFIGS = {
    "slirp": f"# slirp config\nnet = 192.168.16.0\nmask = 255.255.255.0\nhost = {ROUTER}\n"
    "dhcpstart = 192.168.16.2\ndns = 192.168.16.3\n",
    "pynat": "",
    "pynat unlinted": "[lint]\nenabled = false\n",
}


class Booted(NamedTuple):
    figures: dict[str, bochs_guest.Figure]
    pings: list[float]  # milliseconds of guest time


def prepare() -> None:
    try:
        find_bochs()
        fetch_kernel()
    except (BochsError, GuestUnavailable) as error:
        raise Unmeasurable(str(error)) from None


@contextlib.contextmanager
def booted(contender: str) -> Iterator[Booted]:
    """After the guest has done everything."""
    with TemporaryDirectory(prefix="pynat-bench-") as name, servers() as ports:
        folder = Path(name)
        config = folder / "net.conf"
        config.write_text(CONFIGS[contender])
        nic = Nic("e1000", contender.partition(" ")[0], config)
        try:
            yield run(Machine(image(folder, ports), (nic,)), folder)
        except GuestSilent as error:
            raise Unmeasurable(str(error)) from None


@contextlib.contextmanager
def servers() -> Iterator[tuple[int, int, int]]:
    web = HttpServer({"/small": pseudo_random(1, 1000)})
    with TcpSource(pseudo_random(0, SIZE)) as source, TcpSink() as sink, web:
        yield source.port, sink.port, web.port


def image(folder: Path, ports: tuple[int, int, int]) -> Path:
    return linux_image(
        folder / "linux.iso",
        bochs_guest.script(ROUTER, *ports),
        programs=("perl",),
        files={"bin/bench": bochs_guest.PERL},
    )


def run(machine: Machine, folder: Path) -> Booted:
    with Boot(machine, folder, find_bochs()) as boot:
        boot.wait_for(READY, LATEST)
        boot.wait_for(DONE, LATEST)
        return Booted(bochs_guest.figures(boot.seen), bochs_guest.ping_times(boot.text))


def work(boot: Booted, name: str, clock: Clock) -> Figure:
    """Seconds."""
    if name not in boot.figures:
        raise Unmeasurable(f"the guest has not done {name}")
    return Figure(getattr(boot.figures[name], clock))


def ping(boot: Booted) -> Figure:
    """Milliseconds, the mean."""
    return Figure(sum(boot.pings) / len(boot.pings))
