"""Figures and what follows from them: medians, spread, ratios, goals. Nothing here measures.

A row is one piece of work; a contender is who does it; the two together are a cell, which has a
figure for each round. A goal compares the median of a cell with a bound, or with so many times the
median of another cell. A cell that could not be measured has a reason instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Unmeasurable(Exception):  # noqa: N818 - what the machine, or a contender, is
    """The text is one line and says why."""


class Cell(NamedTuple):
    row: str
    contender: str


@dataclass(frozen=True, slots=True)
class Figure:
    value: float  # in the row's unit
    micros: float | None = None  # CPU microseconds of the back end per packet, either direction
    loss: float | None = None  # of what was sent, 0 to 1


@dataclass(frozen=True, slots=True)
class Goal:
    """The contender's figure is `at_least` or `at_most` so many times the rival's.

    rival: a name alone is in the same row; without one the bound is in the row's unit.
    """

    contender: str
    rival: Cell | str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def bound(self) -> float:
        found = self.at_least if self.at_least is not None else self.at_most
        assert found is not None
        return found

    def is_met(self, measured: float) -> bool:
        return measured >= self.bound if self.at_least is not None else measured <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least is not None else '≤'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Row(Generic[T]):
    """measure: one figure, of what the group has opened. contenders: where not all of them."""

    key: str  # words; --only names the first ones
    title: str
    unit: str
    measure: Callable[[T], Figure]
    goals: tuple[Goal, ...] = ()
    contenders: tuple[str, ...] = ()

    def has(self, contender: str) -> bool:
        return not self.contenders or contender in self.contenders


@dataclass(frozen=True, slots=True)
class Group(Generic[T]):
    """Rows that are measured of a contender one after the other, while it is open.

    prepare: before the machine is sealed off.
    """

    contenders: tuple[str, ...]
    open: Callable[[str], AbstractContextManager[T]]
    rows: tuple[Row[T], ...]
    prepare: Callable[[], object] = lambda: None

    def narrowed(self, wanted: Callable[[str], bool]) -> Group[T]:
        return replace(self, rows=tuple(row for row in self.rows if wanted(row.key)))

    def beside(self, others: dict[str, str]) -> Group[T]:
        """With more contenders, each measured wherever the one it is named beside is."""
        rows = tuple(
            replace(row, contenders=_joined(row.contenders, others)) if row.contenders else row
            for row in self.rows
        )
        return replace(self, contenders=_joined(self.contenders, others), rows=rows)


def _joined(contenders: tuple[str, ...], others: dict[str, str]) -> tuple[str, ...]:
    return (*contenders, *(others[name] for name in contenders if name in others))


@dataclass(slots=True)
class Results:
    machine: dict[str, str] = field(default_factory=dict)
    figures: dict[Cell, list[Figure]] = field(default_factory=dict)
    missing: dict[Cell, str] = field(default_factory=dict)

    def add(self, cell: Cell, figure: Figure) -> None:
        self.figures.setdefault(cell, []).append(figure)

    def has_tried(self, cell: Cell) -> bool:
        return cell in self.figures or cell in self.missing

    def value(self, cell: Cell) -> float | None:
        """The median; None where there is none."""
        return _median([figure.value for figure in self.figures.get(cell, [])])

    def spread(self, cell: Cell) -> tuple[float, float]:
        values = [figure.value for figure in self.figures[cell]]
        return min(values), max(values)

    def micros(self, cell: Cell) -> float | None:
        return _median([each.micros for each in self.figures[cell] if each.micros is not None])

    def loss(self, cell: Cell) -> float | None:
        return _median([each.loss for each in self.figures[cell] if each.loss is not None])

    # ------------------------------------------------------------------ as a file
    def as_json(self) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "figures": [
                [*cell, [[each.value, each.micros, each.loss] for each in figures]]
                for cell, figures in self.figures.items()
            ],
            "missing": [[*cell, why] for cell, why in self.missing.items()],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Results:
        return cls(
            data["machine"],
            {
                Cell(row, contender): [Figure(*figure) for figure in figures]
                for row, contender, figures in data["figures"]
            },
            {Cell(row, contender): why for row, contender, why in data["missing"]},
        )


def _median(values: list[float]) -> float | None:
    return median(values) if values else None


# ---------------------------------------------------------------------- goals
@dataclass(frozen=True, slots=True)
class Verdict:
    """measured: by the rival's figure where the goal has one. None where a figure is missing."""

    row: Row[Any]
    goal: Goal
    cell: Cell
    rival: Cell | None
    measured: float | None

    @property
    def is_met(self) -> bool | None:
        return None if self.measured is None else self.goal.is_met(self.measured)


def verdicts(groups: tuple[Group[Any], ...], results: Results) -> Iterator[Verdict]:
    for group in groups:
        for row in group.rows:
            for goal in row.goals:
                yield _verdict(row, goal, results)


def _verdict(row: Row[Any], goal: Goal, results: Results) -> Verdict:
    cell, rival = Cell(row.key, goal.contender), _rival(row, goal)
    ours = results.value(cell)
    theirs = results.value(rival) if rival else 1.0
    measured = None if ours is None or not theirs else ours / theirs
    return Verdict(row, goal, cell, rival, measured)


def _rival(row: Row[Any], goal: Goal) -> Cell | None:
    if isinstance(goal.rival, Cell):
        return goal.rival
    return Cell(row.key, goal.rival) if goal.rival else None
