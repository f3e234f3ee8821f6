"""A link whose frames come with a header of virtio: who looks at frames, and who does not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP

from pynat.config import Config
from pynat.link.capture import CaptureLink
from pynat.link.impair import ImpairLink
from pynat.link.offload import MAX_LONG, OffloadLink
from pynat.link.tap import TapLink
from pynat.log.notices import Notices
from pynat.serve.stack import seeded, stacked
from pynat.wire import ip, ipv4, tcp, virtio
from pynat.wire.tcp import ACK, Segment, SegmentRun
from pynat.wire.virtio import PARTIAL, Offload
from tests.wire.test_virtio import ether, left

CUT = "tap.offload: all is cut into the frames of a wire"
MACS = bytes(12) + b"\x08\0"
WHOLE = "tap.offload: nobody looks at each frame any more"


@dataclass
class Device:
    """What Linux has of it."""

    tap: TapLink
    linux: socket.socket
    said: list[str]

    def send(self, layer: Any, size: int = 0) -> None:
        """To be cut."""
        offload, frame = left(ether() / IP(src="10.0.0.2", dst="10.9.9.9") / layer, size)
        self.linux.send(virtio.HEADER.pack(*offload) + frame)

    def received(self) -> list[tuple[Offload, memoryview]]:
        return [virtio.split(data) for data in iter(self._receive, b"")]

    def _receive(self) -> bytes:
        with contextlib.suppress(BlockingIOError):
            return self.linux.recv(100_000)
        return b""


@pytest.fixture
def device() -> Iterator[Device]:
    loop = asyncio.new_event_loop()
    ours, linux = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    linux.setblocking(False)
    said: list[str] = []
    tap = TapLink(ours.detach(), loop, lambda _, text: said.append(text), virtio.HEADER.size)
    yield Device(tap, linux, said)
    tap.dispose()
    linux.close()
    loop.close()


def header(size: int) -> bytes:
    return ipv4.atomic_header(bytes(4), bytes(4), ip.TCP, size)


def lengths(received: list[tuple[float, bytes]] | list[bytes]) -> list[int]:
    return [len(each if isinstance(each, bytes) else each[1]) for each in received]


def test_a_run_stays_whole_where_nobody_looks_at_frames(device: Device) -> None:
    device.send(TCP(flags="A") / bytes(3000), 1460)
    link = OffloadLink(device.tap)
    assert lengths(link.receive_runs(10)) == [54 + 3000]
    assert device.said == []


def test_long_frames_are_not_all_taken_at_once(device: Device) -> None:
    for _ in range(MAX_LONG + 1):
        device.send(UDP() / b"x")
    link = OffloadLink(device.tap)
    assert lengths(link.receive_runs(512)) == [43] * MAX_LONG
    assert lengths(link.receive_runs(512)) == [43]


def test_a_run_is_cut_for_who_looks(device: Device) -> None:
    device.send(TCP(flags="A") / bytes(3000), 1460)
    link = OffloadLink(device.tap)
    assert lengths(link.receive(10)) == [1514, 1514, 54 + 80]


def test_no_more_frames_come_than_were_asked_for(device: Device) -> None:
    device.send(TCP(flags="A") / bytes(3000), 1460)
    device.send(UDP() / b"x")
    link = OffloadLink(device.tap)
    assert lengths(link.receive(2)) == [1514, 1514]
    assert lengths(link.receive(1)) == [54 + 80]
    assert lengths(link.receive(1)) == [43]
    device.send(TCP(flags="A") / bytes(3000), 1460)
    device.send(UDP() / b"x")
    assert lengths(link.receive(1)) == [1514]
    assert lengths(link.receive_runs(5)) == [1514, 54 + 80, 43]


def test_a_guest_may_ask_for_very_many_pieces(device: Device) -> None:
    """What is made of its frames at once is bounded by one of them."""
    for _ in range(4):
        device.send(TCP(flags="A") / bytes(60_000), virtio.MIN_SEGMENT)
    link = OffloadLink(device.tap)
    tracemalloc.start()
    try:
        taken = sum(len(link.receive(32)) for _ in range(50))
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert taken == 50 * 32


@pytest.mark.parametrize("whole", [True, False])
def test_a_frame_that_asks_for_more_than_linux_makes_is_dropped_and_counted(
    device: Device, whole: bool
) -> None:
    link = OffloadLink(device.tap)
    receive = link.receive_runs if whole else link.receive
    for _ in range(2):
        device.send(TCP(flags="A") / bytes(20_000), virtio.MIN_SEGMENT - 1)
        device.send(UDP() / bytes(virtio.MAX_DATAGRAMS * 10 + 1), 10)
    device.send(UDP() / bytes(virtio.MAX_DATAGRAMS * 10), 10)
    assert lengths(receive(1000)) == [52] * virtio.MAX_DATAGRAMS
    assert str(device.tap.from_guest).endswith(" bytes), 4 dropped")
    (told,) = [line for line in device.said if "dropped" in line]
    assert "a frame of 20054 bytes is dropped that is to be cut into pieces of 7: Linux" in told


def test_what_is_left_at_the_end_is_counted(device: Device) -> None:
    device.send(TCP(flags="A") / bytes(3000), 1460)
    for _ in range(5):
        device.send(UDP() / b"x")
    link = OffloadLink(device.tap)
    assert len(link.receive(1)) == 1
    link.count_rest()
    assert str(device.tap.from_guest).endswith(", 7 more waited at the end and are lost")


def test_what_was_cut_goes_on_in_the_same_steps_where_nobody_looks_any_more(
    device: Device,
) -> None:
    device.send(TCP(flags="A") / bytes(800), 8)
    device.send(UDP() / b"x")
    link = OffloadLink(device.tap)
    assert [len(link.receive(40)), len(link.receive_runs(40))] == [40, 40]
    assert lengths(link.receive_runs(40)) == [62] * 20 + [43]


def test_single_frames_leave_nothing_to_do(device: Device) -> None:
    frames = [b"a frame", b"another"]
    assert OffloadLink(device.tap).send(frames) == 2
    nothing = Offload(0, 0, 0, 0, 0, 0)
    assert device.received() == [(nothing, memoryview(frame)) for frame in frames]
    assert str(device.tap.to_guest) == "2 frames (14 bytes)"


def test_a_run_crosses_the_device_in_frames_of_64_kib(device: Device) -> None:
    run = SegmentRun(Segment(80, 4000, 1, 5, ACK, 77), [bytes(100_000)], ACK, size=1460)
    sent = tcp.encode_run(bytes(4), bytes(4), run).behind(lambda size: MACS + header(size))
    assert OffloadLink(device.tap).send_runs([b"a frame", sent, b"another"]) == 0
    (_, before), *long, (_, after) = device.received()
    assert (bytes(before), bytes(after)) == (b"a frame", b"another")
    assert [len(frame) - 54 for _, frame in long] == [44 * 1460, 100_000 - 44 * 1460]
    assert [offload[:4] for offload, _ in long] == [(PARTIAL, virtio.TCP, 54, 1460)] * 2


def test_the_log_says_when_frames_are_cut(device: Device) -> None:
    link = OffloadLink(device.tap)
    for receive in (link.receive, link.receive, link.receive_runs, link.receive_runs, link.receive):
        receive(1)
    for line, expected in zip(device.said, (CUT, WHOLE, CUT), strict=True):
        assert line.startswith(expected)


def test_a_capture_looks_while_it_runs(device: Device, tmp_path: Path) -> None:
    link = CaptureLink(OffloadLink(device.tap))
    assert link.receive_runs is not None
    link.start(tmp_path / "x.pcap")
    assert link.receive_runs is None
    device.send(TCP(flags="A") / bytes(3000), 1460)
    assert len(link.receive(10)) == 3
    link.stop()
    assert link.receive_runs is not None


def test_a_bad_wire_looks_at_each_frame(device: Device) -> None:
    link = ImpairLink(OffloadLink(device.tap), 1, Notices(device.tap.log))
    assert link.receive_runs is not None
    number = link.add("from-guest loss 0%")
    assert link.receive_runs is None
    link.remove(number)
    link.done(0.0, None)
    assert link.receive_runs is not None


@pytest.mark.parametrize("lint", [True, False])
def test_the_linter_looks_at_each_frame(device: Device, lint: bool) -> None:
    with stacked(
        OffloadLink(device.tap), seeded(Config()), Notices(device.tap.log), lint=lint
    ) as stack:
        assert (stack.link.receive_runs is None) is lint
