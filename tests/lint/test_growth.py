"""What a frame costs the linter, and what it keeps, do not grow with what a guest has sent."""

from __future__ import annotations

import tracemalloc

from pynat.config import Config
from pynat.lint.linter import Linter
from pynat.wire import ethernet, icmp, ipv4, udp
from pynat.wire.icmp import Icmp

GUEST, ROUTER = bytes.fromhex("525400123456"), bytes.fromhex("525400000002")
A, B = bytes((192, 168, 16, 15)), bytes((192, 168, 16, 1))


def from_guest(packet: bytes) -> bytes:
    return ethernet.encode(ROUTER, GUEST, ethernet.IPV4, packet)


def to_guest(packet: bytes) -> bytes:
    return ethernet.encode(GUEST, ROUTER, ethernet.IPV4, packet)


def datagram(source: bytes, to: bytes, ports: tuple[int, int], data: bytes) -> bytes:
    return ipv4.encode(source, to, ipv4.UDP, udp.encode(source, ports[0], to, ports[1], data))


def ping(kind: int, source: bytes, to: bytes, number: int) -> bytes:
    return ipv4.encode(source, to, ipv4.ICMP, icmp.encode(Icmp(kind, 0, 1, number, b"x")))


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
