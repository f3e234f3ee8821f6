"""What a network costs while nothing happens: CPU time of the simulator's thread.

The guest halts, so Bochs goes from timer to timer, and what it takes for a guest second is what
they cost. The figure is a difference of two boots: one with a network, one without.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.back_ends import ROOT
from benchmarks.results import Figure, Unmeasurable
from benchmarks.starts import LATEST, WITHOUT, Start
from pynat.testing.guests import Boot, GuestSilent, kernel_image

SECONDS = 100  # of guest time, between two lines of the guest's
SOURCE = ROOT / "benchmarks" / "idle.S"
COMPILE = (
    *("gcc", "-m32", "-nostdlib", "-static", "-no-pie", "-x", "assembler-with-cpp"),
    *("-Wl,-Ttext=0x100000,-N,--no-warn-rwx-segments,--build-id=none", f"-DIDLE_SECONDS={SECONDS}"),
)


@contextlib.contextmanager
def opened(contender: str) -> Iterator[Start]:
    with TemporaryDirectory(prefix="pynat-bench-") as name:
        folder = Path(name)
        kernel = folder / "kernel.elf"
        subprocess.run((*COMPILE, str(SOURCE), "-o", str(kernel)), check=True)
        try:
            yield Start(folder, kernel_image(folder / "idle.iso", kernel, ""), contender)
        except GuestSilent as error:
            raise Unmeasurable(str(error)) from None


def second(idle: Start) -> Figure:
    """Microseconds of a guest second, more than without a network."""
    return Figure(simulator(idle, idle.ethmod) - simulator(idle, WITHOUT))


def simulator(idle: Start, ethmod: str) -> float:
    """Microseconds of CPU that the simulator's thread takes for a guest second."""
    with idle.booted(ethmod) as boot:
        begin, end = (cpu_after(boot, lines) for lines in (2, 4))
    return (end - begin) / (2 * SECONDS) / 1e3


def cpu_after(boot: Boot, lines: int) -> int:
    """Nanoseconds of the simulator's thread until it has said so much."""
    boot.wait_until(lambda: len(boot.seen) >= lines, "the guest is silent", LATEST)
    pid = boot.run.pid
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0])
