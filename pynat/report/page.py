"""The page itself: Jinja2 puts a recording into `page.html`, and escapes whatever a guest said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from pynat.report.exchanges import Arrow
from pynat.report.fates import DROPPED, LOST
from pynat.report.flows import NAMES, Flow, directions
from pynat.report.plot import columns, plot, texts
from pynat.report.recording import Recording, Sources, recorded
from pynat.report.sentences import paragraphs
from pynat.rules import Rule, Severity

SEVERITIES = tuple(Severity)
MAX_PLOTS = 40  # flows whose segments are drawn: those with most frames
_ARROW_HEIGHT, _ARROW_LEFT, _ARROW_RIGHT = 34, 130, 790  # pixels


class Drawn(NamedTuple):
    """One direction of a flow, as the page shows it."""

    name: str
    octets: int
    again: int
    lost: int
    svg: Markup
    points: Markup  # JSON


def write_report(sources: Sources, target: Path) -> Recording:
    """Write the page whole or not at all. Raises ConfigError for a source, OSError for `target`."""
    recording = recorded(sources)
    part = target.with_name(target.name + ".part")
    part.write_text(page(recording), encoding="utf-8")
    part.replace(target)
    return recording


def page(recording: Recording) -> str:
    first = [root.record.rule for root in recording.to_mend]
    others = sorted(recording.counts.keys() - {*first}, key=lambda rule: _weight(recording, rule))
    busiest = sorted(recording.flows, key=lambda flow: -flow.frames)[:MAX_PLOTS]
    return rendered(
        "page.html",
        recording=recording,
        paragraphs=paragraphs(recording),
        findings=[(rule, recording.counts[rule]) for rule in (*first, *others)],
        drawn={flow.anchor: list(_drawn(flow)) for flow in busiest},
        diagrams={name: diagram(arrows) for name, arrows in recording.exchanges.arrows.items()},
        place=lambda found: "at the end" if found.number is None else f"#{found.number}",
        kinds=Markup(json.dumps(NAMES)),
        script=Markup(_beside("page.js")),
    )


def rendered(template: str, **parts: object) -> str:
    """A template of this folder; whatever is no Markup is escaped."""
    environment = Environment(
        loader=PackageLoader("pynat.report", "."),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(parts, style=Markup(_beside("page.css")))


def _beside(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _weight(recording: Recording, rule: Rule) -> tuple[int, int, str]:
    """Errors first, then what came most often."""
    return SEVERITIES.index(rule.severity), -recording.counts[rule], rule.code


def _drawn(flow: Flow) -> list[Drawn]:
    found = []
    for name, direction in directions(flow):
        octets, again, lost = direction.octets, direction.again, direction.lost
        title = f"{flow.name}, {name}: {octets} bytes, {again} sent again, {lost} lost"
        points = columns(direction) | {"texts": texts([flow.from_guest, flow.to_guest])}
        data = Markup(json.dumps(points).replace("</", "<\\/"))
        drawing = plot(direction, flow.start, flow.end, title)
        found.append(Drawn(name, octets, again, lost, drawing, data))
    return found


def diagram(arrows: list[Arrow]) -> Markup:
    """The guest at the left, the network at the right, time goes down."""
    height = _ARROW_HEIGHT * len(arrows) + 30
    parts = [
        Markup(
            '<svg class="exchange" viewBox="0 0 960 {0}" role="img" aria-label="{1} messages">'
            '<text class="who" x="{2}" y="16">guest</text>'
            '<text class="who" x="{3}" y="16">network</text>'
            '<path class="life" d="M{2} 24V{0}M{3} 24V{0}"/>'
        ).format(height, len(arrows), _ARROW_LEFT, _ARROW_RIGHT)
    ]
    for at, arrow in enumerate(arrows):
        y = 50 + at * _ARROW_HEIGHT
        start, end = _ARROW_LEFT, _ARROW_RIGHT
        if not arrow.from_guest:
            start, end = end, start
        tip = -8 if end > start else 8
        kind, by = arrow.fate or ("", "")
        parts.append(
            Markup(
                '<g id="message-{0}"><text class="when" x="4" y="{1}">{2:.3f} s</text>'
                '<text class="says" x="460" y="{3}">{4}</text>'
                '<path class="arrow {8}" d="M{5} {1}H{6}m{7} -4L{6} {1}l{7} 4"/>'
                '<text class="frame" x="800" y="{1}">#{0} {8}</text>'
            ).format(arrow.number, y, arrow.when, y - 8, arrow.text[:110], start, end, tip, kind)
        )
        if kind in (LOST, DROPPED):
            parts.append(
                Markup('<path class="cross" d="M455 {0}l10 10m0 -10l-10 10"/>').format(y - 5)
            )
        parts.append(
            Markup("<title>{}</title></g>").format(f"{kind}: {by}") if kind else Markup("</g>")
        )
    parts.append(Markup("</svg>"))
    return Markup("").join(parts)
