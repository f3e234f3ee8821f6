"""What is sent again, or back, says why: in the capture's comments, and in the log."""

from __future__ import annotations

import errno

from pynat.config import Config, Tcp
from pynat.nat.messages import TcpEof, TcpFailed
from pynat.testing.lab import Lab
from pynat.testing.script import TcpScript, established, syn_received

SECOND = Config(tcp=Tcp(rto_initial=0.2, rto_min=0.2))


def said(lab: Lab) -> list[str]:
    """The comment of each frame that came since."""
    return [lab.router.notices.comments.pop(frame) for frame in lab.to_guest()]


def watched(config: Config | None = None) -> tuple[Lab, TcpScript]:
    lab = Lab(config)
    lab.router.notices.comments.want(True)
    flow = established(lab, "S 0:0(0) <mss 1460,sackOK>")
    lab.log.clear()
    return lab, flow


def test_a_time_out_says_which_it_is() -> None:
    lab, flow = watched(SECOND)
    flow.host_says(bytes(1460))
    assert said(lab) == [""]
    lab.wait(0.2)
    assert said(lab) == ["retransmission 1, RTO 400 ms"]
    lab.wait(0.4)
    assert said(lab) == ["retransmission 2, RTO 800 ms"]
    name = "tcp 192.168.16.2:40000 > 192.0.2.7:80"
    assert lab.log[0] == f"info {name}: retransmission 1 of 1:1461, RTO 400 ms"
    assert lab.log[1] == f"info {name}: retransmission 2 of 1:1461, RTO 800 ms"


def test_a_fast_retransmission() -> None:
    lab, flow = watched()
    flow.guest(". 1:1(0) ack 1")
    flow.host_says(bytes(5 * 1460))
    lab.to_guest()
    for _ in range(3):
        flow.guest(". 1:1(0) ack 1")
    assert "fast retransmission" in said(lab)
    assert lab.log == ["info tcp 192.168.16.2:40000 > 192.0.2.7:80: fast retransmission of 1:1461"]


def test_a_recovery_by_sack() -> None:
    lab, flow = watched()
    flow.host_says(bytes(8 * 1460))
    lab.to_guest()
    flow.guest(". 1:1(0) ack 1 <sack 1461:2921>")
    flow.guest(". 1:1(0) ack 1 <sack 4381:5841 1461:2921>")
    flow.guest(". 1:1(0) ack 1 <sack 4381:8761 1461:2921>")
    again = [why for why in said(lab) if why]
    assert again == ["fast retransmission", "SACK recovery"]


def test_what_follows_a_time_out() -> None:
    lab, flow = watched(SECOND)
    flow.host_says(bytes(3 * 1460))
    lab.to_guest()
    lab.wait(0.2)
    assert said(lab) == ["retransmission 1, RTO 400 ms"]
    flow.guest(". 1:1(0) ack 1461")
    assert said(lab) == ["retransmission, after a time-out"] * 2


def test_a_probe_of_a_closed_window() -> None:
    lab, flow = watched(SECOND)
    flow.guest(". 1:1(0) ack 1 win 0")
    flow.host_says(b"x" * 10)
    assert said(lab) == []
    lab.wait(0.2)
    assert said(lab) == ["window probe, the next after 400 ms"]


def test_a_syn_ack_again() -> None:
    lab = Lab(SECOND)
    lab.router.notices.comments.want(True)
    flow = syn_received(lab)
    lab.wait(0.2)
    assert said(lab) == ["SYN-ACK again: retransmission 1, RTO 400 ms"]
    flow.guest("S 0:0(0) <mss 1460>")
    assert said(lab) == ["SYN-ACK again: the guest repeats its SYN"]


def test_a_fin_again() -> None:
    lab, flow = watched(SECOND)
    flow.host(TcpEof(flow.number))
    lab.to_guest()
    lab.wait(0.2)
    assert said(lab) == ["retransmission 1, RTO 400 ms"]
    assert lab.log[-1].endswith("retransmission 1 of 1:2, RTO 400 ms")


def test_what_crosses_the_end_of_a_connection_is_answered_with_the_reason() -> None:
    lab, flow = watched()
    flow.host(TcpFailed(flow.number, errno.ECONNRESET))
    assert said(lab) == [""]
    flow.guest("P. 1:101(100) ack 1")
    assert said(lab) == ["the guest may not know yet that the connection has ended"]
