"""Captures that others wrote, and our own."""

from __future__ import annotations

import contextlib
import struct
from itertools import accumulate
from pathlib import Path

import pytest
from scapy.layers.l2 import Ether
from scapy.utils import PcapNgWriter, PcapWriter

from pynat.capture import pcap
from pynat.capture.reading import About, read
from pynat.errors import ConfigError
from tests.fuzzing import seeded
from tests.spoiling import samples, sift, spoilt

FRAMES = [b"frame one......", b"frame two.......", b"frame three......."]


def blocks(*, from_guest: bool) -> list[bytes]:
    return [
        pcap.pcapng_block(1_500_000 + n, frame, from_guest=from_guest, comment="a remark" * n)
        for n, frame in enumerate(FRAMES)
    ]


PIECES = {
    "pcap": [pcap.PCAP_HEADER, *(pcap.pcap_record(n, frame) for n, frame in enumerate(FRAMES))],
    "pcapng": [pcap.pcapng_header(), *blocks(from_guest=True)],
}


@pytest.mark.parametrize("from_guest", [True, False])
def test_ours(tmp_path: Path, from_guest: bool) -> None:
    whole = pcap.pcapng_header() + b"".join(blocks(from_guest=from_guest))
    (tmp_path / "x.pcapng").write_bytes(whole)
    found = list(read(tmp_path / "x.pcapng"))
    assert [one.frame for one in found] == FRAMES
    assert [one.number for one in found] == [1, 2, 3]
    assert {one.from_guest for one in found} == {from_guest}
    assert found[2].when == pytest.approx(1.500002)


@pytest.mark.parametrize("name", ["x.pcap", "x.pcapng"])
def test_scapys(tmp_path: Path, name: str) -> None:
    writer = PcapNgWriter if name.endswith("ng") else PcapWriter
    with writer(str(tmp_path / name)) as out:
        for number, frame in enumerate(FRAMES):
            packet = Ether(frame)
            packet.time = 10 + number
            out.write(packet)
    found = list(read(tmp_path / name))
    assert [one.when for one in found] == pytest.approx([10, 11, 12])
    assert [(one.frame, one.from_guest) for one in found] == [(frame, None) for frame in FRAMES]


@pytest.mark.parametrize(("order", "magic"), [(">", 0xA1B2C3D4), (">", 0xA1B23C4D)])
def test_the_other_byte_order_and_nanoseconds(tmp_path: Path, order: str, magic: int) -> None:
    unit = 1_000_000_000 if magic == 0xA1B23C4D else 1_000_000
    header = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65_535, 1)
    record = struct.pack(order + "IIII", 7, unit // 2, 4, 4) + b"abcd"
    (tmp_path / "x.pcap").write_bytes(header + record)
    (one,) = read(tmp_path / "x.pcap")
    assert one.when == pytest.approx(7.5)
    assert (one.frame, one.whole) == (b"abcd", True)


def test_what_the_capture_cut_off_is_said(tmp_path: Path) -> None:
    record = struct.pack("<IIII", 7, 0, 4, 1500) + b"abcd"
    (tmp_path / "x.pcap").write_bytes(pcap.PCAP_HEADER + record)
    (one,) = read(tmp_path / "x.pcap")
    assert not one.whole


def test_what_is_no_capture_of_ethernet(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"hello")
    with pytest.raises(ConfigError, match="expected a capture, pcap or pcapng"):
        read(tmp_path / "x")
    with pytest.raises(ConfigError, match="No such file"):
        read(tmp_path / "no")
    (tmp_path / "y").write_bytes(pcap.PCAP_HEADER[:20] + struct.pack("<I", 101))
    with pytest.raises(ConfigError, match=r"link type 101, expected 1 \(Ethernet\), 113 or 276"):
        list(read(tmp_path / "y"))


@pytest.mark.parametrize("kind", PIECES)
def test_a_file_that_ends_anywhere_has_the_frames_that_are_whole(tmp_path: Path, kind: str) -> None:
    ends = [*accumulate(len(piece) for piece in PIECES[kind])]
    data = b"".join(PIECES[kind])
    for length in range(ends[0], len(data) + 1):
        (tmp_path / "x").write_bytes(data[:length])
        whole = sum(end <= length for end in ends[1:])
        about = About()
        assert [one.frame for one in read(tmp_path / "x", about)] == FRAMES[:whole]
        said = "" if length in ends else f"cut off after {whole} packets"
        assert about.ends_early == said


def as_far_as_it_goes(path: Path) -> list[bytes]:
    found = []
    with contextlib.suppress(ConfigError):
        for one in read(path):
            found.append(one.frame)
    return found


@pytest.mark.parametrize("kind", PIECES)
def test_what_stands_before_a_spoilt_place_is_read(tmp_path: Path, kind: str) -> None:
    ends = [*accumulate(len(piece) for piece in PIECES[kind])]
    data = b"".join(PIECES[kind])
    dice, less = seeded(1), 0
    for _ in range(1000):
        at = dice.randrange(ends[0], len(data) + 1)
        (tmp_path / "x").write_bytes(data[:at] + spoilt(data[at:], dice))
        before = sum(end <= at for end in ends[1:])
        found = as_far_as_it_goes(tmp_path / "x")
        assert found[:before] == FRAMES[:before]
        less += found != FRAMES
    assert 300 < less < 900


def test_a_spoilt_head_is_read_or_refused(tmp_path: Path) -> None:
    head, *others = PIECES["pcapng"]

    def take(head: bytes) -> None:
        (tmp_path / "x").write_bytes(head + b"".join(others))
        assert [one.frame for one in read(tmp_path / "x")] in ([], FRAMES)

    refusals = ["expected a capture", "expected 1 (Ethernet)"]
    sift(samples([head], spoilt), take, ConfigError, least=0.2, said=refusals)
