"""How a connection ends: FIN and RST from both sides, half-close, idleness."""

from __future__ import annotations

import errno

import pytest

from pynat.nat.messages import CloseFlow, TcpEof, TcpFailed, TcpShutdown, TcpWritable
from pynat.nat.tcp.send import MIN_CAPACITY
from pynat.router.assembly import Program
from pynat.testing.lab import Lab
from pynat.testing.script import TcpScript, established, pattern


@pytest.fixture
def flow() -> TcpScript:
    return established(Lab())


def test_guest_closes_first(flow: TcpScript) -> None:
    flow.guest("F. 1:1(0) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 2"]
    assert flow.to_host() == [TcpShutdown(1)]
    flow.host(TcpEof(1))
    assert flow.to_guest() == ["F. 1:2(0) ack 2"]
    flow.guest(". 2:2(0) ack 2")
    assert flow.to_host() == [CloseFlow(1)]
    assert len(flow.lab.router.tcp) == 0
    assert flow.lab.router.next_timer() is None


def test_host_closes_first(flow: TcpScript) -> None:
    flow.host(TcpEof(1))
    assert flow.to_guest() == ["F. 1:2(0) ack 1"]
    flow.guest(". 1:1(0) ack 2")
    flow.guest("F. 1:1(0) ack 2")
    assert flow.to_guest() == [". 2:2(0) ack 2"]
    assert flow.to_host() == [TcpShutdown(1), CloseFlow(1)]
    flow.guest("F. 1:1(0) ack 2")  # our last ACK was lost
    assert flow.to_guest() == [". 2:2(0) ack 2"]
    flow.lab.wait(61)
    assert len(flow.lab.router.tcp) == 0


def test_both_close_at_once(flow: TcpScript) -> None:
    flow.host(TcpEof(1))
    assert flow.to_guest() == ["F. 1:2(0) ack 1"]
    flow.guest("F. 1:1(0) ack 1")  # sent before ours arrived
    assert flow.to_guest() == [". 2:2(0) ack 2"]
    flow.guest(". 2:2(0) ack 2")
    assert flow.to_host() == [TcpShutdown(1), CloseFlow(1)]


def test_nothing_is_read_of_a_host_that_has_ended(flow: TcpScript) -> None:
    """Though its last bytes wait for the guest, and so its FIN."""
    flow.host_says(pattern(MIN_CAPACITY))
    flow.host(TcpEof(1))
    flow.to_host()
    acked = 1
    while acked < MIN_CAPACITY // 2:
        acked += len(flow.payload())
        flow.guest(f". 1:1(0) ack {acked} win 10000")
    assert flow.to_host() == []


def test_half_close_by_the_guest_lets_the_host_go_on(flow: TcpScript) -> None:
    flow.guest("F. 1:1(0) ack 1")
    flow.to_guest()
    flow.host_says(b"late answer")
    assert flow.to_guest() == ["P. 1:12(11) ack 2"]
    flow.host(TcpEof(1))
    assert flow.to_guest() == ["F. 12:13(0) ack 2"]


def test_half_close_by_the_host_lets_the_guest_go_on(flow: TcpScript) -> None:
    flow.host(TcpEof(1))
    flow.to_guest()
    flow.guest("P. 1:6(5) ack 2")
    assert flow.to_guest() == [". 2:2(0) ack 6"]
    assert flow.lab.host_bytes[1] == pattern(5)


def test_fin_goes_with_the_last_byte_and_is_retransmitted(flow: TcpScript) -> None:
    flow.guest(". 1:1(0) ack 1 win 3")
    flow.host_says(b"hello")
    flow.host(TcpEof(1))
    assert flow.to_guest() == [". 1:4(3) ack 1"]
    flow.guest(". 1:1(0) ack 4 win 100")
    assert flow.to_guest() == ["FP. 4:7(2) ack 1"]
    flow.lab.wait(0.3)
    assert flow.to_guest() == ["FP. 4:7(2) ack 1"]


def test_fin_is_acknowledged_after_everything_before_it_was_taken(flow: TcpScript) -> None:
    flow.lab.room = 2
    flow.guest("F. 1:6(5) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 3"]
    assert TcpShutdown(1) not in flow.to_host()
    flow.lab.room = None
    flow.host(TcpWritable(1))
    assert flow.to_guest() == [". 1:1(0) ack 7"]
    assert flow.to_host()[-1] == TcpShutdown(1)


def test_the_hosts_socket_stays_until_it_has_taken_everything(flow: TcpScript) -> None:
    flow.lab.room = 0
    flow.host(TcpEof(1))
    flow.guest("F. 1:6(5) ack 1")
    flow.guest(". 7:7(0) ack 2")
    assert not any(isinstance(action, CloseFlow) for action in flow.to_host())
    flow.lab.room = None
    flow.host(TcpWritable(1))
    assert flow.to_host()[-2:] == [TcpShutdown(1), CloseFlow(1)]


def test_rst_from_the_guest_resets_the_host(flow: TcpScript) -> None:
    flow.guest("R. 1:1(0) ack 1")
    assert flow.to_host() == [CloseFlow(1, reset=True)]
    assert flow.to_guest() == []


def test_rst_beside_the_next_number_is_challenged(flow: TcpScript) -> None:
    flow.guest("R. 100:100(0) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 1"]  # RFC 5961 3.2
    flow.guest("R. 100000:100000(0) ack 1")
    assert flow.to_guest() == []
    assert flow.to_host() == []


def test_reset_from_the_host_becomes_rst(flow: TcpScript) -> None:
    flow.host(TcpFailed(1, errno.ECONNRESET))
    assert flow.to_guest() == ["R. 1:1(0) ack 1"]
    assert len(flow.lab.router.tcp) == 0


