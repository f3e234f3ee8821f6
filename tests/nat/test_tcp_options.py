"""Options that the two SYNs agree on, and what follows from them (RFC 7323, RFC 2018)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from pynat.config import Config, Tcp
from pynat.nat.messages import TcpConnected, TcpSend
from pynat.testing.lab import Lab
from pynat.testing.script import TcpScript, established, pattern, syn_received

ALL = "mss 1460,sackOK,TS val 1000 ecr 0,wscale 7"


def answer(offer: str, **settings: Any) -> dict[str, Any]:
    """The options of our SYN-ACK to a SYN with these."""
    flow = TcpScript(Lab(Config(tcp=Tcp(**settings))))
    flow.guest(f"S 0:0(0) <{offer}>")
    flow.to_host()
    flow.host(TcpConnected(1))
    (packet,) = flow.packets()
    return dict(packet["TCP"].options)


def stamped(packet: Any) -> tuple[int, int]:
    stamps: tuple[int, int] = dict(packet["TCP"].options)["Timestamp"]
    return stamps


def test_all_that_is_offered_is_taken_up() -> None:
    options = answer(ALL)
    assert options["MSS"] == 1460
    assert options["WScale"] == 3
    assert "SAckOK" in options
    assert options["Timestamp"][1] == 1000


@pytest.mark.parametrize(
    ("left_out", "offer"),
    [
        ("WScale", "mss 1460,sackOK,TS val 1 ecr 0"),
        ("SAckOK", "mss 1460,TS val 1 ecr 0,wscale 1"),
        ("Timestamp", "mss 1460,sackOK,wscale 1"),
    ],
)
def test_nothing_is_answered_that_the_guest_did_not_offer(left_out: str, offer: str) -> None:
    assert left_out not in answer(offer)


@pytest.mark.parametrize(
    ("setting", "option"),
    [("window_scale", "WScale"), ("sack", "SAckOK"), ("timestamps", "Timestamp")],
)
def test_each_option_can_be_switched_off(setting: str, option: str) -> None:
    options = answer(ALL, **{setting: False})
    assert option not in options
    assert len(options.keys() & {"WScale", "SAckOK", "Timestamp"}) == 2


def test_a_bigger_window_is_scaled_further() -> None:
    assert answer(ALL, window=8 << 20)["WScale"] == 8


def test_the_initial_sequence_number_can_be_fixed_to_test_wrap_around() -> None:
    flow = established(Lab(Config(tcp=Tcp(isn=2**32 - 5))))
    assert flow.our_isn == 2**32 - 5
    flow.host_says(pattern(3000))
    assert len(flow.payload()) == 3000
    flow.guest(". 1:1(0) ack 3001")
    flow.lab.wait(10)
    assert flow.to_guest() == []


def test_an_unknown_option_is_skipped() -> None:
    flow = TcpScript(Lab())
    frame = flow._frame("S 0:0(0)", None)
    frame["TCP"].options = [(77, b"abc"), ("NOP", None), ("NOP", None), ("MSS", 700)]
    flow.lab.from_guest(bytes(frame))
    flow.to_host()
    flow.host(TcpConnected(1))
    flow.packets()
    flow.guest(". 1:1(0) ack 1")
    flow.host_says(bytes(700))
    assert flow.to_guest() == ["P. 1:701(700) ack 1"]


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ([(2, b"")], "option 2 has length 2"),
        ([(3, b"\1\2\3")], "option 3 has length 5"),
        ([(8, b"\1")], "option 8 has length 3"),
    ],
)
def test_a_malformed_option_is_named_and_the_connection_opens(
    option: list[tuple[int, bytes]], told: str
) -> None:
    flow = TcpScript(Lab())
    frame = flow._frame("S 0:0(0)", None)
    frame["TCP"].options = option
    flow.lab.from_guest(bytes(frame))
    assert flow.to_host()
    assert any(told in line for line in flow.lab.log)


def test_timestamps_are_echoed_and_tell_the_time() -> None:
    flow = established(Lab(), f"S 0:0(0) <{ALL}>")
    flow.guest("P. 1:6(5) ack 1 <TS val 2000 ecr 1>")
    (first,) = flow.packets()
    assert stamped(first)[1] == 2000
    flow.lab.wait(1.5)
    flow.guest("P. 6:11(5) ack 1 <TS val 3500 ecr 1>")
    (second,) = flow.packets()
    assert stamped(second)[1] == 3500
    assert (stamped(second)[0] - stamped(first)[0]) % 2**32 == 1500


def test_a_segment_with_an_old_timestamp_is_refused() -> None:
    """RFC 7323 5.3: protection against wrapped sequence numbers."""
    flow = established(Lab(), f"S 0:0(0) <{ALL}>")
    flow.guest("P. 1:6(5) ack 1 <TS val 2000 ecr 1>")
    flow.to_guest()
    flow.guest("P. 6:11(5) ack 1 <TS val 1999 ecr 1>")
    (ack,) = flow.to_guest()
    assert ack == ". 1:1(0) ack 6"
    assert flow.lab.drops == {"tcp old timestamp": 1}
    flow.lab.wait(599)
    flow.guest("P. 6:11(5) ack 1 <TS val 2000 ecr 1>")
    assert flow.lab.host_bytes[1] == pattern(10)


def test_after_24_quiet_days_any_timestamp_is_believed() -> None:
    """RFC 7323 5.5: the guest's clock may have wrapped."""
    flow = established(Lab(Config(tcp=Tcp(idle=86_400.0 * 30))), f"S 0:0(0) <{ALL}>")
    flow.guest("P. 1:6(5) ack 1 <TS val 2000 ecr 1>")
    flow.to_guest()
    flow.lab.wait(86_400 * 25)
    flow.guest("P. 6:11(5) ack 1 <TS val 100 ecr 1>")
    assert flow.lab.host_bytes[1] == pattern(10)


