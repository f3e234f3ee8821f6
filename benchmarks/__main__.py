"""`python -m benchmarks`: measure all rows, or some, and show what came of it.

Each round measures every contender once, group by group, so that other work on the machine meets
all of them. docs/benchmarks.md says what is measured and what the figures mean.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.back_ends import BACK_ENDS, LINTED, ROOT, Pynat
from benchmarks.drawing import picture
from benchmarks.publishing import Partial, publish
from benchmarks.results import Cell, Group, Results, Row, Unmeasurable
from benchmarks.rows import groups
from benchmarks.showing import report
from pynat.testing.sealed import Unsealable, seal

FOLDER = ROOT / "build" / "bench"
PART = FOLDER / "part"  # so that a few rows do not take the place of a whole run


def main() -> int:
    arguments = _arguments()
    if arguments.publish:
        return _publish(arguments.folder or FOLDER)
    wanted = chosen(groups(arguments.seconds), arguments.only, arguments.without)
    if arguments.base:
        wanted = _with_base(wanted, arguments.base)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling is no part of what is measured
    try:
        results = measure(wanted, arguments.rounds)
    except Unsealable as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    is_part = arguments.only or arguments.without
    print(save(wanted, results, arguments.folder or (PART if is_part else FOLDER)))
    return 0


def _publish(folder: Path) -> int:
    try:
        publish(json.loads((folder / "results.json").read_text()))
    except (OSError, Partial) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="KEY", help='rows: "turn", "tcp to-guest 1"'
    )
    parser.add_argument("--without", nargs="+", default=[], metavar="KEY", help="not these rows")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="for rows that can be longer")
    parser.add_argument("--base", type=Path, help="another checkout of pynat, with its .venv")
    parser.add_argument("--folder", type=Path, help="where the results go")
    parser.add_argument("--publish", action="store_true", help="put the last results into the docs")
    return parser.parse_args()


def chosen(
    all_of_them: tuple[Group[Any], ...], only: list[str], without: list[str]
) -> tuple[Group[Any], ...]:
    """By the first words of rows' keys."""

    def is_wanted(key: str) -> bool:
        return (not only or _begins(key, only)) and not _begins(key, without)

    narrowed = (group.narrowed(is_wanted) for group in all_of_them)
    return tuple(group for group in narrowed if group.rows)


def _begins(key: str, beginnings: list[str]) -> bool:
    return any(f"{key} ".startswith(f"{each} ") for each in beginnings)


def _with_base(wanted: tuple[Group[Any], ...], checkout: Path) -> tuple[Group[Any], ...]:
    BACK_ENDS["base"] = Pynat(checkout=checkout.absolute())
    BACK_ENDS["base linted"] = Pynat(LINTED, checkout.absolute())
    beside = {"pynat": "base", "pynat linted": "base linted"}
    return tuple(group.beside(beside) for group in wanted)


# ---------------------------------------------------------------------- measuring
def measure(wanted: tuple[Group[Any], ...], rounds: int) -> Results:
    results = Results({**machine(), "rounds": str(rounds)})
    ready = [group for group in wanted if _prepared(group, results)]
    seal()
    for number in range(rounds):
        for group in ready:
            for contender in group.contenders:
                rows = [row for row in group.rows if row.has(contender)]
                if rows:
                    print(f"round {number + 1}: {contender}: {rows[0].title} ...", file=sys.stderr)
                    _measure(group, contender, rows, results)
    return results


def _prepared(group: Group[Any], results: Results) -> bool:
    try:
        group.prepare()
    except Unmeasurable as error:
        for contender in group.contenders:
            _miss(group.rows, contender, error, results)
        return False
    return True


def _measure(group: Group[Any], contender: str, rows: list[Row[Any]], results: Results) -> None:
    try:
        with group.open(contender) as opened:
            for row in rows:
                _measure_row(row, contender, opened, results)
    except Unmeasurable as error:
        _miss(rows, contender, error, results)


def _measure_row(row: Row[Any], contender: str, opened: object, results: Results) -> None:
    try:
        results.add(Cell(row.key, contender), row.measure(opened))
    except Unmeasurable as error:
        _miss([row], contender, error, results)


def _miss(
    rows: list[Row[Any]] | tuple[Row[Any], ...], contender: str, why: object, results: Results
) -> None:
    print(f"bench: {contender}, {rows[0].title}: {why}", file=sys.stderr)
    results.missing.update({Cell(row.key, contender): str(why) for row in rows})


# ---------------------------------------------------------------------- what is kept
def machine() -> dict[str, str]:
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": f"{os.cpu_count()} x {processor[1] if processor else platform.machine()}",
        "Linux": platform.release(),
        "load before": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        **{name: _version(name) for name in ("bochs", "slirp4netns", "passt")},
    }


def _version(package: str) -> str:
    """As Debian has it."""
    asked = ("dpkg-query", "-W", "-f", "${Version}", package)
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "?"
    return done.stdout or "not installed"


def save(wanted: tuple[Group[Any], ...], results: Results, folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results.as_json(), indent=1) + "\n")
    text = report(wanted, results)
    (folder / "results.md").write_text(text)
    (folder / "results.svg").write_text(picture(wanted, results))
    return text


if __name__ == "__main__":
    sys.exit(main())
