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
_TEXTS = 2  # columns to the left that are no figures


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
    return table(GOALS, (_goal(each, results) for each in verdicts(groups, results)))


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


def number(value: float | None) -> str:
    """With three digits that count, and all before the point."""
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = [*("---" for _ in head[:_TEXTS]), *("---:" for _ in head[_TEXTS:])]
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
