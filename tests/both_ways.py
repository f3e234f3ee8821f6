"""A capture, looked at by `pynat lint`, says what the network said while it ran.

What a network said stands in its captures: the comment of each frame has what the linter found, and
why the router dropped it. `differences` asks `pynat lint` about the same file, frame by frame. The
fixture below does so after each test: of every capture with the linter's findings that the test or
its module has left, in whatever folder, of every network in virtual time, and of every LintedLab.
Of a capture that is longer than LONGEST it asks about the beginning.

Each capture is then looked at once more by a linter that knows no short ways
(pynat/lint/short_ways.py): it must say the same, and have counted the same occasions.

Exceptions, each because no capture shows it:
- NET...: limits, settings and faults of the network's own
- what is about no single frame (a time-out), but for a LintedLab: pcapng has no place for it
- what a bad wire or a script has spoilt, doubled or delayed between the capture and the router, or
  a fault of the network has kept from a service (lost frames are marked in the file)
- what the router drops, where a bad wire has spoilt what it said to the guest before
- what a host that misbehaves has taken without a segment that says so (labs with peers)
- `@pytest.mark.one_way(why)`: a test that says why itself
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Interface
from math import inf
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest

from pynat.capture import pcap
from pynat.capture.reading import About, read
from pynat.config import Config
from pynat.errors import ConfigError
from pynat.link.link import Link
from pynat.lint.linter import Linter
from pynat.lint.summary import Summary
from pynat.log.notices import JournalEntry
from pynat.replay import network as replaying
from pynat.replay.capture import Capture
from pynat.serve.stack import stacked
from pynat.testing import virtual
from pynat.testing.linted import LintedLab

_TIME = re.compile(r"\d+(?:\.\d+)?(?= m?s\b)")
ROUNDED = 1.1  # of the last digit that is said: a capture has microseconds, and rounds another way
READ_LATE = inf  # a frame may have waited in a TAP device for as long as the machine was busy
TIMED = {"ARP031", "IP030", "TCP071", "TCP077"}
LONGEST = 12 << 20  # bytes of a capture that are looked at: 7 s of work; most boots leave less
FOLDERS = ("tmp_path", "artifacts", "module_artifacts")  # fixtures, beside pytester
_SAID = re.compile(r"(?:dropped: )?([A-Z]+\d\d\d) ([^:]*): (.*)")
_STATE = re.compile(", in [A-Z0-9-]+$")
_SPOILT = re.compile(r": bit \d+ of byte \d+ turned")
_DROPPED = re.compile(r"[A-Z0-9]+0[01]\d")  # a rule of the router's
_CHANGED = re.compile(r"impair rule .*: (?!lost|dropped)|on_frame")


class Said(NamedTuple):
    number: int | None
    code: str
    text: str


LookedAt = tuple[list[JournalEntry], Summary]


def live(path: Path) -> Counter[Said]:
    """What the comments say."""
    said = Counter[Said]()
    for one in read(path):
        for line in one.comment.splitlines():
            if found := _SAID.fullmatch(line):
                said[Said(one.number, found[1], found[3])] += 1
    return said


def _looked_at(path: Path) -> LookedAt:
    entries: list[JournalEntry] = []
    capture = Capture(path)
    for _ in capture.frames(entries.append):
        pass
    return entries, capture.summary()


def _said(entries: list[JournalEntry]) -> Counter[Said]:
    return Counter(Said(one.number, one.rule.code, _whole(one)) for one in entries)


def made_short(path: Path, looked_at: LookedAt) -> list[str]:
    """One line for each thing that the short ways change. looked_at: with them."""
    found, seen = looked_at
    with patch.object(replaying, "Linter", partial(Linter, short_ways=False)):
        whole, all_seen = _looked_at(path)
    lines = [f"only by a short way: {one}" for one in _said(found) - _said(whole)]
    lines += [f"only by the long way: {one}" for one in _said(whole) - _said(found)]
    if not lines and seen.as_object() != all_seen.as_object():
        lines.append(f"short: {seen.as_object()}; long: {all_seen.as_object()}")
    return lines


def _whole(one: JournalEntry) -> str:
    return f"{one.text}; {one.cause}" if one.cause else one.text


def differences(path: Path, looked_at: LookedAt, *, is_late: bool = False) -> list[str]:
    """One line for each thing that one of both says, and not the other."""
    comments = [(one.from_guest, one.comment) for one in read(path)]
    if any(_CHANGED.search(text) for from_guest, text in comments if from_guest):
        return []
    is_spoilt = any(_SPOILT.search(text) for _, text in comments)
    was, now = live(path), _said(looked_at[0])
    if is_late:
        was, now = without_time(was), without_time(now)
    only_was, only_now = _apart(was - now, now - was, READ_LATE if is_late else ROUNDED)
    return [
        f"only {where}: #{one.number} {one.code} {one.text}"
        for where, found in (("live", only_was), ("offline", only_now))
        for one in sorted(found, key=str)
        if one.number is not None and not one.code.startswith("NET")
        if not (is_spoilt and _DROPPED.fullmatch(one.code))
    ]


def _apart(was: Counter[Said], now: Counter[Said], within: float) -> tuple[list[Said], list[Said]]:
    """What is left of both when those are taken away that only their times tell apart."""
    left, rest = [], list(now.elements())
    for one in was.elements():
        same = next((other for other in rest if _is_same(one, other, within)), None)
        if same is None:
            left.append(one)
        else:
            rest.remove(same)
    return left, rest


def _is_same(one: Said, other: Said, within: float) -> bool:
    words = [_TIME.sub("", said.text) for said in (one, other)]
    times = [_TIME.findall(said.text) for said in (one, other)]
    return (one.number, one.code, words[0]) == (other.number, other.code, words[1]) and all(
        abs(float(a) - float(b)) <= within / 10 ** len(a.partition(".")[2])
        for a, b in zip(*times, strict=True)
    )


def without_time(said: Counter[Said]) -> Counter[Said]:
    """What a TAP device cannot change: its frames may have waited to be read, of which a capture
    is told from 10 ms on alone; and a peer of tests/netns that is silent on purpose may be in
    another state than the wire shows."""
    return Counter(
        one._replace(text=_STATE.sub("", one.text))
        for one in said.elements()
        if one.code not in TIMED
    )


# ---------------------------------------------------------------- every capture that is made
@pytest.fixture(autouse=True)
def both_ways(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    names = set(FOLDERS) & set(request.fixturenames)
    folders: list[Path] = [request.getfixturevalue(name) for name in names]
    if "pytester" in request.fixturenames:
        folders.append(request.getfixturevalue("pytester").path)
        folders.append(Path(os.environ["PYTEST_DEBUG_TEMPROOT"]))  # of the tests in its tests
    labs: list[LintedLab] = []

    def folder() -> Path:
        folders.append(tmp_path_factory.mktemp("both-ways"))
        return folders[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LintedLab, "on_made", labs.append)
        patch.setattr(virtual, "stacked", _capturing(stacked, folder))
        yield
    if request.node.get_closest_marker("one_way"):
        return
    shown = [
        lab for lab in labs if not lab.router.faults.rows() and not list(lab.router.faulty_hosts)
    ]
    found = [line for lab in shown for line in of_lab(lab, folder())]
    found += [line for one in folders for line in of_folder(one)]
    assert not found, "\n".join(found)


def of_folder(folder: Path) -> list[str]:
    """Those below it, too."""
    return [f"{path}: {line}" for path in folder.rglob("*.pcapng") for line in of_file(path)]


read_late = set[Path]()  # captures whose times are those of reading
_seen = set[tuple[Path, int, int]]()


def of_file(path: Path) -> list[str]:
    """Of a capture with the linter's findings, unless it was looked at before, and is as it was."""
    status = path.stat()
    state = (path, status.st_size, status.st_mtime_ns)
    if state in _seen:
        return []
    _seen.add(state)
    if status.st_size <= LONGEST:
        return _of_whole(path, is_late=path in read_late)
    with NamedTemporaryFile(suffix=path.suffix) as beginning, path.open("rb") as file:
        beginning.write(file.read(LONGEST))
        beginning.flush()
        return _of_whole(Path(beginning.name), is_late=path in read_late, is_cut=True)


