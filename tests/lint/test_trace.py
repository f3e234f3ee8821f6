"""Frames as lines of text, as rule pages, reports and failed tests show them."""

from __future__ import annotations

from pynat.lint.trace import Trace
from pynat.testing.lab import GUEST_MAC
from pynat.wire import ethernet, ipv4, tcp
from pynat.wire.tcp import ACK, SYN, Options, Segment
from tests.frames import udp

GUEST, HOST = bytes((192, 168, 16, 2)), bytes((192, 0, 2, 7))
MAC = b"\x52\x55\x00\xa8\x10\x01"


def segment(seq: int, ack: int, flags: int, options: Options, *, from_guest: bool = True) -> bytes:
    ends, ports = ((GUEST, HOST), (40000, 80)) if from_guest else ((HOST, GUEST), (80, 40000))
    data = tcp.encode(*ends, Segment(*ports, seq, ack, flags, 8192, options=options))
    packet = ipv4.encode(*ends, ipv4.TCP, data)
    return ethernet.encode(MAC, GUEST_MAC, ethernet.IPV4, packet)


def test_options_of_tcp_are_shown_and_the_edges_of_sack_count_from_the_first_number() -> None:
    trace = Trace()
    syn = Options(1460, 2, sack_permitted=True, timestamps=(7, 0))
    sack = Options(sack=((1101, 1201), (1301, 1401)))
    name = "tcp 192.168.16.2:40000 > 192.0.2.7:80"
    assert trace.line(5.5, segment(9000, 0, SYN, syn), True) == (
        f"5.500 > {name} S 0:1(0) win 8192 <mss 1460,sackOK,TS val 7 ecr 0,wscale 2>"
    )
    trace.line(5.5, segment(1000, 9001, SYN | ACK, Options(), from_guest=False), False)
    assert trace.line(5.6, segment(9001, 1001, ACK, sack), True) == (
        f"5.600 > {name} . 1:1(0) ack 1 win 8192 <sack 101:201 301:401>"
    )
    spoilt = Options(block=b"\x02\x03\x05\x00")
    assert trace.line(5.7, segment(9001, 1001, ACK, spoilt), True).endswith(" <malformed>")


def test_identifications_are_shown_where_they_are_what_it_is_about() -> None:
    frame = udp("192.0.2.7", 9, b"x", id=5)
    line = "udp 192.168.16.2:5000 > 192.0.2.7:9"
    assert Trace().line(0.0, frame, True) == f"0.000 > {line} length 1"
    assert Trace(idents=True).line(0.0, frame, True) == f"0.000 > {line} ident 0x0005 length 1"
