"""How a connection begins: from the guest, and from a host program through a forward."""

from __future__ import annotations

import errno
from dataclasses import replace
from ipaddress import IPv4Address
from itertools import pairwise

import pytest
from scapy.layers.inet import ICMP
from scapy.layers.l2 import Ether

from pynat.config import Config, Forward, Lint, ShownSource, Tcp, Transport
from pynat.nat.messages import (
    CloseFlow,
    TcpAdopt,
    TcpConnect,
    TcpConnected,
    TcpEof,
    TcpFailed,
    TcpIncoming,
    TcpRead,
    TcpSend,
    TcpShutdown,
)
from pynat.nat.time_hold import MAX_ANSWER_TIME
from pynat.testing.lab import Lab
from pynat.testing.linted import LintedLab
from pynat.testing.script import TcpScript, established, introduce, pattern, syn_received

WEB = Forward(Transport.TCP, IPv4Address("127.0.0.1"), 8080, None, 40_000)


def connecting(lab: Lab) -> TcpScript:
    flow = TcpScript(lab)
    flow.guest("S 0:0(0) <mss 1460>")
    return flow


def test_syn_ack_only_after_the_host_has_connected() -> None:
    flow = connecting(Lab())
    assert flow.to_host() == [TcpConnect(1, (bytes((192, 0, 2, 7)), 80))]
    flow.lab.wait(5)
    assert flow.to_guest() == []
    flow.host(TcpConnected(1))
    (syn_ack,) = flow.to_guest(detail=True)
    assert syn_ack.startswith("S. 0:1(0) ack 1 win 65535 <MSS 1460>")


def test_repeated_syn_while_connecting_opens_nothing_more() -> None:
    flow = connecting(Lab())
    flow.to_host()
    flow.guest("S 0:0(0) <mss 1460>")
    assert flow.to_host() == []
    assert flow.to_guest() == []


def test_repeated_syn_is_answered_at_once() -> None:
    flow = syn_received(Lab())
    flow.guest("S 0:0(0) <mss 1460>")
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]


def test_syn_ack_is_retransmitted_with_back_off_until_acknowledged() -> None:
    flow = syn_received(Lab())
    flow.lab.wait(0.9)
    assert flow.to_guest() == []
    flow.lab.wait(0.2)
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]
    flow.lab.wait(1.8)
    assert flow.to_guest() == []
    flow.lab.wait(0.2)
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]
    flow.guest(". 1:1(0) ack 1")
    flow.lab.wait(60)
    assert flow.to_guest() == []


def test_unanswered_syn_ack_gives_up_and_resets_both_sides() -> None:
    flow = syn_received(Lab())
    flow.lab.wait(300)
    introduce(flow.lab)  # its ARP still answers
    flow.lab.wait(300)
    assert CloseFlow(1, reset=True) in flow.to_host()
    assert flow.to_guest()[-1].startswith("R.")
    assert any("has not acknowledged our SYN-ACK, sent 13 times" in line for line in flow.lab.log)


def test_refused_becomes_rst() -> None:
    flow = connecting(Lab())
    flow.host(TcpFailed(1, errno.ECONNREFUSED))
    (rst,) = flow.packets()
    assert (str(rst["TCP"].flags), rst["TCP"].seq) == ("RA", 0)
    assert rst["TCP"].ack == flow.isn + 1


def test_a_host_without_ports_refuses_and_says_so() -> None:
    flow = connecting(Lab())
    flow.host(TcpFailed(1, errno.EADDRNOTAVAIL))
    (rst,) = flow.packets()
    assert str(rst["TCP"].flags) == "RA"
    assert flow.lab.drops == {"host sockets": 1}
    assert any("NET009" in line and "no free port" in line for line in flow.lab.log)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENETUNREACH, 0),
        (errno.EHOSTUNREACH, 1),
        (errno.ETIMEDOUT, 1),
        (errno.EACCES, 13),
        (errno.EPERM, 13),
    ],
)
def test_other_connect_errors_become_icmp_with_the_syn_quoted(number: int, code: int) -> None:
    flow = connecting(Lab())
    flow.host(TcpFailed(1, number))
    assert flow.to_guest() == []
    (error,) = flow.errors
    assert (error[ICMP].type, error[ICMP].code) == (3, code)
    assert error["TCP in ICMP"].dport == 80
    assert error["TCP in ICMP"].seq == flow.isn
    assert error["IP in ICMP"].dst == "192.0.2.7"


def test_what_comes_before_the_connection_is_open_is_counted() -> None:
    flow = connecting(Lab())
    flow.guest("P. 1:6(5) ack 1")
    assert flow.lab.drops == {"tcp before the connection is open": 1}
    assert flow.to_guest() == []


