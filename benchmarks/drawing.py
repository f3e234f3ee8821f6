"""Results as a picture, SVG by a few lines: how far each goal is, and what many flows cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

from benchmarks.flows import COUNTS
from benchmarks.results import Cell, Results, Verdict, verdicts
from benchmarks.showing import Groups, number

WIDTH, LEFT, LINE, TOP, BELOW = 960, 400, 18, 40, 30  # pixels
FARTHEST = 8.0  # times better or worse than the goal
PLOT = 220  # pixels high
STYLE = """
text { font: 12px sans-serif } .head { font-weight: bold } .axis { stroke: #888 }
.met { fill: #3a7d44 } .missed { fill: #b23a48 } polyline { fill: none; stroke-width: 2 }
.pynat { stroke: #1f5fa8 } .slirp4netns { stroke: #c77d0a } .idle { stroke-dasharray: 6 4 }
"""


@dataclass(frozen=True, slots=True)
class Curve:
    contender: str
    kind: str  # used, idle
    points: list[tuple[int, float]]  # flows, figure


def picture(groups: Groups, results: Results) -> str:
    judged = [each for each in verdicts(groups, results) if each.measured]
    bars = list(_bars(judged))
    below = TOP + LINE * len(judged) + BELOW
    panels = [
        *_panel("Mbit/s at so many flows", curves(results, results.value), 40),
        *_panel("CPU us/packet at so many flows", curves(results, results.micros), WIDTH // 2 + 40),
    ]
    height = below + PLOT + BELOW + TOP
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">',
            f'<style>{STYLE}</style><rect width="{WIDTH}" height="{height}" fill="#fff"/>',
            *bars,
            f'<g transform="translate(0,{below})">',
            *panels,
            "</g></svg>\n",
        )
    )


# ---------------------------------------------------------------------- goals
def against_goal(verdict: Verdict) -> float:
    """1 is the goal, 2 twice as good."""
    assert verdict.measured is not None
    times = verdict.measured / verdict.goal.bound
    return times if verdict.goal.at_least is not None else 1 / times


def _bars(judged: list[Verdict]) -> Iterator[str]:
    middle = _across(1.0)
    yield f'<text class="head" x="{middle}" y="16" text-anchor="middle">times the goal</text>'
    for times in (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8):
        x = _across(times)
        yield f'<text x="{x}" y="32" text-anchor="middle">{times:g}</text>'
    bottom = TOP + LINE * len(judged)
    for place, verdict in enumerate(judged):
        yield from _bar(verdict, TOP + LINE * place)
    yield f'<path class="axis" d="M{middle} {TOP}V{bottom}"/>'


def _bar(verdict: Verdict, y: int) -> Iterator[str]:
    start, end = sorted((_across(1.0), _across(against_goal(verdict))))
    title = escape(f"{verdict.row.title}: {verdict.goal.contender}")
    yield f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{title}</text>'
    kind = "met" if verdict.is_met else "missed"
    size = f'width="{max(2, end - start):.0f}" height="{LINE - 4}"'
    yield f'<rect class="{kind}" x="{start:.0f}" y="{y + 2}" {size}/>'


def _across(times: float) -> float:
    """On a logarithmic scale, to its ends at most."""
    share = math.log(times) / math.log(FARTHEST)
    half = (WIDTH - LEFT - 20) / 2
    return round(LEFT + half * (1 + max(-1.0, min(1.0, share))), 1)


# ---------------------------------------------------------------------- growth
def curves(results: Results, ask: Callable[[Cell], float | None]) -> list[Curve]:
    found = []
    for contender in ("pynat", "slirp4netns"):
        for kind in ("used", "idle"):
            cells = [(many, Cell(f"flows {kind} {many}", contender)) for many in COUNTS]
            points = [(many, ask(cell) or 0.0) for many, cell in cells if cell in results.figures]
            found.append(Curve(contender, kind, points))
    return found


def _panel(title: str, shown: list[Curve], left: int) -> Iterator[str]:
    highest = max((value for curve in shown for _, value in curve.points), default=0.0) or 1.0
    wide = WIDTH // 2 - 100
    across, up = wide / math.log10(COUNTS[-1]), PLOT / highest
    yield f'<g transform="translate({left},{TOP})"><text class="head" y="-14">{title}</text>'
    yield f'<path class="axis" fill="none" d="M0 0V{PLOT}H{wide}"/>'
    yield f'<text x="4" y="4">{number(highest)}</text>'
    for many in COUNTS:
        yield f'<text x="{math.log10(many) * across:.0f}" y="{PLOT + 16}">{many:,}</text>'
    for curve in shown:
        if curve.points:
            yield from _drawn(curve, across, up)
    yield "</g>"


def _drawn(curve: Curve, across: float, up: float) -> Iterator[str]:
    places = [(math.log10(many) * across, PLOT - value * up) for many, value in curve.points]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline class="{curve.contender} {curve.kind}" points="{points}"/>'
    x, y = places[-1]
    yield f'<text x="{x + 4:.0f}" y="{y:.0f}">{curve.contender}, {curve.kind}</text>'
