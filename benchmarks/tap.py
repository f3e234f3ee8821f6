"""iperf3 through a TAP device: pynat beside slirp4netns, with what a packet costs.

`python benchmarks/tap.py [--seconds 3] [--rounds 2] [--only pynat] [--flows 1] [--profile]`

docs/benchmarks.md says what is measured and what the figures mean.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pstats
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import median

FOLDER = Path("build/bench")
ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from pynat.testing.namespace import Namespace  # noqa: E402
from pynat.testing.sealed import Unsealable, seal  # noqa: E402

DEVICE = "tap0"
HOSTS = {"pynat": "192.168.16.1", "slirp4netns": "10.0.2.2"}  # the host's loopback, for the guest
DIRECTIONS = {"guest to host": (), "host to guest": ("-R",)}
PORT = 5201
TICK = os.sysconf("SC_CLK_TCK")
TOP = 15  # lines of a profile


class Unmeasurable(Exception):  # noqa: N818 - what the machine is
    """The text is one line and says why."""


@dataclass(frozen=True, slots=True)
class Figure:
    mbits: float  # payload received, Mbit/s
    micros: float  # CPU microseconds of the back end per packet, either direction


@dataclass(frozen=True, slots=True)
class Case:
    direction: str
    flows: int

    def __str__(self) -> str:
        return f"{self.direction}, {self.flows} flow{'s' * (self.flows > 1)}"


def main() -> int:
    arguments = _arguments()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling is no part of what is measured
    cases = [Case(*pair) for pair in product(DIRECTIONS, arguments.flows)]
    try:
        _need("iperf3", *(["slirp4netns"] if "slirp4netns" in arguments.only else []))
        seal()
        FOLDER.mkdir(parents=True, exist_ok=True)
        found = measure(arguments, cases)
        if arguments.profile:
            for case in cases:
                print(profile(case, arguments.seconds))
    except (Unmeasurable, Unsealable, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    as_json = json.dumps(_as_json(found), indent=2)
    (FOLDER / "tap.json").write_text(as_json + "\n")
    print(as_json if arguments.json else table(found, cases))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=3, help="of each iperf3 run")
    parser.add_argument("--rounds", type=int, default=2, help="of all cases, alternating")
    parser.add_argument("--flows", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--only", nargs="+", choices=list(HOSTS), default=list(HOSTS))
    parser.add_argument("--profile", action="store_true", help="then a run of pynat under cProfile")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def _need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            raise Unmeasurable(f"{program} is missing (Debian: apt-get install {program})")


# ---------------------------------------------------------------------- measuring
Found = dict[str, dict[Case, list[Figure]]]


def measure(arguments: argparse.Namespace, cases: list[Case]) -> Found:
    """Alternately, so that other work on the machine meets both."""
    found: Found = {name: {case: [] for case in cases} for name in arguments.only}
    for number in range(arguments.rounds):
        for name in arguments.only:
            print(f"round {number + 1}: {name} ...", file=sys.stderr, flush=True)
            with Namespace() as guest, BACK_ENDS[name](guest) as process:
                for case in cases:
                    figure = _one(guest, process, HOSTS[name], case, arguments.seconds)
                    found[name][case].append(figure)
    return found


def _one(
    guest: Namespace, process: subprocess.Popen[str], host: str, case: Case, seconds: int
) -> Figure:
    packets, ticks = sum(guest.counters(DEVICE)), _ticks(process.pid)
    command = ("iperf3", "-J", "-c", host, "-p", str(PORT), "-t", str(seconds))
    with iperf_server():
        done = guest.run(
            *command, "-P", str(case.flows), *DIRECTIONS[case.direction],
            timeout=seconds + 30, check=False,
        )  # fmt: skip
    report = json.loads(done.stdout)
    if "error" in report:
        raise Unmeasurable(f"iperf3, {case}: {report['error']}")
    packets, ticks = sum(guest.counters(DEVICE)) - packets, _ticks(process.pid) - ticks
    return Figure(
        mbits=report["end"]["sum_received"]["bits_per_second"] / 1e6,
        micros=ticks / TICK * 1e6 / packets,
    )


def _ticks(pid: int) -> int:
    """utime and stime of proc(5); what stands before them may hold blanks, but no more ")"."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def profile(case: Case, seconds: int) -> str:
    """Where the time goes in pynat: the functions with the most time of their own."""
    name = str(case).replace(", ", "-").replace(" ", "-")
    raw, text = FOLDER / f"profile-{name}.pstats", FOLDER / f"profile-{name}.txt"
    interpreter = (sys.executable, "-m", "cProfile", "-o", str(raw), "-m", "pynat")
    with Namespace() as guest, pynat(guest, interpreter) as process:
        _one(guest, process, HOSTS["pynat"], case, seconds)
        packets = sum(guest.counters(DEVICE))
    text.write_text(f"{case}, {packets} packets, under cProfile\n{_top(raw, packets)}\n")
    raw.unlink()
    return text.read_text()


