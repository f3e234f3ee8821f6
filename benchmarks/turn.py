"""What a turn costs: lwIP sends 5 MB through a TAP device, one segment at a time.

`python benchmarks/turn.py [--megabytes 5] [--rounds 3] [--only pynat] [--pynat FOLDER ...]`

Each segment waits for the acknowledgement of the one before, so each is a turn of its own. Wall and
CPU time of the back end, pynat without and with its linter beside slirp4netns, alternately. `--pynat` measures
other checkouts of pynat beside this one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.tap import DEVICE, FOLDER, HOSTS, TICK, _running, _ticks, slirp4netns  # noqa: E402
from pynat.testing.namespace import Namespace  # noqa: E402
from pynat.testing.sealed import seal  # noqa: E402
from pynat.testing.servers import TcpSink  # noqa: E402
from tests.netns.lwip.build import guest_program  # noqa: E402

WITHOUT_IPV6 = ("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")
BackEnd = Callable[[Namespace], contextlib.AbstractContextManager["subprocess.Popen[str]"]]


class Cost(NamedTuple):
    wall: float  # seconds
    cpu: float  # seconds of the back end
    packets: int  # each way

    def __str__(self) -> str:
        each = self.cpu / self.packets * 1e6
        return f"{self.wall:6.3f} s, {self.cpu:5.2f} s of CPU, {each:6.1f} us a packet"


def main() -> int:
    arguments = _arguments()
    program = str(guest_program())
    seal()
    FOLDER.mkdir(parents=True, exist_ok=True)
    back_ends = _back_ends(arguments.pynat)
    found: dict[str, list[Cost]] = {name: [] for name in back_ends if arguments.only in name}
    for _ in range(arguments.rounds):
        for name in found:
            host = HOSTS["slirp4netns" if name == "slirp4netns" else "pynat"]
            found[name].append(_step(program, back_ends[name], host, arguments.megabytes))
            print(f"{name:32} {found[name][-1]}", flush=True)
    for name, costs in found.items():
        print(f"{name:32} {Cost(*map(median, zip(*costs, strict=True)))}  (medians)")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="back ends whose name has this in it")
    parser.add_argument("--pynat", type=Path, nargs="+", default=[ROOT], metavar="FOLDER")
    return parser.parse_args()


def _back_ends(folders: list[Path]) -> dict[str, BackEnd]:
    found: dict[str, BackEnd] = {}
    for folder in folders:
        for lint in (False, True):
            name = f"{folder.name}, linter {'on' if lint else 'off'}"
            found[name] = _pynat(folder, lint=lint)
    return {**found, "slirp4netns": slirp4netns}


def _step(program: str, back_end: BackEnd, host: str, megabytes: int) -> Cost:
    with Namespace() as guest, TcpSink() as sink:
        guest.run(*WITHOUT_IPV6)
        with back_end(guest) as process:
            guest.run("ip", "addr", "flush", "dev", DEVICE)  # only lwIP is there
            verbs = ("step", host, str(sink.port), str(megabytes * 1_000_000))
            with guest.running(program, DEVICE, *verbs) as lwip:
                assert lwip.stdout is not None
                lwip.stdout.readline()  # it has an address
                packets, ticks, start = sum(guest.counters(DEVICE)), _ticks(process.pid), _now()
                answer = lwip.stdout.readline()
                wall = _now() - start
                cpu = (_ticks(process.pid) - ticks) / TICK
                packets = sum(guest.counters(DEVICE)) - packets
                assert answer.endswith(f" {megabytes * 1_000_000}\n"), answer
    return Cost(wall, cpu, packets)


def _now() -> float:
    return time.monotonic()


def _pynat(folder: Path, *, lint: bool) -> BackEnd:
    @contextlib.contextmanager
    def start(guest: Namespace) -> Iterator[subprocess.Popen[str]]:
        with tempfile.TemporaryDirectory() as name:
            config = Path(name, "net.toml")
            config.write_text(f"[lint]\nenabled = {str(lint).lower()}\n")
            command = (f"{folder}/.venv/bin/python", "-m", "pynat", "tap", DEVICE)
            options = ("--netns", str(guest.path), "--config", str(config))
            os.environ["PYTHONPATH"] = str(folder)
            with _running((*command, *options), "ready") as process:
                yield process

    return start


if __name__ == "__main__":
    raise SystemExit(main())
