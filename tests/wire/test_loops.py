"""The compiled loops and those in Python give the same: results, exceptions, what is written."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynat import _fast, _pure
from pynat.wire.frame_run import FrameRun, Sendable
from tests.frames import ROUTER, ROUTER_MAC, mended, ping, udp
from tests.spoiling import samples, spoilt
from tests.wire.test_tcp_run import MAC, frame, stamps

data = st.binary(max_size=300)
views: st.SearchStrategy[memoryview] = data.map(memoryview)
texts = st.lists(data | views, max_size=6)
runs = st.builds(
    FrameRun,
    st.binary(max_size=140),
    st.binary(max_size=140),
    st.binary(min_size=18, max_size=62),
    st.integers(0, 0x10001),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFF),
    st.integers(-1, 400),
    texts,
    st.booleans(),
)


def outcome(call: Callable[..., Any], *arguments: object) -> object:
    """What it returns, or what it raises."""
    try:
        return call(*arguments)
    except (ValueError, TypeError) as error:
        return type(error), str(error)


@given(st.binary(max_size=3000) | st.integers(0, 70).map(bytes))
def test_sums(data: bytes) -> None:
    assert _pure.ones_sum(data) == _fast.ones_sum(data)
    assert _pure.ones_sum(memoryview(data)) == _fast.ones_sum(memoryview(data))


@given(runs)
def test_frames_of_runs(run: FrameRun) -> None:
    assert outcome(_pure.tcp_frames, run) == outcome(_fast.tcp_frames, run)


def test_segments_of_frames() -> None:
    """Spoilt ones behind good ones, and the other way round."""
    good = [frame(1, b"abc", options=stamps(1)), frame(1, b"abc"), frame(ack=9), frame(ack=8)]
    good += [frame(4, b"de"), frame(4, b"de", options=stamps(1)), frame(4, b"x", flags="PA")]
    joined = 0
    for spoilt_one in samples(good, spoilt, 3000):
        for other in good:
            frames = [other, mended(spoilt_one), other]
            for at in range(3):
                taken = _fast.tcp_run(frames, at, MAC)
                assert _pure.tcp_run(frames, at, MAC) == taken
                joined += taken is not None and taken[0] > 1
    assert joined > 300


def test_a_frame_alone() -> None:
    padded = [frame(1, b"abc", options=stamps(1)), frame(ack=9).ljust(60, b"\0")]
    short = udp("10.9.9.9", 7, b"abc")
    padded += [short, short.ljust(60, b"\0"), udp("10.9.9.9", 7, bytes(40))]
    taken = 0
    for one in map(mended, samples(padded, spoilt, 6000)):
        for name in ("tcp_one", "udp_one"):
            found = getattr(_fast, name)(one)
            assert getattr(_pure, name)(one) == found
            taken += found is not None
    assert taken > 300


addresses = st.sampled_from((0, 1, 4, 16)).flatmap(
    lambda size: st.binary(min_size=size, max_size=size)
)
number16, number32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)


@given(
    st.tuples(addresses, addresses),
    st.tuples(number16, number16, number32, number32, st.integers(0, 0xFF), number16, number16),
    st.sampled_from((0, 4, 12, 40, 41, 44)).map(lambda size: bytes(range(size))),
    data | views,
)
def test_a_segment_to_be_sent(
    ends: tuple[bytes, bytes], numbers: tuple[int, ...], options: bytes, text: bytes | memoryview
) -> None:
    arguments = *ends, *numbers, options, text
    assert outcome(_pure.tcp_segment, *arguments) == outcome(_fast.tcp_segment, *arguments)


@pytest.mark.parametrize(
    ("frames", "at", "mac"), [([], 0, MAC), ([b""], -1, MAC), ([b""], 1, MAC), ([b""], 0, b"short")]
)
def test_what_is_no_place_in_the_frames(frames: list[bytes], at: int, mac: bytes) -> None:
    assert outcome(_pure.tcp_run, frames, at, mac) == outcome(_fast.tcp_run, frames, at, mac)


def test_answers_to_pings() -> None:
    pings = [ping("10.9.9.9", bytes(size)) for size in (0, 1, 56, 1472)]
    pings.append(ping("10.9.9.9", tos=9, ttl=1, flags="DF").ljust(60, b"\0"))
    macs = bytes.fromhex(ROUTER_MAC.replace(":", "")), MAC[:5]
    answered = 0
    for one in map(mended, samples(pings, spoilt, 6000)):
        for mac in macs:
            found = outcome(_fast.echo_reply, one, mac, answered)
            assert outcome(_pure.echo_reply, one, mac, answered) == found
            answered += found is not None
    assert answered > 300


def test_datagrams_of_frames() -> None:
    good = [udp(ROUTER, 9, b"abc"), udp(ROUTER, 9, b""), udp(ROUTER, 9, b"x", ttl=9)]
    good += [udp(ROUTER, 8, b"odd"), udp(ROUTER, 9, b"longer", flags="DF")]
    joined = 0
    for spoilt_one in samples(good, spoilt, 3000):
        for other in good:
            frames = [other, mended(spoilt_one), other]
            for at in range(3):
                taken = _fast.udp_run(frames, at, MAC)
                assert _pure.udp_run(frames, at, MAC) == taken
                joined += taken is not None and len(taken[2]) > 1
    assert joined > 300
    assert _fast.udp_run([*good[:2], good[2]], 0, MAC) == (64, False, [b"abc", b""])


@given(
    st.binary(min_size=40, max_size=44),
    st.integers(0, 0xFFFF),
    st.lists(st.binary(max_size=2000), max_size=5),
)
def test_frames_of_datagrams(header: bytes, ident: int, payloads: list[bytes]) -> None:
    arguments = header, ident, payloads
    assert outcome(_pure.udp_frames, *arguments) == outcome(_fast.udp_frames, *arguments)


def test_a_datagram_that_is_too_long_for_a_packet() -> None:
    for loops in (_pure, _fast):
        assert len(loops.udp_frames(bytes(42), 1, [bytes(65_507)])[0]) == 65_549
        with pytest.raises(ValueError, match="no datagrams"):
            loops.udp_frames(bytes(42), 1, [bytes(65_508)])


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", "AF_INET"), ("::1", "AF_INET6")])
@pytest.mark.parametrize("loops", [_fast, _pure])
def test_datagrams_there_and_back(loops: Any, host: str, family: str) -> None:
    number = getattr(socket, family)
    payloads = [bytes([size % 251]) * size for size in range(100)]
    with socket.socket(number, socket.SOCK_DGRAM) as ours, socket.socket(number, 2) as other:
        for sock in (ours, other):
            sock.bind((host, 0))
            sock.setblocking(False)
        to = socket.inet_pton(number, host), other.getsockname()[1]
        assert loops.send_datagrams(ours, *to, payloads, False) == (100, 0)
        source = to[0], ours.getsockname()[1]
        wanted = [(source, payload) for payload in payloads]
        assert loops.receive_datagrams(other, -1) == ([], 0)
        assert loops.receive_datagrams(other, 10) == (wanted[:10], 0)
        assert loops.receive_datagrams(other, 1000) == (wanted[10:74], 0)
        assert loops.receive_datagrams(other, 1000) == (wanted[74:], 0)
        assert loops.receive_datagrams(other, 1000) == ([], errno.EAGAIN)


@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize("loops", [_fast, _pure])
@pytest.mark.parametrize(
    "sizes",
    [
        [100] * 150,
        [1472] * 60,  # more than Linux takes at once
        [100, 100, 40, 100, 100, 140, 100],  # only the last of one message may be shorter
        [0, 100, 0, 0, 100, 100, 0],  # nothing would be left of an empty one
        [40_000, 40_000, 65_507, 1],
    ],
)
def test_datagrams_arrive_as_they_were(loops: Any, sizes: list[int], joined: bool) -> None:
    payloads = [bytes([number]) * size for number, size in enumerate(sizes)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours, socket.socket(2, 2) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        other.bind(("127.0.0.1", 0))
        other.setblocking(False)
        to = bytes((127, 0, 0, 1)), other.getsockname()[1]
        assert loops.send_datagrams(ours, *to, payloads, joined) == (len(sizes), 0)
        assert [other.recv(65_535) for _ in sizes] == payloads
        with pytest.raises(BlockingIOError):
            other.recv(65_535)


@pytest.mark.parametrize("loops", [_fast, _pure])
def test_what_of_datagrams_cannot_be_sent(loops: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        here = bytes((127, 0, 0, 1)), 9
        assert loops.send_datagrams(sock, *here, [b"", bytes(70_000), b""], True) == (
            1,
            errno.EMSGSIZE,
        )
        for address, payloads in ((b"short", [b""]), (here[0], ["no bytes"])):
            with pytest.raises(ValueError, match="no packed address, or a datagram"):
                loops.send_datagrams(sock, address, 9, payloads, False)


def through(write: Callable[..., Any], items: list[Sendable]) -> tuple[object, list[bytes]]:
    """What is told, and what has arrived."""
    ours, guest = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, guest:
        ours.setblocking(False)
        guest.setblocking(False)
        told = outcome(write, ours.fileno(), items)
        arrived, error = _fast.read_frames(guest.fileno(), 1000)
        assert _pure.read_frames(guest.fileno(), 1000) == ([], error)
    return told, arrived


@given(st.lists(st.binary(min_size=1, max_size=2000) | runs, max_size=6))
def test_what_is_written(items: list[Sendable]) -> None:
    assert through(_pure.write_frames, items) == through(_fast.write_frames, items)


def test_what_is_read() -> None:
    for read in (_pure.read_frames, _fast.read_frames):
        ours, guest = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, guest:
            ours.setblocking(False)
            for size in (60, 65_553, 1):
                guest.send(bytes(size))
            assert read(ours.fileno(), 2) == ([bytes(60), bytes(65_553)], 0)
            assert read(ours.fileno(), 2) == ([bytes(1)], 11)


@pytest.mark.parametrize(("pure", "said"), [("1", "True"), ("", "False")])
def test_who_is_asked(pure: str, said: str) -> None:
    command = (sys.executable, "-c", "from pynat import loops; print(loops.IS_PURE)")
    environment = {**os.environ, "PYNAT_PURE": pure}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{said}\n"
