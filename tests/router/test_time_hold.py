"""When guest time may not outrun wall time, and when it is free again."""

from __future__ import annotations

import errno

import pytest
from scapy.layers.dns import DNS, DNSQR

from pynat.config import Config, TimePolicy
from pynat.nat.messages import (
    EchoReply,
    Resolve,
    Resolved,
    TcpConnected,
    TcpEof,
    TcpFailed,
    TcpReceived,
    UdpReceived,
)
from pynat.nat.time_hold import MAX_ANSWER_TIME
from pynat.testing.lab import Lab
from pynat.testing.script import TcpScript, established, introduce
from tests.frames import ROUTER, ping, udp

REMOTE = bytes((192, 0, 2, 7))
MSS = 1460


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    introduce(lab)
    return lab


def held_for(lab: Lab) -> float:
    """Seconds from now; 0 = free."""
    return max(0.0, round(lab.router.hold_until(lab.now) - lab.now, 6))


def test_what_the_router_answers_itself_holds_nothing(lab: Lab) -> None:
    lab.from_guest(ping(ROUTER))
    lab.from_guest(udp("255.255.255.255", 1900, b"ssdp"))
    assert held_for(lab) == 0


def test_a_connect_holds_until_it_succeeds_or_fails(lab: Lab) -> None:
    flow = TcpScript(lab)
    flow.guest("S 0:0(0)")
    assert held_for(lab) == MAX_ANSWER_TIME
    flow.host(TcpFailed(1, errno.ECONNREFUSED))
    assert held_for(lab) == 0
    flow.guest("S 0:0(0)")
    flow.host(TcpConnected(2))
    assert held_for(lab) == Config().patience


def test_unanswered_data_holds_until_the_answer_and_a_little_longer(lab: Lab) -> None:
    flow = established(lab)
    lab.wait(5)
    assert held_for(lab) == 0
    flow.guest("P. 1:6(5) ack 1")
    assert held_for(lab) == MAX_ANSWER_TIME
    lab.wait(2)
    flow.host_says(b"answer")
    assert held_for(lab) == Config().patience
    flow.guest(". 6:6(0) ack 7")
    lab.wait(1.5)
    assert held_for(lab) == 0


def test_what_lies_here_for_the_guest_is_its_turn(lab: Lab) -> None:
    """A guest that is slower than its emulator would otherwise wait in each of its steps."""
    flow = established(lab)
    flow.guest("P. 1:6(5) ack 1")
    flow.host_says(bytes(3 * MSS))
    assert held_for(lab) == 0
    flow.guest(f". 6:6(0) ack {1 + 2 * MSS}")
    assert held_for(lab) == Config().patience
    flow.guest(f". 6:6(0) ack {1 + 3 * MSS}")
    assert held_for(lab) == Config().patience


def test_a_guest_that_sends_on_has_its_turn_until_it_pushes(lab: Lab) -> None:
    flow = established(lab)
    flow.guest(f". 1:{1 + MSS}({MSS}) ack 1")
    assert held_for(lab) == 0
    flow.guest(f"P. {1 + MSS}:{1 + 2 * MSS}({MSS}) ack 1")
    assert held_for(lab) == MAX_ANSWER_TIME


@pytest.mark.parametrize("length", [100, 1000])
def test_a_guest_that_never_pushes_ends_with_a_segment_that_is_not_full(
    length: int, lab: Lab
) -> None:
    flow = established(lab)
    flow.guest(f". 1:{1 + length}({length}) ack 1")
    assert held_for(lab) == MAX_ANSWER_TIME


def test_a_host_that_does_not_read_is_waited_for(lab: Lab) -> None:
    flow = established(lab)
    lab.room = 100
    flow.guest(f". 1:{1 + MSS}({MSS}) ack 1")
    assert held_for(lab) == MAX_ANSWER_TIME


def test_a_flow_that_is_closed_holds_nothing(lab: Lab) -> None:
    flow = established(lab)
    flow.guest("P. 1:6(5) ack 1")
    flow.guest("R. 6:6(0) ack 1")
    assert held_for(lab) == 0


def test_one_flow_is_held_for_beside_another(lab: Lab) -> None:
    first, second = established(lab), TcpScript(lab, guest_port=40_001)
    first.guest("P. 1:6(5) ack 1")
    second.guest("S 0:0(0) <mss 1460>")
    second.host(TcpConnected(2))
    second.to_guest()
    second.guest(". 1:1(0) ack 1")
    lab.from_host(TcpReceived(2, bytes(3 * MSS)))
    assert held_for(lab) == MAX_ANSWER_TIME


def test_files_come_at_once(lab: Lab) -> None:
    lab.from_guest(udp(ROUTER, 69, b"\0\1kernel\0octet\0"))
    assert held_for(lab) == 0


def test_an_end_is_an_answer(lab: Lab) -> None:
    flow = established(lab)
    flow.guest("P. 1:6(5) ack 1")
    flow.host(TcpEof(1))
    assert held_for(lab) == 0


def test_nothing_is_awaited_from_a_host_that_has_ended(lab: Lab) -> None:
    flow = established(lab)
    flow.host(TcpEof(1))
    flow.guest("F. 1:6(5) ack 2")
    assert held_for(lab) == 0


def test_our_own_retransmissions_hold_nothing(lab: Lab) -> None:
    flow = established(lab)
    flow.host_says(b"to a guest that is busy elsewhere")
    lab.wait(30)
    assert len(flow.to_guest()) > 3
    assert held_for(lab) == 0


def test_a_datagram_holds_until_an_answer(lab: Lab) -> None:
    lab.from_guest(udp("192.0.2.7", 9, b"question"))
    assert held_for(lab) == MAX_ANSWER_TIME
    lab.from_host(UdpReceived(1, (REMOTE, 9), b"answer"))
    assert held_for(lab) == Config().patience


def test_a_ping_holds_until_the_reply(lab: Lab) -> None:
    lab.from_guest(ping("192.0.2.7"))
    assert held_for(lab) == MAX_ANSWER_TIME
    lab.from_host(EchoReply(1, REMOTE, 7, 3, b""))
    assert held_for(lab) == 0


def test_a_dns_question_holds_for_as_long_as_it_takes(lab: Lab) -> None:
    lab.from_guest(udp(ROUTER, 53, bytes(DNS(rd=1, qd=DNSQR(qname="far.test")))))
    (question,) = lab.to_host()
    assert isinstance(question, Resolve)
    lab.wait(3)
    assert held_for(lab) == MAX_ANSWER_TIME
    lab.from_host(Resolved(question.query_id, None))
    assert held_for(lab) == 0


def test_nobody_is_waited_for_for_ever(lab: Lab) -> None:
    lab.from_guest(udp("192.0.2.7", 9, b"to a host that never answers"))
    lab.wait(MAX_ANSWER_TIME + 1)
    assert held_for(lab) == 0


@pytest.mark.parametrize("config", [Config(time=TimePolicy.NEVER), Config(hermetic=True)])
def test_where_time_is_never_held_nobody_counts(config: Config) -> None:
    lab = Lab(config)
    introduce(lab)
    flow = established(lab)
    flow.guest("P. 1:6(5) ack 1")
    lab.from_guest(udp("192.0.2.7", 9, b"question"))
    assert held_for(lab) == 0