def test_only_quiet_days_count() -> None:
    flow = established(Lab(Config(tcp=Tcp(idle=86_400.0 * 30))), f"S 0:0(0) <{ALL}>")
    for at in (1, 6):
        flow.lab.wait(86_400 * 13)
        flow.guest(f"P. {at}:{at + 5}(5) ack 1 <TS val {2000 + at} ecr 1>")
    flow.lab.wait(86_400 * 13)
    flow.guest("P. 11:16(5) ack 1 <TS val 100 ecr 1>")
    assert flow.lab.host_bytes[1] == pattern(10)


def test_a_reset_needs_no_timestamp() -> None:
    flow = established(Lab(), f"S 0:0(0) <{ALL}>")
    flow.guest("R 1:1(0)")
    assert len(flow.lab.router.tcp) == 0


def test_segments_with_timestamps_stay_within_the_mss() -> None:
    flow = established(Lab(), f"S 0:0(0) <{ALL}>")
    flow.host_says(bytes(3000))
    lengths = [packet["IP"].len for packet in flow.packets()]
    assert lengths[:2] == [1500, 1500]


def test_timestamps_measure_the_round_trip_of_a_retransmission() -> None:
    flow = established(Lab(), f"S 0:0(0) <{ALL}>")
    flow.host_says(b"x")
    flow.packets()
    flow.lab.wait(0.25)
    (again,) = flow.packets()
    flow.lab.wait(0.1)
    flow.guest(f". 1:1(0) ack 2 <TS val 2000 ecr {stamped(again)[0]}>")
    (sender,) = [f.sender for f in flow.lab.router.tcp.flows()]
    assert sender.rtt.smoothed == pytest.approx(0.15 / 8, abs=0.002)  # it went after 0.2 s


def test_a_guest_that_echoes_nonsense_does_not_slow_its_retransmissions() -> None:
    flow = established(Lab(), f"S 0:0(0) <{ALL}>")
    echo = 0
    for number in range(100):
        flow.host_says(pattern(4000))
        echo = echo or stamped(flow.packets()[0])[0]  # always the first
        flow.lab.wait(0.01)
        flow.packets()
        for segment in (1, 2):
            ack = 1 + 4000 * number + 2000 * segment
            flow.guest(f". 1:1(0) ack {ack} <TS val 2000 ecr {echo}>")
    (sender,) = [f.sender for f in flow.lab.router.tcp.flows()]
    assert sender.rtt.rto == 0.2
    assert len(sender._sent) < 5


# ---------------------------------------------------------------- selective acknowledgement
def selective(**settings: Any) -> TcpScript:
    return established(Lab(Config(tcp=Tcp(**settings))), "S 0:0(0) <mss 1000,sackOK>")