def test_idle_flows_end_after_ten_minutes(flow: TcpScript) -> None:
    flow.lab.wait(599)
    assert flow.to_guest() == []
    flow.lab.wait(2)
    assert flow.to_guest() == ["R. 1:1(0) ack 1"]
    assert flow.to_host() == [CloseFlow(1, reset=True)]
    assert any("idle for 600 s" in line for line in flow.lab.log)


def test_every_flow_says_when_it_opened_and_why_it_ended(flow: TcpScript) -> None:
    flow.guest("P. 1:6(5) ack 1")
    flow.guest("R. 6:6(0) ack 1")
    assert flow.lab.log[-2:] == [
        "info tcp 192.168.16.2:40000 > 192.0.2.7:80: opened",
        "info tcp 192.168.16.2:40000 > 192.0.2.7:80: "
        "reset by the guest after 5 bytes from the guest, 0 to it",
    ]


def test_who_closes_first_is_told_when_it_is_over_not_when_nothing_lingers_any_more(
    flow: TcpScript,
) -> None:
    flow.host(TcpEof(1))
    flow.guest("F. 1:6(5) ack 2")
    said = (
        "info tcp 192.168.16.2:40000 > 192.0.2.7:80: closed after 5 bytes from the guest, 0 to it"
    )
    assert flow.lab.log[-1] == said
    flow.lab.wait(61)
    assert flow.lab.log.count(said) == 1


def test_the_first_reason_of_an_end_is_the_one_that_is_told() -> None:
    told: list[str] = []
    lab = Lab(program=Program(ended=lambda number, why, now: told.append(why)))
    flow = established(lab)
    flow.host_says(b"waits for its acknowledgement")
    flow.host(TcpFailed(1, errno.ECONNRESET))
    assert told == []
    flow.guest("R 1:1(0)")
    assert told == ["connection reset by peer (ECONNRESET)"]


def test_the_table_of_flows_says_how_long_one_has_been_idle_and_has_left(flow: TcpScript) -> None:
    flow.lab.wait(5)
    (row,) = flow.lab.router.flows(flow.lab.now)
    assert (row["age"], row["idle"], row["timer"]) == (5.0, 5.0, 595.0)


def test_a_guest_that_does_not_count_its_fin_is_heard_all_the_same(flow: TcpScript) -> None:
    """Its acknowledgements have an old number, and what they acknowledge is true."""
    flow.guest("F. 1:1(0) ack 1")
    flow.host_says(pattern(5000))
    assert flow.to_guest()[-1] == "P. 4381:5001(620) ack 2"
    for _ in range(4):
        flow.guest(". 1:1(0) ack 1461")
    assert ". 1461:2921(1460) ack 2" in flow.to_guest()
    flow.guest(". 1:1(0) ack 5001")
    flow.lab.wait(10)
    assert flow.to_guest() == [". 5001:5001(0) ack 2"]


def test_what_answers_old_segments_of_a_closed_flow_is_not_counted(flow: TcpScript) -> None:
    flow.guest("F. 1:1(0) ack 1")
    flow.host(TcpEof(1))
    flow.guest(". 2:2(0) ack 2")
    assert len(flow.lab.router.tcp) == 0
    flow.to_guest()
    flow.guest(". 2:2(0) ack 2")  # our FIN came again
    assert flow.to_guest() == ["R 2:2(0)"]
    flow.guest("R 1:1(0)")  # old data came, and the guest has forgotten all
    assert flow.lab.drops == {}
    flow.guest(". 1:1(0) ack 2")
    flow.guest("P. 2:3(1) ack 2")
    assert flow.lab.drops == {"tcp no flow": 2}


def test_a_guest_that_has_closed_answers_what_it_had_not_read_by_a_number_of_ours(
    flow: TcpScript,
) -> None:
    """Its program has left data unread: Linux takes each segment's acknowledgement number."""
    flow.host_says(pattern(100))
    assert flow.to_guest() == ["P. 1:101(100) ack 1"]
    flow.guest("P. 1:6(5) ack 1")
    flow.guest("F. 6:6(0) ack 1")
    flow.guest("R 1:1(0)")
    assert flow.lab.drops == {}
    assert len(flow.lab.router.tcp) == 1
    flow.guest("R 7:7(0)")
    assert len(flow.lab.router.tcp) == 0


def test_what_crosses_our_reset_is_not_counted_and_what_comes_behind_it_is(flow: TcpScript) -> None:
    """Our first RST may have been lost: the one that answers the guest tells it, too."""
    flow.host(TcpFailed(1, errno.ECONNRESET))
    assert flow.to_guest() == ["R. 1:1(0) ack 1"]
    flow.lab.wait(5)
    for _ in range(2):
        flow.guest("P. 1:101(100) ack 1")
        assert flow.to_guest() == ["R 1:1(0)"]
    assert flow.lab.drops == {}
    flow.lab.wait(2)
    flow.guest("P. 1:101(100) ack 1")
    assert flow.lab.drops == {"tcp no flow": 1}


def test_what_comes_a_minute_after_the_end_is_counted(flow: TcpScript) -> None:
    flow.guest("R 1:1(0)")
    flow.guest("R 1:1(0)")
    assert flow.lab.drops == {}
    flow.lab.wait(61)
    flow.guest("R 1:1(0)")
    assert flow.lab.drops == {"tcp no flow": 1}


def test_a_reset_in_time_wait_is_not_counted(flow: TcpScript) -> None:
    flow.host(TcpEof(1))
    flow.guest(". 1:1(0) ack 2")
    flow.guest("F. 1:1(0) ack 2")
    flow.to_guest()
    flow.guest("R 1:1(0)")  # in answer to data that are older than the guest's FIN
    assert flow.lab.drops == {}
