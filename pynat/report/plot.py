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

from pynat.report.flows import (
    ACKED,
    AGAIN,
    BEGIN,
    DATA,
    END,
    RESET,
    SACKED,
    Direction,
)

WIDTH, LEFT, RIGHT, GAP, BELOW = 960, 70, 10, 10, 26  # pixels
BINS = 120  # of throughput
TICKS = 6
_LAYERS = {
    DATA: "data",
    AGAIN: "again",
    SACKED: "sack",
    BEGIN: "begin",
    END: "end",
    RESET: "reset",
}


@dataclass(frozen=True, slots=True)
class Panel:
    """layers: class and path of each. high: the largest value."""

    label: str
    height: int
    high: float
    layers: tuple[tuple[str, str], ...]


def plot(direction: Direction, start: float, end: float, title: str) -> Markup:
    """start, end: seconds from the capture's first frame. title: for those who cannot see it."""
    first, last = start * 1000, max(end, start + 0.001) * 1000
    panels = [
        _sequence(direction),
        _throughput(direction, start, max(end, start + 0.001)),
        _round_trips(direction),
    ]
    shown = [panel for panel in panels if panel.layers]
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
    across, up = inner / (last - first), -(panel.height - 4) / high
    parts = [
        Markup(
            '<svg class="panel" x="{}" y="{}" width="{}" height="{}" data-high="{}">'
            '<rect class="ground" width="{}" height="{}"/>'
        ).format(LEFT, top, inner, panel.height, high, inner, panel.height),
    ]
    marks = ticks(0, high, max(2, panel.height // 40))
    for value in marks:
        y = panel.height - 2 + value * up
        parts.append(Markup('<path class="grid" d="M0 {0:.1f}H{1}"/>').format(y, inner))
    matrix = f"matrix({across:.9g} 0 0 {up:.9g} {-first * across:.9g} {panel.height - 2})"
    parts.append(Markup('<g class="drawn" transform="{}">').format(matrix))
    parts += [Markup('<path class="{}" d="{}"/>').format(*layer) for layer in panel.layers]
    parts.append(Markup('</g><text class="label" x="6" y="14">{}</text></svg>').format(panel.label))
    for value in marks:
        y = top + panel.height - 2 + value * up
        parts.append(
            Markup('<text class="tick" x="{}" y="{:.1f}">{}</text>').format(
                LEFT - 6, max(y, top + 8) + 3, number(value)
            )
        )
    return Markup("").join(parts)


# ---------------------------------------------------------------- what the panels show
def _sequence(direction: Direction) -> Panel:
    paths: dict[str, list[str]] = {"window": [], "ack": []}
    acked = -1
    for _, when, low, high, kind in direction.points:
        x = f"{when * 1000:.3f}"
        if kind == ACKED:
            paths["ack"].append(f"M{x} {low}h0" if acked < 0 else f"H{x}V{low}")
            acked = low
        else:
            paths.setdefault(_LAYERS[kind], []).append(f"M{x} {low}V{high}")
    paths["window"] += _steps(direction.window)
    paths["mark"] = [f"M{one.when * 1000:.3f} {one.at}h0" for one in direction.marks]
    high = max([direction.highest, *(edge for _, edge in direction.window[-1:])])
    return Panel(
        "bytes", 300, max(direction.highest, min(high, direction.highest * 2)), _layers(paths)
    )


def _throughput(direction: Direction, start: float, end: float) -> Panel:
    """kB/s in bins; what is sent again counts, it takes its time on the wire too."""
    width = (end - start) / BINS
    bins = [0] * BINS
    for _, when, low, high, kind in direction.points:
        if kind in (DATA, AGAIN):
            bins[min(BINS - 1, int((when - start) / width))] += high - low
    speeds = [octets / width / 1000 for octets in bins]
    path = [f"M{start * 1000:.3f} 0"]
    for at, speed in enumerate(speeds):
        path.append(f"V{speed:.1f}H{(start + (at + 1) * width) * 1000:.3f}")
    path.append("V0")
    return Panel("kB/s", 60, max(speeds), _layers({"speed": path} if any(speeds) else {}))


def _round_trips(direction: Direction) -> Panel:
    trips = [f"M{when * 1000:.3f} {trip * 1000:.3f}h0" for when, trip in direction.round_trips]
    timeouts = list(_timeouts(direction))
    waits = [f"M{when * 1000:.3f} {wait * 1000:.3f}h0" for when, wait in timeouts]
    values = [trip for _, trip in direction.round_trips] + [wait for _, wait in timeouts]
    paths = {"trip": trips, "timeout": waits}
    return Panel("ms", 60, max(values, default=0.0) * 1000, _layers(paths))


def _timeouts(direction: Direction) -> Iterator[tuple[float, float]]:
    """How long the sender waited with each segment that it sent again: its time-out, as seen."""
    sent: dict[int, float] = {}
    for _, when, low, _, kind in direction.points:
        if kind in (DATA, AGAIN):
            if kind == AGAIN and low in sent:
                yield when, when - sent[low]
            sent[low] = when


def _steps(values: list[tuple[float, int]]) -> Iterator[str]:
    for at, (when, value) in enumerate(values):
        x = f"{when * 1000:.3f}"
        yield f"H{x}V{value}" if at else f"M{x} {value}"


def _layers(paths: dict[str, list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, "".join(path)) for name, path in paths.items() if path)


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


def texts(directions: Iterable[Direction]) -> dict[int, list[str]]:
    """What was said of frames, by their numbers."""
    said: dict[int, list[str]] = {}
    for direction in directions:
        for mark in direction.marks:
            said.setdefault(mark.number, []).append(mark.text)
    return said
