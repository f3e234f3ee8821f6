"""A flame graph: a box for each function, as wide as its share of the samples, on its caller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

WIDTH, LINE, TOP = 1_200, 17, 30  # pixels
NARROWEST = 1.0  # pixels of a box that is drawn
LETTER = 6.6  # pixels
COLORS = {"libc": "#c94f3d", "pynat/": "#e8a33d", "asyncio/": "#7fa650", "selectors": "#7fa650"}
OTHERS = "#9aa5b1"  # Python itself


@dataclass(slots=True)
class Box:
    samples: int = 0
    above: dict[str, Box] = field(default_factory=dict)

    def add(self, stack: tuple[str, ...], samples: int) -> None:
        box = self
        box.samples += samples
        for frame in stack:
            box = box.above.setdefault(without_line(frame), Box())
            box.samples += samples


def without_line(frame: str) -> str:
    """A function is one box, whichever of its lines runs: "f (a.py:7)" is "f (a.py)"."""
    name, colon, line = frame.rstrip(")").rpartition(":")
    return f"{name})" if colon and line.isdigit() else frame


def flame_graph(stacks: Mapping[tuple[str, ...], int], title: str) -> str:
    root = Box()
    for stack, samples in stacks.items():
        root.add(stack, samples)
    height = TOP + LINE * (1 + max(map(len, stacks), default=0))
    boxes = "\n".join(_drawn(root, "all", 0.0, height - LINE, WIDTH / max(1, root.samples)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">\n'
        "<style>text { font: 11px monospace } rect { stroke: #fff; stroke-width: .5 }</style>\n"
        f'<text x="8" y="18">{escape(title)}, {root.samples:,} samples</text>\n{boxes}\n</svg>\n'
    )


def _drawn(box: Box, name: str, left: float, top: int, scale: float) -> Iterator[str]:
    width = box.samples * scale
    if width < NARROWEST:
        return
    share = width / WIDTH
    fits = escape(name[: int(width / LETTER)]) if width > 3 * LETTER else ""
    yield (
        f"<g><title>{escape(name)}: {share:.1%}</title>"
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{LINE}" fill="{color(name)}"/>'
        f'<text x="{left + 2:.1f}" y="{top + 12}">{fits}</text></g>'
    )
    for each, above in sorted(box.above.items()):
        yield from _drawn(above, each, left, top - LINE, scale)
        left += above.samples * scale


def color(name: str) -> str:
    return next((shade for word, shade in COLORS.items() if f"({word}" in name), OTHERS)
