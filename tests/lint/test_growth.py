"""What a frame costs the linter, and what it keeps, do not grow with what a guest has sent."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from struct import pack

import pytest

from pynat.config import Config
from pynat.lint.linter import Linter
from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.lint.tcp.common import Common
from pynat.lint.tcp.resending import Resending
from pynat.lint.tcp.side import Side
from pynat.wire import arp, dhcp, dns, ethernet, icmp, ipv4, tcp, udp
from pynat.wire.arp import Arp
from pynat.wire.dhcp import Message
from pynat.wire.icmp import Icmp
from pynat.wire.tcp import ACK, SYN, Segment
from tests.counting import instructions

GUEST, ROUTER = bytes.fromhex("525400123456"), bytes.fromhex("525400000002")
A, B, NOBODY = bytes((192, 168, 16, 15)), bytes((192, 168, 16, 1)), bytes(4)
ALL = b"\xff" * 4
FEW, MANY = 3, 90
NOBODY_THERE = bytes((192, 0, 2, 1))
QUESTION = b"\1a\0\0\1\0\1"
RECORD = b"\0\0\1\0\1\0\0\0\1\0\1z"


def from_guest(packet: bytes) -> bytes:
    return ethernet.encode(ROUTER, GUEST, ethernet.IPV4, packet)


def to_guest(packet: bytes) -> bytes:
    return ethernet.encode(GUEST, ROUTER, ethernet.IPV4, packet)


def datagram(source: bytes, to: bytes, ports: tuple[int, int], data: bytes) -> bytes:
    return ipv4.encode(source, to, ipv4.UDP, udp.encode(source, ports[0], to, ports[1], data))


def ping(kind: int, source: bytes, to: bytes, number: int) -> bytes:
    return ipv4.encode(source, to, ipv4.ICMP, icmp.encode(Icmp(kind, 0, 1, number, b"x")))


def segment(source: bytes, to: bytes, one: Segment) -> bytes:
    return ipv4.encode(source, to, ipv4.TCP, tcp.encode(source, to, one))


OTHER = to_guest(datagram(B, A, (99, 99), b"x"))


def is_behind(linter: Linter, number: int) -> None:
    """A driver that answers behind the next frame, always after the same time."""
    asked, now = ping(icmp.ECHO_REQUEST, B, A, number), float(number)
    linter.to_guest(to_guest(asked), now)
    linter.to_guest(OTHER, now + 0.2)
    linter.from_guest(from_guest(ping(icmp.ECHO_REPLY, A, B, number)), now + 0.201)


def test_samples_that_are_all_alike_are_not_kept() -> None:
    linter = Linter(Config())
    for number in range(200):
        is_behind(linter, number)
    tracemalloc.start()
    try:
        for number in range(200, 1200):
            is_behind(linter, number)
        assert tracemalloc.get_traced_memory()[0] < 30_000  # of pings under way
    finally:
        tracemalloc.stop()


def asks(linter: Linter, number: int, kind: int = dns.A, name: bytes = b"\1a\0") -> None:
    """For a name, with an id and from a port of its own."""
    question = pack("!6H", number, 0x100, 1, 0, 0, 0) + name + pack("!2H", kind, dns.IN)
    linter.from_guest(from_guest(datagram(A, NOBODY_THERE, (number, 53), question)), 1.0)


def asks_for_another_type(linter: Linter, number: int) -> None:
    asks(linter, number, kind=number)


def is_given_another_address(linter: Linter, number: int) -> None:
    options = {dhcp.KIND: bytes((dhcp.ASK,))}
    asked, _ = dhcp.encode(Message(dhcp.REQUEST, number, GUEST, options=options))
    linter.from_guest(from_guest(datagram(NOBODY, ALL, (68, 67), asked)), 1.0)
    options = {dhcp.KIND: bytes((dhcp.ACK,)), dhcp.SERVER: B}
    address = bytes((10, 0)) + number.to_bytes(2, "big")
    answer, _ = dhcp.encode(Message(dhcp.REPLY, number, GUEST, yiaddr=address, options=options))
    linter.to_guest(to_guest(datagram(B, A, (67, 68), answer)), 1.0)


@pytest.mark.parametrize("happens", [asks, asks_for_another_type, is_given_another_address])
def test_what_happens_each_time_in_another_way_is_not_kept(
    happens: Callable[[Linter, int], None],
) -> None:
    linter, kept = Linter(Config()), list[int]()
    tracemalloc.start()
    try:
        for begin in (1000, 2500):
            for number in range(begin, begin + 1500):
                happens(linter, number)
            kept.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert kept[1] < kept[0] + 20_000


def questions(count: int) -> Linter:
    linter = Linter(Config())
    for number in range(1000, 1000 + count):
        asks(linter, number)
    return linter


def addresses(count: int) -> Linter:
    """That the guest uses, and asks for."""
    linter = Linter(Config())
    for number in range(count):
        own, other = bytes((192, 168, 16, number)), bytes((192, 168, 17, number))
        asked = arp.encode(Arp(arp.REQUEST, GUEST, own, bytes(6), other))
        linter.from_guest(ethernet.encode(ethernet.BROADCAST, GUEST, ethernet.ARP, asked), 1.0)
    return linter


def connections(count: int) -> Linter:
    """Then the guest asks for an address, once and again."""
    linter = Linter(Config())
    for port in range(1000, 1000 + count):
        linter.from_guest(from_guest(segment(A, B, Segment(port, 80, 0, 0, SYN, 9000))), 1.0)
        linter.to_guest(to_guest(segment(B, A, Segment(80, port, 0, 1, SYN | ACK, 9000))), 1.0)
        linter.from_guest(from_guest(segment(A, B, Segment(port, 80, 1, 1, ACK, 9000))), 1.0)
    linter.from_guest(LOOKS_FOR_AN_ADDRESS, 1.1)
    return linter


def answers(count: int) -> Linter:
    """With so many records that hold no address."""
    linter = Linter(Config())
    answer = pack("!6H", 1, 0x8180, 1, count, 0, 0) + QUESTION + count * RECORD
    asked = pack("!6H", 1, 0x100, 1, 0, 0, 0) + QUESTION
    linter.from_guest(from_guest(datagram(A, B, (1000, 53), asked)), 1.0)
    linter.to_guest(to_guest(datagram(B, A, (53, 1000), answer)), 1.1)
    return linter


LOOKS_FOR_AN_ADDRESS = from_guest(datagram(NOBODY, ALL, (68, 67), bytes(300)))
TO_ANOTHER = from_guest(datagram(A, bytes((11, 0, 0, 1)), (9, 9), b"x"))
UNASKED = datagram(B, A, (53, 999), b"x")
REFUSES = from_guest(
    ipv4.encode(A, B, ipv4.ICMP, icmp.encode(Icmp(icmp.UNREACHABLE, icmp.PORT, 0, 0, UNASKED)))
)
FROM_NOBODY = from_guest(datagram(NOBODY, ALL, (9, 9), b"x"))


@pytest.mark.parametrize(
    ("made", "frame"),
    [
        (connections, LOOKS_FOR_AN_ADDRESS),
        (answers, TO_ANOTHER),
        (questions, REFUSES),
        (addresses, FROM_NOBODY),
    ],
)
def test_a_frame_costs_the_same_behind_few_and_behind_many(
    made: Callable[[int], Linter], frame: bytes
) -> None:
    few, many = (_costs(made(count), frame) for count in (FEW, MANY))
    assert many == pytest.approx(few, rel=0.1)


def _costs(linter: Linter, frame: bytes) -> int:
    return instructions(lambda: linter.from_guest(frame, 1.2))


def test_a_sack_block_that_grows_costs_what_is_new_in_it() -> None:
    """But for a look at the numbers of what waits; and says nothing more of what it has named."""
    syn = Segment(1, 2, 0, 0, SYN, 9000)
    resending, when = Resending(Side.of(syn), Side.of(syn), Common(), Tally()), Span(1.0, 1.0)
    for seq in range(1, MANY):
        resending.keep(seq, seq + 1, b"x", when)
    costs = [
        instructions(lambda end=end: resending.selects(((2, end),)))  # type: ignore[misc]
        for end in (MANY - 1, MANY)
    ]
    assert costs[1] < costs[0] * 2 / 3
