"""Peers that misbehave, met by a scripted guest; and an ordinary host beside them."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether

from pynat.config import Config, Tcp, Transport, Udp, VirtualHosts
from pynat.config.peers import ZOO, misbehavior, zoo
from pynat.faults import options
from pynat.faults.hosts import MAX_LATE
from pynat.faults.segments import FAREWELL
from pynat.faults.servers import generated
from pynat.faults.stream import MAX_PENDING
from pynat.faulty_host import FaultyHost
from pynat.inprocess.connection import Connection
from pynat.nat.messages import TcpConnect, TcpConnected
from pynat.nat.tcp.acks import MAX_CHALLENGES
from pynat.nat.tcp.memory import MIN_SHARE
from pynat.nat.tcp.send import MIN_CAPACITY
from pynat.testing.lab import Lab
from pynat.testing.script import TcpScript, established, payload_of
from pynat.wire.tcp import ACK, Options, Segment, SegmentRun
from tests.frames import ip

HOST = zoo()[0].address
SYN = "S 0:0(0) win 65535 <mss 1460>"
REQUEST = b"GET / HTTP/1.0\r\n\r\n"
WHOLE = MIN_CAPACITY - MIN_CAPACITY % 1460  # bytes: as many whole segments as it holds


def meet(does: str, port: int = 80, **given: Any) -> TcpScript:
    config = Config(peers=(FaultyHost(HOST, 0, misbehavior(does)),))
    return TcpScript(Lab(config), remote=str(HOST), remote_port=port, **given)


def opened(does: str, port: int = 80, answer: str = "S. 0:1(0) ack 1") -> TcpScript:
    flow = meet(does, port)
    flow.guest(SYN)
    assert flow.to_guest() == [answer]
    flow.guest(". 1:1(0) ack 1")
    return flow


def received(flow: TcpScript) -> tuple[bytes, bool]:
    """Everything that the peer says to a guest that acknowledges everything, and whether FIN."""
    data, fin = bytearray(), False
    for _ in range(2000):
        packets = flow.packets()
        if not packets:
            return bytes(data), fin
        for packet in packets:
            start = (packet.seq - (flow.our_isn or 0)) % 2**32 - 1
            body = bytes(packet[TCP].payload)[: packet[IP].len - 20 - packet[TCP].dataofs * 4]
            if start <= len(data) < start + len(body):
                data += body[len(data) - start :]
            fin |= bool(packet[TCP].flags.F) and start + len(body) == len(data)
        at = 1 + flow.sent
        flow.guest(f". {at}:{at}(0) ack {1 + len(data) + fin}")
    raise AssertionError("it never ends")


def ask(flow: TcpScript, data: bytes = REQUEST) -> None:
    flow.sent = len(data)
    flow.guest(f"P. 1:{1 + len(data)}({len(data)}) ack 1", data)


# ---------------------------------------------------------------------- beside others
def test_a_peer_comes_before_what_a_script_serves_there() -> None:
    served: list[Connection] = []
    virtual = VirtualHosts((HOST,), services=frozenset({(Transport.TCP, HOST, 80)}))
    lab = Lab(Config(virtual=virtual))
    lab.router.in_process.serve_tcp((HOST.packed, 80), lambda one, now: served.append(one))
    faulty_host = FaultyHost(HOST, 0, misbehavior("refuse"))
    lab.router.faulty_hosts.set(faulty_host)
    flow = TcpScript(lab, remote=str(HOST))
    flow.guest(SYN)
    assert flow.to_guest() == ["R. 0:0(0) ack 1"]
    lab.router.faulty_hosts.remove(faulty_host)
    flow.guest(SYN)
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]
    assert len(served) == 1


# ---------------------------------------------------------------------- no manners at all
def test_an_ordinary_host_beside_them_is_not_touched() -> None:
    lab = Lab(Config(peers=zoo()))
    flow = TcpScript(lab)
    flow.guest(SYN)
    (connect,) = flow.to_host()
    assert connect == TcpConnect(flow.number, (bytes((192, 0, 2, 7)), 80))
    flow.host(TcpConnected(flow.number))
    assert flow.to_guest(detail=True) == ["S. 0:1(0) ack 1 win 65535 <MSS 1460>"]


def test_a_peer_is_a_web_server_by_default() -> None:
    flow = opened("page 3000")
    ask(flow)
    data, fin = received(flow)
    head, _, page = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK\r\n")
    assert b"Content-Length: 3000" in head
    assert page == generated(0, 3000)
    assert fin


def test_guest_time_is_not_held_for_a_peer() -> None:
    flow = meet("blackhole")
    flow.guest(SYN)
    assert flow.lab.router.hold_until(flow.lab.now) == 0.0
    ordinary = established(Lab())
    assert ordinary.lab.router.hold_until(ordinary.lab.now) > 0.0


def test_the_log_says_what_is_on_purpose() -> None:
    flow = opened("wrap, reorder")
    assert any(f"{HOST}:80 does on purpose: wrap, reorder" in line for line in flow.lab.log)


# ---------------------------------------------------------------------- opening
def test_refuse() -> None:
    flow = meet("refuse")
    flow.guest(SYN)
    assert flow.to_guest() == ["R. 0:0(0) ack 1"]


@pytest.mark.parametrize(
    ("does", "code"),
    [("unreachable", 1), ("unreachable net", 0), ("unreachable prohibited", 13)],
)
def test_unreachable(does: str, code: int) -> None:
    flow = meet(does)
    flow.guest(SYN)
    assert flow.to_guest() == []
    (error,) = flow.errors
    assert (error[ICMP].type, error[ICMP].code) == (3, code)


def test_blackhole() -> None:
    flow = meet("blackhole")
    flow.guest(SYN)
    flow.lab.wait(120)
    flow.guest(SYN)
    assert flow.to_guest() == []


def test_accept_late() -> None:
    flow = meet("accept after 3s")
    flow.guest(SYN)
    flow.lab.wait(2.9)
    assert flow.to_guest() == []
    flow.lab.wait(0.2)
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]


def test_a_guest_that_gives_up_is_forgotten() -> None:
    flow = meet("accept after 3s")
    flow.guest(SYN)
    flow.guest("R 1:1(0)")
    flow.lab.wait(5)
    assert flow.to_guest() == []


def test_a_wrong_syn_ack_then_the_right_one() -> None:
    flow = meet("badsynack")
    flow.guest(SYN)
    assert flow.to_guest() == ["S. 0:1(0) ack 2"]
    flow.guest("R 2:2(0)")  # as it should
    flow.lab.wait(1.1)
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]
    assert not flow.lab.drops


def test_sequence_numbers_that_wrap() -> None:
    flow = opened("wrap")
    assert flow.our_isn == 2**32 - 1000
    ask(flow)
    data, fin = received(flow)
    assert data.endswith(generated(0, 10_000))
    assert fin


def test_no_options() -> None:
    flow = meet("plain")
    flow.guest("S 0:0(0) <mss 1460,sackOK,TS val 1 ecr 0,wscale 7>")
    assert flow.to_guest(detail=True) == ["S. 0:1(0) ack 1 win 65535 <MSS 1460>"]


def test_a_tiny_mss() -> None:
    flow = meet("mss 88")
    flow.guest(SYN)
    assert flow.to_guest(detail=True) == ["S. 0:1(0) ack 1 win 65535 <MSS 88>"]


# ---------------------------------------------------------------------- resets
def test_reset_after_the_handshake() -> None:
    flow = opened("reset")
    assert flow.to_guest() == ["R. 1:1(0) ack 1"]


def test_reset_mid_stream() -> None:
    flow = opened("reset after 1000")
    flow.guest("P. 1:501(500) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 501"]
    flow.guest("P. 501:1001(500) ack 1")
    assert [line.split()[0] for line in flow.to_guest()] == ["R."]


def test_reset_after_a_time() -> None:
    flow = opened("reset after 1.5s")
    flow.lab.wait(1.4)
    assert flow.to_guest() == []
    flow.lab.wait(0.2)
    assert flow.to_guest() == ["R. 1:1(0) ack 1"]


def test_reset_in_answer_to_fin() -> None:
    flow = opened("reset on fin, discard")
    flow.guest("F. 1:1(0) ack 1")
    assert [line.split()[0] for line in flow.to_guest()] == ["R."]


def test_reset_in_answer_to_a_fin_that_comes_last() -> None:
    flow = opened("reset on fin, page 0")
    flow.guest("P. 1:19(18) ack 1", b"GET / HTTP/1.0\r\n\r\n")
    (page,) = flow.packets()
    end = len(page["TCP"].payload) + 2
    flow.guest(f". 19:19(0) ack {end}")
    assert flow.to_guest() == []
    flow.guest(f"F. 19:19(0) ack {end}")
    assert flow.to_guest() == [f"R. {end}:{end}(0) ack 20"]


def test_silence_mid_stream() -> None:
    flow = opened("blackhole after 100")
    flow.guest("P. 1:51(50) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 51"]
    flow.guest("P. 51:151(100) ack 1")
    flow.lab.wait(60)
    assert flow.to_guest() == []


def test_silence_from_the_very_byte_on() -> None:
    flow = opened("blackhole after 100")
    flow.guest("P. 1:101(100) ack 1")
    assert flow.to_guest() == []


# ---------------------------------------------------------------------- the window
def test_a_window_that_begins_closed() -> None:
    flow = meet("zerowindow for 10s, discard")
    flow.guest(SYN)
    assert flow.to_guest(detail=True) == ["S. 0:1(0) ack 1 win 0 <MSS 1460>"]
    flow.guest(". 1:1(0) ack 1")
    flow.lab.wait(5)
    flow.guest(". 1:2(1) ack 1")  # a probe
    assert flow.to_guest(detail=True) == [". 1:1(0) ack 1 win 0"]
    flow.lab.wait(5.1)
    assert flow.to_guest(detail=True) == [". 1:1(0) ack 1 win 65535"]
    flow.guest("P. 1:501(500) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 501"]


def test_a_window_that_closes_and_opens() -> None:
    flow = opened("zerowindow after 1000 for 2s, discard")
    flow.guest("P. 1:1001(1000) ack 1")
    assert flow.to_guest(detail=True) == [". 1:1(0) ack 1001 win 0"]
    flow.lab.wait(2.1)
    assert flow.to_guest(detail=True) == [". 1:1(0) ack 1001 win 1000"]
    flow.guest("P. 1001:2001(1000) ack 1")
    assert flow.to_guest(detail=True) == [". 1:1(0) ack 2001 win 1000"]


def test_a_window_that_stays_small() -> None:
    flow = opened("window 100, discard")
    flow.guest("P. 1:101(100) ack 1")
    assert flow.to_guest(detail=True) == [". 1:1(0) ack 101 win 100"]


def test_a_window_that_shrinks() -> None:
    flow = opened("shrink, discard, window 40000")
    edges = []
    for number in range(4):
        start = 1 + 100 * number
        flow.guest(f"P. {start}:{start + 100}(100) ack 1")
        edges += [start + 100 + int(line.rpartition(" ")[2]) for line in flow.to_guest(detail=True)]
    assert edges[0] > edges[1] < edges[2] > edges[3]


# ---------------------------------------------------------------------- closing
def test_half_close() -> None:
    flow = opened("halfclose, discard")
    assert flow.to_guest() == ["F. 1:1(0) ack 1".replace("1:1", "1:2")]
    flow.guest("P. 1:101(100) ack 2")
    assert flow.to_guest() == [". 2:2(0) ack 101"]
    flow.guest("F. 101:101(0) ack 2")
    assert flow.to_guest() == [". 2:2(0) ack 102"]


def test_who_closes_at_once_says_nothing() -> None:
    flow = opened("halfclose", 13)
    assert flow.to_guest() == ["F. 1:2(0) ack 1"]


def test_never_closing() -> None:
    flow = opened("neverclose, page 10")
    ask(flow)
    data, fin = received(flow)
    assert data.endswith(generated(0, 10))
    assert not fin
    at = 1 + flow.sent
    flow.guest(f"F. {at}:{at}(0) ack {1 + len(data)}")
    flow.lab.wait(300)
    assert [line.split()[0] for line in flow.to_guest()] == ["."]


# ---------------------------------------------------------------------- segments
def test_one_byte_at_a_time() -> None:
    flow = opened("onebyte, page 5")
    ask(flow)
    sizes = [int(line.split("(")[1].split(")")[0]) for line in flow.to_guest()]
    assert sizes == [1] * 10  # an initial window of segments


def test_a_burst_in_the_wrong_order_comes_whole_in_the_end() -> None:
    flow = opened("reorder, page 4000")
    ask(flow)
    burst = [line.split()[1] for line in flow.to_guest()]
    starts = [int(numbers.split(":")[0]) for numbers in burst]
    assert len(starts) > 1
    assert starts == sorted(starts, reverse=True)


def test_each_segment_twice() -> None:
    flow = opened("duplicate, page 100")
    ask(flow)
    lines = [line for line in flow.to_guest() if "(0)" not in line]
    assert len(lines) == 2
    assert lines[0] == lines[1]


def test_overlapping_segments_have_the_right_bytes() -> None:
    flow = opened("overlap, page 1500")
    ask(flow)
    packets = flow.packets()
    starts = [packet.seq - (flow.our_isn or 0) for packet in packets]
    assert starts[:3] == [1, 401, 901]
    whole = bytearray(10_000)
    for packet in packets:
        body = bytes(packet[TCP].payload)
        at = (packet.seq - (flow.our_isn or 0)) % 2**32 - 1
        whole[at : at + len(body)] = body
    assert generated(0, 1000) in whole


@pytest.mark.parametrize("does", ["overlap, onebyte, page 5", "onebyte, overlap, page 5"])
def test_a_segment_of_one_byte_overlaps_with_the_one_before(does: str) -> None:
    flow = opened(does)
    ask(flow)
    lines = flow.to_guest()
    after = [f"{start}:{start + 2}(2)" for start in range(1, 10)]
    assert [line.split()[1] for line in lines] == ["1:2(1)", *after]


def test_urgent_data() -> None:
    flow = opened("urgent, chargen")
    assert flow.to_guest()[:2] == ["U. 1:1461(1460) ack 1 urg 1", ". 1461:2921(1460) ack 1"]


# ---------------------------------------------------------------------- acknowledgements
def test_late_acknowledgements() -> None:
    flow = opened("lateack 700ms, discard")
    flow.guest("P. 1:101(100) ack 1")
    flow.lab.wait(0.65)
    assert flow.to_guest() == []
    flow.lab.wait(0.1)
    assert flow.to_guest() == [". 1:1(0) ack 101"]


def test_the_first_data_is_not_acknowledged() -> None:
    flow = opened("noack 1, discard")
    flow.guest("P. 1:101(100) ack 1")
    flow.lab.wait(1)
    assert flow.to_guest() == []
    flow.guest("P. 1:101(100) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 101"]


@pytest.mark.parametrize(("number", "drops"), [(101, {}), (102, {"tcp reset beside": 1})])
def test_who_resets_behind_data_that_are_not_acknowledged(
    number: int, drops: dict[str, int]
) -> None:
    flow = opened("noack 1, discard")
    flow.guest("P. 1:101(100) ack 1")
    flow.guest(f"R {number}:{number}(0)")
    dropped = flow.lab.router.notices.dropped
    assert {name[:16]: count for name, count in dropped.items()} == drops


def test_duplicate_acknowledgements() -> None:
    flow = opened("dupack, discard")
    flow.guest("P. 1:101(100) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 101"] * 4


def test_the_end_is_acknowledged_once() -> None:
    """A guest has forgotten the connection by then, and would answer the others by RST."""
    flow = opened("neverclose, dupack, discard")
    flow.guest("F. 1:1(0) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 2"]


def test_a_fin_that_comes_again() -> None:
    flow = opened("fin again, discard")
    flow.guest("F. 1:1(0) ack 1")
    assert flow.to_guest() == ["F. 1:2(0) ack 2"]
    flow.guest(". 2:2(0) ack 2")
    flow.lab.wait(0.3)
    assert flow.to_guest() == ["F. 1:2(0) ack 2"]
    flow.guest(". 2:2(0) ack 2")
    assert len(flow.lab.router.tcp) == 0


# ---------------------------------------------------------------------- rare and illegal
STAMPED = "S 0:0(0) win 65535 <mss 1460,sackOK,TS val 7 ecr 0>"


def block(packet: Any) -> str:
    """The options as they are on the wire."""
    return bytes(packet[TCP])[20 : packet[TCP].dataofs * 4].hex(" ")


def spoilt(does: str, port: int = 80, syn: str = STAMPED) -> tuple[TcpScript, Any]:
    """With the packet that answers the SYN."""
    flow = meet(does, port)
    flow.guest(syn)
    (packet,) = flow.packets()
    return flow, packet


def test_both_open_at_once() -> None:
    flow = meet("simultaneous, discard")
    flow.guest(SYN)
    assert flow.to_guest(detail=True) == ["S 0:1(0) win 65535 <MSS 1460>"]
    flow.guest(SYN)  # a guest that does not know what that means
    assert flow.to_guest() == ["S 0:1(0)"]
    flow.guest("S. 0:0(0) ack 1 win 65535 <mss 1460>")
    assert flow.to_guest() == [". 1:1(0) ack 1"]
    flow.guest("P. 1:6(5) ack 1", b"hello")
    assert flow.to_guest() == [". 1:1(0) ack 6"]


@pytest.mark.parametrize("answer", ["S 0:0(0) win 9", "S. 0:0(0) ack 7 win 9"])
def test_a_guest_that_never_answers_rightly_is_not_answered_for_ever(answer: str) -> None:
    flow = meet("simultaneous, discard")
    flow.guest(SYN)
    assert flow.to_guest() == ["S 0:1(0)"]
    answered = 0
    for _ in range(100):
        flow.guest(answer)
        answered += len(flow.to_guest())
    assert answered == MAX_CHALLENGES


def test_no_mss() -> None:
    flow = meet("no mss")
    flow.guest(SYN)
    assert flow.to_guest(detail=True) == ["S. 0:1(0) ack 1 win 65535"]


def test_options_of_unknown_kinds() -> None:
    _, answer = spoilt("options unknown, plain")
    assert block(answer) == "fd 06 02 04 00 40 02 04 05 b4 fd 06 02 04 00 40"


def test_illegal_options() -> None:
    flow, answer = spoilt("options illegal, plain, page 700")
    assert block(answer) == "02 04 05 b4 fd 00 00 00"
    ask(flow)
    first, *_ = flow.packets()
    assert block(first) == "fd 30 00 00"


def test_every_option_at_an_odd_byte() -> None:
    flow, answer = spoilt("options shifted")
    assert block(answer).startswith("01 02 04 05 b4 01 01 04 02 01 01 08 0a ")
    ask(flow)
    first, *_ = flow.packets()
    assert block(first).startswith("01 08 0a ")
    assert block(first).endswith(" 01")


def test_options_on_data_and_fin() -> None:
    flow, answer = spoilt("options on data, plain, page 700")
    assert block(answer) == "02 04 05 b4"
    ask(flow)
    packets = flow.packets()
    assert [block(packet) for packet in packets] == ["fd 06 02 04 00 40 00 00"] * len(packets)
    assert packets[-1][TCP].flags.F


def test_a_header_that_is_full_stays_as_it_is() -> None:
    full = Options(timestamps=(1, 2), sack=((1, 2), (3, 4), (5, 6)))
    run = SegmentRun(Segment(80, 4000, 1, 1, ACK, 0, options=full), [b"x"], ACK)
    assert options.on_data(run) is run


def test_a_reset_with_data() -> None:
    flow = opened("reset text, reset after 100")
    flow.guest("P. 1:101(100) ack 1")
    (packet,) = flow.packets()
    assert packet[TCP].flags.R
    assert payload_of(packet) == FAREWELL


def test_acknowledgements_that_cross_a_retransmission() -> None:
    flow = opened("crossed ack, discard")
    flow.guest("P. 1:101(100) ack 1")
    flow.guest("P. 101:201(100) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 1"]
    flow.lab.wait(1)
    assert flow.to_guest() == []
    flow.guest("P. 1:101(100) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 201"] * 2
    flow.guest("P. 201:301(100) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 301"]


def test_what_is_acknowledged_is_said_to_have_come_twice() -> None:
    flow, _ = spoilt("dsack, discard")
    flow.guest("P. 1:101(100) ack 1 <TS val 8 ecr 0>")
    assert flow.to_guest() == [". 1:1(0) ack 101 <sack 1:101>"]
    flow.guest("P. 201:301(100) ack 1 <TS val 8 ecr 0>")
    assert flow.to_guest() == [". 1:1(0) ack 101 <sack 201:301>"]
    flow.guest("P. 101:201(100) ack 1 <TS val 8 ecr 0>")
    assert flow.to_guest() == [". 1:1(0) ack 301 <sack 101:301>"]


def test_no_d_sack_where_there_is_no_sack() -> None:
    flow = opened("dsack, discard")
    flow.guest("P. 1:101(100) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 101"]


def test_an_old_segment_before_the_right_one() -> None:
    flow, answer = spoilt("old stamps, page 100")
    flow.guest(f"P. 1:{1 + len(REQUEST)}({len(REQUEST)}) ack 1 <TS val 8 ecr 0>", REQUEST)
    old, right = flow.packets()[:2]
    assert (old.seq, len(payload_of(old))) == (right.seq, len(payload_of(right)))
    assert payload_of(old) == bytes(byte ^ 0xFF for byte in payload_of(right))
    before, after = (dict(packet[TCP].options)["Timestamp"][0] for packet in (old, right))
    recent = dict(answer[TCP].options)["Timestamp"][0]
    assert (recent - before) % 2**32 < 2**31
    assert (after - recent) % 2**32 < 2**31


def test_what_is_not_heard_says_so_in_a_capture() -> None:
    flow = opened("noack 1, discard")
    comments = flow.lab.router.notices.comments
    comments.want(True)
    frame = flow.frame("P. 1:101(100) ack 1")
    comments.deal_with(frame)
    flow.lab.from_guest(frame)
    assert comments.pop(frame) == f"{HOST}:80 on purpose: as good as lost"


# ---------------------------------------------------------------------- services
def test_echo_and_its_end() -> None:
    flow = opened("echo")
    ask(flow, b"hello")
    assert flow.payload() == b"hello"
    flow.guest("F. 6:6(0) ack 6")
    assert flow.to_guest() == ["F. 6:7(0) ack 7"]


@pytest.mark.parametrize(("port", "said"), [(13, b"Thursday, January 01, 1970"), (19, b'!"#$%&')])
def test_services_by_their_ports(port: int, said: bytes) -> None:
    flow = opened("plain", port)
    assert flow.payload().startswith(said)


def test_discard_by_its_port() -> None:
    flow = opened("plain", 9)
    ask(flow, b"hello")
    assert flow.to_guest() == [". 1:1(0) ack 6"]


def test_chargen_waits_for_a_guest_that_does_not_read() -> None:
    flow = opened("chargen")
    assert len(flow.payload()) == 10 * 1460
    flow.lab.wait(10)
    (row,) = flow.lab.router.flows(flow.lab.now)
    assert row["bytes_from_host"] == WHOLE


def test_chargen_ends_with_the_guest() -> None:
    flow = opened("chargen")
    flow.guest("F. 1:1(0) ack 1")
    flow.sent = 1
    data, fin = received(flow)
    assert fin
    assert data == generated(0, len(data))


def test_an_echo_that_is_not_read_takes_no_more() -> None:
    flow = opened("echo")
    size = 1000
    for number in range(1000):
        start = 1 + number * size
        flow.guest(f". {start}:{start + size}({size}) ack 1 win 0")
    flow.lab.to_guest()
    (row,) = flow.lab.router.flows(flow.lab.now)
    assert isinstance(row["bytes_from_guest"], int)
    assert MIN_CAPACITY < row["bytes_from_guest"] < MIN_CAPACITY + 3 * 65_536


def test_echoes_that_are_not_read_are_bounded_by_the_budget() -> None:
    lab = Lab(Config(peers=(FaultyHost(HOST, 0, misbehavior("echo")),), tcp=Tcp(memory=1 << 20)))
    memory, connections = lab.router.tcp.memory, lab.router.in_process._connections
    flows = []
    for number in range(10):
        flow = TcpScript(lab, remote=str(HOST), guest_port=20_000 + number)
        flow.guest(SYN)
        flow.to_guest()
        flows.append(flow)
    for start in range(1, 300_001, 15_000):
        for flow in flows:
            flow.guest(f". {start}:{start + 15_000}(15000) ack 1 win 0", bytes(15_000))
        held = sum(one.kept for one in lab.router.tcp.flows())
        held += sum(one.pending for one in connections.values())
        assert held == memory.used <= 1 << 20
    assert sum(one.pending for one in connections.values()) > 0
    for flow, one in zip(flows, list(lab.router.tcp.flows()), strict=True):
        end = one.receiver.ack - one.receiver.irs
        flow.guest(f"R {end}:{end}(0)")
    assert len(lab.router.tcp) == 0
    assert memory.used == 0


def test_an_echo_goes_on_once_memory_is_no_longer_short() -> None:
    lab = Lab(Config(peers=(FaultyHost(HOST, 0, misbehavior("echo")),)))
    flow = TcpScript(lab, remote=str(HOST))
    flow.guest(SYN)
    flow.to_guest()
    memory = lab.router.tcp.memory
    memory.used = memory.limit
    for start in range(1, 1_000_000, 4000):
        flow.guest(f"P. {start}:{start + 4000}(4000) ack 1 win 0", bytes(4000))
    assert flow.to_guest()[-1] == f". 1:1(0) ack {1 + WHOLE + MIN_SHARE}"
    memory.used -= memory.limit
    lab.turn()
    assert flow.to_guest()[-1] == f". 1:1(0) ack {1 + WHOLE + MAX_PENDING}"


# ---------------------------------------------------------------------- UDP
def datagrams(does: str, port: int, wait: float = 0.0, **config: Any) -> list[Any]:
    lab = Lab(Config(peers=(FaultyHost(HOST, 0, misbehavior(does)),), **config))
    TcpScript(lab)  # ARP
    lab.from_guest(bytes(ip(str(HOST)) / UDP(sport=5000, dport=port) / b"hello"))
    assert not wait or not lab.to_guest()
    lab.wait(wait)
    return [Ether(frame) for frame in lab.to_guest()]


@pytest.mark.parametrize(("does", "count"), [("echo", 1), ("echo, duplicate", 2), ("blackhole", 0)])
def test_datagrams(does: str, count: int) -> None:
    answers = datagrams(does, 7)
    assert [bytes(one[UDP].payload)[:5] for one in answers] == [b"hello"] * count


def test_a_datagram_to_chargen_is_answered_with_two_lines() -> None:
    (answer,) = datagrams("chargen", 7)
    first, second, rest = bytes(answer[UDP].payload).split(b"\r\n")
    assert (len(first), first[1:], rest) == (72, second[:-1], b"")


def test_a_late_datagram() -> None:
    (answer,) = datagrams("echo, accept after 2s", 7, wait=2.1)
    assert answer[UDP].dport == 5000


def test_an_answer_that_is_later_than_the_flow_lives() -> None:
    (answer,) = datagrams("echo, accept after 20s", 7, wait=21, udp=Udp(idle=10, dns_idle=10))
    assert bytes(answer[UDP].payload)[:5] == b"hello"


def test_only_so_many_datagrams_are_answered_late() -> None:
    lab = Lab(Config(peers=(FaultyHost(HOST, 0, misbehavior("echo, accept after 2s")),)))
    TcpScript(lab)  # ARP
    for _ in range(MAX_LATE + 3):
        lab.from_guest(bytes(ip(str(HOST)) / UDP(sport=5000, dport=7) / b"hello"))
    assert lab.drops == {"peer answers": 3}
    lab.wait(2)
    assert len(lab.to_guest()) == MAX_LATE


def test_a_port_that_is_not_there() -> None:
    (answer,) = datagrams("refuse", 7)
    assert (answer[ICMP].type, answer[ICMP].code) == (3, 3)


# ---------------------------------------------------------------------- the zoo
@pytest.mark.parametrize("name", list(ZOO))
def test_every_animal_of_the_zoo_lives(name: str) -> None:
    lab = Lab(Config(peers=zoo()))
    animal = next(
        faulty_host for faulty_host in lab.config.peers if faulty_host.name == f"{name}.test"
    )
    flow = TcpScript(lab, remote=str(animal.address))
    flow.guest(SYN)
    flow.guest(". 1:1(0) ack 1")
    ask(flow)
    if name not in ("refuse", "unreachable"):
        assert lab.log[0].endswith(f"{name}.test:80 does on purpose: {ZOO[name]}")
    lab.wait(900)
    assert bool(flow.to_guest()) == (name != "blackhole")
    assert (len(lab.router.tcp), lab.next_timer()) == (0, None)
    assert lab.config.names[f"{name}.test"] == (animal.address,)


def test_a_frame_says_what_was_done_to_it() -> None:
    flow = opened("dupack, discard")
    comments = flow.lab.router.notices.comments
    comments.want(True)
    flow.guest("P. 1:101(100) ack 1")
    said = [comments.pop(frame) for frame in flow.lab.to_guest()]
    assert said == ["", *[f"{HOST}:80 on purpose: duplicate acknowledgement"] * 3]
