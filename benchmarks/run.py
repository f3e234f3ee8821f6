"""One Linux guest, the same image, on Bochs's own slirp and on pynat: `make bench`.

docs/benchmarks.md says what is measured and what the figures mean.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("build/bench")
ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.guest import (  # noqa: E402
    MIB,
    PERL,
    SIZE,
    SMALL_REQUESTS,
    figures,
    ping_times,
    script,
)
from pynat.bochs.find import Bochs, BochsError, find_bochs  # noqa: E402
from pynat.testing.guests import (  # noqa: E402
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
from pynat.testing.sealed import Unsealable, seal  # noqa: E402
from pynat.testing.servers import HttpServer, TcpSink, TcpSource, pseudo_random  # noqa: E402

ROUTER = "192.168.16.1"
ETHMODS = ("slirp", "pynat")
CONFIGS = {
    "slirp": f"# slirp config\nnet = 192.168.16.0\nmask = 255.255.255.0\nhost = {ROUTER}\n"
    "dhcpstart = 192.168.16.2\ndns = 192.168.16.3\n",
    "pynat": "[lint]\nenabled = false\n",  # slirp looks at nothing either
}
ROWS = {
    "down": f"{SIZE // MIB} MiB host to guest, s",
    "up": f"{SIZE // MIB} MiB guest to host, s",
    "small": f"{SMALL_REQUESTS} small HTTP requests, s",
    "ping min": "ping, least, ms",
    "ping avg": "ping, mean, ms",
}


@dataclass(frozen=True, slots=True)
class Result:
    """Row -> figure; times on the wall clock only where a row has one."""

    guest: dict[str, float]
    wall: dict[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="boots of each; the least counts")
    arguments = parser.parse_args()
    try:
        bochs = find_bochs()
        fetch_kernel()
        seal()
        results = measure(bochs, arguments.rounds)
    except (BochsError, GuestUnavailable, GuestSilent, Unsealable) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    (FOLDER / "results.json").write_text(json.dumps(_as_json(bochs, results), indent=2) + "\n")
    print(table(results))
    print(f"\n{bochs}; least of {arguments.rounds} boots each; {FOLDER / 'results.json'}")
    return 0


def measure(bochs: Bochs, rounds: int) -> dict[str, Result]:
    """Alternately, so that other work on the machine meets both."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    all_results: dict[str, list[Result]] = {ethmod: [] for ethmod in ETHMODS}
    with servers() as ports:
        image = linux_image(
            FOLDER.absolute() / "linux.iso",
            script(ROUTER, *ports),
            programs=("perl",),
            files={"bin/bench": PERL},
        )
        for number in range(rounds):
            for ethmod in ETHMODS:
                print(f"round {number + 1}: {ethmod} ...", file=sys.stderr, flush=True)
                all_results[ethmod].append(_one(bochs, image, ethmod))
    return {ethmod: _least(results) for ethmod, results in all_results.items()}


@contextlib.contextmanager
def servers() -> Iterator[tuple[int, int, int]]:
    web = HttpServer({"/small": pseudo_random(1, 1000)})
    with TcpSource(pseudo_random(0, SIZE)) as source, TcpSink() as sink, web:
        yield source.port, sink.port, web.port


def _one(bochs: Bochs, image: Path, ethmod: str) -> Result:
    folder = FOLDER.absolute() / ethmod
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "net.conf"
    config.write_text(CONFIGS[ethmod])
    with Boot(Machine(image, (Nic("e1000", ethmod, config),)), folder, bochs) as boot:
        boot.wait_for(READY, 300)
        boot.wait_for(DONE, 300)
        found = figures(boot.seen)
        least, mean = ping_times(boot.text)
    missing = {"down", "up", "small"} - found.keys()
    if missing:
        raise GuestSilent(f"no figure for {', '.join(missing)}\n{boot.last_lines()}")
    guest = {name: figure.guest for name, figure in found.items()}
    wall = {name: figure.wall for name, figure in found.items()}
    return Result({**guest, "ping min": least, "ping avg": mean}, wall)


def _least(results: list[Result]) -> Result:
    return Result(
        {row: min(result.guest[row] for result in results) for row in results[0].guest},
        {row: min(result.wall[row] for result in results) for row in results[0].wall},
    )


def table(results: dict[str, Result]) -> str:
    slirp, pynat = (results[ethmod] for ethmod in ETHMODS)
    lines = ["| | clock | slirp | pynat | pynat/slirp |", "|---|---|---:|---:|---:|"]
    for row, title in ROWS.items():
        for clock in ("guest", "wall"):
            ours, theirs = (getattr(result, clock).get(row) for result in (pynat, slirp))
            if ours is not None and theirs is not None:
                lines.append(
                    f"| {title} | {clock} | {theirs:.2f} | {ours:.2f} | {ours / theirs:.2f} |"
                )
    return "\n".join(lines)


def _as_json(bochs: Bochs, results: dict[str, Result]) -> dict[str, object]:
    return {
        "bochs": ".".join(map(str, bochs.version)),
        **{name: {"guest": result.guest, "wall": result.wall} for name, result in results.items()},
    }


if __name__ == "__main__":
    raise SystemExit(main())
