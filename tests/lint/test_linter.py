"""The linter over anything: it never raises, and a fault of its own costs nobody the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from scapy.layers.inet import TCP

from pynat.config import Config
from pynat.link.lint import LintLink
from pynat.lint.frame import Finding
from pynat.lint.linter import Linter
from pynat.lint.span import Span
from pynat.log.notices import Notices
from pynat.rules import RULES
from pynat.wire import dhcp
from pynat.wire.dhcp import Message
from tests.frames import ip, mended, ping
from tests.fuzzing import seeded
from tests.lint import test_growth as frames
from tests.lint.examples import CLEAN, EXAMPLES, collect
from tests.spoiling import spoilt

collect()


def test_of_spoilt_conversations_every_finding_is_one_line() -> None:
    """With checksums that are mostly right, or no rule but those would be met."""
    dice, found = seeded(1), Counter[str]()
    guests = dice.sample(EXAMPLES + CLEAN, 250)
    for conversation in [one.run().seen for one in guests] * 8:
        linter = Linter(Config())
        for now, frame, from_guest, _ in conversation:
            data = spoilt(frame, dice) if dice.randrange(2) else frame
            look = linter.from_guest if from_guest else linter.to_guest
            for finding in look(mended(data) if dice.randrange(8) else data, now):
                assert finding.text.isprintable()
                found[finding.rule.code] += 1
    assert found.keys() < {rule.code for rule in RULES}
    assert len(found) > 80


@pytest.mark.parametrize("code", [dhcp.LEASE, dhcp.T1, dhcp.T2])
@pytest.mark.parametrize("size", [0, 1, 5, 200])
def test_a_time_of_another_length_is_left_out(code: int, size: int) -> None:
    """It makes a number that is too large for a float."""
    linter = Linter(Config())
    mac, guest, router = frames.GUEST, frames.A, frames.B
    asks, grants = (
        dhcp.encode(Message(op, 1, mac, yiaddr=address, options=options))[0]
        for op, address, options in (
            (dhcp.REQUEST, dhcp.ZERO, {dhcp.KIND: bytes((dhcp.ASK,))}),
            (dhcp.REPLY, guest, {dhcp.KIND: bytes((dhcp.ACK,)), code: b"\xff" * size}),
        )
    )
    asked = frames.datagram(dhcp.ZERO, frames.ALL, (68, 67), asks)
    granted = frames.datagram(router, guest, (67, 68), grants)
    other = frames.datagram(guest, router, (9, 9), b"x" * 40)
    linter.from_guest(frames.from_guest(asked), 1.0)
    linter.to_guest(frames.to_guest(granted), 1.1)
    assert not codes(linter.from_guest(frames.from_guest(other), 1e6), "DHCP")


def codes(found: list[Finding], area: str) -> list[str]:
    return [one.rule.code for one in found if one.rule.code.startswith(area)]


class FakeLink:
    doorbell, closing, speed = -1, False, 0
    refuses_since = None
    resets = 0
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


@pytest.mark.parametrize("resets", [True, False])
def test_a_new_machine_may_begin_as_the_one_before(resets: bool) -> None:
    """With the same number, which otherwise is found."""
    linter = Linter(Config())
    found: list[Finding] = []
    for port in range(4000, 4006):
        head = TCP(sport=port, dport=80, seq=7, flags="S", options=[("MSS", 1460)])
        found += linter.from_guest(bytes(ip("192.0.2.7", id=port) / head), float(port))
        if resets:
            linter.reset()
    assert bool(codes(found, "TCP039")) is not resets
