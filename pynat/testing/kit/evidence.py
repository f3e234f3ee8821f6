"""What is told of a guest when its test failed, and what is kept of it.

`result.json` has the form that `pynat report --merge` reads (pynat.report.merge).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pynat.errors import ConfigError
from pynat.harmless import harmless
from pynat.report.merge import RESULT, Result
from pynat.rules import BY_CODE
from pynat.testing.kit.observed import CAPTURE, FINDINGS, SERIAL, STAMPED, Observed
from pynat.testing.kit.verdicts import Verdicts

if TYPE_CHECKING:
    from pynat.report.flows import Flow

_PORT = re.compile(r":\d+(?= > )")  # of who began
SERIAL_LINES = 20
FRAMES = 20
FILES = (CAPTURE, FINDINGS, SERIAL, STAMPED, "bochs.log", "bochs.out", "net.toml")


def told(guest: Observed) -> Iterator[tuple[str, str]]:
    """Title and text of each part that there is something to say of."""
    parts = {
        "serial port": _serial(guest.folder / SERIAL),
        "linter": list(_found(guest.lint)),
        "flows": list(_flows(guest.flows)),
        "last frames": [frame.text for frame in guest.frames[-FRAMES:]],
    }
    return ((title, "\n".join(lines)) for title, lines in parts.items() if lines)


def _serial(path: Path) -> list[str]:
    if not path.is_file():
        return []
    lines = path.read_text(errors="replace").replace("\r", "").splitlines()
    return list(map(harmless, lines[-SERIAL_LINES:]))


def _found(lint: Verdicts) -> Iterator[str]:
    for code, count in lint.counts.most_common():
        rule = BY_CODE[code]
        yield f"{code} {rule.severity}: {rule.name}: {count}"
    if root := lint.root:
        yield f"to mend first: {root}"
        yield f"  look at: {root.look_at}"
    try:
        protocols = lint.summary().protocols
    except ConfigError:
        return  # nothing has been written yet
    yield from (f"{one.name} {one}" for one in protocols if one.steps or one.fails_at)


def _flows(flows: Iterable[Flow]) -> Iterator[str]:
    """Those that came to nothing in the same way are one line: mostly `wait_listen` asked."""
    alike: dict[str, list[Flow]] = {}
    for flow in flows:
        alike.setdefault(_in_vain(flow) or flow.name, []).append(flow)
    for what, several in alike.items():
        yield f"{what}, {len(several)} times" if len(several) > 1 else _flow(several[0])


def _in_vain(flow: Flow) -> str | None:
    if flow.from_guest.octets or flow.to_guest.octets:
        return None
    return f"{_PORT.sub('', flow.name, count=1).partition(' #')[0]}: {flow.how}"


def _flow(flow: Flow) -> str:
    carried = f"{flow.from_guest.octets} bytes from the guest, {flow.to_guest.octets} to it"
    return f"{flow.name}: {flow.how}; {carried}"


def guest_seconds(guest: Observed) -> float | None:
    """Up to the last frame."""
    frames = guest.frames
    return round(frames[-1].when, 6) if frames else None


def keep(guests: Sequence[Observed], folder: Path) -> None:
    """The files of the first one in `folder`, those of others in folders there."""
    for number, guest in enumerate(guests, 1):
        target = folder if number == 1 else folder / f"guest-{number}"
        target.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            if (guest.folder / name).is_file():
                shutil.copyfile(guest.folder / name, target / name)
        _write_report(target)


def _write_report(folder: Path) -> None:
    """Of the capture, if it has something to show."""
    from pynat.report import Sources, write_report

    serial = folder / STAMPED
    try:
        sources = Sources(folder / CAPTURE, serial if serial.is_file() else None)
        write_report(sources, folder / "report.html")
    except ConfigError as error:
        (folder / "report.txt").write_text(f"no report: {error}\n")


def write_result(result: Result, repeat: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULT).write_text(json.dumps(asdict(result)) + "\n")
    script = folder / "repro.sh"
    script.write_text(f'#!/bin/sh\n{repeat} "$@"\n')
    script.chmod(0o755)
