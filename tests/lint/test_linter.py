"""The linter over anything: it never raises, and a fault of its own costs nobody the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from pynat.config import Config
from pynat.link.lint import LintLink
from pynat.lint.frame import Finding
from pynat.lint.linter import Linter
from pynat.lint.span import Span
from pynat.log.notices import Notices
from pynat.rules import RULES
from tests.frames import mended, ping
from tests.fuzzing import seeded
from tests.lint.examples import CLEAN, EXAMPLES, collect
from tests.spoiling import spoilt

collect()
SEEN = [one.run().seen for one in EXAMPLES + CLEAN]


def test_of_spoilt_conversations_every_finding_is_one_line() -> None:
    """With checksums that are mostly right, or no rule but those would be met."""
    dice, found = seeded(1), Counter[str]()
    for conversation in SEEN * 3:
        linter = Linter(Config())
        for now, frame, from_guest, _ in conversation:
            data = spoilt(frame, dice) if dice.randrange(2) else frame
            look = linter.from_guest if from_guest else linter.to_guest
            for finding in look(mended(data) if dice.randrange(8) else data, now):
                assert finding.text.isprintable()
                found[finding.rule.code] += 1
    assert found.keys() < {rule.code for rule in RULES}
    assert len(found) > 80


class FakeLink:
    doorbell, closing, speed = -1, False, 0
    receive_runs = None
    send_runs = None

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def now(self) -> float:
        return 1.0

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        return [(1.0, ping("192.0.2.7"))]

    def send(self, frames: list[bytes]) -> int:
        self.sent += frames
        return len(frames)

    def done(self, hold_until: float, timer: float | None) -> None: ...
    def log(self, level: int, text: str) -> None: ...


def test_it_sees_each_frame_once_and_its_direction(monkeypatch: Any) -> None:
    seen: list[tuple[str, bytes, float]] = []

    def look(direction: str) -> Callable[[bytes, Span], list[Finding]]:
        def record(frame: bytes, when: Span) -> list[Finding]:
            seen.append((direction, frame, when.last))
            return []

        return record

    link, linter = FakeLink(), Linter(Config())
    monkeypatch.setattr(linter, "from_guest", look("from"))
    monkeypatch.setattr(linter, "to_guest", look("to"))
    lint = LintLink(link, linter, Notices(lambda level, text: None))
    ((_, frame),) = lint.receive(1)
    assert lint.send([b"x", b"y"]) == 2
    assert seen == [("from", frame, 1.0), ("to", b"x", 1.0), ("to", b"y", 1.0)]


def test_a_fault_of_the_linter_ends_it_and_not_the_network(monkeypatch: Any) -> None:
    lines: list[str] = []
    link = FakeLink()
    linter = Linter(Config())
    monkeypatch.setattr(linter, "from_guest", lambda frame, now: 1 // 0)
    lint = LintLink(link, linter, Notices(lambda level, text: lines.append(text)))
    assert len(lint.receive(1)) == len(lint.receive(1)) == 1
    assert lint.send([b"x"]) == 1
    (line,) = lines
    assert line.startswith("lint stopped: ZeroDivisionError: ")