def test_rst_while_connecting_gives_up_the_connect() -> None:
    flow = connecting(Lab())
    flow.to_host()
    flow.guest("R 1:1(0)")
    assert flow.to_host() == [CloseFlow(1, reset=False)]


def test_reading_begins_when_the_guest_has_acknowledged() -> None:
    flow = syn_received(Lab())
    assert not any(isinstance(action, TcpRead) for action in flow.to_host())
    flow.guest(". 1:1(0) ack 1")
    assert flow.to_host() == [TcpRead(1, 179 * 1460, 1460)]  # whole segments of 256 KiB


def test_our_segments_respect_the_guests_mss() -> None:
    flow = established(Lab(), "S 0:0(0) <mss 500>")
    flow.host_says(bytes(1200))
    assert [len(p["TCP"].payload) for p in flow.packets()] == [500, 500, 200]


def test_without_an_mss_option_the_default_of_536_holds() -> None:
    flow = established(Lab(), "S 0:0(0)")
    flow.host_says(bytes(1000))
    assert flow.to_guest() == [". 1:537(536) ack 1", "P. 537:1001(464) ack 1"]


def test_our_mss_can_be_configured() -> None:
    config = Config(tcp=replace(Config().tcp, mss=1000))
    flow = syn_received(Lab(config))
    flow.guest("S 0:0(0) <mss 1460>")
    assert "<MSS 1000>" in flow.to_guest(detail=True)[0]


def test_window_scale_is_answered_only_if_offered() -> None:
    flow = TcpScript(Lab())
    flow.guest("S 0:0(0) <mss 1460,wscale 2>")
    flow.host(TcpConnected(1))
    assert "<WScale 3>" in flow.to_guest(detail=True)[0]
    flow.to_host()
    flow.guest(". 1:1(0) ack 1 win 730")
    flow.host_says(bytes(5000))
    assert len(flow.payload()) == 730 << 2


def test_a_segment_of_no_connection_gets_rst() -> None:
    flow = TcpScript(Lab())
    flow.guest(". 5:5(0) ack 9")
    (rst,) = flow.packets()
    assert (str(rst["TCP"].flags), rst["TCP"].seq) == ("R", 9)
    flow.guest("F 5:5(0)")
    (rst,) = flow.packets()
    assert (str(rst["TCP"].flags), rst["TCP"].ack) == ("RA", flow.isn + 6)
    flow.guest("R 5:5(0)")
    assert flow.packets() == []


def test_a_guest_that_restarted_gets_a_new_connection_on_the_same_port() -> None:
    flow = established(Lab())
    again = TcpScript(flow.lab, isn=77)
    again.guest("S 0:0(0) <mss 1460>")
    assert again.to_host() == [
        CloseFlow(1, reset=True),
        TcpConnect(2, (bytes((192, 0, 2, 7)), 80)),
    ]
    again.host(TcpConnected(2))
    assert again.to_guest() == ["S. 0:1(0) ack 1"]


def test_initial_sequence_numbers_differ_by_connection_and_repeat_by_seed() -> None:
    def numbers(seed: int) -> list[int]:
        lab = Lab(seed=seed)
        flows = [syn_received(lab, guest_port=port) for port in (40_000, 40_001)]
        return [flow.our_isn or 0 for flow in flows]

    assert len(set(numbers(1))) == 2
    assert numbers(1) == numbers(1)
    assert numbers(1) != numbers(2)


def test_a_hermetic_network_lets_numbers_of_some_connections_pass_their_end_soon() -> None:
    """A guest that compares them plainly would pass every short test."""

    def passing(config: Config) -> list[int]:
        lab = Lab(config)
        flows = [syn_received(lab, guest_port=port) for port in range(40_000, 40_008)]
        return [at for at, flow in enumerate(flows) if (flow.our_isn or 0) >= 2**32 - 1024]

    assert passing(Config(hermetic=True)) == [1, 5]
    assert passing(Config()) == passing(Config(hermetic=True, lint=Lint(enabled=False))) == []


def test_a_host_program_reaches_the_guest_through_a_forward() -> None:
    flow = _forwarded()
    assert flow.to_guest() == ["S 0:1(0)"]
    flow.guest("S. 0:0(0) ack 1 <mss 1460>")
    assert flow.to_guest() == [". 1:1(0) ack 1"]
    flow.to_host()
    flow.host_says(b"hello")
    assert flow.to_guest() == ["P. 1:6(5) ack 1"]


def test_guest_time_is_held_for_the_answer_of_a_host_program_that_came_in() -> None:
    flow = _forwarded()
    flow.to_guest()
    flow.guest("S. 0:0(0) ack 1 <mss 1460>")
    flow.guest("P. 1:6(5) ack 1")
    assert flow.lab.router.hold_until(flow.lab.now) == flow.lab.now + MAX_ANSWER_TIME


