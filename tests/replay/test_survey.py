"""Whose a capture is: what is kept for that stays small, whatever is in the capture."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from pynat.capture.reading import Captured
from pynat.cli.main import main
from pynat.replay import wire
from pynat.replay.wire import Survey
from pynat.wire import ethernet, ipv4
from tests.replay.test_hostile import interface, packet, section


def frame(source: int, to: int, address: int) -> bytes:
    """Between cards that are as many as the numbers; `address` is of both ends."""
    ends = address.to_bytes(4, "big"), (address + 1).to_bytes(4, "big")
    packet = ipv4.encode(*ends, 99, b"")
    macs = (2 << 40 | to).to_bytes(6, "big"), (2 << 40 | source).to_bytes(6, "big")
    return ethernet.encode(*macs, ethernet.IPV4, packet)


def test_any_number_of_addresses_costs_little() -> None:
    frames = [frame(number % 5000, number, number * 2) for number in range(40_000)]
    survey = Survey()
    tracemalloc.start()
    for number, one in enumerate(frames):
        survey.look(Captured(number, 0.0, one, None, True))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    entries = sum(len(host.to) + len(host.addresses) for host in survey.hosts.values())
    assert entries + len(survey.hosts) <= wire._ENTRIES
    assert survey.dropped > 0
    assert peak < 20 << 20


def test_what_there_was_no_room_for_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wire, "_ENTRIES", 3)
    file = tmp_path / "net.pcapng"
    frames = b"".join(packet(number, frame(number, 9, number)) for number in range(5))
    file.write_bytes(section() + interface() + frames)
    main(["lint", str(file)])
    assert "addresses were one too many to find out whose the capture is" in capsys.readouterr().err