def test_what_came_out_of_order_is_selectively_acknowledged() -> None:
    flow = selective()
    flow.guest(". 1001:2001(1000) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 1 <sack 1001:2001>"]
    flow.guest(". 3001:4001(1000) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 1 <sack 3001:4001 1001:2001>"]
    flow.guest(". 2001:3001(1000) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 1 <sack 1001:4001>"]
    flow.guest(". 1:1001(1000) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 4001"]
    assert flow.lab.host_bytes[1] == pattern(4000)


def test_a_guest_without_sack_gets_plain_duplicates() -> None:
    flow = established(Lab())
    flow.guest(". 1001:2001(1000) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 1"]


def test_only_what_is_missing_is_sent_again() -> None:
    flow = selective()
    flow.host_says(pattern(10_000))
    assert len(flow.to_guest()) == 10
    for block in ("2001:3001", "2001:4001", "2001:5001"):  # 1001:2001 is lost
        flow.guest(f". 1:1(0) ack 1001 <sack {block}>")
    assert flow.to_guest() == [". 1001:2001(1000) ack 1"]
    flow.guest(". 1:1(0) ack 10001")
    flow.lab.wait(5)
    assert flow.to_guest() == []


def test_two_holes_are_filled_in_one_round_trip() -> None:
    flow = selective()
    flow.host_says(pattern(10_000))
    flow.to_guest()
    blocks = ("2001:3001", "2001:4001", "5001:6001 2001:4001", "5001:10001 2001:4001")
    for block in blocks:  # 1001:2001 and 4001:5001 are lost
        flow.guest(f". 1:1(0) ack 1001 <sack {block}>")
    assert flow.to_guest() == [". 1001:2001(1000) ack 1", ". 4001:5001(1000) ack 1"]


def test_a_time_out_skips_what_the_guest_has() -> None:
    flow = selective()
    flow.host_says(pattern(3000))
    flow.to_guest()
    flow.guest(". 1:1(0) ack 1 <sack 1001:2001>")
    flow.lab.wait(0.25)
    assert flow.to_guest() == [". 1:1001(1000) ack 1"]
    flow.guest(". 1:1(0) ack 2001")
    assert flow.to_guest() == ["P. 2001:3001(1000) ack 1"]


def test_a_second_recovery_is_judged_by_what_it_has_sent_itself() -> None:
    flow = selective()
    flow.host_says(pattern(10_000))
    flow.to_guest()
    for block in ("1001:2001", "1001:3001", "1001:4001"):  # 1:1001 is lost
        flow.guest(f". 1:1(0) ack 1 <sack {block}>")
    assert flow.to_guest() == [". 1:1001(1000) ack 1"]
    flow.guest(". 1:1(0) ack 10001")
    for _ in range(4):
        flow.host_says(b"0123456789")
    flow.host_says(pattern(4000))
    assert flow.to_guest()[-1] == "P. 13041:14041(1000) ack 1"
    for block in ("10011:10021", "10011:10031", "10011:10041"):  # 10001:10011 is lost
        flow.guest(f". 1:1(0) ack 10001 <sack {block}>")
    assert flow.to_guest() == [". 10001:10011(10) ack 1"]
    for block in ("10011:11041", "10011:12041", "10011:13041", "10011:14041"):
        flow.guest(f". 1:1(0) ack 10001 <sack {block}>")  # sent before: not overtaken
    assert flow.to_guest() == []


def test_a_guest_that_threw_away_what_it_had_still_gets_it() -> None:
    """RFC 2018 8: SACK is advisory."""
    flow = selective()
    flow.host_says(pattern(3000))
    flow.to_guest()
    flow.guest(". 1:1(0) ack 1 <sack 1001:3001>")
    flow.lab.wait(0.25)
    assert flow.to_guest() == [". 1:1001(1000) ack 1"]
    flow.guest(". 1:1(0) ack 1001")  # and the rest is gone
    assert flow.to_guest() == []
    flow.lab.wait(0.25)
    assert flow.to_guest() == [". 1001:2001(1000) ack 1"]
    flow.guest(". 1:1(0) ack 2001")
    assert flow.to_guest() == ["P. 2001:3001(1000) ack 1"]


def test_what_a_guest_said_it_had_is_not_believed_at_the_second_time_out() -> None:
    """RFC 2018 8: the first one skips it."""
    flow = selective()
    flow.host_says(pattern(3000))
    flow.to_guest()
    flow.guest(". 1:1(0) ack 1 <sack 1001:3001>")
    for pause in (0.25, 0.4):
        flow.lab.wait(pause)
        assert flow.to_guest() == [". 1:1001(1000) ack 1"]
    flow.guest(". 1:1(0) ack 1001")
    assert flow.to_guest() == [". 1001:2001(1000) ack 1", "P. 2001:3001(1000) ack 1"]


