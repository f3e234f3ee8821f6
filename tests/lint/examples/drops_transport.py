"""ICMP messages, UDP datagrams and TCP segments that are dropped."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from pynat.config import Config, Tcp
from pynat.nat.messages import TcpEof
from pynat.testing.linted import LintedLab
from pynat.testing.script import TcpScript, established, syn_received
from pynat.wire.checksum import finish, ones_sum
from tests.frames import GUEST, ROUTER, ip
from tests.lint.examples import clean, example

REMOTE = "192.0.2.7"
SYN = "S 0:0(0) <mss 1460>"


@example("ICMP001")
def four_bytes_of_icmp(lab: LintedLab) -> None:
    """The guest leaves identifier and sequence number out."""
    lab.from_guest(bytes(ip(ROUTER, proto=1) / Raw(b"\x08\x00\xf7\xff")))


@example("ICMP002")
def checksum_of_the_header_only(lab: LintedLab) -> None:
    """The guest sums the eight bytes of the header and forgets the data."""
    echo = ICMP(type=8, id=7, seq=3, chksum=0xF7F5)
    lab.from_guest(bytes(ip(ROUTER) / echo / b"abcdefgh"))


@example("ICMP003")
def asks_for_the_time(lab: LintedLab) -> None:
    """The guest sends a timestamp request."""
    lab.from_guest(bytes(ip(ROUTER) / ICMP(type=13)))


@example("ICMP004")
def nothing_to_be_told(lab: LintedLab) -> None:
    """An ICMP error of the guest's own goes to an address that cannot be reached."""
    quoted = IP(src="192.168.16.9", dst=GUEST) / UDP(sport=53, dport=9)
    lab.from_guest(bytes(ip("192.168.16.9") / ICMP(type=3, code=3) / quoted))


@example("UDP001")
def length_swapped(lab: LintedLab) -> None:
    """The guest stores the length in its own (little-endian) byte order."""
    lab.from_guest(bytes(ip(REMOTE) / UDP(sport=5000, dport=9, len=0x0D00) / b"hello"))


@example("UDP002")
def no_pseudo_header(lab: LintedLab) -> None:
    """The guest sums header and data without the pseudo-header."""
    datagram = bytes(UDP(sport=5000, dport=9, len=13, chksum=0)) + b"hello"
    check = finish(ones_sum(datagram))
    lab.from_guest(bytes(ip(REMOTE) / UDP(sport=5000, dport=9, chksum=check) / b"hello"))


def sent(lab: LintedLab, **fields: Any) -> None:
    lab.from_guest(bytes(ip(REMOTE) / TCP(sport=40_000, dport=80, **fields)))


@example("TCP001")
def length_without_header(lab: LintedLab) -> None:
    """The pseudo-header's length is that of the data: 0 instead of 20."""
    packet = ip(REMOTE) / TCP(sport=40_000, dport=80, flags="S", seq=1_000)
    right = IP(bytes(packet)[14:])[TCP].chksum
    sent(lab, flags="S", seq=1_000, chksum=right + 20)


@clean("TCP001")
def whole_conversation(lab: LintedLab) -> None:
    """The guest asks, is answered, and both sides close."""
    flow = established(lab)
    flow.guest("P. 1:6(5) ack 1")
    flow.host_says(b"hello")
    flow.host(TcpEof(1))
    flow.guest("F. 6:6(0) ack 7")


@example("TCP002")
def no_header(lab: LintedLab) -> None:
    """The guest's total length takes only eight bytes of the TCP header in."""
    lab.from_guest(bytes(ip(REMOTE, proto=6) / Raw(bytes(8))))


@example("TCP003")
def offset_in_bytes(lab: LintedLab) -> None:
    """The guest stores the header's length in bytes, of which the lower half is left: 4."""
    sent(lab, flags="S", dataofs=4)


@example("TCP004")
def data_without_a_connection(lab: LintedLab) -> None:
    """The guest sends data without a handshake."""
    flow = TcpScript(lab)
    flow.guest("P. 1:6(5) ack 1")
    flow.lab.to_guest()


@example("TCP005")
def sends_again(lab: LintedLab) -> None:
    """The guest sends what has been acknowledged again and again."""
    flow = established(lab)
    flow.guest("P. 1:6(5) ack 1")
    flow.guest("P. 1:6(5) ack 1")
    flow.guest("P. 1:6(5) ack 1")


@example("TCP006", config=Config(tcp=Tcp(window=4096)))
def beyond_the_window(lab: LintedLab) -> None:
    """The guest does not look at the window: 4,096 bytes, and it sends what is behind them."""
    flow = established(lab)
    flow.guest(". 4097:5557(1460) ack 1")


@example("TCP007")
def does_not_wait(lab: LintedLab) -> None:
    """The guest sends data behind its SYN without waiting for the SYN-ACK."""
    flow = TcpScript(lab)
    flow.guest(SYN)
    flow.guest("P. 1:6(5) ack 1")


@example("TCP008")
def acknowledges_too_much(lab: LintedLab) -> None:
    """The guest acknowledges 1,000 bytes of which none was sent."""
    flow = established(lab)
    flow.guest(". 1:1(0) ack 1001")


@example("TCP009")
def reset_with_a_wrong_number(lab: LintedLab) -> None:
    """The guest's RST has the number of the byte before."""
    flow = established(lab)
    flow.guest("P. 1:6(5) ack 1")
    flow.guest("R 5:5(0)")


@example("TCP010")
def clock_goes_back(lab: LintedLab) -> None:
    """The guest's timestamp clock goes backwards."""
    flow = syn_received(lab, "S 0:0(0) <mss 1460,TS val 5000 ecr 0>")
    echo = f"ecr {stamp_of(lab.seen[-1].frame)}"
    flow.guest(f". 1:1(0) ack 1 <TS val 5000 {echo}>")
    flow.guest(f"P. 1:6(5) ack 1 <TS val 5001 {echo}>")
    flow.guest(f"P. 6:11(5) ack 1 <TS val 4000 {echo}>")


def stamp_of(frame: bytes) -> int:
    return int(dict(Ether(frame)[TCP].options)["Timestamp"][0])


@example("TCP011")
def syn_again(lab: LintedLab) -> None:
    """A later segment of the guest's has SYN set."""
    flow = established(lab)
    flow.guest("S. 1:1(0) ack 1 <mss 1460>")


@example("TCP012")
def no_ack_flag(lab: LintedLab) -> None:
    """The guest's data segment does not acknowledge."""
    flow = established(lab)
    flow.guest("P 1:6(5)")


@example("TCP013")
def data_behind_the_fin(lab: LintedLab) -> None:
    """The guest goes on behind its FIN."""
    flow = established(lab)
    flow.guest("F. 1:1(0) ack 1")
    flow.guest("P. 2:7(5) ack 1")


@example("TCP014")
def too_many_gaps(lab: LintedLab) -> None:
    """The guest sends every other byte, now and then some more."""
    flow = established(lab)
    at = 2
    for number in range(257):
        length = 1 if number % 40 else 65
        flow.guest(f". {at}:{at + length}({length}) ack 1")
        at += length + 1


@example("TCP015", config=Config(tcp=Tcp(window=4096)))
def window_probe(lab: LintedLab) -> None:
    """The host takes nothing more. The guest fills the window and then tries whether it is open."""
    flow = established(lab)
    lab.room = 4096
    for start in range(1, 4097, 1024):
        flow.guest(f". {start}:{start + 1024}(1024) ack 1")
    lab.wait(5)
    flow.guest(". 4097:4098(1) ack 1")