def _of_whole(path: Path, *, is_late: bool, is_cut: bool = False) -> list[str]:
    """is_cut: on purpose, so that its end says nothing of the test."""
    about = About()
    try:
        has_frames = bool(list(read(path, about)))
    except ConfigError:  # what a test has spoilt
        return []
    is_complete = is_cut or not about.ends_early
    is_told = has_frames and pcap.LINTED in about.comments and is_complete
    if not is_told:
        return []
    looked_at = _looked_at(path)
    return made_short(path, looked_at) + differences(path, looked_at, is_late=is_late)


def of_lab(lab: LintedLab, folder: Path) -> list[str]:
    """Counts, too, so that what is about no single frame is not forgotten: of what the router has
    seen itself."""
    lab.end()
    path = captured(folder / "x.pcapng", lab)
    looked_at = _looked_at(path)
    lines = made_short(path, looked_at) + differences(path, looked_at)
    was, now = ours(lab.found), ours(counted(looked_at))
    if not lines and was != now and not any(one.only_shown for one in lab.seen):
        lines.append(f"only live: {was - now}; only offline: {now - was}")
    return [f"{line}\n{lab.trace()}" for line in lines]


def ours(found: Counter[str]) -> Counter[str]:
    return Counter({code: count for code, count in found.items() if not code.startswith("NET")})


def counted(looked_at: LookedAt) -> Counter[str]:
    found = Counter[str]()
    for entry in looked_at[0]:
        found[entry.rule.code] += entry.packets
    return found


def captured(path: Path, lab: LintedLab) -> Path:
    """What has been on the lab's wire, with what was said."""
    lab.trace()
    blocks = [
        pcap.pcapng_block(
            round(one.now * 1e6),
            one.frame,
            from_guest=one.from_guest,
            comment=lab.told.get(at, ""),
            lost=one.only_shown and one.from_guest,
        )
        for at, one in enumerate(lab.seen)
    ]
    network = lab.config.network
    router = IPv4Interface((network.router, network.net.prefixlen))
    said = [pcap.BEGINS, f"{pcap.MTU}{network.mtu}"]
    head = pcap.pcapng_header(router, network.mac, lab.megabits, said)
    path.write_bytes(head + b"".join(blocks) + pcap.pcapng_end(round(lab.now * 1e6)))
    return path


def _capturing(
    inner: Callable[..., AbstractContextManager[Any]], folder: Callable[[], Path]
) -> Callable[..., AbstractContextManager[Any]]:
    def with_capture(card: Link, config: Config, *rest: Any, **options: Any) -> Any:
        if config.capture is None:
            config = replace(config, capture=folder() / "x.pcapng")
        return inner(card, config, *rest, **options)

    return with_capture
