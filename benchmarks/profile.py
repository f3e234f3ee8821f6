"""Where each microsecond goes: `make profile`, rows of rows.py under py-spy.

It looks into the process many times a second, from outside. What it sees is a stack, of Python's
frames and of C's, which belongs to a part: the system call in which it ends, or else the room of
pynat whose function is innermost. A part has its share of the CPU time that a packet costs. All
stacks are drawn as a flame graph, the widest function the dearest.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.back_ends import ROOT, BackEnd
from benchmarks.flame import flame_graph
from benchmarks.results import Group, Row, Unmeasurable
from benchmarks.rows import groups
from benchmarks.showing import table
from pynat.testing.sealed import seal

FOLDER = ROOT / "build" / "bench"
RATE = 250  # samples a second: each stops the process for a moment
PROFILED = {  # rows, and who is looked at
    "tcp from-guest 1": ("pynat", "pynat offload"),
    "tcp to-guest 1": ("pynat", "pynat offload"),
    "udp from-guest 64": ("pynat",),
    "udp to-guest 64": ("pynat",),
    "turn step": ("pynat", "pynat linted"),
    "connections": ("pynat",),
}
LEAST = 0.01  # of the time; what is less stands together
Stacks = dict[tuple[str, ...], int]  # outermost frame first -> samples

_SYSTEM_CALLS = {
    *("accept4", "bind", "brk", "close", "connect", "epoll_ctl", "epoll_wait", "eventfd_read"),
    *(
        "eventfd_write",
        "fcntl",
        "getpeername",
        "getsockname",
        "getsockopt",
        "ioctl",
        "mmap",
        "munmap",
    ),
    *("poll", "read", "readv", "recv", "recvfrom", "recvmmsg", "recvmsg", "send", "sendmmsg"),
    *("sendmsg", "sendto", "setsockopt", "shutdown", "socket", "write", "writev"),
}
_LIBC = re.compile(r"^(\w+) \(libc\b")
_OURS = re.compile(r"\(pynat/(\w+(?:\.c)?)")
_LOOP = re.compile(r"\((?:asyncio/|selectors\.py)")


def main() -> int:
    arguments = _arguments()
    FOLDER.mkdir(parents=True, exist_ok=True)
    chosen = [group for group in groups(arguments.seconds) if PROFILED.keys() & keys(group)]
    for group in chosen:
        group.prepare()
    seal()
    parts = [text for group in chosen for text in _profiles(group, arguments.only)]
    print("\n\n".join(parts))
    (FOLDER / "profile.md").write_text("\n\n".join(parts) + "\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="profile", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="KEY", help="rows that begin so")
    parser.add_argument("--seconds", type=float, default=5.0)
    return parser.parse_args()


def keys(group: Group[Any]) -> set[str]:
    return {row.key for row in group.rows}


def _profiles(group: Group[BackEnd], only: str) -> Iterator[str]:
    for row in group.rows:
        for contender in PROFILED.get(row.key, ()):
            if row.key.startswith(only):
                try:
                    yield profile(group, row, contender)
                except Unmeasurable as error:
                    yield f"{row.title}: {contender}: not measured: {error}"


def profile(group: Group[BackEnd], row: Row[BackEnd], contender: str) -> str:
    with TemporaryDirectory(prefix="pynat-profile-") as folder:
        sampled = Path(folder, "stacks")
        with group.open(contender) as net, sampling(net.pid, sampled):
            figure = row.measure(net)
        stacks = folded(sampled.read_text())
    title = f"{row.title}: {contender}"
    name = f"{row.key} {contender}".replace(" ", "-")
    (FOLDER / f"profile-{name}.svg").write_text(flame_graph(stacks, title))
    assert figure.micros is not None
    lines = table(("part", "", "share", "us/packet"), shares(stacks, figure.micros))
    return f"**{title}**, {figure.micros:.2f} us of CPU a packet:\n\n{lines}"


@contextlib.contextmanager
def sampling(pid: int, stacks: Path) -> Iterator[None]:
    """To the end of the block; what it sees goes into `stacks`."""
    py_spy = str(Path(sys.executable).with_name("py-spy"))
    how = ("--native", "--rate", str(RATE), "--format", "raw", "-o", str(stacks))
    command = (py_spy, "record", *how, "--pid", str(pid))
    sampler = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert sampler.stdout is not None
    try:
        while "Sampling" not in (line := sampler.stdout.readline()):
            if not line:
                raise Unmeasurable("py-spy cannot look into the process (is this root?)")
        yield
    finally:
        sampler.send_signal(signal.SIGINT)
        sampler.communicate()


def folded(text: str) -> Stacks:
    """Of py-spy's raw form: `outermost;...;innermost samples`, from the event loop on."""
    stacks: Stacks = Counter()
    for line in text.splitlines():
        frames, _, samples = line.rpartition(" ")
        stacks[tuple(_inner(frames.split(";")))] += int(samples)
    return stacks


def _inner(frames: list[str]) -> list[str]:
    """From the loop on, without what is around it in every stack."""
    loop = [at for at, frame in enumerate(frames) if frame.startswith("EngineLoop._run_once")]
    return frames[loop[0] :] if loop else frames


# ---------------------------------------------------------------------- parts
def shares(stacks: Stacks, micros: float) -> Iterator[tuple[str, str, str, str]]:
    """Largest first, with the microseconds of all together."""
    whole = sum(stacks.values())
    parts: Counter[tuple[str, str]] = Counter()
    for stack, samples in stacks.items():
        parts[part_of(stack)] += samples
    small = sum(samples for samples in parts.values() if samples < LEAST * whole)
    large = [(part, n) for part, n in parts.most_common() if n >= LEAST * whole]
    for (kind, what), samples in [*large, (("the rest", ""), small)]:
        share = samples / whole
        yield kind, what, f"{share:.0%}", f"{share * micros:.2f}"


def part_of(stack: tuple[str, ...]) -> tuple[str, str]:
    """Kind and name."""
    call = _LIBC.match(stack[-1])
    if call and call[1].strip("_") in _SYSTEM_CALLS:
        return "system call", call[1].strip("_")
    for frame in reversed(stack):
        if ours := _OURS.search(frame):
            return "pynat", ours[1]
        if _LOOP.search(frame):
            return "event loop", ""
    return "Python", ""


if __name__ == "__main__":
    sys.exit(main())
