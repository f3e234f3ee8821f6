"""What one turn can hold: several segments and events before anything is answered.

The engine feeds up to 512 frames before it asks for actions and answers, so a flow may end and be
spoken to again in between.
"""

from __future__ import annotations

import errno
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from pynat.config import Config, Forward, Transport
from pynat.nat.messages import (
    CloseFlow,
    TcpAdopt,
    TcpConnect,
    TcpConnected,
    TcpEof,
    TcpFailed,
    TcpIncoming,
    TcpShutdown,
    TcpWritable,
    UdpAnswer,
    UdpIncoming,
)
from pynat.testing.lab import Lab
from pynat.testing.script import TcpScript, established, introduce, pattern, syn_received
from tests.frames import ROUTER, udp

LOOPBACK = bytes((127, 0, 0, 1))


def feed(flow: TcpScript, *texts: str) -> None:
    """All in one turn."""
    lab = flow.lab
    for text in texts:
        lab.router.from_guest(bytes(flow._frame(text, None)), lab.now)
    lab._turn()


def test_a_late_fin_behind_a_reset_is_of_no_connection() -> None:
    flow = established(Lab())
    feed(flow, "R. 1:1(0) ack 1", "F. 1:2(0) ack 1")
    assert flow.to_host() == [CloseFlow(1, reset=True)]
    assert flow.to_guest() == ["R 1:1(0)"]
    assert flow.lab.drops == {"tcp no flow": 1}


def test_a_connect_that_succeeds_after_the_guest_gave_up_opens_nothing() -> None:
    flow = TcpScript(Lab())
    flow.guest("S 0:0(0)")
    flow.to_host()
    lab = flow.lab
    lab.router.from_guest(bytes(flow._frame("R 1:1(0)", None)), lab.now)
    lab.router.from_host(TcpConnected(1), lab.now)
    lab._turn()
    assert flow.to_guest() == []
    assert flow.to_host() == [CloseFlow(1)]


def test_a_syn_behind_a_reset_opens_a_new_flow() -> None:
    flow = syn_received(Lab())
    flow.to_host()
    feed(flow, "S 0:0(0)", "R 1:1(0)", "S 0:0(0)")
    assert flow.to_guest() == []
    assert flow.to_host() == [
        CloseFlow(1, reset=True),
        TcpConnect(2, (bytes((192, 0, 2, 7)), 80)),
    ]


def test_an_acknowledgement_that_is_due_is_not_forgotten() -> None:
    flow = established(Lab())
    feed(flow, "P. 5:15(10) ack 1", "R. 900000:900000(0) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 1"]


def test_undelivered_data_is_never_the_end_of_a_flow() -> None:
    flow = established(Lab())
    flow.lab.room = 0
    flow.host(TcpEof(1))
    flow.guest(". 1:1(0) ack 2")
    flow.guest("FP. 1:1002(1000) ack 2")
    flow.lab.wait(300)
    assert not any(isinstance(action, CloseFlow) for action in flow.to_host())
    flow.lab.room = None
    flow.host(TcpWritable(1))
    assert flow.lab.host_bytes[1] == pattern(1000)
    assert flow.to_host()[-2:] == [TcpShutdown(1), CloseFlow(1)]


def test_undelivered_data_that_idles_away_is_a_reset_for_both() -> None:
    flow = established(Lab())
    flow.lab.room = 0
    flow.host(TcpEof(1))
    flow.guest(". 1:1(0) ack 2")
    flow.guest("FP. 1:1002(1000) ack 2")
    flow.lab.wait(601)
    assert CloseFlow(1, reset=True) in flow.to_host()
    assert flow.to_guest()[-1].startswith("R.")


def test_a_socket_is_never_left_behind_by_a_reused_port() -> None:
    flow = established(Lab())
    flow.lab.room = 0
    flow.host(TcpEof(1))
    flow.guest(". 1:1(0) ack 2")
    flow.guest("FP. 1:1002(1000) ack 2")
    flow.to_host()
    TcpScript(flow.lab, isn=5_000_000).guest("S 0:0(0)")
    assert flow.to_host()[0] == CloseFlow(1, reset=True)


def test_what_came_before_the_hosts_failure_reaches_the_guest() -> None:
    flow = established(Lab())
    flow.host_says(pattern(40_000))
    received = flow.payload()
    flow.host(TcpFailed(1, errno.ECONNRESET))
    while len(received) < 40_000:
        flow.guest(f". 1:1(0) ack {1 + len(received)}")
        received += flow.payload()
    assert received == pattern(40_000)
    flow.guest(". 1:1(0) ack 40001")
    assert flow.to_guest() == ["R. 40001:40001(0) ack 1"]


def test_a_guest_that_restarted_resets_at_what_we_have_acknowledged() -> None:
    flow = established(Lab())
    flow.lab.room = 0
    flow.guest("P. 1:1001(1000) ack 1")
    flow.guest("R 1:1(0)")
    assert flow.to_host()[-1] == CloseFlow(1, reset=True)


