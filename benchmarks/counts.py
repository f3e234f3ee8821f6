"""Instructions of the hot paths, counted by valgrind: `make counts`.

A count is nearly the same on a busy machine as on a quiet one, so it shows in review what a change
costs: benchmarks/counts.txt is kept, and what has changed in it is printed. It is of the process
alone; what the kernel does in system calls is in `make bench`. Callgrind forgets what it has
counted when a step begins, and writes it down when it ends (hot_paths.py).
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.hot_paths import WAYS

ROOT = Path(__file__).resolve().parent.parent
KEPT = Path(__file__).with_name("counts.txt")
LINTER = {"linter off": (), "linter on": ("--linted",)}
NOTABLE = 0.03  # of a count; less is noise
_SUMMARY = re.compile(r"^summary: (\d+)$", re.MULTILINE)
_LINE = re.compile(r"^(?P<way>.+?) +(?P<counts>[\d,]+(?: +[\d,]+)*)$")

Counts = dict[str, list[int]]  # by way, one for each of LINTER

HEAD = """\
# Thousands of instructions in user space, medians: `make counts` writes this and says what changed.
# CPython {python}, valgrind {valgrind}
"""


def main() -> int:
    before = read(KEPT.read_text()) if KEPT.exists() else {}
    try:
        counted = [count(options) for options in LINTER.values()]
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        print(f"counts: {error}", file=sys.stderr)
        return 1
    counts = {way.title: [each[way.title] for each in counted] for way in WAYS}
    KEPT.write_text(
        HEAD.format(python=platform.python_version(), valgrind=version()) + text(counts)
    )
    print(KEPT.read_text())
    print("\n".join(changes(before, counts)) or f"no change of more than {NOTABLE:.0%}")
    return 0


def count(options: Iterable[str]) -> dict[str, int]:
    with TemporaryDirectory(prefix="pynat-counts-") as name:
        out = Path(name, "out")
        command = (
            *("valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}"),
            *("--zero-before=getppid", "--dump-before=getpgrp"),
            *(sys.executable, "-m", "benchmarks.hot_paths", *options),
        )
        fixed = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, env=fixed, cwd=ROOT
        )
        dumps = len(list(out.parent.glob("out.*")))
        parts = (summary(out.with_name(f"out.{number + 1}").read_text()) for number in range(dumps))
        return {way: median_of(steps, parts) for way, steps in json.loads(done.stdout).items()}


def summary(dump: str) -> int:
    found = _SUMMARY.search(dump)
    assert found is not None
    return int(found[1])


def median_of(steps: list[int], parts: Iterator[int]) -> int:
    """Thousands. steps: how many of the parts, which are in order, are of each time."""
    return round(median(sum(next(parts) for _ in range(each)) for each in steps) / 1000)


def version() -> str:
    done = subprocess.run(("valgrind", "--version"), capture_output=True, text=True, check=True)
    return done.stdout.strip().removeprefix("valgrind-")


# ---------------------------------------------------------------------- as text
def text(counts: Counts) -> str:
    head = f"# {'':<44}" + "".join(f"{title:>12}" for title in LINTER)
    lines = (f"{way:<46}" + "".join(f"{each:>12,}" for each in counts[way]) for way in counts)
    return "\n".join((head, *lines)) + "\n"


def read(kept: str) -> Counts:
    lines = (_LINE.match(line) for line in kept.splitlines() if not line.startswith("#"))
    return {
        line["way"]: [int(each.replace(",", "")) for each in line["counts"].split()]
        for line in lines
        if line
    }


def changes(before: Counts, after: Counts) -> Iterator[str]:
    for way, counts in after.items():
        for title, was, now in zip(LINTER, before.get(way, ()), counts, strict=False):
            if abs(now - was) > NOTABLE * was:
                yield f"{way}, {title}: {was:,} -> {now:,} ({now / was - 1:+.0%})"


if __name__ == "__main__":
    sys.exit(main())
