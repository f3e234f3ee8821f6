"""How long a network keeps Bochs from its guest: until the first word of a small kernel.

Each figure is a difference of two boots, one after the other. Time in which a thread was ready to
run and had no processor does not count.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.back_ends import ROOT
from benchmarks.results import Figure, Unmeasurable
from pynat.bochs.find import find_bochs
from pynat.testing.guests import Boot, GuestSilent, Machine, Nic, compiled_kernel, kernel_image

LATEST = 60.0  # seconds
GLANCE = 0.005  # seconds between two looks at the serial port
WITHOUT = "null"  # an ethmod that is no network


@dataclass(slots=True)
class Start:
    folder: Path
    image: Path
    ethmod: str

    @contextlib.contextmanager
    def booted(self, ethmod: str) -> Iterator[Boot]:
        """In a folder of its own, where `null` writes its logs."""
        machine = Machine(self.image, (Nic(ethmod=ethmod),), memory=32)
        folder = self.folder / ethmod
        folder.mkdir(exist_ok=True)
        with contextlib.chdir(folder), Boot(machine, folder, find_bochs()) as boot:
            yield boot

    def boot(self, ethmod: str) -> float:
        """Seconds."""
        with self.booted(ethmod) as boot:
            return boot.wait_for("", LATEST) - boot.began - boot.starved()


@contextlib.contextmanager
def opened(contender: str) -> Iterator[Start]:
    with TemporaryDirectory(prefix="pynat-bench-") as name:
        folder = Path(name)
        kernel = compiled_kernel(ROOT / "examples" / "kernel", folder / "kernel")
        image = kernel_image(folder / "kernel.iso", kernel, "")
        try:
            yield Start(folder, image, contender)
        except GuestSilent as error:
            raise Unmeasurable(str(error)) from None


def network(start: Start) -> Figure:
    """Seconds more than without a network."""
    return Figure(start.boot(start.ethmod) - start.boot(WITHOUT))


def command(start: Start) -> Figure:
    """Seconds of `pynat run` more than of Bochs with the same bochsrc."""
    direct = start.boot(start.ethmod)
    return Figure(run(start.folder / start.ethmod) - direct)


def run(folder: Path) -> float:
    """`pynat run` of what has been booted in `folder`."""
    serial = folder / "serial.txt"
    serial.write_bytes(b"")
    files = ("-f", "bochsrc", "--output", "bochs.out", "--log", "bochs.log")
    words = (sys.executable, "-m", "pynat", "run", "--headless", *files)
    began = time.monotonic()
    process = subprocess.Popen(words, stderr=subprocess.PIPE, cwd=folder)
    try:
        while b"\n" not in serial.read_bytes():
            if process.poll() is not None or time.monotonic() - began > LATEST:
                raise Unmeasurable("the guest of `pynat run` says nothing")
            time.sleep(GLANCE)
        return time.monotonic() - began - starved(process.pid)
    finally:
        process.terminate()
        process.communicate()


def starved(pid: int) -> float:
    """Seconds, as `Boot.starved`; of its children too."""
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    waited = sum(int((task / "schedstat").read_text().split()[1]) for task in threads)
    children = {int(child) for task in threads for child in (task / "children").read_text().split()}
    return waited / 1e9 + sum(starved(child) for child in children)
