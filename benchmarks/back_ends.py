"""Who is measured on a TAP device: pynat in several ways, slirp4netns, pasta.

The guest is a network namespace of ours, the host another one that has only its loopback (sealed).
The router's address leads to that loopback for all of them.

pasta takes addresses and routes of a device of the host as its own, and drops the right to look
into other processes: so there is a device that leads nowhere, and the namespace has a path that is
no process's.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from benchmarks.results import Figure, Unmeasurable
from pynat.testing.namespace import Namespace

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent
DEVICE = "tap0"
ROUTER = "192.168.16.1"
SLIRP_ROUTER = "10.0.2.2"
PATIENCE = 10.0  # seconds for a back end to begin
WITHOUT_IPV6 = ("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")
TEMPLATE = """
ip link show dev template >/dev/null 2>&1 && exit
ip tuntap add template mode tap
ip addr add 198.51.100.2/24 dev template
ip link set template up
ip route add default via 198.51.100.1 dev template
"""

LINTED = "[lint]\nenabled = true\n"
OFFLOADED = "[tap]\noffload = true\n"


class Used(NamedTuple):
    cpu: float  # seconds of the back end, its system calls included
    packets: int  # that crossed the device, either way

    def micros(self) -> float | None:
        return self.cpu / self.packets * 1e6 if self.packets else None


@dataclass(slots=True)
class BackEnd:
    """One that runs, with its guest. What several rows want to know is found out `once`."""

    guest: Namespace
    pid: int
    router: str  # for the guest the loopback of the host
    seconds: float  # that a row may take
    _known: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, what: Hashable, find: Callable[[], T]) -> T:
        if what not in self._known:
            self._known[what] = find()
        found: T = self._known[what]
        return found

    def used(self) -> Used:
        """Until now."""
        return Used(cpu_seconds(self.pid), sum(self.guest.counters(DEVICE)))

    def used_since(self, before: Used) -> Used:
        now = self.used()
        return Used(now.cpu - before.cpu, now.packets - before.packets)

    def figure(self, value: float, before: Used, loss: float | None = None) -> Figure:
        return Figure(value, self.used_since(before).micros(), loss)

    def memory(self) -> int:
        """Bytes of it that are in memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))  # noqa: PTH208 - only the number


def cpu_seconds(pid: int) -> float:
    """Of all threads of a process: clock_getcpuclockid(3), which Python does not have."""
    return time.clock_gettime((~pid << 3) | 2)


@dataclass(frozen=True, slots=True)
class Pynat:
    config: str = ""
    checkout: Path = ROOT

    @contextlib.contextmanager
    def __call__(self, guest: Namespace, opener: Opener) -> Iterator[tuple[int, str]]:
        with tempfile.TemporaryDirectory(prefix="pynat-bench-") as folder:
            config = Path(folder, "net.toml")
            config.write_text(f"[network]\nmtu = {opener.mtu}\n{opener.config}{self.config}")
            command = self._command(guest, config)
            with running(command, ready="ready", cwd=self.checkout, hide=f"{folder}/") as process:
                yield process.pid, ROUTER

    def _command(self, guest: Namespace, config: Path) -> list[str]:
        ours = self.checkout == ROOT
        python = sys.executable if ours else str(self.checkout / ".venv/bin/python")
        where = ("--netns", str(guest.path), "--config", str(config))
        return [python, "-m", "pynat", "tap", DEVICE, *where, "--configure"]


@contextlib.contextmanager
def slirp4netns(guest: Namespace, opener: Opener) -> Iterator[tuple[int, str]]:
    command = ("slirp4netns", "--configure", f"--mtu={opener.mtu}")
    place = ("--netns-type=path", "--ready-fd=1", str(guest.path), DEVICE)
    with running((*command, *place), ready="1") as process:
        yield process.pid, SLIRP_ROUTER


@contextlib.contextmanager
def pasta(guest: Namespace, opener: Opener) -> Iterator[tuple[int, str]]:
    subprocess.run(("sh", "-c", TEMPLATE), check=True)
    addresses = ("-4", "-a", "192.168.16.2", "-n", "24", "-g", ROUTER, "-m", str(opener.mtu))
    ports = ("-t", "none", "-u", "none", "-T", "none", "-U", "none")
    with named(guest) as path:
        place = ("--config-net", "-I", DEVICE, "--netns-only", "--netns", str(path))
        command = ("pasta", "--foreground", "--quiet", "--runas", "0:0", *addresses, *ports, *place)
        with running(command) as process:
            _wait_for_route(guest, process)
            yield process.pid, ROUTER


@contextlib.contextmanager
def named(guest: Namespace) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(prefix="pynat-bench-") as file:
        subprocess.run(("mount", "--bind", guest.path, file.name), check=True)
        try:
            yield Path(file.name)
        finally:
            subprocess.run(("umount", file.name), check=True)


def _wait_for_route(guest: Namespace, process: subprocess.Popen[str]) -> None:
    """pasta does not say when it is ready."""
    until = time.monotonic() + PATIENCE
    while "default" not in guest.run("ip", "route").stdout:
        if process.poll() is not None or time.monotonic() > until:
            raise Unmeasurable("pasta has not given the guest its route")
        time.sleep(0.02)


@contextlib.contextmanager
def running(
    command: Sequence[str], *, ready: str = "", cwd: Path | None = None, hide: str = ""
) -> Iterator[subprocess.Popen[str]]:
    """From when it has printed `ready` to the end of the block. hide: of what it says else."""
    with tempfile.TemporaryFile("w+") as errors:
        try:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=cwd
            )
        except FileNotFoundError:
            package = {"pasta": "passt"}.get(command[0], command[0])
            why = f"{command[0]} is missing (Debian: apt-get install {package})"
            raise Unmeasurable(why) from None
        try:
            if not _has_said(process, ready):
                process.wait()
                errors.seek(0)
                said = errors.read().replace(hide, "").strip().splitlines() or ["nothing"]
                raise Unmeasurable(f"it has ended and said: {said[-1]}")
            yield process
        finally:
            process.terminate()
            process.communicate()


def _has_said(process: subprocess.Popen[str], ready: str) -> bool:
    assert process.stdout is not None
    seen = ""
    while ready not in seen:
        piece = process.stdout.read(1)
        if not piece:
            return False
        seen += piece
    return True


Starter = Callable[[Namespace, "Opener"], AbstractContextManager[tuple[int, str]]]
BACK_ENDS: dict[str, Starter] = {
    "pynat": Pynat(),
    "pynat linted": Pynat(LINTED),
    "pynat offload": Pynat(OFFLOADED),
    "slirp4netns": slirp4netns,
    "pasta": pasta,
}


@dataclass(frozen=True, slots=True)
class Opener:
    """mtu: of the device.

    config: pynat's, beside what its contender has.
    bare: Linux has no address there, so that another stack may be the guest.
    """

    mtu: int = 1500
    config: str = ""
    bare: bool = False
    seconds: float = 2.0

    @contextlib.contextmanager
    def __call__(self, contender: str) -> Iterator[BackEnd]:
        with Namespace() as guest:
            if self.bare:
                guest.run(*WITHOUT_IPV6)
            with BACK_ENDS[contender](guest, self) as (pid, router):
                if self.bare:
                    guest.run("ip", "addr", "flush", "dev", DEVICE)
                yield BackEnd(guest, pid, router, self.seconds)
