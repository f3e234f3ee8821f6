"""The table of rows, and what is shown of results."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from benchmarks import publishing
from benchmarks.__main__ import chosen
from benchmarks.drawing import against_goal, picture
from benchmarks.results import Cell, Figure, Goal, Results, Verdict, verdicts
from benchmarks.rows import groups
from benchmarks.showing import number, report

ALL = groups()
ROWS = {row.key: row for group in ALL for row in group.rows}


def keys(only: list[str], without: list[str]) -> list[str]:
    return [row.key for group in chosen(ALL, only, without) for row in group.rows]


def results() -> Results:
    """Of every contender; pynat is twice what the others are, and has never been at UDP."""
    found = Results({"Linux": "6.1"})
    for group in ALL:
        for row in group.rows:
            for contender in filter(row.has, group.contenders):
                cell = Cell(row.key, contender)
                if row.key.startswith("udp") and contender == "pynat":
                    found.missing[cell] = "it has ended"
                else:
                    found.add(cell, Figure(2000.0 if contender.startswith("pynat") else 1000.0))
    return found


def test_keys_are_no_ones_but_one_rows() -> None:
    assert len(ROWS) == sum(len(group.rows) for group in ALL)


def test_goals_are_of_those_who_are_measured() -> None:
    measured = {
        Cell(row.key, contender)
        for group in ALL
        for row in group.rows
        for contender in group.contenders
        if row.has(contender)
    }
    for verdict in verdicts(ALL, Results()):
        assert verdict.cell in measured
        assert verdict.rival is None or verdict.rival in measured


def test_some_rows_only() -> None:
    assert keys(["turn"], []) == ["turn step", "turn echo"]
    assert keys(["tcp to-guest 1", "turn step"], []) == ["tcp to-guest 1", "turn step"]
    assert keys(["turn"], ["turn echo"]) == ["turn step"]
    assert keys([], ["bochs"]) == [key for key in ROWS if not key.startswith("bochs")]
    assert keys(["tcp to-guest 10"], []) == []


def test_what_is_reported() -> None:
    text = report(ALL, results())
    for row in ROWS.values():
        assert f"| {row.title} |" in text
    assert re.search(r"TCP, MTU 1500, host to guest, 1 flow \| pynat \| 2,000 Mbit/s \|.*yes", text)
    assert re.search(r"TCP: connect.* \| 2.00 \| ≥ 2 \| yes", text)
    assert "not measured |" in text
    assert "- pynat (udp from-guest 64, udp from-guest 1400" in text


def test_numbers_have_three_digits() -> None:
    assert [number(value) for value in (1234.5, 123.4, 12.34, 1.234, 0.0123)] == [
        *("1,234", "123", "12.3", "1.23", "0.01")
    ]


def test_how_far_a_goal_is() -> None:
    def far(measured: float, **bound: float) -> float:
        goal = Goal("pynat", "slirp", **bound)
        row = ROWS["connections"]
        return against_goal(Verdict(row, goal, Cell("", ""), Cell("", ""), measured))

    assert far(4.0, at_least=2.0) == 2
    assert far(4.0, at_most=2.0) == 0.5


def test_the_picture() -> None:
    root = ElementTree.fromstring(picture(ALL, results()))
    space = "{http://www.w3.org/2000/svg}"
    judged = [each for each in verdicts(ALL, results()) if each.measured is not None]
    bars = [each for each in root.iter(f"{space}rect") if each.get("class")]
    assert [bar.get("class") == "met" for bar in bars] == [each.is_met for each in judged]
    assert len(list(root.iter(f"{space}polyline"))) == 2 * 4  # figures, curves


def test_what_is_published_is_of_the_last_results() -> None:
    for path, text in publishing.published().items():
        assert path.read_text() == text, f"{path.name} is stale: make bench BENCH=--publish"


def test_some_rows_are_not_published() -> None:
    some = Results(figures={Cell("turn step", "pynat"): [Figure(1.0)]})
    with pytest.raises(publishing.Partial, match="has not tried: tcp from-guest 1, "):
        publishing.publish(some.as_json())


def test_the_headlines_are_rows() -> None:
    assert set(publishing.HEADLINES) <= ROWS.keys()
