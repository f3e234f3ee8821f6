"""Results as Markdown and, in `drawing.py`, as a picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.results import Cell, Group, Results, Row, Verdict, verdicts

Groups = tuple[Group[Any], ...]

MET = {True: "yes", False: "**no**", None: "not measured"}
GOALS = ("work", "contender", "median", "rival", "median", "ratio", "goal", "met")
FIGURES = ("work", "contender", "median", "least to most", "CPU us/packet", "lost")
PARTS = 12  # of a profile that have a line of their own


def report(groups: Groups, results: Results) -> str:
    parts = [
        machine(results),
        "## Goals",
        goals(groups, results),
        "## Figures",
        figures(groups, results),
    ]
    if results.missing:
        parts += ["## Not measured", missing(results)]
    return "\n\n".join(parts) + "\n"


def machine(results: Results) -> str:
    return "; ".join(f"{what}: {value}" for what, value in results.machine.items())


def goals(groups: Groups, results: Results) -> str:
    tried = (each for each in verdicts(groups, results) if results.has_tried(each.cell))
    return table(GOALS, (_goal(each, results) for each in tried))


def figures(groups: Groups, results: Results) -> str:
    rows = (
        _figure(row, cell, results)
        for group in groups
        for row in group.rows
        for cell in cells(row, results)
    )
    return table(FIGURES, rows)


def missing(results: Results) -> str:
    """One line a reason."""
    alike: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for cell, why in results.missing.items():
        alike[cell.contender, why].append(cell.row)
    return "\n".join(
        f"- {contender} ({', '.join(rows)}): {why}" for (contender, why), rows in alike.items()
    )


def cells(row: Row[Any], results: Results) -> list[Cell]:
    """Those that have figures."""
    return [cell for cell in results.figures if cell.row == row.key]


def profiles(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """A table for each row: its parts in microseconds a packet, for each time it was looked at."""
    titles = dict.fromkeys(title for each in found.values() for title in each)
    return "\n\n".join(
        f"**{title}**\n\n{_profile({when: each.get(title, {}) for when, each in found.items()})}"
        for title in titles
    )


def _profile(times: dict[str, dict[str, float]]) -> str:
    largest = sorted(
        {part for parts in times.values() for part in parts},
        key=lambda part: (-max(parts.get(part, 0.0) for parts in times.values()), part),
    )
    shown = largest[:PARTS]
    sums = {when: sum(parts.values()) for when, parts in times.items()}
    lines = [[part, *(number(parts.get(part)) for parts in times.values())] for part in shown]
    lines.append(["all other", *(number(_others(parts, shown)) for parts in times.values())])
    lines.append(["together", *(number(whole or None) for whole in sums.values())])
    return table(("us/packet", *times), lines, texts=1)


def _others(parts: dict[str, float], shown: list[str]) -> float | None:
    return sum(micros for part, micros in parts.items() if part not in shown) if parts else None


def number(value: float | None) -> str:
    """With three digits that count, and all before the point."""
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def table(head: Sequence[str], lines: Iterable[Sequence[str]], texts: int = 2) -> str:
    """texts: columns to the left that are no figures."""
    rule = [*("---" for _ in head[:texts]), *("---:" for _ in head[texts:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))


def _goal(verdict: Verdict, results: Results) -> Sequence[str]:
    row, goal, rival = verdict.row, verdict.goal, verdict.rival
    elsewhere = f", {rival.row}" if rival and rival.row != row.key else ""
    return (
        row.title,
        goal.contender,
        _with_unit(results.value(verdict.cell), row.unit),
        f"{rival.contender}{elsewhere}" if rival else "",
        number(results.value(rival)) if rival else "",
        number(verdict.measured) if rival else "",
        f"{goal}" if rival else f"{goal} {row.unit}",
        MET[verdict.is_met],
    )


def _figure(row: Row[Any], cell: Cell, results: Results) -> Sequence[str]:
    least, most = results.spread(cell)
    loss = results.loss(cell)
    return (
        row.title,
        cell.contender,
        _with_unit(results.value(cell), row.unit),
        f"{number(least)} to {number(most)}",
        number(results.micros(cell)),
        "" if loss is None else f"{loss:.1%}",
    )


def _with_unit(value: float | None, unit: str) -> str:
    return "" if value is None else f"{number(value)} {unit}"
