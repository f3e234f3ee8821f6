"""What the linter keeps of packets in fragments."""

from __future__ import annotations

import tracemalloc

from pynat.lint.pieces import Pieces
from pynat.wire import ipv4
from pynat.wire.checksum import finish, ones_sum

A, B = bytes((192, 168, 16, 15)), bytes((192, 168, 16, 1))


def test_fragments_that_overlap_are_not_kept_for_ever() -> None:
    """A guest sends one at each offset, each as long as may be: 12 MB of each packet."""
    header = bytearray(ipv4.encode(A, B, ipv4.ICMP, bytes(1480))[:20])
    pieces = Pieces()
    tracemalloc.start()
    try:
        for offset in range(0, 65_535 - 1500, 8):
            header[6:8] = (0x2000 | offset // 8).to_bytes(2, "big")
            header[10:12] = bytes(2)
            header[10:12] = finish(ones_sum(bytes(header))).to_bytes(2, "big")
            assert pieces.add(ipv4.decode(memoryview(bytes(header) + bytes(1480)))) is None
        assert tracemalloc.get_traced_memory()[0] < 200_000
    finally:
        tracemalloc.stop()


def piece(ident: int, offset: int, size: int, *, more: bool) -> ipv4.Ipv4:
    header = bytearray(ipv4.encode(A, B, ipv4.ICMP, bytes(size))[:20])
    header[4:8] = ident.to_bytes(2, "big") + (more << 13 | offset // 8).to_bytes(2, "big")
    header[10:12] = bytes(2)
    header[10:12] = finish(ones_sum(bytes(header))).to_bytes(2, "big")
    return ipv4.decode(memoryview(bytes(header) + bytes(size)))


def test_all_that_is_under_way_in_one_window_is_joined() -> None:
    """First pieces of many packets, and then the rest of each."""
    pieces = Pieces()
    for ident in range(60):
        assert pieces.add(piece(ident, 0, 800, more=True)) is None
    joined = [pieces.add(piece(ident, 800, 648, more=False)) for ident in range(60)]
    assert [len(one or b"") for one in joined] == [1448] * 60


def test_many_packets_in_small_fragments_are_not_kept_either() -> None:
    pieces = Pieces()
    tracemalloc.start()
    try:
        for ident in range(100):
            for offset in range(0, 1600, 8):
                assert pieces.add(piece(ident, offset, 8, more=True)) is None
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()
