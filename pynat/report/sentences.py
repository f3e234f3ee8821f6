"""What worked and what did not, in a few sentences, before anything else on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from pynat.lint.steps import times
from pynat.lint.summary import Root, Summary
from pynat.report.fates import CHANGED, DROPPED, LOST
from pynat.report.recording import Recording

_MOST = 4  # causes that are named
_FATES = {
    LOST: "Lost on the wire",
    DROPPED: "Dropped by the router",
    CHANGED: "Late, twice or changed",
}


Paragraph = list[str | Markup]  # of sentences


def paragraphs(recording: Recording) -> list[Paragraph]:
    summary = recording.summary
    verdict: Paragraph = [*(_protocols(summary) if summary else ()), *_to_mend(recording)]
    about: Paragraph = [recording.clock]
    if summary is not None:
        frames = f"{recording.frames} frames in {recording.seconds:.3f} s"
        about.insert(0, f"{frames}, {recording.from_guest} of them from the guest.")
    if recording.left_out:
        about.append(f"{recording.left_out} more frames are not on this page.")
    return [verdict, [*_fates(recording)], about]


def _protocols(summary: Summary) -> Iterator[str]:
    states = ("works", "never tried")
    works, never = (
        [one.name for one in summary.protocols if one.state == state and not one.besides]
        for state in states
    )
    if works:
        listed = _and(works)
        yield f"{listed[0].upper()}{listed[1:]} work{'s' if len(works) == 1 else ''}."
    for one in summary.protocols:
        if one.fails_at is not None:
            state = "fails" if one.state == "fails" else "is unclear"
            yield f"{one.name} {state}: {one.fails_at.missing}: {one.why}."
        elif one.besides:
            yield f"{one.name} works; {one.besides}."
    if never:
        yield f"Never tried: {_and(never)}."


def _to_mend(recording: Recording) -> Iterator[str | Markup]:
    """The first thing, with a link to all that is said of it."""
    if not recording.to_mend:
        fails = recording.summary and any(
            one.state == "fails" for one in recording.summary.protocols
        )
        yield (
            "No single frame is wrong; what fails is to be mended."
            if fails
            else "Nothing is to be mended."
        )
        return
    first, *others = recording.to_mend
    yield _root(first)
    if others:
        codes = ", ".join(root.record.rule.code for root in others)
        yield f"Then: {codes}."


def _root(root: Root) -> Markup:
    rule = root.record.rule
    return Markup(
        '<b>To mend first:</b> <a href="#{0}">{0}</a>, {1} ({2}): {3}. <b>Look at:</b> {4}'
    ).format(rule.code, rule.name, root.where, root.record.text, rule.remedy)


def _fates(recording: Recording) -> Iterator[str]:
    for kind, text in _FATES.items():
        causes = Counter({one.by: n for one, n in recording.fates.items() if one.kind == kind})
        if causes:
            named = [f"{by} ({times(count)})" for by, count in causes.most_common(_MOST)]
            more = ["more"] if len(causes) > _MOST else []
            total = causes.total()
            frames = f"{total} frame{'' if total == 1 else 's'}"
            yield f"{text}, {frames}: {'; '.join(named + more)}."


def _and(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
