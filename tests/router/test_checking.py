"""When a guest of a hermetic network is asked on purpose, and when no more."""

from __future__ import annotations

import pytest

from pynat.router.checking import AGAIN, PAUSE, RETRY, STIR, TRIES, Checks
from pynat.router.probes import PROBES, Probe, nobody
from pynat.timers import Timers

GUEST = bytes((192, 168, 16, 2))
STRANGER, OTHER, THIRD = (bytes((192, 168, 16, last)) for last in (254, 253, 252))
NOBODIES = [nobody(GUEST), STRANGER, OTHER]


class Wire:
    """What goes out, at its times; the guest's answers are put in by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers = Timers()
        self.asked: list[bytes] = []
        self.sent: list[int] = []
        self.direct: list[bool] = []
        self.spare = [STRANGER, OTHER, THIRD]
        self.askers: list[bytes] = []
        self.checks = Checks(self.timers, self._ask, self._spare, self._send)

    def _ask(self, address: bytes, direct: bool) -> None:
        self.asked.append(address)
        self.direct.append(direct)

    def _spare(self) -> list[bytes]:
        return self.spare

    def _send(
        self, address: bytes, asker: bytes | None, probe: Probe, number: int, now: float
    ) -> None:
        assert (address, probe, now) == (GUEST, PROBES[number - 1], self.now)
        assert (asker is None) == (probe.stranger is None)
        self.sent.append(number)
        self.askers += [asker] if asker else []

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.timers.next()) is not None and due <= end:
            self.now = max(self.now, due)
            self.timers.run(self.now)
        self.now = end

    def heard(self) -> None:
        self.checks.heard(GUEST, self.now)
        self.wait(RETRY)

    def answers(self, number: int) -> None:
        self.checks.replied(GUEST, number, self.now)


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_who_does_not_answer_arp_gets_nothing_else(wire: Wire) -> None:
    wire.heard()
    wire.wait(AGAIN / 2)
    assert wire.asked == [GUEST] * TRIES
    wire.checks.answered(bytes((192, 168, 16, 3)), wire.now)
    assert wire.sent == []


def test_who_answers_only_what_goes_to_its_card_is_asked_once_more(wire: Wire) -> None:
    wire.heard()
    wire.wait(2 * RETRY)
    assert wire.direct == [False, False, True]
    wire.checks.answered(GUEST, wire.now)
    assert wire.sent == []
    wire.wait(2 * RETRY)
    assert wire.direct == [False, False, True, False, True]
    wire.checks.answered(GUEST, wire.now)
    assert wire.sent == [1]


def test_without_probes_who_answers_arp_gets_nothing_else() -> None:
    wire = Wire()
    wire.checks = Checks(wire.timers, wire._ask, wire._spare, None)
    wire.heard()
    wire.checks.answered(GUEST, wire.now)
    wire.wait(AGAIN / 2)
    assert wire.asked == [GUEST]


def test_who_answers_no_plain_ping_is_stirred_once_and_gets_no_other(wire: Wire) -> None:
    wire.heard()
    wire.checks.answered(GUEST, wire.now)
    assert wire.asked == [GUEST, *NOBODIES]
    wire.wait(STIR)
    assert wire.asked == [GUEST, *NOBODIES, GUEST]
    wire.wait(AGAIN / 2)
    assert len(wire.asked) == 5
    assert wire.sent == [1]


def test_an_answer_that_the_stir_brings_goes_on(wire: Wire) -> None:
    wire.heard()
    wire.checks.answered(GUEST, wire.now)
    wire.wait(STIR)
    wire.answers(1)
    wire.wait(PAUSE)
    assert wire.sent == [1, 2, 3]


def test_an_answer_brings_the_next_one_at_once_and_no_answer_after_a_pause(wire: Wire) -> None:
    wire.heard()
    wire.checks.answered(GUEST, wire.now)
    wire.answers(1)
    assert wire.sent == [1, 2]
    wire.answers(1)  # once more, which means nothing
    wire.wait(PAUSE / 2)
    assert wire.sent == [1, 2]
    wire.wait(PAUSE / 2)
    assert wire.sent == [1, 2, 3]


def test_each_is_sent_once_and_a_minute_later_a_plain_ping_alone(wire: Wire) -> None:
    wire.heard()
    wire.checks.answered(GUEST, wire.now)
    for number in range(1, len(PROBES) + 1):
        wire.answers(number)
    assert wire.sent == list(range(1, len(PROBES) + 1))
    wire.heard()
    assert len(wire.asked) == 4
    wire.wait(AGAIN)
    wire.heard()
    wire.checks.answered(GUEST, wire.now)
    wire.answers(len(PROBES))
    wire.wait(AGAIN / 2)
    assert wire.asked == [GUEST, *NOBODIES, GUEST]
    assert wire.sent[len(PROBES) :] == [len(PROBES)]


def test_a_guest_that_was_away_goes_on_where_it_has_stopped(wire: Wire) -> None:
    wire.heard()
    wire.checks.answered(GUEST, wire.now)
    _, second, *_ = (number for number, one in enumerate(PROBES, 1) if one.waits)
    for number in range(1, second):
        wire.answers(number)
    wire.wait(AGAIN)
    so_far = list(range(1, second + 1))
    assert wire.sent == so_far
    wire.heard()
    wire.checks.answered(GUEST, wire.now)
    wire.answers(second)
    assert wire.sent == [*so_far, second, second + 1]


def test_two_pings_each_come_from_two_addresses_at_which_nobody_is(wire: Wire) -> None:
    wire.heard()
    wire.checks.answered(GUEST, wire.now)
    wire.answers(1)
    wire.wait(5 * PAUSE)
    assert wire.askers == [STRANGER, STRANGER, OTHER, OTHER]


@pytest.mark.parametrize("spare", [[STRANGER], [OTHER], []])
def test_none_comes_from_where_somebody_is_heard_of_meanwhile(
    wire: Wire, spare: list[bytes]
) -> None:
    wire.heard()
    wire.checks.answered(GUEST, wire.now)
    wire.spare = spare
    wire.answers(1)
    wire.wait(5 * PAUSE)
    assert wire.askers == [one for one in spare for _ in range(2)]
    assert wire.sent[1 + len(wire.askers)] == 6  # goes on with what comes from the router
