"""Which captures are looked at both ways: that they are right, the fixture asks after each test."""

from __future__ import annotations

from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from pynat.capture import pcap
from tests import both_ways
from tests.frames import ping

ROUTER = IPv4Interface("192.168.16.1/24")
LIES = "ETH021 a frame: nobody has said so"
FRAMES = 10


def capture(path: Path, *, at: int = 0) -> Path:
    """What stands beside its frame `at` is not so."""
    said = [pcap.BEGINS, pcap.LINTED]
    comments = {at: LIES}
    blocks = [
        pcap.pcapng_block(
            number, ping("192.168.16.1"), from_guest=True, comment=comments.get(number, "")
        )
        for number in range(FRAMES)
    ]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pcap.pcapng_header(ROUTER, bytes(6), 10, said) + b"".join(blocks))
    return path


@pytest.mark.one_way("what stands beside its frames is made up")
def test_it_is_looked_at_in_whatever_folder(tmp_path: Path) -> None:
    capture(tmp_path / "first" / "net.pcapng")
    assert any(LIES.partition(": ")[2] in line for line in both_ways.of_folder(tmp_path))
    assert both_ways.of_folder(tmp_path) == []  # once
    capture(tmp_path / "first" / "net.pcapng", at=1)
    assert both_ways.of_folder(tmp_path) != []


@pytest.mark.one_way("what stands beside its frames is made up")
@pytest.mark.parametrize(("at", "is_seen"), [(0, True), (FRAMES - 1, False)])
def test_a_long_one_is_looked_at_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, at: int, is_seen: bool
) -> None:
    path = capture(tmp_path / "net.pcapng", at=at)
    monkeypatch.setattr(both_ways, "LONGEST", path.stat().st_size // 2)
    found = [line for line in both_ways.of_file(path) if LIES.partition(": ")[2] in line]
    assert bool(found) == is_seen