def test_only_a_syn_that_comes_again_gets_the_syn_ack_again() -> None:
    flow = syn_received(Lab())
    flow.guest(". 0:0(0) ack 1")  # a number before that of its next byte opens nothing
    assert flow.to_guest() == []
    flow.guest("S 0:0(0) <mss 1460>")
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]


def test_our_syn_acknowledges_nothing() -> None:
    (syn,) = _forwarded().packets()
    assert (str(syn["TCP"].flags), syn["TCP"].ack) == ("S", 0)


def test_a_guest_that_refuses_a_forward_resets_the_host_program() -> None:
    flow = _forwarded()
    flow.to_guest()
    flow.to_host()
    flow.guest("R. 0:0(0) ack 1")
    assert flow.to_host() == [CloseFlow(1, reset=True)]


def test_what_a_guest_says_before_its_syn_is_counted() -> None:
    flow = _forwarded()
    flow.to_guest()
    flow.guest("F 0:101(100)")
    assert flow.to_guest() == []
    assert flow.lab.drops == {"tcp before the connection is open": 1}


def test_a_guest_whose_syn_ack_was_lost_acknowledges_the_syn_that_comes_again() -> None:
    flow = _forwarded()
    flow.to_guest()
    for _ in range(2):
        flow.guest(". 1:1(0) ack 1")
    assert flow.to_guest() == []
    assert flow.lab.drops == {}
    flow.guest(". 1:1(0) ack 1")  # and never sends the SYN-ACK again
    assert flow.lab.drops == {"tcp before the connection is open": 1}


def test_the_syn_of_a_forward_is_repeated() -> None:
    flow = _forwarded()
    assert flow.to_guest() == ["S 0:1(0)"]
    flow.lab.wait(1.1)
    assert flow.to_guest() == ["S 0:1(0)"]


@pytest.mark.parametrize("others", range(4))
def test_numbers_go_on_where_those_of_the_last_flow_with_the_same_ends_stopped(others: int) -> None:
    """Those of every fourth flow begin where 2^32 is near; others: flows before."""
    lab = Lab(Config(hermetic=True, lint=Lint(enabled=True)))
    for port in range(1000, 1000 + others):
        TcpScript(lab, guest_port=port).guest("S 0:0(0)")
    numbers = []
    for _ in range(4):
        flow = syn_received(lab)
        numbers.append(flow.our_isn or 0)
        flow.guest("R 1:1(0)")
    distances = [(after - before) % 2**32 for before, after in pairwise(numbers)]
    assert all(0 < one < 2**31 for one in distances)


@pytest.mark.parametrize(("got", "is_right"), [(2, True), (3, False)])
def test_a_guest_in_time_wait_answers_a_syn_by_what_it_has(got: int, is_right: bool) -> None:
    """got: bytes of the flow before; it keeps its port from who comes too early."""
    lab = LintedLab(Config(forwards=(WEB,), tcp=Tcp(isn=7000)))
    flow = TcpScript(lab, guest_port=40_000, remote="192.168.16.1", remote_port=5555)
    flow.host(TcpIncoming(0, 9, (bytes((127, 0, 0, 1)), 5555)))
    flow.number = 1
    flow.to_guest()
    flow.guest("S. 0:0(0) ack 1 <mss 1460>")
    flow.guest("F. 1:1(0) ack 1")
    flow.host(TcpEof(1))
    flow.to_guest()
    flow.guest(". 2:2(0) ack 2")
    lab.wait(1)
    flow.host(TcpIncoming(0, 10, (bytes((127, 0, 0, 1)), 5555)))
    assert flow.to_guest() == ["S 0:1(0)"]
    flow.guest(f". 2:2(0) ack {got}")
    assert flow.to_guest() == [f"R {got}:{got}(0)"]
    assert ("TCP008" not in lab.found) is is_right


def _seen_from(shown: ShownSource, peer: bytes) -> str:
    forward = Forward(Transport.TCP, IPv4Address("0.0.0.0"), 8080, None, 80, shown=shown)
    lab = Lab(Config(forwards=(forward,)))
    introduce(lab)
    lab.from_host(TcpIncoming(0, 9, (peer, 5555)))
    (syn,) = (Ether(frame) for frame in lab.to_guest())
    assert syn["TCP"].sport == 5555
    return str(syn["IP"].src)


def test_the_guest_sees_a_peer_at_the_router_or_at_its_own_address() -> None:
    peer = bytes((192, 0, 2, 7))
    assert _seen_from(ShownSource.ROUTER, peer) == "192.168.16.1"
    assert _seen_from(ShownSource.PEER, peer) == "192.0.2.7"


