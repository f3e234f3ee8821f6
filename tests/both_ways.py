"""A capture, looked at by `pynat lint`, says what the network said while it ran.

What a network said stands in its captures: the comment of each frame has what the linter found, and
why the router dropped it. `differences` asks `pynat lint` about the same file, frame by frame.

Exceptions, each because no capture can show it:
- NET...: limits, settings and faults of the network's own
- what the router refuses of a frame that a bad wire or a script has spoilt, doubled or delayed
  between the capture and the router (lost ones are marked in the file)
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from pynat.capture import pcap
from pynat.capture.reading import About, read
from pynat.cli.lint import replayed
from pynat.config import Config
from pynat.notices import Entry
from pynat.replay.wire import Asked, Survey, find_out

_SAID = re.compile(r"(?:dropped: )?([A-Z]+\d\d\d) ([^:]*): (.*)")
_CHANGED = re.compile(r"impair rule .*: (?!lost|dropped)|on_frame")


class Said(NamedTuple):
    number: int | None
    code: str
    text: str


def live(path: Path) -> tuple[Counter[Said], set[int]]:
    """What the comments say; the frames that the router has got otherwise."""
    said, changed = Counter[Said](), set[int]()
    for one in read(path):
        if one.from_guest and _CHANGED.search(one.comment):
            changed.add(one.number)
        for line in one.comment.splitlines():
            found = _SAID.fullmatch(line)
            if found:
                said[Said(one.number, found[1], found[3])] += 1
    return said, changed


def offline(path: Path, config: Config | None = None) -> Counter[Said]:
    survey, about, entries = Survey(), About(), list[Entry]()
    for one in read(path, about):
        survey.look(one)
    wire = find_out(survey, about, Asked(config=config))
    begins = pcap.BEGINS in about.comments
    replayed(path, wire, survey, about, entries.append, begins=begins)
    return Counter(Said(one.number, one.rule.code, _whole(one)) for one in entries)


def _whole(one: Entry) -> str:
    return f"{one.text}; {one.cause}" if one.cause else one.text


def differences(path: Path, config: Config | None = None, linted: bool = True) -> list[str]:
    """One line for each thing that one of both says, and not the other."""
    was, changed = live(path)
    now = offline(path, config)
    lines = []
    for sign, one in [*(("live", o) for o in was - now), *(("offline", o) for o in now - was)]:
        if one.number is not None and not one.code.startswith("NET") and not changed:
            lines.append(f"only {sign}: #{one.number} {one.code} {one.text}")
    return sorted(lines)
