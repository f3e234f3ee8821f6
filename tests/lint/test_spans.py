"""What a link knows of the times of frames, and what a rule makes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pynat.config import Config
from pynat.link.capture import CaptureLink
from pynat.link.lint import LintLink
from pynat.lint.linter import Linter
from pynat.lint.span import NEVER, Span
from pynat.log.notices import JournalEntry, Notices
from pynat.replay.capture import Capture
from tests.lint.play import OPEN, play

DATA = "> . 1:1461(1460) ack 1\n > P. 1461:1561(100) ack 1"
AGAIN = "> . 1:1461(1460) ack 1"


class Machine:
    """A link whose engine reads when it gets to it; `play` takes it for a lab."""

    doorbell, closing = -1, False
    refuses_since = None
    resets = 0
    receive_runs = None
    send_runs = None

    def __init__(self, speed: int = 0, capture: Path | None = None) -> None:
        self.config = Config()
        self.speed = speed
        self.time = 100.0
        self.awake = 0.0
        self.sending = 0.0  # seconds that it takes to hand frames over
        self.unread: list[bytes] = []
        self.linter = Linter(self.config)
        self._notices = Notices(lambda level, text: None)
        self.asked = 0  # times that the thread was, how long it was awake
        comments = self._notices.comments
        comments.look(linted=True)
        self._capture = CaptureLink(self, comments=comments)
        if capture:
            self._capture.start(capture, first=True)
        self.link = LintLink(self._capture, self.linter, self._notices, self._awake)

    @property
    def found(self) -> set[str]:
        return set(self._notices.findings)

    # ------------------------------------------------------------------ what `play` and tests do
    def wait(self, seconds: float) -> None:
        self.time += seconds

    def look(self, frame: bytes, *, from_guest: bool) -> None:
        if from_guest:
            self.unread.append(frame)
        else:
            self.link.send([frame])

    def read(self, awake: float, limit: int = 256) -> None:
        """As a thread that was awake for so long since it read last."""
        self.awake += awake
        self.link.receive(limit)

    def says(self, script: str) -> None:
        play(self, script)  # type: ignore[arg-type]

    def opened(self) -> None:
        syn, syn_ack, ack = OPEN.strip().splitlines()
        for line in (syn, syn_ack, ack):
            self.says(line)
            self.read(0.0001)

    def end(self) -> None:
        self._capture.stop()

    # ------------------------------------------------------------------ what LintLink asks of it
    def _awake(self) -> float:
        self.asked += 1
        return self.awake

    def now(self) -> float:
        return self.time

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        taken, self.unread = self.unread[:limit], self.unread[limit:]
        return [(self.time, frame) for frame in taken]

    def send(self, frames: list[bytes]) -> int:
        self.time += self.sending
        return len(frames)

    def done(self, hold_until: float, timer: float | None) -> None: ...
    def log(self, level: int, text: str) -> None: ...


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def says(machine: Machine) -> Callable[[str], None]:
    return machine.says


def test_a_span_bounds_what_lies_between() -> None:
    early, late = Span(1.0, 2.0), Span(4.0, 8.0)
    assert (late.least(early), late.most(early)) == (2.0, 7.0)
    assert late.follows(early)
    assert not early.follows(late)
    assert not Span(1.5, 3.0).follows(early)
    assert Span(2.0, 2.0).follows(early)
    assert Span(0.0, 0.0).follows(NEVER)


@pytest.mark.parametrize("awake", [0.3, 0.0001])
def test_what_is_read_at_once_was_not_sent_at_once(
    machine: Machine, says: Callable[[str], None], awake: float
) -> None:
    """A time-out of the guest's may lie in between, whatever the thread knows of its own waits."""
    machine.opened()
    says(f"+5 {DATA}\n {AGAIN}")
    machine.read(awake)
    assert not machine.found & {"TCP071"}


@pytest.mark.parametrize(("awake", "wanted"), [(0.3, set()), (0.01, {"TCP071"})])
def test_what_is_read_soon_after_was_not_sent_soon_after(
    machine: Machine, says: Callable[[str], None], awake: float, wanted: set[str]
) -> None:
    """The first frame had waited for long, the second had not."""
    machine.opened()
    says(f"+5 {DATA}")
    machine.read(awake)
    says(f"+0.01 {AGAIN}")
    machine.read(0.001)
    assert machine.found & {"TCP071"} == wanted


@pytest.mark.parametrize(("awake", "wanted"), [(0.3, set()), (0.01, {"TCP071"})])
def test_who_reads_the_capture_knows_what_waited_to_be_read(
    tmp_path: Path, awake: float, wanted: set[str]
) -> None:
    machine = Machine(capture=tmp_path / "net.pcapng")
    machine.opened()
    machine.says(f"+5 {DATA}")
    machine.read(awake)
    machine.says(f"+0.01 {AGAIN}")
    machine.read(0.001)
    machine.end()
    assert machine.found & {"TCP071"} == wanted == offline(tmp_path / "net.pcapng") & {"TCP071"}


@pytest.mark.parametrize(("sending", "wanted"), [(0.7, set()), (0.01, {"TCP085"})])
def test_who_reads_the_capture_knows_what_waited_to_be_handed_over(
    tmp_path: Path, sending: float, wanted: set[str]
) -> None:
    machine = Machine(capture=tmp_path / "net.pcapng")
    machine.opened()
    late_acknowledgements(machine, sending)
    machine.end()
    assert machine.found & {"TCP085"} == wanted == offline(tmp_path / "net.pcapng") & {"TCP085"}


