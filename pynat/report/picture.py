"""A plot as a PNG, for a README or a mail: the same strokes as on the page, drawn by Pillow.

Pillow is asked for only here (`pip install 'bochs-pynat[png]'`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pynat.errors import ConfigError
from pynat.report.fates import DROPPED
from pynat.report.flows import Flow, directions
from pynat.report.plot import (
    BELOW,
    GAP,
    HOLLOW,
    LEFT,
    RIGHT,
    WIDTH,
    Panel,
    panels,
    seconds,
    shown_until,
    ticks,
)
from pynat.report.plot import number as in_short

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

FINE = 2  # drawn so many times as large, and then made smaller, for smooth lines
ABOVE = 40  # pixels for the title
MOST = 10  # flows that are named where one is not there
_GROUND = "#f6f8fa"
_COLORS = {  # and width of the stroke
    "window": ("#a06a00", 1),
    "ack": ("#2d7d32", 1),
    "data": ("#0b5cad", 2),
    "again": ("#c42b1c", 4),
    "sack": ("#7a3db8", 2),
    "begin": ("#2d7d32", 6),
    "end": ("#a06a00", 6),
    "reset": ("#b3261e", 6),
    "spoilt": ("#b3261e", 6),
    "mark": ("#d9a441", 8),
    "changed": ("#00717a", 7),
    "dropped": ("#a8185e", 10),
    "lost": ("#1b1f24", 10),
    "speed": ("#0b5cad", 1),
    "trip": ("#2d7d32", 4),
    "timeout": ("#c42b1c", 5),
}


def write_png(flow: Flow, target: Path) -> None:
    """One plot below the other, for each direction that carried something.

    Raises ConfigError where Pillow is not installed or nothing was sent, OSError for `target`.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        text = (
            "pictures are drawn by Pillow, which is not installed: pip install 'bochs-pynat[png]'"
        )
        raise ConfigError(text) from None
    end = shown_until(flow.start, flow.end)
    plots = [(name, panels(one, flow.start, end)) for name, one in directions(flow)]
    if not plots:
        raise ConfigError(f"{flow.name}: no data was sent, so there is nothing to draw")
    height = sum(ABOVE + BELOW + _height(shown) for _, shown in plots)
    image = Image.new("RGB", (WIDTH * FINE, height * FINE), "#ffffff")
    draw = ImageDraw.Draw(image)
    top = 0
    for name, shown in plots:
        draw.text(
            (LEFT * FINE, (top + 12) * FINE), f"{flow.name}, {name}", "#1b1f24", font_size=15 * FINE
        )
        top = _plot(draw, shown, top + ABOVE, flow.start * 1000, end * 1000)
    image.resize((WIDTH, height), Image.Resampling.LANCZOS).save(target, "PNG")


def _height(shown: list[Panel]) -> int:
    return sum(panel.height + GAP for panel in shown)


def _plot(draw: ImageDraw, shown: list[Panel], top: int, first: float, last: float) -> int:
    """Where it ends."""
    for panel in shown:
        _panel(draw, panel, top, first, last)
        top += panel.height + GAP
    for value in ticks(first, last):
        x = LEFT + (value - first) / (last - first) * (WIDTH - LEFT - RIGHT)
        _text(draw, x, top + 2, seconds(value), "mt")
    return top + BELOW


def _panel(draw: ImageDraw, panel: Panel, top: int, first: float, last: float) -> None:
    across = (WIDTH - LEFT - RIGHT) / (last - first)
    up = (panel.height - 4) / (panel.high or 1)

    def at(x: float, y: float) -> tuple[float, float]:
        below = top + panel.height - 2 - y * up
        return (LEFT + (x - first) * across) * FINE, max(below, top) * FINE

    right, bottom = (WIDTH - RIGHT) * FINE, (top + panel.height) * FINE
    draw.rectangle((LEFT * FINE, top * FINE, right, bottom), fill=_GROUND)
    for value in ticks(0, panel.high or 1, max(2, panel.height // 40)):
        y = at(first, value)[1]
        draw.line((LEFT * FINE, y, right, y), "#d5dae0", FINE)
        _text(draw, LEFT - 6, y / FINE, in_short(value), "rm")
    for name, strokes in panel.layers.items():
        color, width = _COLORS[name]
        for stroke in strokes:
            points = [at(x, y) for x, y in stroke]
            if name in HOLLOW:
                _outline(draw, points, color, width * FINE, is_round=name == DROPPED)
            else:
                _stroke(draw, points, color, width * FINE)
    _text(draw, LEFT + 6, top + 4, panel.label, "lt")


def _stroke(draw: ImageDraw, points: list[tuple[float, float]], color: str, width: int) -> None:
    if len(set(points)) > 1:
        draw.line(points, color, width)
    else:
        (x, y), half = points[0], width / 2
        draw.ellipse((x - half, y - half, x + half, y + half), fill=color)


def _outline(
    draw: ImageDraw, points: list[tuple[float, float]], color: str, width: int, *, is_round: bool
) -> None:
    (x, low), (_, high) = points
    half = width / 2
    box = (x - half, min(low, high) - half, x + half, max(low, high) + half)
    radius = half if is_round else 0
    draw.rounded_rectangle(box, radius, outline=color, width=2 * FINE, fill=_GROUND)


def _text(draw: ImageDraw, x: float, y: float, text: str, anchor: str) -> None:
    draw.text((x * FINE, y * FINE), text, "#5b6470", anchor=anchor, font_size=12 * FINE)


def chosen(flows: Iterable[Flow], number: int) -> Flow:
    """The flow `#number`. Raises ConfigError, which names those that there are."""
    known = {int(flow.name.rpartition("#")[2]): flow for flow in flows}
    if number not in known:
        names = [f"#{one}" for one in known]
        there = f"only {', '.join(names[:MOST])}" if names else "no TCP flow at all"
        more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
        raise ConfigError(f"TCP flow #{number} is not in the capture, which has {there}{more}")
    return known[number]
