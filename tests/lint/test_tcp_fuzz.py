"""Whatever comes, in whatever order: nothing raises, and no more than so many flows are kept."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from pynat.lint.frame import Frame, decode
from pynat.lint.tcp import checker
from pynat.lint.tcp.checker import TcpChecker
from pynat.wire import ethernet, ipv4, tcp
from pynat.wire.tcp import Options, Segment

GUEST, PEER = bytes((192, 168, 16, 2)), bytes((192, 0, 2, 7))
MAC = b"\x02" * 6
NUMBERS = (0, 1, 2, 100, 1461, 2**16, 2**20, 2**31, 2**32 - 1)
FLAGS = (0x02, 0x12, 0x10, 0x10, 0x10, 0x18, 0x11, 0x04, 0x14, 0x30, 0x00, 0x3F)


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


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32))
def test_nothing_raises(seed: int) -> None:
    dice = Random(seed)
    looker = TcpChecker(flows=4)
    now = 0.0
    for _ in range(80):
        now += dice.choice((0.0, 0.001, 0.3, 5.0, 100.0))
        port = dice.randrange(50_000, 50_006)
        one = segment(dice, port)
        if dice.random() < 0.5:
            found = looker.from_guest(_decoded(frame(GUEST, PEER, one), now))
        else:
            one.source, one.destination = one.destination, one.source
            found = looker.to_guest(_decoded(frame(PEER, GUEST, one), now))
        for finding in found:
            assert finding.text, f"seed {seed}"
        assert len(looker) <= 4, f"seed {seed}"


def test_flows_that_ended_are_forgotten() -> None:
    looker = TcpChecker()
    for port in range(1024, 1124):
        _opened_and_reset(looker, port, now=0.0)
    assert len(looker) == 100
    _opened_and_reset(looker, 60_000, now=checker.TIME_WAIT + 1)
    assert len(looker) == 1


def _opened_and_reset(looker: TcpChecker, port: int, now: float) -> None:
    for one in (
        Segment(port, 80, 0, 0, tcp.SYN, 1000),
        Segment(80, port, 0, 1, tcp.SYN | tcp.ACK, 1000),
        Segment(port, 80, 1, 1, tcp.ACK, 1000),
        Segment(port, 80, 1, 1, tcp.RST | tcp.ACK, 0),
    ):
        if one.source == port:
            looker.from_guest(_decoded(frame(GUEST, PEER, one), now))
        else:
            looker.to_guest(_decoded(frame(PEER, GUEST, one), now))


def _decoded(data: bytes, now: float) -> Frame:
    found = decode(data, now)
    assert found is not None
    return found
