"""Captures that say of themselves what cannot be: they are looked at, or refused in one line."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pynat.capture.reading import About, read
from pynat.cli.main import main
from pynat.report import Sources, recorded, write_report
from pynat.testing.lab import GUEST_MAC
from pynat.wire import ethernet, ipv4, tcp
from pynat.wire.tcp import ACK, SYN, Segment
from tests.frames import ping

Output = pytest.CaptureFixture[str]
WHOLE_SECONDS = (9, b"\0")  # the unit of times: an option of an interface
FAR = 2**64 - 1


def _options(*options: tuple[int, bytes]) -> bytes:
    parts = (
        struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)
        for code, value in options
    )
    return b"".join(parts) + bytes(4)


def _block(kind: int, body: bytes) -> bytes:
    size = 12 + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def section(*options: tuple[int, bytes]) -> bytes:
    return _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _options(*options))


def interface(*options: tuple[int, bytes]) -> bytes:
    return _block(1, struct.pack("<HHI", 1, 0, 0) + _options(*options))


def packet(when: int, frame: bytes, way: int = 1) -> bytes:
    """way: 1 from the guest, 2 to it."""
    head = struct.pack("<IIIII", 0, when >> 32, when & 0xFFFFFFFF, len(frame), len(frame))
    data = frame + bytes(-len(frame) % 4)
    return _block(6, head + data + _options((2, struct.pack("<I", way))))


def segment(seq: int, flags: int, data: bytes = b"") -> bytes:
    ends = bytes((192, 168, 16, 2)), bytes((192, 0, 2, 7))
    encoded = tcp.encode(*ends, Segment(4000, 80, seq, 0, flags, 1000, data))
    mac = bytes.fromhex("525500a81001")
    return ethernet.encode(mac, GUEST_MAC, ethernet.IPV4, ipv4.encode(*ends, ipv4.TCP, encoded))


SYN_FRAME, DATA_FRAME = segment(0, SYN), segment(1, ACK, b"data")
OURS = (4, b"pynat")  # the program that wrote it
FRAME = ping("192.168.16.1")
FILES = {
    "an empty frame": section() + interface() + packet(0, b""),
    "a net of one address": section(OURS)
    + interface((4, b"\x0a\0\2\2" + b"\xff" * 4))
    + packet(0, FRAME),
    "a net of two": section(OURS)
    + interface((4, b"\x0a\0\2\2" + b"\xff\xff\xff\xfe"))
    + packet(0, FRAME),
    "a large MTU": section(OURS, (1, b"MTU 99999")) + interface() + packet(0, FRAME),
    "a larger one": section(OURS, (1, b"MTU " + b"9" * 5000)) + interface() + packet(0, FRAME),
    "a fast card": section(OURS) + interface((8, b"\xff" * 60_000)) + packet(0, FRAME, 2),
    "time that goes back": section()
    + interface()
    + packet(10**7, SYN_FRAME)
    + packet(0, DATA_FRAME),
    "a far time": section()
    + interface(WHOLE_SECONDS)
    + packet(0, FRAME)
    + packet(FAR, SYN_FRAME)
    + packet(FAR, DATA_FRAME),
}


@pytest.fixture(params=FILES)
def capture(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "x.pcapng"
    path.write_bytes(FILES[request.param])
    return path


def test_it_is_looked_at(capture: Path, capsys: Output) -> None:
    assert main(["lint", str(capture)]) in (0, 1, 2)
    assert "Traceback" not in capsys.readouterr().err


def test_it_is_shown(capture: Path, capsys: Output) -> None:
    recording = write_report(Sources(capture), capture.with_suffix(".html"))
    assert recording.frames >= 1


def test_each_comment_costs_the_same(tmp_path: Path) -> None:
    """Counted by what is copied, not by the clock: the options are joined once."""
    path = tmp_path / "x.pcapng"
    path.write_bytes(section(*[(1, b"")] * 300_000) + interface() + packet(0, FRAME))
    about = About()
    assert len(list(read(path, about))) == 1
    assert len(about.comments) == 300_000


@pytest.mark.parametrize("option", ["--net", "--router"])
@pytest.mark.parametrize("length", [31, 32, 7])
def test_a_net_that_cannot_be(option: str, length: int, capsys: Output) -> None:
    with pytest.raises(SystemExit):
        main(["lint", option, f"10.0.0.0/{length}", "x"])
    assert "expected a prefix length from 8 to 30" in capsys.readouterr().err


@pytest.mark.parametrize("guest", ["", "aa", "52:54:00:12:34", "10.0.0"])
def test_a_guest_that_is_no_address(guest: str, capsys: Output) -> None:
    with pytest.raises(SystemExit):
        main(["lint", "--guest", guest, "x"])
    assert "is neither a MAC nor an IPv4 address" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        '{"time": 1' + "0" * 400 + ', "text": "x"}',
        '{"a":' * 100_000,
        '{"time": NaN, "text": 1}',
    ],
)
def test_a_serial_line_is_the_guests_own_words(line: str, tmp_path: Path) -> None:
    path, serial = tmp_path / "x.pcapng", tmp_path / "serial.txt"
    path.write_bytes(section() + interface() + packet(0, FRAME))
    serial.write_text(line)
    (found,) = recorded(Sources(path, serial)).serial
    assert found.when is None


def test_a_files_name_cannot_steer_the_terminal(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "h\x1b]0;x\x07.pcapng"
    path.write_bytes(section() + interface() + packet(0, FRAME))
    main(["lint", str(path)])
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
