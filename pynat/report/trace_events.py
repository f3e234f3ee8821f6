"""A recording in the Trace Event Format, which ui.perfetto.dev and chrome://tracing show.

Each TCP flow is a track, with its life as a span and its frames as instants; findings, exchanges
and serial lines have a track each. Times are microseconds of guest time.
"""

from __future__ import annotations

from collections.abc import Iterator

from pynat.report.flows import NAMES, Flow, directions
from pynat.report.recording import Recording

Event = dict[str, object]
_PROCESS = 1
_FINDINGS, _EXCHANGES, _SERIAL, _FLOWS = 1, 2, 3, 10  # tracks; each flow has one from _FLOWS on


def trace_events(recording: Recording) -> dict[str, object]:
    """The whole file, to be written as JSON."""
    return {"displayTimeUnit": "ms", "traceEvents": list(_events(recording))}


def _events(recording: Recording) -> Iterator[Event]:
    yield _named(_FINDINGS, "findings")
    for rule, found in recording.findings.items():
        for one in found:
            yield _instant(_FINDINGS, one.when, f"{rule.code} {rule.name}", text=one.text)
    yield _named(_EXCHANGES, "exchanges")
    for protocol, arrows in recording.exchanges.arrows.items():
        for arrow in arrows:
            way = "from guest" if arrow.from_guest else "to guest"
            yield _instant(_EXCHANGES, arrow.when, f"{protocol} {way}", text=arrow.text)
    yield _named(_SERIAL, "serial log")
    for line in recording.serial:
        if line.when is not None:
            yield _instant(_SERIAL, line.when, line.text)
    for track, flow in enumerate(recording.flows, _FLOWS):
        yield from _flow(track, flow)


def _flow(track: int, flow: Flow) -> Iterator[Event]:
    yield _named(track, flow.name)
    span = {"name": flow.how, "ph": "X", "dur": (flow.end - flow.start) * 1e6}
    yield span | {"pid": _PROCESS, "tid": track, "ts": flow.start * 1e6}
    for way, direction in directions(flow):
        for point in direction.points:
            name = f"{NAMES[point.kind]}, {way}"
            range_ = f"{point.low}:{point.high}"
            yield _instant(track, point.when, name, frame=point.number, bytes=range_)
        for mark in direction.marks:
            name = f"{mark.kind}, {way}"
            yield _instant(track, mark.when, name, frame=mark.number, text=mark.text)


def _named(track: int, name: str) -> Event:
    of_track = {"pid": _PROCESS, "tid": track, "ph": "M"}
    return of_track | {"name": "thread_name", "args": {"name": name}}


def _instant(track: int, when: float, name: str, **details: object) -> Event:
    event: Event = {"name": name, "ph": "i", "s": "t", "pid": _PROCESS, "tid": track}
    return event | {"ts": when * 1e6, "args": details}
