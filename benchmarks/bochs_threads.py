"""Where time in Bochs goes, of a small HTTP request and of a boot loader's file: which thread had a
processor for how long.

    python -m benchmarks.bochs_threads

The simulator's thread emulates the guest, and with slirp is the network too. Else it waits, for the
engine or because guest time is held, or it is ready and others have the processors. The engine is a
thread of its own.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks import boot_loaders
from benchmarks.bochs import CONFIGS, LATEST, image, prepare, servers
from benchmarks.bochs_guest import SMALL_REQUESTS
from benchmarks.results import Unmeasurable
from pynat.bochs.find import find_bochs
from pynat.testing.guests import READY, Boot, GuestSilent, Machine, Nic
from pynat.testing.sealed import seal

HEAD = """\
| {what} | wall | simulator | it waits | it is ready | engine |
|---|---:|---:|---:|---:|---:|"""


class Used(NamedTuple):
    """Seconds until now."""

    simulator: float  # of CPU
    ready: float  # and without a processor
    engine: float  # of CPU, of all other threads


def used(pid: int) -> Used:
    threads = {int(task.name): _ran(task) for task in Path(f"/proc/{pid}/task").iterdir()}
    simulator, ready = threads.pop(pid)
    return Used(simulator, ready, sum(ran for ran, _ in threads.values()))


def _ran(task: Path) -> tuple[float, float]:
    ran, ready, _ = (task / "schedstat").read_text().split()
    return int(ran) / 1e9, int(ready) / 1e9


def between(boot: Boot, first: str, last: str) -> list[float]:
    """Seconds from one line of the guest's to another: a row of the table."""
    began = boot.wait_for(first, LATEST)
    before = after = used(boot.run.pid)

    def is_over() -> bool:
        nonlocal after
        with contextlib.suppress(FileNotFoundError):  # the guest powers off at once
            now = used(boot.run.pid)
            after = now if now.engine >= after.engine else after  # its threads end first
        return any(line.startswith(last) for _, line in boot.seen)

    boot.wait_until(is_over, f"no line {last!r}", LATEST)
    wall = boot.wait_for(last, LATEST) - began
    simulator, ready, engine = (now - then for now, then in zip(after, before, strict=True))
    return [wall, simulator, wall - simulator - ready, ready, engine]


def of_requests(contender: str) -> str:
    with TemporaryDirectory(prefix="pynat-bench-") as name, servers() as ports:
        folder = Path(name)
        config = folder / "net.conf"
        config.write_text(CONFIGS[contender])
        nic = Nic("e1000", contender.partition(" ")[0], config)
        with Boot(Machine(image(folder, ports), (nic,)), folder, find_bochs()) as boot:
            boot.wait_for(READY, LATEST)
            times = between(boot, "@@ bench small begin", "@@ bench small end")
    return f"| {contender} |" + "".join(f" {time / SMALL_REQUESTS * 1e3:.1f} |" for time in times)


def of_file(contender: str, loader: str) -> str:
    with (
        TemporaryDirectory(prefix="pynat-bench-") as name,
        boot_loaders.booting(contender, loader, Path(name)) as (boot, last),
    ):
        times = between(boot, boot_loaders.SAYS[loader], last)
    return f"| {loader}, {contender} |" + "".join(f" {time:.2f} |" for time in times)


def main() -> int:
    prepare()
    boot_loaders.prepare()
    seal()
    try:
        print(HEAD.format(what="ms of a request"))
        for contender in CONFIGS:
            print(of_requests(contender), flush=True)
        print()
        print(HEAD.format(what="s of a file"))
        for loader in boot_loaders.LOADERS:
            for contender in CONFIGS:
                print(of_file(contender, loader), flush=True)
    except (GuestSilent, Unmeasurable) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