def _top(raw: Path, packets: int) -> str:
    """One line a function: its share of the time, time and calls per packet, and its place."""
    stats: dict[tuple[str, int, str], tuple[int, int, float, float, object]]
    stats = vars(pstats.Stats(str(raw)))["stats"]
    idle = {"<method 'poll' of 'select.epoll' objects>"}
    rows = [
        (own, calls, f"{_short(file)}:{line} {name}" if line else name)
        for (file, line, name), (_, calls, own, _, _) in stats.items()
        if name not in idle
    ]
    total = sum(own for own, _, _ in rows)
    return "\n".join(
        f"{own / total:6.1%} {own / packets * 1e6:7.2f} us {calls / packets:6.2f} calls  {where}"
        for own, calls, where in sorted(rows, reverse=True)[:TOP]
    )


def _short(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


# ---------------------------------------------------------------------- who is measured
@contextlib.contextmanager
def iperf_server() -> Iterator[None]:
    """On the loopback of our own namespace, for one run: between two it closes its port."""
    command = ("iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", str(PORT), "--forceflush")
    with _running(command, "Server listening"):
        yield


@contextlib.contextmanager
def pynat(
    guest: Namespace, interpreter: tuple[str, ...] = (sys.executable, "-m", "pynat")
) -> Iterator[subprocess.Popen[str]]:
    command = (*interpreter, "tap", DEVICE, "--netns", str(guest.path), "--configure")
    with _running(command, "ready") as process:
        yield process


@contextlib.contextmanager
def slirp4netns(guest: Namespace) -> Iterator[subprocess.Popen[str]]:
    command = ("slirp4netns", "--configure", "--mtu=1500", "--netns-type=path", "--ready-fd=1")
    with _running((*command, str(guest.path), DEVICE), "1") as process:
        yield process


BACK_ENDS = {"pynat": pynat, "slirp4netns": slirp4netns}


@contextlib.contextmanager
def _running(command: tuple[str, ...], ready: str) -> Iterator[subprocess.Popen[str]]:
    """Until it prints `ready`, and to the end of the block; its stderr goes to a file."""
    log = FOLDER / f"{Path(command[0]).name}.log"
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    try:
        seen = ""
        while ready not in seen:
            piece = process.stdout.read(1)
            if not piece:
                raise Unmeasurable(f"{command[0]} has ended: {log.read_text().strip()[-300:]}")
            seen += piece
        yield process
    finally:
        process.terminate()
        process.communicate()


# ---------------------------------------------------------------------- showing
def table(found: Found, cases: list[Case]) -> str:
    names = list(found)
    head = [*(f"{name}, Mbit/s" for name in names), *(f"{name}, us/packet" for name in names)]
    head += ["ratio"] if len(names) == 2 else []
    lines = [f"| | {' | '.join(head)} |", f"|---|{'---:|' * len(head)}"]
    for case in cases:
        mbits = [max(figure.mbits for figure in found[name][case]) for name in names]
        micros = [median(figure.micros for figure in found[name][case]) for name in names]
        row = [*(f"{value:,.0f}" for value in mbits), *(f"{value:.1f}" for value in micros)]
        row += [f"{mbits[0] / mbits[1]:.2f}"] if len(names) == 2 else []
        lines.append(f"| {case} | {' | '.join(row)} |")
    return "\n".join(lines)


def _as_json(found: Found) -> dict[str, dict[str, list[dict[str, float]]]]:
    return {
        name: {str(case): [asdict(figure) for figure in figures] for case, figures in cases.items()}
        for name, cases in found.items()
    }


if __name__ == "__main__":
    raise SystemExit(main())
