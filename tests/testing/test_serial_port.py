"""The serial log twice: as it came, and line by line with the guest's time."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from pynat.control.protocol import encode
from pynat.report.recording import serial_lines
from pynat.testing.kit.serial_port import GuestClock, SerialPort


@pytest.fixture
def seconds() -> Iterator[float]:
    return map(float, count(1))


def said(folder: Path, seconds: Iterator[float], *pieces: bytes) -> list[tuple[float | None, str]]:
    """What the report takes of it, once all has come."""
    raw, stamped = folder / "serial.txt", folder / "serial.json"
    port = SerialPort(raw, stamped, lambda: next(seconds))
    found = re.search(r":(\d+)$", port.option)
    assert found
    with socket.create_connection(("127.0.0.1", int(found[1]))) as bochs:
        for piece in pieces:
            before = raw.stat().st_size if raw.exists() else 0
            bochs.sendall(piece)
            while not raw.exists() or raw.stat().st_size < before + len(piece):
                os.sched_yield()
    port.finish()
    assert raw.read_bytes() == b"".join(pieces)
    return [(line.when, line.text) for line in serial_lines(stamped)]


def test_a_line_has_the_time_at_which_its_end_came(
    tmp_path: Path, seconds: Iterator[float]
) -> None:
    lines = said(tmp_path, seconds, b"he", b"llo\r\nlogin: ", b"root\n", b"[ 9.5] own time\nlast")
    assert lines == [(1, "hello"), (2, "login: root"), (3, "[ 9.5] own time"), (4, "last")]


def test_bytes_that_are_no_text_do_not_spoil_a_line(
    tmp_path: Path, seconds: Iterator[float]
) -> None:
    lines = said(tmp_path, seconds, b'\xff{"time": 7}\n\x1b[31mred\n')
    assert [text for _, text in lines] == ['\N{REPLACEMENT CHARACTER}{"time": 7}', "\\x1b[31mred"]


def test_a_clock_that_is_not_there_is_no_time(tmp_path: Path) -> None:
    assert GuestClock(tmp_path / "none")() is None
    (tmp_path / "serial.json").write_text(json.dumps({"time": None, "text": "early"}))
    assert [tuple(one) for one in serial_lines(tmp_path / "serial.json")] == [(None, "early")]


def test_a_network_that_hangs_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pynat.control.client.PATIENCE", 0.01)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "c.sock"))
        listener.listen(2)
        clock = GuestClock(tmp_path / "c.sock")
        assert clock() is None
        with listener.accept()[0] as asked:
            assert asked.recv(100) == encode({"command": "stats"})
        assert clock() is None
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
