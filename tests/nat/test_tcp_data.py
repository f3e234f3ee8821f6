"""Bytes in both directions: acknowledgement, window, retransmission."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP

from pynat.config import Config, Tcp
from pynat.nat.messages import TcpRead, TcpSend, TcpShutdown, TcpUrgent, TcpWritable
from pynat.nat.tcp.send import MAX_CAPACITY, Sender
from pynat.testing.lab import Lab
from pynat.testing.script import TcpScript, established, pattern


@pytest.fixture
def flow() -> TcpScript:
    return established(Lab())


def test_guest_data_goes_to_the_host_and_is_acknowledged(flow: TcpScript) -> None:
    flow.guest("P. 1:6(5) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 6"]
    assert flow.lab.host_bytes[1] == pattern(5)


def test_no_segment_may_be_fragmented(flow: TcpScript) -> None:
    """Then the identification says nothing (RFC 6864 4.1)."""
    flow.guest("P. 1:6(5) ack 1")
    flow.host_says(pattern(3000))
    packets = flow.packets()
    assert len(packets) == 4
    assert {(packet.id, str(packet[IP].flags)) for packet in packets} == {(0, "DF")}


def test_data_seen_before_is_acknowledged_but_not_sent_twice(flow: TcpScript) -> None:
    flow.guest("P. 1:6(5) ack 1")
    flow.to_guest()
    flow.guest("P. 1:6(5) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 6"]
    flow.guest("P. 3:11(8) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 11"]
    assert flow.lab.host_bytes[1] == pattern(10)


def test_a_gap_is_answered_with_what_we_have(flow: TcpScript) -> None:
    flow.guest("P. 6:11(5) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 1"]
    assert flow.lab.host_bytes[1] == b""
    flow.guest("P. 1:6(5) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 11"]
    assert flow.lab.host_bytes[1] == pattern(10)


def test_overlaps_add_only_what_is_missing(flow: TcpScript) -> None:
    flow.guest("P. 6:11(5) ack 1")
    flow.guest("P. 4:14(10) ack 1", data=b"XXpatteXXX")
    flow.guest("P. 1:5(4) ack 1")
    assert flow.to_guest()[-1] == ". 1:1(0) ack 14"
    assert flow.lab.host_bytes[1] == pattern(4) + b"X" + pattern(5, 5) + b"XXX"


def test_a_fin_out_of_order_waits_for_what_is_before_it(flow: TcpScript) -> None:
    flow.guest("F. 6:11(5) ack 1")
    assert flow.to_host() == []
    flow.guest("P. 11:21(10) ack 1")  # beyond the guest's own end
    flow.guest("P. 1:6(5) ack 1")
    assert flow.to_guest()[-1] == ". 1:1(0) ack 12"
    assert flow.lab.host_bytes[1] == pattern(10)
    assert TcpShutdown(1) in flow.to_host()


def test_what_comes_out_of_order_is_bounded(flow: TcpScript) -> None:
    for seq in range(3, 4003, 2):
        flow.guest(f". {seq}:{seq + 1}(1) ack 1")
    (ours,) = flow.lab.router.tcp.flows()
    assert ours.receiver.early.held == 256
    assert flow.lab.drops == {"tcp too many pieces out of order": 2000 - 256}
    flow.guest(". 1:2(1) ack 1")
    flow.guest(". 2:3(1) ack 1")
    assert flow.lab.host_bytes[1] == pattern(3)


def test_what_comes_out_of_order_keeps_no_padding(flow: TcpScript) -> None:
    frame = bytes(flow._frame("U. 3:4(1) ack 1 urg 9", None))
    flow.lab.from_guest(frame + bytes(60_000))
    (ours,) = flow.lab.router.tcp.flows()
    assert [type(piece) for piece in ours.receiver.early.pop_in_order(3 + flow.isn)] == [bytes]


def test_only_what_the_kernel_took_is_acknowledged(flow: TcpScript) -> None:
    flow.lab.room = 3
    flow.guest("P. 1:11(10) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 4"]
    flow.guest("P. 11:16(5) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 4"]  # held, neither taken nor acknowledged
    assert flow.lab.host_bytes[1] == pattern(3)
    flow.lab.room = None
    flow.host(TcpWritable(1))
    assert flow.to_guest() == [". 1:1(0) ack 16"]
    assert flow.lab.host_bytes[1] == pattern(15)


def test_a_stalled_host_stops_the_guest_at_the_window_it_was_promised(flow: TcpScript) -> None:
    flow.lab.room = 0
    for seq in range(1, 65_535, 1000):
        size = min(1000, 65_536 - seq)
        flow.guest(f". {seq}:{seq + size}({size}) ack 1")
    flow.guest(". 65536:65636(100) ack 1")  # beyond the window
    assert flow.to_guest()[-1] == ". 1:1(0) ack 1"
    flow.lab.room = None
    flow.host(TcpWritable(1))
    assert flow.to_guest() == [". 1:1(0) ack 65536"]
    assert flow.lab.host_bytes[1] == pattern(65_535)


def test_the_right_edge_of_our_window_moves_back_only_when_the_kernel_is_full(
    flow: TcpScript,
) -> None:
    flow.lab.room = 10_500
    edge = 65_536
    for seq in range(1, 30_000, 1000):
        flow.guest(f". {seq}:{seq + 1000}(1000) ack 1")
        for packet in flow.packets():
            ack, window = packet["TCP"].ack - flow.isn, packet["TCP"].window
            if flow.lab.room:
                assert ack + window >= edge
                edge = ack + window
            else:
                assert (ack, window) == (10_501, 0)
    assert flow.lab.room == 0


def test_a_promise_that_the_kernel_does_not_keep_is_taken_back(flow: TcpScript) -> None:
    flow.lab.room = 280
    flow.guest("P. 1:1449(1448) ack 1")
    assert flow.to_guest(detail=True) == [". 1:1(0) ack 281 win 0"]
    for _ in range(3):  # the guest probes, with what it takes for new, or with all of it
        flow.guest("P. 281:282(1) ack 1")
        flow.guest("P. 281:1449(1168) ack 1")
        assert flow.to_guest(detail=True) == 2 * [". 1:1(0) ack 281 win 0"]
        flow.lab.wait(5)
    flow.lab.room = 1000
    flow.host(TcpWritable(1, 1000))
    assert flow.to_guest(detail=True) == [". 1:1(0) ack 1281 win 0"]
    flow.lab.room = None
    flow.host(TcpWritable(1))
    (opened,) = flow.packets()
    assert (opened["TCP"].ack - flow.isn, opened["TCP"].window) == (1449, 65_535)
    assert flow.lab.host_bytes[1] == pattern(1448)


def test_each_byte_that_a_full_kernel_takes_is_acknowledged(flow: TcpScript) -> None:
    flow.lab.room = 1
    flow.guest("P. 1:4(3) ack 1")
    assert flow.to_guest(detail=True) == [". 1:1(0) ack 2 win 0"]
    flow.lab.room = 1
    flow.host(TcpWritable(1, 1))
    assert flow.to_guest(detail=True) == [". 1:1(0) ack 3 win 0"]


def test_a_kernel_that_is_full_closes_the_window_with_the_acknowledgement_that_moves(
    flow: TcpScript,
) -> None:
    """Some stacks take no smaller window from an acknowledgement of what they know."""
    flow.lab.room = 1448
    flow.guest("P. 1:1449(1448) ack 1")
    assert flow.to_guest(detail=True) == [". 1:1(0) ack 1449 win 0"]
    flow.guest("P. 1449:2897(1448) ack 1")  # it was on its way
    assert flow.to_guest(detail=True) == [". 1:1(0) ack 1449 win 0"]
    flow.lab.room = None
    flow.host(TcpWritable(1))
    assert flow.to_guest() == [". 1:1(0) ack 2897"]
    assert flow.lab.host_bytes[1] == pattern(2896)


def test_acknowledgements_count_while_a_promise_is_taken_back(flow: TcpScript) -> None:
    """The guest may number its segments from where its window, as it knows it, begins."""
    flow.lab.room = 280
    flow.guest("P. 1:1449(1448) ack 1")
    flow.host_says(b"hello")
    assert flow.to_guest() == [". 1:1(0) ack 281", "P. 1:6(5) ack 281"]
    flow.guest(". 281:281(0) ack 6")
    assert flow.to_guest() == []
    flow.lab.wait(5)
    assert flow.to_guest() == []  # nothing goes again
    assert flow.lab.drops == {}


def test_windows_closed_on_both_sides_start_no_war() -> None:
    flow = established(Lab(Config(tcp=Tcp(window=4000))))
    flow.lab.room = 4000
    flow.guest("P. 1:4001(4000) ack 1 win 0")
    assert flow.to_guest(detail=True) == [". 1:1(0) ack 4001 win 0"]
    flow.host_says(pattern(100))
    seen = []
    for _ in range(60):
        flow.lab.wait(0.5)
        for segment in flow.to_guest():
            assert segment in (". 1:2(1) ack 4001", ". 1:1(0) ack 4001"), segment
            seen.append(segment)
            if segment == ". 1:2(1) ack 4001":  # no room for a probe's byte
                flow.guest(". 4002:4002(0) ack 1 win 0")  # its number counts its own probe
    assert len(seen) <= 30
    flow.guest(". 4002:4002(0) ack 1 win 1000")
    assert flow.payload() == pattern(100)


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        ("R 100:100(0)", "tcp reset beside the next number"),
        (". -99:-99(0) ack 1", "tcp duplicate"),
        (". 70000:70000(0) ack 1", "tcp outside the window"),
        (". 1:1(0) ack 5", "tcp acknowledges what was not sent"),
        ("S. 100:100(0) ack 1", "tcp syn in a connection"),
    ],
)
def test_answers_to_what_is_not_acceptable_are_limited(
    flow: TcpScript, segment: str, reason: str
) -> None:
    def storm() -> int:
        for _ in range(100):
            flow.guest(segment)
        return len(flow.to_guest())

    assert storm() == 10
    assert flow.lab.drops == {reason: 100, "tcp answer rate": 90}
    flow.guest("P. -99:1(100) ack 1")  # text is always answered: its acknowledgement was lost
    assert flow.to_guest() == [". 1:1(0) ack 1"]
    flow.lab.wait(4.9)
    assert storm() == 0
    flow.lab.wait(0.1)
    assert storm() == 10


def test_host_data_goes_to_the_guest_in_segments(flow: TcpScript) -> None:
    flow.host_says(pattern(3000))
    assert flow.to_guest() == [
        ". 1:1461(1460) ack 1",
        ". 1461:2921(1460) ack 1",
        "P. 2921:3001(80) ack 1",
    ]


def test_host_data_is_retransmitted_until_acknowledged(flow: TcpScript) -> None:
    flow.host_says(b"hello")
    assert flow.to_guest() == ["P. 1:6(5) ack 1"]
    flow.lab.wait(0.3)  # the handshake took no time: the RTO is at its floor
    assert flow.to_guest() == ["P. 1:6(5) ack 1"]
    flow.lab.wait(0.5)
    assert flow.to_guest() == ["P. 1:6(5) ack 1"]
    flow.guest(". 1:1(0) ack 6")
    flow.lab.wait(60)
    assert flow.to_guest() == []


def test_a_small_ring_of_the_guests_card_is_not_overrun() -> None:
    lab = Lab()
    lab.router.tcp.link_speed(10)
    flow = established(lab)
    flow.host_says(pattern(100_000))
    received = b""
    while new := flow.payload():
        assert len(new) <= 6 * 1460
        received += new
        flow.guest(f". 1:1(0) ack {1 + len(received)}")
    assert received == pattern(100_000)


def test_the_guests_window_is_respected_and_reopened(flow: TcpScript) -> None:
    flow.guest(". 1:1(0) ack 1 win 2920")
    flow.host_says(pattern(5000))
    assert flow.payload() == pattern(2920)
    flow.guest(". 1:1(0) ack 2921 win 0")
    assert flow.to_guest() == []
    flow.guest(". 1:1(0) ack 2921 win 4000")
    assert flow.payload() == pattern(2080, 2920)


def test_the_window_in_what_the_guest_sends_again_is_respected(flow: TcpScript) -> None:
    """Its number is old, and it acknowledges more than any segment before."""
    flow.guest("P. 101:201(100) ack 1 win 5840")
    flow.host_says(pattern(9000))
    assert flow.payload() == pattern(5840)
    flow.guest("P. 1:101(100) ack 1461 win 4380")
    assert flow.to_guest() == [". 5841:5841(0) ack 201"]


def test_a_sliver_of_window_is_not_filled(flow: TcpScript) -> None:
    flow.guest(". 1:1(0) ack 1 win 2000")
    flow.host_says(pattern(5000))
    assert flow.to_guest() == [". 1:1461(1460) ack 1"]
    flow.guest(". 1:1(0) ack 1461 win 2000")
    assert flow.to_guest() == [". 1461:2921(1460) ack 1"]


def test_a_closed_window_is_probed_for_as_long_as_the_guest_answers(flow: TcpScript) -> None:
    flow.guest(". 1:1(0) ack 1 win 0")
    flow.host_says(b"hello")
    assert flow.to_guest() == []
    probes = 0
    for _ in range(400):
        flow.lab.wait(1)
        for segment in flow.to_guest():
            assert segment == ". 1:2(1) ack 1"
            probes += 1
            flow.guest(". 1:1(0) ack 1 win 0")
    assert 8 <= probes <= 30  # backed off
    flow.guest(". 1:1(0) ack 1 win 100")
    assert flow.payload() == b"hello"


def test_three_duplicate_acknowledgements_retransmit_at_once(flow: TcpScript) -> None:
    flow.host_says(pattern(8 * 1460))
    flow.to_guest()
    for _ in range(3):
        flow.guest(". 1:1(0) ack 1461")
    flow.guest(". 1:1(0) ack 1461")
    assert ". 1461:2921(1460) ack 1" in flow.to_guest()


def test_newreno_retransmits_the_next_hole_at_a_partial_acknowledgement(flow: TcpScript) -> None:
    flow.host_says(pattern(10 * 1460))
    flow.to_guest()
    for _ in range(4):
        flow.guest(". 1:1(0) ack 1")
    assert flow.to_guest()[0] == ". 1:1461(1460) ack 1"
    flow.guest(". 1:1(0) ack 2921")
    assert flow.to_guest()[0] == ". 2921:4381(1460) ack 1"


def test_the_guest_that_is_silent_for_ever_is_given_up(flow: TcpScript) -> None:
    flow.host_says(b"hello")
    flow.lab.wait(700)
    assert flow.to_guest()[-1] == "R. 6:6(0) ack 1"
    assert any("reset" in repr(action) for action in flow.to_host())
    assert flow.lab.log[-1].endswith(
        "the guest has not acknowledged what we sent, sent 13 times"
        " after 0 bytes from the guest, 5 to it, 5 of them not acknowledged"
    )


def test_reading_from_the_host_stops_when_the_guest_stalls(flow: TcpScript) -> None:
    flow.guest(". 1:1(0) ack 1 win 0")
    flow.to_host()
    for _ in range(4):
        flow.host_says(bytes(64 * 1024))
    assert flow.to_host() == []  # the allowance is used up and no new one given
    flow.guest(". 1:1(0) ack 1 win 65535")
    sent = 1
    while sent < 65_536 * 2:
        sent += len(flow.payload())
        flow.guest(f". 1:1(0) ack {sent} win 65535")
    (allowance,) = [a for a in flow.to_host() if isinstance(a, TcpRead)][-1:]
    assert 0 < allowance.limit <= MAX_CAPACITY


@pytest.mark.parametrize(
    ("window", "capacity"),
    [(0, 256 << 10), (128 << 10, 256 << 10), (300_000, 600_000), (1 << 24, 1 << 20)],
)
def test_as_much_is_read_ahead_as_is_in_flight_twice(window: int, capacity: int) -> None:
    sender = Sender(0, Tcp())
    sender.congestion.window = window
    assert sender.capacity == capacity


def test_segments_of_one_turn_make_one_send(flow: TcpScript) -> None:
    router, lab = flow.lab.router, flow.lab
    for seq in (1, 101, 201):
        frame = bytes(flow._frame(f". {seq}:{seq + 100}(100) ack 1", None))
        router.from_guest(frame, lab.now)
    sends = [action for action in router.to_host(lab.now) if isinstance(action, TcpSend)]
    assert [sum(map(len, send.chunks)) for send in sends] == [300]


def test_sequence_numbers_wrap(flow: TcpScript) -> None:
    flow = established(Lab(), isn=2**32 - 3, guest_port=41_000)
    flow.guest("P. 1:11(10) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 11"]
    assert flow.lab.host_bytes[1] == pattern(10)


def test_a_keep_alive_probe_is_answered(flow: TcpScript) -> None:
    flow.guest(". 0:0(0) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 1"]


# ---------------------------------------------------------------- a host that does not read
def test_a_stalled_host_closes_the_guests_window(flow: TcpScript) -> None:
    flow.lab.room = 80_000
    sent = 1
    windows = []
    while True:
        for packet in flow.packets():
            windows.append(packet["TCP"].window)
            assert packet["TCP"].ack - flow.isn == sent  # all of it is the kernel's
        if windows and windows[-1] < 1000:
            break
        flow.guest(f"P. {sent}:{sent + 1000}(1000) ack 1")
        sent += 1000
    assert windows[-1] < 1000 <= windows[-2]
    assert flow.lab.host_bytes[1] == pattern(sent - 1)


@pytest.fixture
def stalled() -> TcpScript:
    """The guest has been told a window of 0."""
    flow = established(Lab(Config(tcp=Tcp(window=4000))))
    flow.lab.room = 4000
    flow.guest("P. 1:4001(4000) ack 1")
    (ack,) = flow.to_guest(detail=True)
    assert ack == ". 1:1(0) ack 4001 win 0"
    return flow


def test_a_guest_that_probes_a_closed_window_is_answered(stalled: TcpScript) -> None:
    for _ in range(3):
        stalled.lab.wait(5)
        stalled.guest(". 4001:4002(1) ack 1")
        assert stalled.to_guest(detail=True) == [". 1:1(0) ack 4001 win 0"]
    assert stalled.lab.host_bytes[1] == pattern(4000)


def test_a_closed_window_is_closed_for_text_only(stalled: TcpScript) -> None:
    """RFC 9293 3.10.7.4: valid acknowledgements are taken all the same."""
    stalled.host_says(b"hello")
    assert stalled.to_guest() == ["P. 1:6(5) ack 4001"]
    stalled.guest(". 4001:4002(1) ack 6")
    stalled.to_guest()
    stalled.lab.wait(30)
    assert stalled.to_guest() == []


def test_the_window_opens_when_the_host_reads_again(stalled: TcpScript) -> None:
    stalled.lab.room = 4000
    stalled.host(TcpWritable(1, 4000))
    assert stalled.to_guest(detail=True) == [". 1:1(0) ack 4001 win 4000"]


def test_a_window_that_opens_is_worth_telling(stalled: TcpScript) -> None:
    """RFC 9293 3.8.6.2.2: by a segment at least; a writable kernel takes one, whatever it says."""
    stalled.lab.room = 4000
    stalled.host(TcpWritable(1, 500))
    assert stalled.to_guest(detail=True) == [". 1:1(0) ack 4001 win 1460"]
    stalled.host(TcpWritable(1, 2000))
    assert stalled.to_guest() == []


def test_a_window_that_cannot_be_told_does_not_open(flow: TcpScript) -> None:
    """There is room for 256 KiB, and without the scale option no more than 65,535 can be said."""
    flow.host(TcpWritable(1, 200_000))
    assert flow.to_guest() == []


def test_nor_does_one_behind_the_guests_fin(flow: TcpScript) -> None:
    flow.lab.room = 2000
    flow.guest("F. 1:3001(3000) ack 1")
    flow.lab.room = 1500
    flow.host(TcpWritable(1, 1500))
    assert flow.to_guest() == [". 1:1(0) ack 2001", ". 1:1(0) ack 3002"]
    flow.host(TcpWritable(1, 4000))
    assert flow.to_guest() == []


# ---------------------------------------------------------------- urgent data
def test_an_urgent_byte_of_the_guest_is_named_to_the_host(flow: TcpScript) -> None:
    flow.guest("PU. 1:6(5) ack 1 urg 5")
    (send,) = [action for action in flow.to_host() if isinstance(action, TcpSend)]
    assert send.urgent == 4
    flow.guest("P. 6:11(5) ack 1")
    (send,) = [action for action in flow.to_host() if isinstance(action, TcpSend)]
    assert send.urgent is None


def test_an_urgent_pointer_may_come_before_its_byte(flow: TcpScript) -> None:
    flow.guest("PU. 1:6(5) ack 1 urg 8")
    flow.guest("P. 6:11(5) ack 1")
    sends = [action for action in flow.to_host() if isinstance(action, TcpSend)]
    assert [send.urgent for send in sends] == [None, 2]


def test_an_urgent_byte_of_the_host_is_marked_for_the_guest(flow: TcpScript) -> None:
    flow.host_says(b"abc")
    assert flow.to_guest() == ["P. 1:4(3) ack 1"]
    flow.host(TcpUrgent(1))
    flow.host_says(b"!def")
    assert flow.to_guest() == ["PU. 4:8(4) ack 1 urg 1"]
    flow.host_says(b"g")
    assert flow.to_guest() == ["P. 8:9(1) ack 1"]


def test_a_window_that_shrinks_without_a_new_acknowledgement_counts(flow: TcpScript) -> None:
    flow.guest(". 1:1(0) ack 1 win 500")
    flow.host_says(pattern(1000))
    assert len(flow.payload()) == 500
    flow.guest(". 1:1(0) ack 501 win 500")
    flow.guest(". 1:1(0) ack 501 win 0")
    flow.to_guest()
    flow.host_says(pattern(100))
    assert flow.to_guest() == []


def test_the_windows_end_stays_where_it_is_when_an_older_segment_acknowledges(
    flow: TcpScript,
) -> None:
    """Of what the guest sends again the window does not count (RFC 9293 3.10.7.4)."""
    flow.guest("P. 1:101(100) ack 1 win 2920")
    flow.guest("P. 101:201(100) ack 1 win 2920")
    flow.to_guest()
    flow.host_says(pattern(5000))
    assert flow.payload() == pattern(2920)
    flow.guest("P. 1:101(100) ack 1461 win 1460")
    assert flow.payload() == b""
    flow.guest(". 201:201(0) ack 2921 win 1460")
    assert flow.payload() == pattern(1460, 2920)


def test_a_segment_that_a_card_has_left_long_is_many(flow: TcpScript) -> None:
    """They are acknowledged at once, and those behind them as ever: every second one."""
    flow.guest(". 1:40001(40000) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 40001"]
    flow.guest(". 40001:41461(1460) ack 1")
    assert flow.to_guest() == []
    flow.guest(". 41461:42921(1460) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 42921"]
