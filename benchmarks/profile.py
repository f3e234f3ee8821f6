"""Where each microsecond goes: `make profile`, rows of rows.py under two samplers at once.

perf samples processor time, and knows the kernel: how much of it goes into which system call.
py-spy looks into the process from outside, and knows Python's frames and C's: a stack that is in no
system call belongs to the room of pynat whose function is innermost. (perf knows Python's only from
3.12 on; py-spy takes what waits for a processor for work.) So a packet's microseconds are divided
between kernel and process as perf has it, and within the process as py-spy has it. What py-spy has
seen is also drawn as a flame graph, the widest function the dearest.
"""

from __future__ import annotations

import argparse
import contextlib
import json
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
from benchmarks.publishing import publish_profile
from benchmarks.results import Group, Row, Unmeasurable
from benchmarks.rows import groups
from benchmarks.showing import profiles
from pynat.testing.sealed import seal

FOLDER = ROOT / "build" / "bench"
KEPT = FOLDER / "profile.json"
RATE = 250  # samples a second of py-spy: each stops the process for a moment
PERF_RATE = 997  # of perf; in step with nothing
PROFILED = {  # rows, and who is looked at
    "tcp from-guest 1": ("pynat", "pynat offload"),
    "tcp to-guest 1": ("pynat", "pynat offload"),
    "udp from-guest 64": ("pynat",),
    "udp to-guest 64": ("pynat",),
    "turn step": ("pynat", "pynat linted"),
    "connections": ("pynat",),
}
USER = "process"
Stacks = dict[tuple[str, ...], int]  # outermost frame first -> samples

_KERNEL = "([kernel.kallsyms])"
_SYSTEM_CALL = re.compile(r"\b_*(?:(?:x64_|k|do_)?sys_(?!call\b)|do_(?=readv|writev))(\w+)")
_CALLS = {
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
    if arguments.publish:
        publish_profile(arguments.publish, json.loads(KEPT.read_text()))
        return 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    chosen = [group for group in groups(arguments.seconds) if PROFILED.keys() & keys(group)]
    for group in chosen:
        group.prepare()
    seal()
    found = dict(each for group in chosen for each in _profiled(group, arguments.only))
    KEPT.write_text(json.dumps(found) + "\n")
    print(profiles({"now": found}))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="profile", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="KEY", help="rows that begin so")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "--publish",
        choices=("before", "after"),
        help="put the last profiles into docs/performance.md, as those before or after a change",
    )
    return parser.parse_args()


def keys(group: Group[Any]) -> set[str]:
    return {row.key for row in group.rows}


def _profiled(group: Group[BackEnd], only: str) -> Iterator[tuple[str, dict[str, float]]]:
    for row in group.rows:
        for contender in PROFILED.get(row.key, ()):
            if row.key.startswith(only):
                try:
                    yield f"{row.title}: {contender}", profile(group, row, contender)
                except Unmeasurable as error:
                    print(f"profile: {row.title}: {contender}: {error}", file=sys.stderr)


def profile(group: Group[BackEnd], row: Row[BackEnd], contender: str) -> dict[str, float]:
    """Microseconds of CPU a packet by part."""
    with TemporaryDirectory(prefix="pynat-profile-") as name:
        folder = Path(name)
        with group.open(contender) as net, sampling(net.pid, folder):
            figure = row.measure(net)
        stacks = folded((folder / "stacks").read_text())
        calls = system_calls(_script(folder / "perf"))
    picture = FOLDER / f"profile-{row.key}-{contender}.svg".replace(" ", "-")
    picture.write_text(flame_graph(stacks, f"{row.title}: {contender}"))
    assert figure.micros is not None
    return divided(figure.micros, calls, stacks)


@contextlib.contextmanager
def sampling(pid: int, folder: Path) -> Iterator[None]:
    """To the end of the block."""
    py_spy = str(Path(sys.executable).with_name("py-spy"))
    how = ("--native", "--rate", str(RATE), "--format", "raw", "-o", str(folder / "stacks"))
    perf = ("-q", "-g", "-e", "cpu-clock", "-F", str(PERF_RATE), "-o", str(folder / "perf"))
    with (
        _sampler("perf", "record", *perf, "-p", str(pid)),
        _sampler(py_spy, "record", *how, "--pid", str(pid)) as looking,
    ):
        assert looking.stdout is not None
        while "Sampling" not in (line := looking.stdout.readline()):
            if not line:
                raise Unmeasurable("py-spy cannot look into the process (is this root?)")
        yield


@contextlib.contextmanager
def _sampler(*command: str) -> Iterator[subprocess.Popen[str]]:
    """It writes what it has when it is interrupted."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


def _script(samples: Path) -> str:
    command = ("perf", "script", "-i", str(samples), "-F", "ip,sym,dso")
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# ---------------------------------------------------------------------- what was seen
def system_calls(script: str) -> Counter[str]:
    """Of perf's samples, each a stack with the innermost frame first: system call -> samples."""
    return Counter(_where(sample.splitlines()) for sample in re.split(r"\n{2,}", script.strip()))


def _where(frames: list[str]) -> str:
    calls = (_SYSTEM_CALL.search(frame) for frame in reversed(frames))
    for call in calls:
        if call:
            return call[1]
    return "interrupts" if _KERNEL in frames[0] else USER


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


def divided(micros: float, calls: Counter[str], stacks: Stacks) -> dict[str, float]:
    """Largest first."""
    one = micros / calls.total()
    parts = {f"kernel: {name}": one * n for name, n in calls.items() if name != USER}
    rooms = Counter[str]()
    for stack, samples in stacks.items():
        if (room := room_of(stack)) is not None:
            rooms[room] += samples
    for room, samples in rooms.items():
        parts[room] = one * calls[USER] * samples / rooms.total()
    return dict(sorted(parts.items(), key=lambda part: -part[1]))


def room_of(stack: tuple[str, ...]) -> str | None:
    """None in a system call."""
    call = _LIBC.match(stack[-1])
    if call and call[1].strip("_") in _CALLS:
        return None
    for frame in reversed(stack):
        if ours := _OURS.search(frame):
            return f"pynat/{ours[1]}"
        if _LOOP.search(frame):
            return "event loop"
    return "Python"


if __name__ == "__main__":
    sys.exit(main())
