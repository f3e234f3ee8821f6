"""Draws one direction of a TCP connection as SVG: sequence numbers, and below them speed and times.

A plot is a stack of panels over one axis of time. What a panel shows is written in its own units
(milliseconds across; bytes, kB/s or milliseconds up) and is put in place by the transform of its
group, so that whoever zooms has one matrix to change. Strokes do not scale with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from markupsafe import Markup

from pynat.report.fates import CHANGED, DROPPED, LOST
from pynat.report.flows import (
    ACKED,
    AGAIN,
    BEGIN,
    DATA,
    END,
    RESET,
    SACKED,
    SAID,
    SPOILT,
    Direction,
)

WIDTH, LEFT, RIGHT, GAP, BELOW = 960, 70, 10, 10, 26  # pixels
EDGE = 7  # pixels above and below what is drawn in a panel, for a dot's half (page.js has it too)
MARGIN = 0.01  # of the time, before the first and behind the last
BINS = 120  # of throughput
SHORTEST = 0.001  # seconds; a plot of no time at all cannot be drawn
TICKS = 6
_LAYERS = {
    DATA: "data",
    AGAIN: "again",
    SACKED: "sack",
    BEGIN: "begin",
    END: "end",
    RESET: "reset",
    SPOILT: "spoilt",
}
HOLLOW = {LOST, DROPPED}  # what did not arrive is an outline


Stroke = list[tuple[float, float]]  # milliseconds and the panel's unit
Layers = dict[str, list[Stroke]]


@dataclass(frozen=True, slots=True)
class Panel:
    """layers: strokes by the class that says what they are. high: the largest value."""

    label: str
    height: int
    high: float
    layers: Layers


def shown_until(start: float, end: float) -> float:
    """Where a plot from `start` ends; a float of a far time has no thousandths."""
    return max(end, start + max(SHORTEST, abs(start) * 1e-9))


def plot(direction: Direction, start: float, end: float, title: str) -> Markup:
    """start, end: seconds. title: for those who cannot see it."""
    end = shown_until(start, end)
    margin = (end - start) * MARGIN
    first, last = (start - margin) * 1000, (end + margin) * 1000
    shown = panels(direction, start, end)
    height = sum(panel.height + GAP for panel in shown) + BELOW
    inner = WIDTH - LEFT - RIGHT
    parts = [
        Markup(
            '<svg class="plot" viewBox="0 0 {} {}" role="img" tabindex="0" aria-label="{}"'
            ' data-first="{:.3f}" data-last="{:.3f}">'
        ).format(WIDTH, height, title, first, last)
    ]
    top = 0
    for panel in shown:
        parts.append(_panel(panel, top, first, last))
        top += panel.height + GAP
    parts.append(Markup('<g class="time-axis" transform="translate({},{})">').format(LEFT, top))
    for value in ticks(first, last):
        x = (value - first) / (last - first) * inner
        parts.append(Markup('<text x="{:.1f}" y="14">{}</text>').format(x, seconds(value)))
    parts.append(Markup("</g></svg>"))
    return Markup("").join(parts)


def _panel(panel: Panel, top: int, first: float, last: float) -> Markup:
    inner = WIDTH - LEFT - RIGHT
    high = panel.high or 1
    across, up = inner / (last - first), -(panel.height - 2 * EDGE) / high
    parts = [
        Markup(
            '<svg class="panel" x="{}" y="{}" width="{}" height="{}" data-high="{}">'
            '<rect class="ground" width="{}" height="{}"/>'
        ).format(LEFT, top, inner, panel.height, high, inner, panel.height),
    ]
    marks = ticks(0, high, max(2, panel.height // 40))
    for value in marks:
        y = panel.height - EDGE + value * up
        parts.append(Markup('<path class="grid" d="M0 {0:.1f}H{1}"/>').format(y, inner))
    matrix = f"matrix({across:.9g} 0 0 {up:.9g} {-first * across:.9g} {panel.height - EDGE})"
    parts.append(Markup('<g class="drawn" transform="{}">').format(matrix))
    for name, strokes in panel.layers.items():
        drawn = path(strokes)
        parts.append(Markup('<path class="{}" d="{}"/>').format(name, drawn))
        if name in HOLLOW:
            parts.append(Markup('<path class="{} hollow" d="{}"/>').format(name, drawn))
    parts.append(Markup('</g><text class="label" x="6" y="14">{}</text></svg>').format(panel.label))
    for value in marks:
        y = top + panel.height - EDGE + value * up
        parts.append(
            Markup('<text class="tick" x="{}" y="{:.1f}">{}</text>').format(
                LEFT - 6, max(y, top + 8) + 3, number(value)
            )
        )
    return Markup("").join(parts)


# ---------------------------------------------------------------- what the panels show
def panels(direction: Direction, start: float, end: float) -> list[Panel]:
    """Those that have something to show. start, end: seconds."""
    all_of_them = (
        _sequence(direction),
        _throughput(direction, start, end),
        _round_trips(direction),
    )
    return [panel for panel in all_of_them if panel.layers]


def _sequence(direction: Direction) -> Panel:
    layers: Layers = {CHANGED: [], SAID: [], "window": [], "ack": []}  # the first is the lowest
    acks: Stroke = []
    for _, when, low, high, kind in direction.points:
        x = when * 1000
        if kind == ACKED:
            acks += [(x, acks[-1][1] if acks else low), (x, low)]
        else:
            layers.setdefault(_LAYERS[kind], []).append([(x, low), (x, high)])
    layers["ack"].append(acks)
    window = direction.window
    if window:  # its edge stays until the end
        window = [*window, (direction.points[-1].when, window[-1][1])]
    layers["window"].append(_steps(window))
    edge = direction.window[-1][1] if direction.window else 0
    highest = max(direction.highest, min(edge, direction.highest * 2))
    for mark in direction.marks:
        x = mark.when * 1000
        layers.setdefault(mark.kind, []).append([(x, mark.low), (x, mark.high)])
    return Panel("bytes", 300, highest, _filled(layers))


def _throughput(direction: Direction, start: float, end: float) -> Panel:
    """kB/s in bins; what is sent again counts, it takes its time on the wire too."""
    width = (end - start) / BINS
    bins = [0] * BINS
    for _, when, low, high, kind in direction.points:
        if kind in (DATA, AGAIN):
            bins[max(0, min(BINS - 1, int((when - start) / width)))] += high - low
    speeds = [octets / width / 1000 for octets in bins]
    stroke: Stroke = [(start * 1000, 0)]
    for at, speed in enumerate(speeds):
        end_of_bin = (start + (at + 1) * width) * 1000
        stroke += [(stroke[-1][0], speed), (end_of_bin, speed)]
    stroke.append((end * 1000, 0))
    return Panel("kB/s", 60, max(speeds), _filled({"speed": [stroke] if any(speeds) else []}))


def _round_trips(direction: Direction) -> Panel:
    trips = [(when * 1000, trip * 1000) for when, trip in direction.round_trips]
    waits = [(when * 1000, wait * 1000) for when, wait in _timeouts(direction)]
    highest = max((y for _, y in trips + waits), default=0.0)
    layers = {"trip": [[one] for one in trips], "timeout": [[one] for one in waits]}
    return Panel("ms", 60, highest, _filled(layers))


def _timeouts(direction: Direction) -> Iterator[tuple[float, float]]:
    """How long the sender waited with each segment that it sent again: its time-out, as seen."""
    sent: dict[int, float] = {}
    for _, when, low, _, kind in direction.points:
        if kind in (DATA, AGAIN):
            if kind == AGAIN and low in sent:
                yield when, when - sent[low]
            sent[low] = when


def _steps(values: list[tuple[float, int]]) -> Stroke:
    stroke: Stroke = []
    for when, value in values:
        stroke += [(when * 1000, stroke[-1][1] if stroke else value), (when * 1000, value)]
    return stroke


def _filled(layers: Layers) -> Layers:
    found = {name: [stroke for stroke in strokes if stroke] for name, strokes in layers.items()}
    return {name: strokes for name, strokes in found.items() if strokes}


def path(strokes: list[Stroke]) -> str:
    """As SVG has it, as short as it can be; a stroke of one point is a dot."""
    words = []
    for (x, y), *rest in strokes:
        words.append(f"M{x:.3f} {_short(y)}")
        before = x, y
        for at in rest:
            words.append(_line(before, at))
            before = at
        if all(at == (x, y) for at in rest):
            words.append("h0")
    return "".join(words)


def _line(before: tuple[float, float], at: tuple[float, float]) -> str:
    if at[0] == before[0]:
        return "" if at[1] == before[1] else f"V{_short(at[1])}"
    return f"H{at[0]:.3f}" if at[1] == before[1] else f"L{at[0]:.3f} {_short(at[1])}"


def _short(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


# ---------------------------------------------------------------- numbers
def ticks(low: float, high: float, most: int = TICKS) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten) within the range."""
    if high <= low:
        return []
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
    first = math.ceil(low / step)
    return [at * step for at in range(first, math.floor(high / step) + 1)]


def seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.6g} s"


def number(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def columns(direction: Direction) -> dict[str, list[float]]:
    """The points as the page's script wants them: a list a column."""
    points = direction.points
    return {
        "number": [one.number for one in points],
        "ms": [round(one.when * 1000, 3) for one in points],
        "low": [one.low for one in points],
        "high": [one.high for one in points],
        "kind": [one.kind for one in points],
    }


def texts(directions: Iterable[Direction]) -> dict[int, str]:
    """What was said of frames, by their numbers."""
    return {mark.number: mark.text for direction in directions for mark in direction.marks}
