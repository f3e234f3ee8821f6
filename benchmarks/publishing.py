"""The last results where people read: README.md, pages of docs/, a picture.

`make bench BENCH=--publish` keeps the results of the last run in last.json, and `make profile
PROFILE="--publish after"` the last profiles in profiles.json; the rest is made of these, and
tests/benchmarks says when it is stale.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.drawing import picture
from benchmarks.results import Results, verdicts
from benchmarks.rows import groups
from benchmarks.showing import Groups, figures, goals, machine, missing, number, profiles, table

ROOT = Path(__file__).resolve().parent.parent
LAST = Path(__file__).with_name("last.json")
PICTURE = ROOT / "docs" / "images" / "benchmarks.svg"
PROFILES = Path(__file__).with_name("profiles.json")
BEGIN, END = "<!-- made by benchmarks/publishing.py -->\n", "<!-- end -->\n"
HEADLINES = (  # rows of the README's table
    *("tcp from-guest 1", "tcp to-guest 1", "rate to-guest 1400", "connections", "turn step"),
    *("ping idle median", "bochs down wall", "bochs up wall", "bochs small wall"),
)


class Partial(Exception):  # noqa: N818 - what the results are
    """Only some rows have been measured."""


def publish(data: dict[str, Any]) -> None:
    """Raises Partial."""
    results = Results.from_json(data)
    tried = {cell.row for cell in (*results.figures, *results.missing)}
    untried = [row.key for group in groups() for row in group.rows if row.key not in tried]
    if untried:
        raise Partial(f"the last run has not tried: {', '.join(untried)}; run it without --only")
    LAST.write_text(json.dumps(data, separators=(",", ":")) + "\n")
    _write()


def publish_profile(when: str, profiled: dict[str, dict[str, float]]) -> None:
    kept = json.loads(PROFILES.read_text()) if PROFILES.exists() else {}
    PROFILES.write_text(json.dumps({**kept, when: profiled}, indent=1) + "\n")
    _write()


def _write() -> None:
    for path, text in published().items():
        path.write_text(text)


def published() -> dict[Path, str]:
    """The files that are made of these, as they should be."""
    results = Results.from_json(json.loads(LAST.read_text()))
    shown = groups()
    texts = {"README.md": _short(shown, results), "docs/benchmarks.md": _whole(shown, results)}
    texts["docs/performance.md"] = profiles(json.loads(PROFILES.read_text()))
    files = {ROOT / name: _filled((ROOT / name).read_text(), text) for name, text in texts.items()}
    return {**files, PICTURE: picture(shown, results)}


def _filled(page: str, text: str) -> str:
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}{text}\n{END}{after}"


def _whole(shown: Groups, results: Results) -> str:
    parts = [machine(results), goals(shown, results), figures(shown, results)]
    if results.missing:
        parts.append(f"Not measured:\n\n{missing(results)}")
    return "\n\n".join(parts)


def _short(shown: Groups, results: Results) -> str:
    found = [each for each in verdicts(shown, results) if each.row.key in HEADLINES]
    lines = [
        (
            each.row.title,
            "higher" if each.goal.at_least is not None else "lower",
            f"{number(results.value(each.cell))} {each.row.unit}",
            f"{each.rival.contender}: {number(results.value(each.rival))}",
            number(each.measured),
        )
        for each in found
        if each.cell.contender == "pynat" and each.rival
    ]
    return f"{table(('work', 'better is', 'pynat', 'rival', 'ratio'), lines)}\n\n{machine(results)}"