def test_both_open_at_once() -> None:
    flow = _forwarded(Config())
    flow.to_guest()
    flow.guest("S 0:0(0) <mss 1460>")
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]
    flow.guest("S. 0:0(0) ack 1 <mss 1460>")
    assert flow.to_guest() == [". 1:1(0) ack 1"]


@pytest.mark.parametrize("loopback", [True, False])
def test_forwards_do_not_depend_on_host_loopback(loopback: bool) -> None:
    flow = _forwarded(Config(host_loopback=loopback))
    flow.to_guest()
    flow.guest("S. 0:0(0) ack 1 <mss 1460>")
    assert flow.to_guest() == [". 1:1(0) ack 1"]


def test_udp_forwards_do_not_depend_on_host_loopback() -> None:
    forward = Forward(Transport.UDP, IPv4Address("127.0.0.1"), 5353, None, 53)
    lab = Lab(Config(host_loopback=False, forwards=(forward,)))
    introduce(lab)
    lab.from_host(UdpIncoming(0, (LOOPBACK, 4444), b"question"))
    lab.from_guest(udp(ROUTER, 4444, b"answer", sport=53))
    assert lab.to_host() == [UdpAnswer(0, (LOOPBACK, 4444), b"answer")]


def test_a_window_that_flutters_is_not_answered_with_everything_again() -> None:
    flow = established(Lab())
    flow.host_says(pattern(5 * 1460))
    assert len(flow.to_guest()) == 5
    for _ in range(10):
        flow.guest(". 1:1(0) ack 1 win 0")
        flow.guest(". 1:1(0) ack 1 win 65535")
    assert len(flow.to_guest()) <= 1  # one fast retransmission at most


def test_closed_flows_leave_nothing_in_memory() -> None:
    lab = Lab()
    established(lab, guest_port=1)  # its idle timer is the earliest
    for port in range(2, 200):
        flow = established(lab, guest_port=port)
        flow.guest("R. 1:1(0) ack 1")
    assert len(lab.router.output.timers._heap) < 100


def _forwarded(config: Config) -> TcpScript:
    forward = Forward(Transport.TCP, IPv4Address("127.0.0.1"), 8080, None, 40_000)
    lab = Lab(replace(config, forwards=(forward,)))
    flow = TcpScript(lab, remote=ROUTER, remote_port=5555)
    flow.host(TcpIncoming(0, 9, (LOOPBACK, 5555)))
    flow.number = 1
    assert lab.to_host() == [TcpAdopt(9, 1)]
    return flow


def take(flow: TcpScript, *texts: str) -> None:
    """All in one turn, the way of the engine."""
    lab = flow.lab
    frames = [bytes(flow._frame(text, None)) for text in texts]
    at = 0
    while at < len(frames):
        at += lab.router.run_from_guest(frames, at, lab.now)
    lab._turn()


def test_the_window_of_segments_taken_together_is_that_of_the_last() -> None:
    """RFC 9293 3.10.7.4: SND.WL1 is looked at for each segment."""
    flow = established(Lab())
    flow.guest(". 1001:2001(1000) ack 1 win 0")
    repeated = [f". {seq}:{seq + 1000}(1000) ack 1 win 5000" for seq in (1, 1001, 2001)]
    take(flow, *repeated)
    (ours,) = flow.lab.router.tcp.flows()
    assert ours.sender.window == 5000


@pytest.mark.parametrize(
    "texts",
    [
        [". 1:1(0) ack 1"],
        [". 1:1(0) ack 1", "P. 1:41(40) ack 1"],
        [". 1:1001(1000) ack 1", ". 1001:2001(1000) ack 1"],
        [". 1:1(0) ack 2"],
        [". 1:1001(1000) ack 2", ". 1001:2001(1000) ack 2"],
        [". 70000:70000(0) ack 1"],
    ],
)
def test_what_answers_our_syn_is_the_same_by_the_short_way(texts: list[str]) -> None:
    short, long = (syn_received(Lab()) for _ in range(2))
    take(short, *texts)
    feed(long, *texts)
    assert short.to_guest(detail=True) == long.to_guest(detail=True)
    assert short.to_host() == long.to_host()
    assert short.lab.drops == long.lab.drops


def test_segments_taken_together_are_counted_one_by_one() -> None:
    flow = established(Lab())
    flow.guest("P. 1:1001(1000) ack 1")
    again = [f". {seq}:{seq + 100}(100) ack 1" for seq in range(1, 1001, 100)]
    take(flow, *again)
    assert flow.lab.drops == {}  # they may have crossed the acknowledgement
    take(flow, *again)
    assert flow.lab.drops == {"tcp duplicate": 10}
    take(flow, *again[5:], ". 1001:1101(100) ack 1", ". 1101:1201(100) ack 1")
    assert flow.lab.drops == {"tcp duplicate": 15}  # the last ones are new
    assert flow.lab.host_bytes[1] == pattern(1200)
