"""The impaired link: bad while there are rules, nothing at all while there are none."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapNgReader, RawPcapReader

from pynat.capture.reading import read
from pynat.config import Config
from pynat.impair.reading import parse
from pynat.link.capture import CaptureLink
from pynat.link.impair import ImpairLink
from pynat.log.comments import RESET
from pynat.log.notices import Level, Notices
from pynat.rules import Rule
from pynat.rules.tcp import CHECKSUM, NO_FLOW
from pynat.serve.stack import stacked

FRAMES = [bytes(12) + b"\x08\0" + bytes([n % 256, n // 256]) * 20 for n in range(20)]


class FakeLink:
    doorbell = -1
    refuses_since = None
    resets = 0
    receive_runs = None
    closing = False
    speed = 0
    send_runs = None

    def __init__(self) -> None:
        self.time = 0.0
        self.waiting: list[bytes] = []
        self.sent: list[bytes] = []
        self.timer: float | None = None

    def now(self) -> float:
        return self.time

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return [(self.time, frame) for frame in taken]

    def send(self, frames: list[bytes]) -> int:
        self.sent += frames
        return len(frames)

    def done(self, hold_until: float, timer: float | None) -> None:
        self.timer = timer

    def log(self, level: int, text: str) -> None:
        raise AssertionError(text)


class Net:
    """An engine that does nothing with what it gets."""

    def __init__(self, *rules: str) -> None:
        self.card = FakeLink()
        self.lines: list[str] = []
        self.notices = Notices(self._line)
        self.capture = CaptureLink(self.card, comments=self.notices.comments)
        self.link = ImpairLink(self.capture, 7, self.notices, self.capture)
        for rule in rules:
            self.link.add(rule)
        self.got: list[bytes] = []

    def _line(self, level: Level, text: str) -> None:
        self.lines.append(text)

    def turn(self, from_guest: list[bytes] = [], to_guest: list[bytes] = []) -> None:  # noqa: B006
        self.card.waiting += from_guest
        self.got += [frame for _, frame in self.link.receive(256)]
        if to_guest:
            self.link.send(to_guest)
        self.link.done(0.0, None)


def test_without_rules_it_is_not_there() -> None:
    net = Net()
    net.turn(from_guest=FRAMES, to_guest=FRAMES)
    assert (net.got, net.card.sent) == (FRAMES, FRAMES)
    assert net.lines == []


def test_frames_that_wait_for_a_rule_that_goes_are_let_go() -> None:
    net = Net("delay 5s")
    net.turn(from_guest=FRAMES, to_guest=FRAMES)
    assert (net.got, net.card.sent) == ([], [])
    assert net.card.timer == 5.0
    net.link.clear()
    net.turn()
    assert (net.got, net.card.sent) == (FRAMES, FRAMES)
    net.turn(to_guest=FRAMES)
    assert net.card.sent == FRAMES * 2


def test_frames_that_wait_are_not_for_the_machine_after_a_reset(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    net = Net("delay 100ms")
    net.capture.start(path)
    net.turn(FRAMES[:2], FRAMES[2:4])
    net.card.resets = 1
    net.turn(FRAMES[4:5])
    net.card.time = 0.2
    net.turn(to_guest=FRAMES[5:6])
    assert net.got == FRAMES[4:5]
    assert net.card.sent == []
    net.card.time = 0.4
    net.turn()
    assert net.card.sent == FRAMES[5:6]
    written = list(read(path))
    assert [one.lost for one in written] == [True, True, False, False]
    assert [RESET in one.comment for one in written] == [False, False, True, False]
    assert all("when the guest was reset" in one.comment for one in written[:2])
    assert "impair: 2 frames to the guest lost on a bad wire when the guest was reset" in net.lines


def test_a_rule_that_comes_after_a_reset_loses_nothing() -> None:
    net = Net()
    net.card.resets = 1
    net.turn()
    net.link.add("delay 100ms")
    net.link.send(FRAMES[:1])
    net.link.done(0.0, None)
    net.card.time = 0.2
    net.turn()
    assert net.card.sent == FRAMES[:1]


def test_what_waits_when_the_network_ends_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    card, notices = FakeLink(), Notices(lambda level, text: None)
    rules = (parse("from-guest first 1 delay 5s"), parse("from-guest delay 1s"))
    with stacked(card, Config(seed=1, capture=path, impair=rules), notices, lint=True) as stack:
        card.waiting = [tcp("S"), tcp("R")]
        for card.time in (0.0, 2.0):
            stack.link.receive(10)
            stack.link.done(0.0, None)
    assert [one.lost for one in read(path)] == [True, False]


def test_who_sends_on_and_on_waits_for_what_the_wire_makes_of_it() -> None:
    net = Net("from-guest duplicate")
    for _ in range(100):
        net.card.waiting += [tcp("A")] * 32
        assert len(net.link.receive(32)) <= 32
        assert net.link.wire.ready(to_guest=False) <= 32
        net.link.done(0.0, None)


def test_what_a_script_drops_of_a_changed_frame_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    net = Net("from-guest first 1 corrupt")
    net.capture.start(path)
    net.card.waiting = FRAMES[:2]
    for _, frame in net.link.receive(2):
        net.notices.comments.lose(frame)
        break
    net.link.done(0.0, None)
    assert [one.lost for one in read(path)] == [True, False]


@pytest.mark.parametrize("change", ["corrupt", "fragment 500"])
def test_what_is_said_of_many_changed_frames_is_not_forgotten(tmp_path: Path, change: str) -> None:
    path = tmp_path / "x.pcapng"
    net = Net(f"from-guest {change}")
    net.capture.start(path)
    sent = tcp("A", bytes(900))
    for _ in range(50):
        net.turn([bytes(memoryview(sent)) for _ in range(100)])
    assert len(net.notices.comments._said) <= 4096
    net.capture.stop()
    assert Counter("impair rule 1" in one.comment for one in read(path)) == {True: 5000}


def test_a_delay_asks_to_be_woken_unless_somebody_else_is_earlier() -> None:
    net = Net("delay 20ms")
    net.card.time = 5.0
    net.link.send(FRAMES[:1])
    net.link.done(0.0, 5.01)
    assert net.card.timer == 5.01
    net.link.done(0.0, 7.0)
    assert net.card.timer == pytest.approx(5.02)
    net.card.time = 5.02
    net.turn()
    assert net.card.sent == FRAMES[:1]


def test_more_than_a_turn_takes_is_taken_in_the_next() -> None:
    net = Net("drop tcp")
    net.card.waiting = FRAMES * 20
    assert len(net.link.receive(256)) == 256
    net.link.done(0.0, None)
    net.turn()
    assert len(net.got) == 144


def test_the_log_says_the_seed_the_first_frames_and_the_count() -> None:
    net = Net("Drop TO-GUEST".lower())
    net.turn(to_guest=FRAMES, from_guest=FRAMES)
    net.link.report()
    assert net.lines[0] == "impair rule 1: to-guest drop (seed 7)"
    assert net.lines[1].startswith("impair rule 1: ")
    assert net.lines[1].endswith(", to the guest: dropped")
    assert len(net.lines) < len(FRAMES)
    assert net.lines[-1] == "impair rule 1: to-guest drop: 20 frames treated, 20 lost"


def tcp(flags: str, data: bytes = b"") -> bytes:
    ether = Ether(src="52:54:00:12:34:56", dst="52:55:00:a8:10:01")
    return bytes(ether / IP(src="192.168.16.2", dst="192.0.2.7") / TCP(flags=flags) / data)


def test_the_capture_shows_what_was_done(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    net = Net("drop data", "duplicate fin", "flip tcp.checksum rst")
    net.capture.start(path)
    frames = [tcp("A", b"data"), tcp("FA"), tcp("R"), tcp("S")]
    net.turn(from_guest=frames)
    net.turn(to_guest=frames)
    net.capture.stop()
    with RawPcapNgReader(str(path)) as reader:
        told = [
            (data, b"\n".join(meta.comments or []).decode().partition("impair ")[2])
            for data, meta in reader
        ]
    dropped, twice = "rule 1 (data drop): dropped", "rule 2 (fin duplicate): duplicate"
    flipped = "rule 3 (rst flip tcp.checksum): a bit of tcp.checksum turned"
    assert [said for _, said in told[:4]] == [dropped, "", flipped, ""]
    assert [data for data, _ in told[:4]] == frames
    assert sorted(said for _, said in told[4:]) == ["", "", dropped, twice, flipped]
    assert len(net.got) == 4
    assert len(net.card.sent) == 4


def test_the_capture_waits_for_what_becomes_of_a_frame(tmp_path: Path) -> None:
    """That a rule behind a delay loses it, and what is said of it when it is through."""
    path = tmp_path / "x.pcapng"
    net = Net("from-guest delay 5ms", "drop fin", "duplicate rst", "delay 5ms rst")
    net.capture.start(path)
    net.turn(from_guest=[tcp("A"), tcp("FA"), tcp("R"), tcp("S")])
    net.turn(to_guest=[tcp("SA")])
    assert list(read(path)) == []
    for net.card.time in (0.006, 0.012):
        for _, frame in net.link.receive(256):
            net.notices.comments.add(frame, "seen")
        net.link.done(0.0, None)
    net.turn(from_guest=[tcp("A"), tcp("FA")])
    net.capture.stop()
    written = list(read(path))
    assert [one.lost for one in written] == [False, True, *[False] * 5]
    assert ["seen" in one.comment for one in written] == [True, False, True, True, *[False] * 3]


@pytest.mark.parametrize("delay", [[], ["from-guest delay 5ms"]])
@pytest.mark.parametrize(
    ("change", "pieces"),
    [("corrupt", 1), ("truncate 60", 1), ("duplicate", 2), ("fragment 200", 2)],
)
def test_a_frame_is_lost_in_the_capture_where_nothing_of_it_comes(
    tmp_path: Path, change: str, pieces: int, delay: list[str]
) -> None:
    """Whatever the rules before have made of it."""
    for lost in range(1, pieces + 1):
        path = tmp_path / f"{lost}.pcapng"
        net = Net(f"from-guest {change}", *delay, f"from-guest first {lost} drop")
        net.capture.start(path)
        net.turn([tcp("A", bytes(300)), tcp("A", bytes(300))])
        net.card.time = 1.0
        net.turn()
        assert len(net.got) == 2 * pieces - lost
        assert [one.lost for one in read(path)] == [lost == pieces, False]


def test_the_capture_waits_for_what_a_turn_does_not_take(tmp_path: Path) -> None:
    """So that what the router says of it is in there."""
    path = tmp_path / "x.pcapng"
    net = Net("from-guest duplicate")
    net.capture.start(path)
    net.card.waiting = [tcp("A"), tcp("S")]
    for _ in range(2):
        for _, frame in net.link.receive(2):
            net.notices.comments.add(frame, "seen")
        net.link.done(0.0, None)
    net.capture.stop()
    assert ["seen" in one.comment for one in read(path)] == [True, True]


def test_a_capture_that_begins_later_sees_everything(tmp_path: Path) -> None:
    """Through all the wrappers: none keeps to what the others were when it was made."""
    path = tmp_path / "x.pcap"
    card, notices = FakeLink(), Notices(lambda level, text: None)
    with stacked(card, Config(seed=1), notices, lint=True) as stack:
        stack.capture.start(path)
        card.waiting = [tcp("S")]
        stack.link.receive(10)
        stack.link.send([tcp("SA")])
        stack.link.done(0.0, None)
        with RawPcapReader(str(path)) as reader:
            assert [data for data, _ in reader] == [tcp("S"), tcp("SA")]


def dropped(net: Net, *rules: Rule) -> dict[str, tuple[int, dict[str, int]]]:
    """What is put down to the guest and to the wire, where the router drops what came for these."""
    for frame in net.got:
        net.notices.comments.deal_with(frame)
        for rule in rules:
            net.notices.drop(rule, "x", 0.0)
    return {one.rule.code: (one.count, dict(one.because)) for one in net.notices.verdict}


def test_what_the_wire_has_spoilt_is_not_put_down_to_the_guest() -> None:
    net = Net("from-guest corrupt nth 1")
    net.turn(from_guest=[tcp("A", b"hello"), tcp("A", b"hello")])
    assert dropped(net, CHECKSUM) == {"TCP001": (1, {"impair rule 1": 1})}
    assert net.lines[-2:] == [
        "dropped: TCP001 tcp checksum: x; because of impair rule 1",
        "dropped: TCP001 tcp checksum: x",
    ]


def test_what_is_said_of_a_copy_is_not_put_down_to_the_guest_again() -> None:
    net = Net("from-guest duplicate")
    net.turn(from_guest=[tcp("A", b"hello")])
    assert dropped(net, NO_FLOW, CHECKSUM) == {
        "TCP004": (1, {"impair rule 1": 1}),
        "TCP001": (1, {"impair rule 1": 1}),
    }


def test_fragments_explain_nothing() -> None:
    net = Net("from-guest fragment 200")
    net.turn(from_guest=[tcp("A", bytes(300))])
    assert dropped(net, CHECKSUM) == {"TCP001": (2, {})}


def test_what_is_overtaken_is_late() -> None:
    net = Net("from-guest delay 5ms nth 1")
    net.turn(from_guest=[tcp("A", b"1"), tcp("A", b"2")])
    net.card.time = 1.0
    net.turn()
    assert dropped(net, NO_FLOW) == {"TCP004": (1, {"impair rule 1": 1})}