@pytest.mark.parametrize(
    "peer", [bytes((127, 0, 0, 1)), bytes((192, 168, 16, 9)), bytes(4), bytes(15) + b"\1"]
)
def test_a_peer_that_the_guest_could_not_answer_is_the_router(peer: bytes) -> None:
    assert _seen_from(ShownSource.PEER, peer) == "192.168.16.1"


def _forwarded(settings: Tcp | None = None) -> TcpScript:
    lab = Lab(Config(forwards=(WEB,), tcp=settings or Tcp()))
    flow = TcpScript(lab, remote="192.168.16.1", remote_port=5555)
    flow.host(TcpIncoming(0, 9, (bytes((127, 0, 0, 1)), 5555)))
    flow.number = 1
    assert lab.to_host() == [TcpAdopt(9, 1)]
    return flow


def test_a_guest_that_opens_too_many_flows_is_stopped_and_told() -> None:
    lab = Lab(Config(tcp=Tcp(flows=40)))
    flows = [TcpScript(lab, guest_port=1024 + number) for number in range(44)]
    for flow in flows:
        flow.guest("S 0:0(0)")
    assert len(lab.router.tcp) == 40
    assert lab.drops == {"tcp flows": 4}
    assert flows[-1].to_guest() == ["R. 0:0(0) ack 1"]


def test_data_on_a_syn_waits_for_the_connection_and_is_not_lost() -> None:
    flow = TcpScript(Lab())
    flow.guest("S 0:6(5) <mss 1460>", data=b"early")
    assert not any(isinstance(action, TcpSend) for action in flow.to_host())
    flow.host(TcpConnected(1))
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]
    flow.guest(". 6:6(0) ack 1")
    assert flow.lab.host_bytes[1] == b"early"
    flow.guest("P. 6:9(3) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 9"]


def test_a_fin_on_a_syn_ends_the_guests_side() -> None:
    flow = TcpScript(Lab())
    flow.guest("SF 0:7(5) <mss 1460>", data=b"early")
    flow.to_host()
    flow.host(TcpConnected(1))
    flow.to_guest()
    flow.guest(". 7:7(0) ack 1")
    assert flow.lab.host_bytes[1] == b"early"
    assert TcpShutdown(1) in flow.to_host()
    assert flow.to_guest()[-1] == ". 1:1(0) ack 7"


def test_both_sides_may_open_at_once() -> None:
    """RFC 9293 3.5, figure 7: the guest connects just where a forwarded connection arrives."""
    flow = _forwarded()
    assert flow.to_guest() == ["S 0:1(0)"]
    flow.guest("S 0:0(0) <mss 1460>")
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]
    flow.guest("S. 0:0(0) ack 1 <mss 1460>")
    assert flow.to_guest() == [". 1:1(0) ack 1"]
    flow.guest("P. 1:6(5) ack 1")
    assert flow.lab.host_bytes[1] == pattern(5)


def test_a_forward_waits_for_a_guest_that_is_not_up_yet() -> None:
    flow = _forwarded()
    seen = 0
    for _ in range(50):
        flow.lab.wait(1)
        seen += len(flow.to_guest())
    assert 12 <= seen <= 16  # every 4 s at least
    flow.guest("S. 0:0(0) ack 1 <mss 1460>")
    assert flow.to_guest() == [". 1:1(0) ack 1"]


def test_a_forward_to_a_guest_that_never_answers_resets_the_host_program() -> None:
    flow = _forwarded(Tcp(forward_wait=5.0))
    flow.to_host()
    flow.lab.wait(4.9)
    assert flow.to_host() == []
    flow.lab.wait(0.2)
    assert flow.to_host() == [CloseFlow(1, reset=True)]
    assert "has not answered for 5 s" in flow.lab.log[-1]


def test_a_flow_in_time_wait_makes_room_for_a_new_one() -> None:
    lab = Lab(Config(tcp=Tcp(flows=2)))
    flows = [established(lab, guest_port=1024 + number) for number in range(2)]
    flows[0].number = 1
    flows[0].host(TcpEof(1))
    flows[0].to_guest()
    flows[0].guest("F. 1:1(0) ack 2")
    third = syn_received(lab, guest_port=2000)
    third.guest(". 1:1(0) ack 1")
    assert len(lab.router.tcp) == 2
    assert any("TIME-WAIT" in line for line in lab.log)


def test_an_icmp_error_of_the_path_reaches_the_guest_as_it_was() -> None:
    flow = connecting(Lab())
    offender = bytes((198, 51, 100, 9))
    flow.host(TcpFailed(1, errno.EHOSTUNREACH, (3, 10), offender))
    flow.to_guest()
    (error,) = flow.errors
    assert (error[ICMP].type, error[ICMP].code, error["IP"].src) == (3, 10, "198.51.100.9")