def test_what_the_guest_has_behind_a_hole_counts_to_its_window() -> None:
    """A time-out brings what is missing, and nothing from behind the window."""
    flow = syn_received(Lab(), "S 0:0(0) win 1500 <mss 1000,sackOK>")
    flow.guest(". 1:1(0) ack 1 win 1500")
    flow.host_says(pattern(200))
    flow.host_says(pattern(3000))
    flow.to_guest()
    flow.guest(". 1:1(0) ack 1 win 1500 <sack 201:1201>")
    assert flow.to_guest() == []
    flow.lab.wait(0.25)
    assert flow.to_guest() == [". 1:201(200) ack 1"]


def test_what_is_acknowledged_is_not_remembered_as_sacked() -> None:
    flow = selective()
    (sender,) = [one.sender for one in flow.lab.router.tcp.flows()]
    for at in range(1, 20_000, 2000):
        flow.host_says(pattern(2000))
        flow.guest(f". 1:1(0) ack {at} <sack {at + 1000}:{at + 2000}>")
        assert len(sender._sacked) == 1
        flow.guest(f". 1:1(0) ack {at + 2000}")
        assert len(sender._sacked) == 0


def test_blocks_that_name_nothing_of_ours_are_ignored() -> None:
    flow = selective()
    flow.host_says(pattern(2000))
    flow.to_guest()
    flow.guest(". 1:1(0) ack 1 <sack 5001:9001 2001:1001 500000:700000>")
    flow.lab.wait(0.3)
    assert flow.to_guest() == [". 1:1001(1000) ack 1"]


# ---------------------------------------------------------------- delayed acknowledgement
def test_an_acknowledgement_waits_for_a_second_segment() -> None:
    flow = established(Lab())
    flow.guest(". 1:1001(1000) ack 1")
    assert flow.to_guest() == []
    flow.guest(". 1001:2001(1000) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 2001"]


def test_an_acknowledgement_waits_no_longer_than_it_may() -> None:
    flow = established(Lab())
    flow.guest(". 1:1001(1000) ack 1")
    flow.lab.wait(0.039)
    assert flow.to_guest() == []
    flow.lab.wait(0.002)
    assert flow.to_guest() == [". 1:1(0) ack 1001"]
    flow.lab.wait(30)
    assert flow.to_guest() == []


def test_data_that_goes_back_carries_the_acknowledgement() -> None:
    flow = established(Lab())
    flow.guest(". 1:6(5) ack 1")
    flow.host_says(b"hello")
    assert flow.to_guest() == ["P. 1:6(5) ack 6"]
    flow.guest(". 6:6(0) ack 6")
    flow.lab.wait(30)
    assert flow.to_guest() == []


@pytest.mark.parametrize("text", ["P. 1:6(5) ack 1", "F. 1:6(5) ack 1", ". 2:6(4) ack 1"])
def test_push_fin_and_gaps_are_acknowledged_at_once(text: str) -> None:
    flow = established(Lab())
    flow.guest(text)
    assert len(flow.to_guest()) == 1


def test_delayed_acknowledgements_can_be_switched_off() -> None:
    flow = established(Lab(Config(tcp=Tcp(delayed_ack=0.0))))
    flow.guest(". 1:6(5) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 6"]


def test_the_rto_bounds_are_the_configurations() -> None:
    flow = established(Lab(Config(tcp=Tcp(rto_min=0.5, rto_max=1.0))))
    flow.host_says(b"x")
    flow.to_guest()
    seen = []
    for tick in range(500):
        flow.lab.wait(0.01)
        seen += [tick] * len(flow.to_guest())
    gaps = [b - a for a, b in pairwise(seen)]
    assert gaps == pytest.approx([100] * 4, abs=1)
    assert seen[0] == pytest.approx(50, abs=1)


def test_segments_of_one_turn_keep_their_order() -> None:
    flow = established(Lab())
    for seq in (2001, 1, 3001, 1001):
        frame = bytes(flow._frame(f". {seq}:{seq + 1000}(1000) ack 1", None))
        flow.lab.router.from_guest(frame, flow.lab.now)
    sends = [a for a in flow.lab.router.to_host(flow.lab.now) if isinstance(a, TcpSend)]
    assert [b"".join(send.chunks) for send in sends] == [pattern(4000)]
