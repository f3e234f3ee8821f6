"""Medians, spread, ratios and goals. No time is measured here."""

from __future__ import annotations

import json
from contextlib import nullcontext

import pytest

from benchmarks.results import Cell, Figure, Goal, Group, Results, Row, verdicts


def figure(_: object) -> Figure:
    return Figure(1.0)


def judged(row: Row[object], figures: dict[Cell, list[Figure]]) -> list[bool | None]:
    group = Group(("pynat",), lambda _: nullcontext(), (row,))
    return [verdict.is_met for verdict in verdicts((group,), Results(figures=figures))]


def row(*goals: Goal) -> Row[object]:
    return Row("tcp 1", "TCP", "Mbit/s", figure, goals)


OURS, THEIRS = Cell("tcp 1", "pynat"), Cell("tcp 1", "slirp4netns")
FASTER = {OURS: [Figure(30.0), Figure(10.0), Figure(20.0)], THEIRS: [Figure(10.0)]}


def test_the_median_counts_and_the_spread_is_known() -> None:
    results = Results(figures=FASTER)
    assert results.value(OURS) == 20
    assert results.spread(OURS) == (10, 30)
    assert results.value(Cell("tcp 1", "pasta")) is None


def test_what_only_some_rounds_know() -> None:
    results = Results()
    for micros, loss in ((4.0, None), (None, 0.5), (6.0, None)):
        results.add(OURS, Figure(1.0, micros, loss))
    assert results.micros(OURS) == 5
    assert results.loss(OURS) == 0.5


@pytest.mark.parametrize(
    ("goal", "is_met"),
    [
        (Goal("pynat", "slirp4netns", at_least=2.0), True),
        (Goal("pynat", "slirp4netns", at_least=2.1), False),
        (Goal("pynat", "slirp4netns", at_most=2.0), True),
        (Goal("pynat", "slirp4netns", at_most=1.9), False),
        (Goal("pynat", at_most=20.0), True),
        (Goal("pynat", at_most=19.0), False),
        (Goal("pynat", at_least=21.0), False),
        (Goal("pynat", "pasta", at_least=0.0), None),
        (Goal("pynat offload", "slirp4netns", at_least=0.0), None),
    ],
)
def test_goals(goal: Goal, is_met: bool | None) -> None:
    assert judged(row(goal), FASTER) == [is_met]


def test_a_rival_of_another_row() -> None:
    other = Cell("jumbo 1", "pasta")
    goal = Goal("pynat", other, at_least=0.5)
    assert judged(row(goal), {**FASTER, other: [Figure(40.0)]}) == [True]
    assert judged(row(goal), {**FASTER, other: [Figure(41.0)]}) == [False]


def test_a_file_has_it_all() -> None:
    results = Results({"Linux": "6"}, {OURS: [Figure(1.5, 2.5, 0.1), Figure(3.0)]}, {THEIRS: "why"})
    assert Results.from_json(json.loads(json.dumps(results.as_json()))) == results


def test_others_are_measured_beside_those_they_are_named_for() -> None:
    rows = (row(), Row("flows", "", "", figure, contenders=("pynat",)))
    group = Group(("pynat", "slirp4netns"), lambda _: nullcontext(), rows)
    found = group.beside({"pynat": "base", "pynat linted": "base linted"})
    assert found.contenders == ("pynat", "slirp4netns", "base")
    assert [each.has("base") for each in found.rows] == [True, True]
    assert [each.has("slirp4netns") for each in found.rows] == [True, False]
