"""Runs of segments as frames: what is written of a run is what scapy and the decoder read."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from pynat import _fast, _pure
from pynat.loops import tcp_frames, write_frames
from pynat.wire import ethernet, ip, ipv4, tcp
from pynat.wire.frame_run import FrameRun, Sendable, count, frames_of, key_of, last
from pynat.wire.tcp import ACK, FIN, PSH, Options, Segment, SegmentRun

OURS, GUEST = b"\x0a\x09\x09\x09", b"\x0a\x00\x00\x02"
MACS = ethernet.HEADER.pack(b"\x52\x54\x00\x12\x34\x56", b"\x52\x55\x00\xa8\x10\x01", 0x0800)
STAMPS = Options(timestamps=(7, 9))
words = st.integers(0, 0xFFFF)


def framed(run: SegmentRun) -> FrameRun:
    encoded = tcp.encode_run(OURS, GUEST, run)

    def start(length: int) -> bytes:
        return MACS + ipv4.atomic_header(OURS, GUEST, ip.TCP, length)

    return encoded.behind(start)


def pieces(data: bytes, cuts: list[int]) -> list[bytes | memoryview]:
    """`data` in views that end at the cuts."""
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [memoryview(data)[a:b] for a, b in pairwise(edges)]


def one(text: list[bytes | memoryview], size: int, **fields: Any) -> SegmentRun:
    head = Segment(80, 1000, fields.pop("seq", 1), 5, ACK, 77, **fields)
    return SegmentRun(head, text, ACK | PSH, size=size)


@given(
    st.binary(max_size=6000),
    st.lists(st.integers(0, 6000), max_size=8),
    st.integers(1, 2000),
    st.integers(0, 0xFFFFFFFF),
    st.sampled_from([Options(), STAMPS]),
    st.sampled_from([ACK, ACK | PSH, ACK | PSH | FIN]),
)
def test_each_frame_is_whole_and_right(
    data: bytes, cuts: list[int], size: int, seq: int, options: Options, last: int
) -> None:
    head = Segment(80, 1000, seq, 5, ACK, 77, options=options)
    run = SegmentRun(head, pieces(data, cuts), last, size=size)
    frames = framed(run).frames()
    at = seq
    for number, frame in enumerate(frames, 1):
        segment = tcp.decode(ipv4.decode(memoryview(frame)[14:]))
        assert segment.seq == at
        assert segment.flags == (last if number == len(frames) else ACK)
        assert (segment.ack, segment.window, segment.options) == (5, 77, options)
        assert len(segment.payload) == size or number == len(frames)
        at = (at + len(segment.payload)) & 0xFFFFFFFF
    text = [Ether(frame)[TCP] for frame in frames]
    assert b"".join(bytes(one.payload) for one in text) == data
    assert len(frames) == framed(run).frame_count
    assert sum(map(len, frames)) == framed(run).octets


def test_the_last_of_them() -> None:
    """Cut within runs, wherever their text is in pieces."""
    text = pieces(bytes(range(99)), [9, 50, 50])
    head = Segment(80, 1000, 0xFFFFFFF0, 5, ACK, 77)
    runs = [framed(SegmentRun(head, text, ACK | PSH, size=size)) for size in (7, 33, 99, 100)]
    items: list[Sendable] = [b"first", runs[0], b"between", *runs[1:], b"last"]
    frames = frames_of(items)
    assert count(items) == len(frames)
    for left in range(len(frames) + 1):
        rest = last(items, left)
        assert frames_of(rest) == frames[len(frames) - left :]
        assert count(rest) == left


def test_scapy_finds_every_sum_right() -> None:
    for frame in framed(one([b"a", b"bcd", b"ef"], 4)).frames():
        packet = Ether(frame)
        again = Ether(bytes(packet))
        del again[IP].chksum, again[TCP].chksum
        assert bytes(Ether(bytes(again))) == frame


def test_what_has_no_text_is_one_segment() -> None:
    (frame,) = framed(SegmentRun(Segment(80, 1000, 1, 5, ACK, 0), [], ACK | FIN)).frames()
    assert tcp.decode(ipv4.decode(memoryview(frame)[14:])).flags == ACK | FIN


def test_a_run_that_says_no_size_is_one_segment() -> None:
    run = SegmentRun(Segment(80, 1000, 1, 5, ACK, 0), [b"ab", b"c"], ACK)
    assert len(framed(run).frames()) == 1


@pytest.mark.parametrize("write", [_pure.write_frames, _fast.write_frames])
def test_writing_stops_when_anybody_else_has_come(
    wire: tuple[int, socket.socket], write: Callable[..., Any]
) -> None:
    descriptor, guest = wire
    run = framed(one([bytes(1000)], 10))
    came: list[bytes] = []
    busy = bytes(12) + key_of(run)
    own = bytes(26) + key_of(run) + b"whatever"
    octets = len(run.frames()[0])

    def left() -> int:
        written = write(descriptor, [b"first", run], busy, came)
        assert written[:4] == (101 - written[4], 5 + (100 - written[4]) * octets, 0, 0)
        assert len(list(iter(partial(received, guest), b""))) == written[0]
        return int(written[4])

    assert (left(), came) == (0, [])
    guest.send(own)
    guest.send(own)
    assert (left(), came) == (0, [own, own])
    guest.send(own)
    guest.send(own[:37])
    assert (left(), came) == (101 - 64, [own, own, own, own[:37]])
    assert write(descriptor, [b"alone"], b"", came)[4] == 0
    with pytest.raises(ValueError, match="no keys of flows"):
        write(descriptor, [run], busy[:-1], came)
    with pytest.raises(ValueError, match="nowhere to put"):
        write(descriptor, [run], busy)


def received(guest: socket.socket) -> bytes:
    with contextlib.suppress(BlockingIOError):
        return guest.recv(2000)
    return b""


@pytest.fixture
def wire() -> Iterator[tuple[int, socket.socket]]:
    """It keeps frames apart, as a device does."""
    ours, guest = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, guest:
        ours.setblocking(False)
        guest.setblocking(False)
        yield ours.fileno(), guest


def test_runs_and_frames_are_written_in_their_order(wire: tuple[int, socket.socket]) -> None:
    descriptor, guest = wire
    run = framed(one(pieces(b"0123456789", [3, 5]), 4))
    frames = [b"first", *run.frames(), b"last"]
    assert write_frames(descriptor, [b"first", run, b"last"]) == (
        5,
        sum(map(len, frames)),
        0,
        0,
        0,
    )
    assert [guest.recv(2000) for _ in frames] == frames


def test_each_frame_is_offered_once(wire: tuple[int, socket.socket]) -> None:
    """What the device does not take is counted, with the reason of the last one."""
    descriptor, guest = wire
    run = framed(one([bytes(1460 * 1000)], 1460))
    taken, octets, refused, error, left = write_frames(descriptor, [run, b"x"])
    assert (taken + refused, error, left) == (1001, 11, 0)
    assert 0 < taken < 1000
    assert octets == taken * 1514
    assert [len(guest.recv(2000)) for _ in range(taken)] == [1514] * taken
    assert write_frames(descriptor, [b"x"]) == (1, 1, 0, 0, 0)


def test_a_device_that_is_gone_takes_nothing() -> None:
    descriptor = os.open("/dev/null", os.O_RDONLY)
    assert write_frames(descriptor, [b"x", framed(one([b"abc"], 1))]) == (0, 0, 4, 9, 0)
    os.close(descriptor)


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": bytes(200)},
        {"last_start": bytes(200)},
        {"header": bytes(19)},
        {"header": bytes(61)},
        {"base": 0x10000},
        {"size": 0},
    ],
)
def test_what_is_no_run(wrong: dict[str, Any]) -> None:
    run = framed(one([b"abc"], 1))._replace(**wrong)
    with pytest.raises(ValueError, match="no run"):
        tcp_frames(run)
    with pytest.raises(ValueError, match="no run"):
        write_frames(-1, [run])


@pytest.mark.parametrize("wrong", [["abc"], [b"a", None], [3]])
def test_text_is_bytes(wrong: list[Any]) -> None:
    run = framed(one([b"abc"], 1))._replace(text=wrong)
    with pytest.raises(TypeError):
        tcp_frames(run)
    with pytest.raises(TypeError):
        write_frames(-1, [run])


@pytest.mark.parametrize("wrong", ["abc", None, 3, [b"x"]])
def test_a_frame_is_bytes_or_a_run(wrong: Any) -> None:
    with pytest.raises(TypeError):
        write_frames(-1, [wrong])
