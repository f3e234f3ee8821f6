"""Whatever comes, in whatever order: nothing raises, and no more than so many flows are kept."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from pynat.lint.frame import Frame, decode
from pynat.lint.tally import Tally
from pynat.lint.tcp import checker
from pynat.lint.tcp.checker import TcpChecker
from pynat.wire import ethernet, ipv4, tcp
from pynat.wire.tcp import Options, Segment
from tests.fuzzing import seeds

GUEST, PEER = bytes((192, 168, 16, 2)), bytes((192, 0, 2, 7))
MAC = b"\x02" * 6
NUMBERS = (0, 1, 2, 100, 1461, 2**16, 2**20, 2**31, 2**32 - 1)
OPENS = {True: 0x02, False: 0x12}
GOES_ON = (0x10, 0x10, 0x10, 0x18, 0x18, 0x18, 0x18, 0x11)
FLAGS = (0x02, 0x12, 0x10, 0x10, 0x10, 0x18, 0x11, 0x04, 0x14, 0x30, 0x00, 0x3F)


PORTS = (*range(50_000, 50_006), 50_000, 50_000, 50_000)


class Talk:
    """What goes on in one connection, and whatever else may be said in it."""

    def __init__(self) -> None:
        self.next = {True: 0, False: 0}  # sequence numbers, of the guest and of the other one

    def segment(self, dice: Random, port: int, *, from_guest: bool) -> Segment:
        one = segment(dice, port)
        if dice.random() < 0.8:
            one.seq, one.ack = self.next[from_guest], self.next[not from_guest]
            one.flags = dice.choice(GOES_ON) if one.seq else OPENS[from_guest]
            one.options = one.options if dice.random() < 0.3 else Options()
        self.next[from_guest] = (one.seq + one.length) % 2**32
        if not from_guest:
            one.source, one.destination = one.destination, one.source
        return one


def segment(dice: Random, port: int) -> Segment:
    stamps = (dice.choice(NUMBERS), dice.choice(NUMBERS)) if dice.random() < 0.3 else None
    sack = ((dice.choice(NUMBERS), dice.choice(NUMBERS)),) if dice.random() < 0.2 else ()
    syn = dice.random() < 0.5
    options = Options(
        dice.choice((None, 0, 536, 1460, 65_535)) if syn else None,
        dice.choice((None, 0, 7, 255)) if syn else None,
        dice.random() < 0.3,
        sack,
        stamps,
    )
    data = bytes(dice.choice((0, 0, 1, 100, 1460)))
    numbers = dice.choice(NUMBERS), dice.choice(NUMBERS), dice.choice(FLAGS)
    return Segment(port, 80, *numbers, dice.choice((0, 1, 1000, 65_535)), data, options)


def frame(source: bytes, destination: bytes, one: Segment) -> bytes:
    payload = tcp.encode(source, destination, one)
    packet = ipv4.encode(source, destination, ipv4.TCP, payload)
    return ethernet.encode(MAC, MAC, ethernet.IPV4, packet)


def test_whatever_is_said_every_finding_is_one_line() -> None:
    found = Counter[str]()
    for seed in seeds(300):
        found += said(seed)
    assert len(found) > 35


def said(seed: int) -> Counter[str]:
    dice, found = Random(seed), Counter[str]()
    looker = TcpChecker(1500, Tally(), flows=4)
    talks = {port: Talk() for port in PORTS}
    now = 0.0
    for _ in range(80):
        now += dice.choice((0.0, 0.001, 0.3, 5.0, 100.0))
        port, from_guest = dice.choice(PORTS), dice.random() < 0.5
        one = talks[port].segment(dice, port, from_guest=from_guest)
        look, ends = (
            (looker.from_guest, (GUEST, PEER)) if from_guest else (looker.to_guest, (PEER, GUEST))
        )
        for finding in look(_decoded(frame(*ends, one), now)):
            assert finding.text.isprintable(), f"seed {seed}"
            found[finding.rule.code] += 1
        assert len(looker) <= 4, f"seed {seed}"
    return found


ACK_FIN = tcp.ACK | tcp.FIN
ENDS = {
    "the guest resets it": (("guest", tcp.RST | tcp.ACK, 1, 1),),
    "the other end resets it": (("peer", tcp.RST | tcp.ACK, 1, 1),),
    "the guest closes it last": (
        ("peer", ACK_FIN, 1, 1),
        ("guest", ACK_FIN, 1, 2),
        ("peer", tcp.ACK, 2, 2),
    ),
    "the other end closes it last": (
        ("guest", ACK_FIN, 1, 1),
        ("peer", ACK_FIN, 1, 2),
        ("guest", tcp.ACK, 2, 2),
    ),
}
Said = tuple[str, int, int, int]  # by whom, flags, number and acknowledgement


@pytest.mark.parametrize("end", ENDS.values(), ids=list(ENDS))
def test_flows_that_ended_are_forgotten(end: tuple[Said, ...]) -> None:
    looker = TcpChecker(1500, Tally())
    for port in range(1024, 1124):
        _opened_and(end, looker, port, now=0.0)
    assert len(looker) == 100
    _opened_and((), looker, 60_000, now=checker.TIME_WAIT + 1)
    assert len(looker) == 1


def test_flows_that_are_open_are_not_forgotten() -> None:
    looker = TcpChecker(1500, Tally())
    _opened_and((), looker, 1024, now=0.0)
    _opened_and((), looker, 60_000, now=checker.TIME_WAIT + 1)
    assert len(looker) == 2


def _opened_and(end: tuple[Said, ...], looker: TcpChecker, port: int, now: float) -> None:
    begin = (("guest", tcp.SYN, 0, 0), ("peer", tcp.SYN | tcp.ACK, 0, 1), ("guest", tcp.ACK, 1, 1))
    for who, flags, seq, ack in begin + end:
        if who == "guest":
            one = Segment(port, 80, seq, ack, flags, 1000)
            looker.from_guest(_decoded(frame(GUEST, PEER, one), now))
        else:
            one = Segment(80, port, seq, ack, flags, 1000)
            looker.to_guest(_decoded(frame(PEER, GUEST, one), now))


def _decoded(data: bytes, now: float) -> Frame:
    found = decode(data, now)
    assert found is not None
    return found
