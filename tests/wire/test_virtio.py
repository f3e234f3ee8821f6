"""Frames that leave work to the other end: what a wire would carry of them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Dot1Q, Ether

from pynat.testing.script import pattern
from pynat.wire import ip, ipv4, tcp, virtio
from pynat.wire.checksum import ones_sum, pseudo_header
from pynat.wire.ipv4 import atomic_header as atomic
from pynat.wire.tcp import ACK, FIN, NO_OPTIONS, PSH, Options, Segment, SegmentRun
from pynat.wire.virtio import PARTIAL, Offload
from tests.spoiling import samples, spoilt

FIELD = {6: 16, 17: 6}  # of the checksum, by protocol
STAMPS = [("NOP", None), ("NOP", None), ("Timestamp", (9, 7))]
tags = st.sampled_from([(), (0,), (7, 9)])


def ether(tags: tuple[int, ...] = ()) -> Any:
    packet = Ether(src="52:54:00:12:34:56", dst="52:55:00:a8:10:01")
    for vlan in tags:
        packet /= Dot1Q(vlan=vlan)
    return packet


def left(packet: Any, size: int = 0) -> tuple[Offload, bytes]:
    """The frame as Linux gives it to a card that completes checksums and cuts it."""
    ip = packet[IP]
    frame = bytearray(bytes(packet))
    start = len(frame) - len(bytes(ip.payload))
    length = len(frame) - start
    partial = pseudo_header(bytes(ip)[12:16], bytes(ip)[16:20], ip.proto, length) % 0xFFFF
    at = start + FIELD[ip.proto]
    frame[at : at + 2] = partial.to_bytes(2, "big")
    kind = {6: virtio.TCP, 17: virtio.UDP}[ip.proto] if size else 0
    headers = len(frame) - len(bytes(ip.payload.payload))
    return Offload(PARTIAL, kind, headers, size, start, FIELD[ip.proto]), bytes(frame)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(
    st.binary(min_size=1, max_size=5000),
    st.integers(88, 1460),
    st.sampled_from(["A", "PA", "FPA", "FA"]),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
    st.sampled_from([[], STAMPS]),
    tags,
)
def test_a_run_is_cut_into_what_a_guest_without_offloads_sends(
    data: bytes, size: int, flags: str, seq: int, ident: int, options: Any, tags: tuple[int, ...]
) -> None:
    def segment(number: int, seq: int, flags: str, data: bytes) -> Any:
        ip = IP(src="10.0.0.2", dst="10.9.9.9", id=(ident + number) & 0xFFFF, flags="DF", tos=2)
        fields = {"sport": 1000, "dport": 80, "ack": 5, "window": 77, "options": options}
        return ether(tags) / ip / TCP(seq=seq & 0xFFFFFFFF, flags=flags, **fields) / data

    cut = pieces(data, size)
    offload, frame = left(segment(0, seq, flags, data), size)
    assert virtio.cut(offload, frame) == [
        bytes(segment(at, seq + at * size, flags if at == len(cut) - 1 else "A", piece))
        for at, piece in enumerate(cut)
    ]
    assert virtio.uncut(offload, frame) == [bytes(segment(0, seq, flags, data))]


@given(
    st.integers(0, 200_000),
    st.lists(st.integers(0, 200_000), max_size=3),
    st.integers(88, 4000),
    st.sampled_from([ACK, ACK | PSH, ACK | PSH | FIN]),
    st.integers(0, 2**32 - 1),
    st.sampled_from([NO_OPTIONS, Options(timestamps=(9, 7))]),
)
def test_long_frames_are_the_frames_of_the_run_uncut(
    length: int, cuts: list[int], size: int, flags: int, seq: int, options: Options
) -> None:
    text = pieces_at(memoryview(pattern(length)), cuts)
    head = Segment(80, 1000, seq, 5, ACK, 77, options=options)
    source, destination = b"\x0a\x09\x09\x09", b"\x0a\0\0\x02"
    run = tcp.encode_run(source, destination, SegmentRun(head, text, flags, size=size)).behind(
        lambda size: bytes(ether())[:12] + b"\x08\0" + atomic(source, destination, ip.TCP, size)
    )
    true_frames = iter(run.frames())
    for data in virtio.long_frames(run).frames():
        assert len(data) <= virtio.HEADER.size + 14 + ipv4.MAX_PACKET
        for ident, frame in enumerate(virtio.cut(*virtio.split(data))):
            assert frame == identified(next(true_frames), ident)
    assert list(true_frames) == []


def identified(frame: bytes, ident: int) -> bytes:
    """With the identification that a card gives it."""
    return frame[:14] + ipv4.resized(frame[14:34], len(frame) - 34, ident) + frame[34:]


def pieces_at(data: memoryview, cuts: list[int]) -> list[bytes | memoryview]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(st.binary(min_size=1, max_size=5000), st.integers(1, 1472), tags)
@pytest.mark.parametrize("ways", [virtio.cut, virtio.uncut])
def test_datagrams_are_always_cut(ways: Any, data: bytes, size: int, tags: tuple[int, ...]) -> None:
    def datagram(number: int, data: bytes) -> Any:
        ip = IP(src="10.0.0.2", dst="10.9.9.9", id=number)
        return ether(tags) / ip / UDP(sport=1000, dport=53) / data

    offload, frame = left(datagram(0, data), size)
    expected = [bytes(datagram(at, piece)) for at, piece in enumerate(pieces(data, size))]
    assert ways(offload, frame) == expected


@given(st.binary(max_size=1460), st.sampled_from([TCP(flags="A"), UDP()]))
@pytest.mark.parametrize("ways", [virtio.cut, virtio.uncut])
def test_a_checksum_is_completed(ways: Any, data: bytes, layer: Any) -> None:
    packet = ether() / IP(src="10.0.0.2", dst="10.9.9.9") / layer / data
    offload, frame = left(packet)
    (whole,) = ways(offload, frame)
    ip = IP(whole[14:])
    length = len(whole) - 34
    total = pseudo_header(whole[26:30], whole[30:34], ip.proto, length) + ones_sum(whole[34:])
    assert total % 0xFFFF == 0
    assert whole[offload.start + offload.field :][:2] != bytes(2)  # UDP: there would be none


def test_a_frame_that_leaves_nothing_is_as_it_is() -> None:
    data = virtio.NOTHING + b"whatever"
    assert virtio.cut(*virtio.split(data)) == virtio.uncut(*virtio.split(data)) == [b"whatever"]


def test_whatever_it_says_nothing_is_raised() -> None:
    """A program of the guest may have written header and frame (packet(7), PACKET_VNET_HDR)."""
    ip = ether() / IP(src="10.0.0.2", dst="10.9.9.9")
    runs = [left(ip / TCP(flags="PA") / bytes(3000), 1460), left(ip / UDP() / bytes(3000), 1000)]
    valid = [virtio.HEADER.pack(*offload) + frame for offload, frame in runs]
    counts = set()
    for data in samples(valid, spoilt):
        if len(data) >= virtio.HEADER.size:
            offload, frame = virtio.split(data)
            counts.add((len(virtio.cut(offload, frame)), len(virtio.uncut(offload, frame))))
    assert {(1, 1), (3, 1), (3, 3)} <= counts
