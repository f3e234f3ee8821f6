"""A day of TCP in virtual time: nothing stays behind, and no clock or number runs out."""

from __future__ import annotations

from random import Random

import pytest

from pynat.config import Config, Tcp
from pynat.nat.messages import TcpEof, TcpFailed
from pynat.testing.lab import Lab
from pynat.testing.script import established, introduce, pattern

DAY = 86_400.0
FLOWS = 200


def run_one(lab: Lab, dice: Random, port: int) -> None:
    """A connection that ends in one of the ways that connections end."""
    introduce(lab)
    flow = established(lab, "S 0:0(0) <mss 1460,sackOK,TS val 1 ecr 0>", guest_port=port)
    flow.number = next(f.number for f in lab.router.tcp.flows() if f.four_tuple.guest[1] == port)
    flow.guest(". 11:21(10) ack 1 <TS val 1 ecr 0>")  # and what is before it never comes
    flow.host_says(pattern(100))
    match dice.randrange(5):
        case 0:
            flow.guest("R 1:1(0)")
        case 1:
            flow.host(TcpFailed(flow.number, 104))  # the guest is gone: retransmissions end it
        case 2:
            flow.host(TcpEof(flow.number))  # the same
        case 3:
            flow.guest(". 1:1(0) ack 101 <TS val 2 ecr 0>")
            flow.host(TcpEof(flow.number))
            flow.guest("FP. 1:11(10) ack 102 <TS val 3 ecr 0>")
        case 4:
            pass  # idle to the end
    flow.packets()


def test_a_day_leaves_nothing_behind() -> None:
    lab = Lab()
    dice = Random(3)
    sizes = set()
    for number in range(FLOWS):
        run_one(lab, dice, 1024 + number % 50)  # ports come again and again
        lab.wait(DAY / FLOWS)
        lab.to_guest()
        sizes.add(len(lab.router.tcp))
    assert max(sizes) < 20
    lab.wait(700)
    assert len(lab.router.tcp) == 0
    table = lab.router.tcp
    assert not table._by_number
    assert not table._touched
    assert not table._lingering
    assert lab.router.hold_until(lab.now) <= lab.now


@pytest.mark.parametrize("isn", [2**32 - 3000, 2**31 - 3000])
def test_numbers_wrap_in_both_directions(isn: int) -> None:
    flow = established(Lab(Config(tcp=Tcp(isn=isn))), isn=isn)
    received = b""
    flow.host_says(pattern(40_000))
    while new := flow.payload():
        received += new
        flow.guest(f". 1:1(0) ack {1 + len(received)}")
    assert received == pattern(40_000)
    for seq in range(1, 40_001, 1000):
        flow.guest(f"P. {seq}:{seq + 1000}(1000) ack 40001")
    assert flow.lab.host_bytes[1] == pattern(40_000)


def test_the_clock_of_the_timestamps_wraps() -> None:
    """2**32 ms are 49.7 days."""
    lab = Lab()
    lab.now = 2**32 / 1000 - 1
    flow = established(lab, "S 0:0(0) <mss 1460,TS val 4294967290 ecr 0>")
    stamps = []
    for number in range(5):
        value = (4294967290 + number * 4) % 2**32
        flow.guest(f"P. {1 + number}:{2 + number}(1) ack 1 <TS val {value} ecr 0>")
        (packet,) = flow.packets()
        stamps.append(dict(packet["TCP"].options)["Timestamp"])
        lab.wait(1)
    assert lab.host_bytes[1] == pattern(5)
    assert [echo for _, echo in stamps] == [(4294967290 + n * 4) % 2**32 for n in range(5)]
    assert (stamps[-1][0] - stamps[0][0]) % 2**32 == 4000


def test_a_quiet_connection_costs_no_wake_up() -> None:
    lab = Lab()
    flow = established(lab)
    flow.guest("P. 1:6(5) ack 1")
    flow.to_guest()
    last = lab.now
    lab.wait(1)
    assert lab.router.next_timer() == pytest.approx(last + 600)


def test_many_flows_are_looked_at_only_when_something_happens() -> None:
    lab = Lab()
    flows = [established(lab, guest_port=2000 + number) for number in range(50)]
    flows[7].guest("P. 1:6(5) ack 1")
    assert not lab.router.tcp._touched
    assert len(lab.to_guest()) == 1
    lab.router.on_timer(lab.now)
    assert not lab.router.tcp._touched
