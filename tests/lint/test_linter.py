"""The linter over anything: it never raises, and a fault of its own costs nobody the network."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pynat.config import Config
from pynat.link.lint import LintLink
from pynat.lint.linter import Linter
from pynat.notices import Notices
from tests.frames import ping
from tests.lint.examples import CLEAN, EXAMPLES, collect

collect()
SEEN = [one.run().seen for one in EXAMPLES + CLEAN]


@settings(max_examples=500, deadline=None)
@given(conversation=st.sampled_from(SEEN), data=st.data())
def test_spoilt_conversations_never_make_it_raise(conversation: Any, data: st.DataObject) -> None:
    linter = Linter(Config(), with_malformed=True)
    for now, frame, from_guest in conversation[:12]:
        spoilt = bytearray(frame)
        for _ in range(data.draw(st.integers(0, 2))):
            at = data.draw(st.integers(0, max(0, len(spoilt) - 1)))
            spoilt[at : at + 1] = data.draw(st.binary(max_size=2))
        look = linter.from_guest if from_guest else linter.to_guest
        look(bytes(spoilt), now)


class FakeLink:
    doorbell, closing, speed = -1, False, 0

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
