"""A link whose frames come with a header of virtio: who looks at frames, and who does not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP

from pynat.config import Config
from pynat.link.capture import CaptureLink
from pynat.link.impair import ImpairLink
from pynat.link.memory import MemoryLink
from pynat.link.offload import OffloadLink
from pynat.log.notices import Notices
from pynat.serve.stack import seeded, stacked
from pynat.wire import virtio
from tests.wire.test_virtio import ether, left

CUT = "tap.offload: all is cut into the frames of a wire"
WHOLE = "tap.offload: nobody looks at each frame any more"


@pytest.fixture
def device() -> Iterator[MemoryLink]:
    loop = asyncio.new_event_loop()
    device = MemoryLink(loop)
    yield device
    device.dispose()
    loop.close()


def given(device: MemoryLink, layer: Any, size: int = 0) -> None:
    """Linux gives this to the device, to be cut."""
    offload, frame = left(ether() / IP(src="10.0.0.2", dst="10.9.9.9") / layer, size)
    device.put(virtio.HEADER.pack(*offload) + frame)


def lengths(received: list[tuple[float, bytes]]) -> list[int]:
    return [len(frame) for _, frame in received]


def said(device: MemoryLink) -> list[str]:
    return [text for _, text in device.lines]


def test_a_run_stays_whole_where_nobody_looks_at_frames(device: MemoryLink) -> None:
    given(device, TCP(flags="A") / bytes(3000), 1460)
    link = OffloadLink(device)
    assert lengths(link.receive_runs(10)) == [54 + 3000]
    assert said(device) == []


def test_a_run_is_cut_for_who_looks(device: MemoryLink) -> None:
    given(device, TCP(flags="A") / bytes(3000), 1460)
    link = OffloadLink(device)
    assert lengths(link.receive(10)) == [1514, 1514, 54 + 80]


def test_no_more_frames_come_than_were_asked_for(device: MemoryLink) -> None:
    given(device, TCP(flags="A") / bytes(3000), 1460)
    given(device, UDP() / b"x")
    link = OffloadLink(device)
    assert lengths(link.receive(2)) == [1514, 1514]
    assert lengths(link.receive(1)) == [54 + 80]
    assert lengths(link.receive(1)) == [43]
    given(device, TCP(flags="A") / bytes(3000), 1460)
    given(device, UDP() / b"x")
    assert lengths(link.receive(1)) == [1514]
    assert lengths(link.receive_runs(5)) == [1514, 54 + 80, 43]


def test_what_is_sent_leaves_nothing_to_do(device: MemoryLink) -> None:
    assert OffloadLink(device).send([b"a frame", b"another"]) == 2
    assert [device._to_guest.get_nowait() for _ in range(2)] == [
        bytes(10) + b"a frame",
        bytes(10) + b"another",
    ]


def test_the_log_says_when_frames_are_cut(device: MemoryLink) -> None:
    link = OffloadLink(device)
    for ways in (link.receive, link.receive, link.receive_runs, link.receive_runs, link.receive):
        ways(1)
    for line, expected in zip(said(device), (CUT, WHOLE, CUT), strict=True):
        assert line.startswith(expected)


def test_a_capture_looks_while_it_runs(device: MemoryLink, tmp_path: Path) -> None:
    link = CaptureLink(OffloadLink(device))
    assert link.receive_runs is not None
    link.start(tmp_path / "x.pcap")
    assert link.receive_runs is None
    given(device, TCP(flags="A") / bytes(3000), 1460)
    assert len(link.receive(10)) == 3
    link.stop()
    assert link.receive_runs is not None


def test_a_bad_wire_looks_at_each_frame(device: MemoryLink) -> None:
    link = ImpairLink(OffloadLink(device), 1, Notices(device.log))
    assert link.receive_runs is not None
    number = link.add("from-guest loss 0%")
    assert link.receive_runs is None
    link.remove(number)
    link.done(0.0, None)
    assert link.receive_runs is not None


@pytest.mark.parametrize("lint", [True, False])
def test_the_linter_looks_at_each_frame(device: MemoryLink, lint: bool) -> None:
    with stacked(OffloadLink(device), seeded(Config()), Notices(device.log), lint=lint) as stack:
        assert (stack.link.receive_runs is None) is lint
