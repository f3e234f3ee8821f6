"""Captures are readable by others, at any moment, and a full disk ends only the capture."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from scapy.utils import RawPcapNgReader, RawPcapReader

from pynat.errors import ConfigError
from pynat.link.capture import CaptureFile, CaptureLink
from pynat.link.link import Link


class FakeLink:
    doorbell = -1
    closing = False
    speed = 10

    def __init__(self) -> None:
        self.waiting: list[tuple[float, bytes]] = []
        self.sent: list[bytes] = []
        self.lines: list[str] = []

    def now(self) -> float:
        return 12.5

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    def send(self, frames: list[bytes]) -> int:
        self.sent += frames
        return len(frames)

    def done(self, hold_until: float, timer: float | None) -> None: ...

    def log(self, level: int, text: str) -> None:
        self.lines.append(text)


def as_link(link: FakeLink) -> Link:
    return link


@pytest.mark.parametrize("size", [14, 15, 16, 17, 60, 1514])
def test_pcapng_is_read_by_scapy_with_time_and_direction(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x.pcapng"
    link = FakeLink()
    link.waiting = [(4_295.000001, b"g" * size)]
    capture = CaptureLink(as_link(link), CaptureFile(path))
    assert capture.receive(10) == [(4_295.000001, b"g" * size)]
    assert capture.send([b"p" * size]) == 1
    with RawPcapNgReader(str(path)) as reader:  # not closed yet: readable at any moment
        packets = list(reader)
    assert [data for data, _ in packets] == [b"g" * size, b"p" * size]
    times = [((meta.tshigh << 32) | meta.tslow) / 1e6 for _, meta in packets]
    assert times == [4_295.000001, 12.5]
    capture.close()
    assert link.sent == [b"p" * size]
    assert epb_flags(path.read_bytes()) == [1, 2]


def epb_flags(data: bytes) -> list[int]:
    flags = []
    at = 0
    while at < len(data):
        kind, length = (int.from_bytes(data[at + i : at + i + 4], "little") for i in (0, 4))
        if kind == 6:
            flags.append(int.from_bytes(data[at + length - 12 : at + length - 8], "little"))
        assert data[at + length - 4 : at + length] == data[at + 4 : at + 8]
        at += length
    return flags


def test_pcap_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    file = CaptureFile(path)
    file.add([(1.25, b"frame one......")], from_guest=True)
    with RawPcapReader(str(path)) as reader:
        ((data, meta),) = list(reader)
    assert (data, meta.sec, meta.usec) == (b"frame one......", 1, 250_000)
    file.close()


def test_a_file_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"capture: .*nowhere/x.pcap: No such file"):
        CaptureFile(tmp_path / "nowhere" / "x.pcap")


def test_two_cards_do_not_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    first = CaptureFile(path)
    first.add([(1, b"frame one......")], from_guest=True)
    with pytest.raises(ConfigError, match="give each card a file of its own"):
        CaptureFile(path)
    with RawPcapReader(str(path)) as reader:
        assert len(list(reader)) == 1
    first.close()
    CaptureFile(path).close()
    with RawPcapReader(str(path)) as reader:
        assert list(reader) == []


def test_a_full_disk_ends_the_capture_and_not_the_network(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("this system has no /dev/full")
    link = FakeLink()
    file = CaptureFile(tmp_path / "x.pcap")
    os.dup2(os.open("/dev/full", os.O_WRONLY), file._fd)
    capture = CaptureLink(as_link(link), file)
    assert capture.send([b"one"]) == 1
    assert capture.send([b"two"]) == 1
    assert link.sent == [b"one", b"two"]
    assert link.lines == [
        "pynat: capture stopped: No space left on device; free some space, start again"
    ]