def offline(path: Path) -> set[str]:
    entries: list[JournalEntry] = []
    assert list(Capture(path).frames(entries.append))
    return {one.rule.code for one in entries}


def test_turns_that_follow_each_other_do_not_ask_the_thread(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wall time is a bound then: what is read next has waited for as long as that at most."""
    spans: list[Span] = []

    def look(_: bytes, when: Span) -> tuple[()]:
        spans.append(when)
        return ()

    monkeypatch.setattr(machine.linter, "from_guest", look)
    machine.read(0.0)
    for wall in (5.0, 0.0004, 0.0004, 0.0004, 3.0):
        machine.wait(wall)
        machine.unread.append(bytes(60))
        machine.read(min(wall, 0.0003))
    waited = [span.last - span.first for span in spans]
    assert waited == pytest.approx([0.0003, 0.0004, 0.0004, 0.0004, 0.0003])
    assert machine.asked == 4


def test_a_busy_engine_has_not_read_all(machine: Machine, says: Callable[[str], None]) -> None:
    """What a full batch leaves waits from before it."""
    machine.opened()
    says(f"+5 {DATA}\n {AGAIN}")
    machine.read(0.3, limit=2)
    machine.read(0.001, limit=2)
    assert not machine.found & {"TCP071"}


@pytest.mark.parametrize(("awake", "wanted"), [(0.7, set()), (0.01, {"TCP085"})])
def test_an_acknowledgement_that_is_read_late_was_not_sent_late(
    machine: Machine, says: Callable[[str], None], awake: float, wanted: set[str]
) -> None:
    machine.opened()
    for at in range(1, 401, 100):
        says(f"< P. {at}:{at + 100}(100) ack 1\n +0.7 > . 1:1(0) ack {at + 100} win 65000")
        machine.read(awake)
    assert machine.found & {"TCP085"} == wanted


@pytest.mark.parametrize(("sending", "wanted"), [(0.7, set()), (0.01, {"TCP085"})])
def test_what_is_handed_over_late_is_not_acknowledged_late(
    machine: Machine, sending: float, wanted: set[str]
) -> None:
    machine.opened()
    late_acknowledgements(machine, sending)
    assert machine.found & {"TCP085"} == wanted


def late_acknowledgements(machine: Machine, sending: float) -> None:
    """As it seems: what is acknowledged takes so many seconds to be handed over."""
    machine.sending = sending
    for at in range(1, 401, 100):
        machine.says(f"< P. {at}:{at + 100}(100) ack 1")
        machine.wait(0.7 - sending)
        machine.says(f"> . 1:1(0) ack {at + 100} win 65000")
        machine.read(0.001)


def test_a_window_that_opens_long_after_a_probe_is_no_answer(
    machine: Machine, says: Callable[[str], None]
) -> None:
    """The probe's own answer was read late: it may have been sent before the probe came."""
    machine.opened()
    for at in (1, 1461):
        says(f"< . {at}:{at + 1460}(1460) ack 1\n +0.01 > . 1:1(0) ack {at + 1460} win 0")
        machine.read(0.001)
        says(f"+3 < . {at + 1459}:{at + 1459}(0) ack 1\n > . 1:1(0) ack {at + 1460} win 0")
        machine.read(0.3)
        says(f"+3 > . 1:1(0) ack {at + 1460} win 65535")
        machine.read(0.001)
    assert not machine.found & {"TCP098"}


@pytest.mark.parametrize(("awake", "wanted"), [(2.0, set()), (0.01, {"TCP051"})])
def test_data_that_met_a_closed_window_may_have_been_under_way(
    machine: Machine, says: Callable[[str], None], awake: float, wanted: set[str]
) -> None:
    machine.opened()
    says("< . 1:1(0) ack 1 win 0\n +1 > P. 1:101(100) ack 1")
    machine.read(awake)
    assert machine.found & {"TCP051"} == wanted


@pytest.mark.parametrize(("awake", "wanted"), [(2.0, set()), (0.01, {"TCP058"})])
def test_data_after_a_reset_may_have_been_under_way(
    machine: Machine, says: Callable[[str], None], awake: float, wanted: set[str]
) -> None:
    machine.opened()
    says("< R. 1:1(0) ack 1\n +1.5 > P. 1:101(100) ack 1\n +0.2 > P. 1:101(100) ack 1")
    machine.read(awake)
    assert machine.found & {"TCP058"} == wanted


def test_a_slow_card_gets_frames_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(speed=10)
    spans: list[Span] = []

    def look(_: bytes, when: Span) -> tuple[()]:
        spans.append(when)
        return ()

    monkeypatch.setattr(machine.linter, "to_guest", look)
    machine.link.send([bytes(1514)] * 100)
    assert {span.first for span in spans} == {100.0}
    assert spans[0].last == pytest.approx(100.00123, abs=1e-5)
    assert spans[-1].last == pytest.approx(100.12304, abs=1e-5)
    machine.wait(0.1)
    machine.link.send([bytes(1514)])
    assert spans[-1].last == pytest.approx(100.12427, abs=1e-5)


def test_what_is_left_is_told_when_the_link_ends(
    machine: Machine, says: Callable[[str], None]
) -> None:
    machine.opened()
    machine.link.end(machine.time)
    assert "TCP066" in machine.found
