"""The file of `lint.json`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pynat import rules
from pynat.errors import ConfigError
from pynat.log.journal import Journal, journaled
from pynat.log.notices import Notices
from pynat.rules import BY_CODE
from tests.frames import udp

FRAME = udp("192.0.2.7", 9, b"hello", ttl=0)


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def notices(lines: list[str]) -> Notices:
    return Notices(lambda level, text: lines.append(f"{level.name} {text}"), {"TCP005"})


def test_each_drop_and_finding_is_an_object_a_line(tmp_path: Path, notices: Notices) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("of an earlier run\n")
    with journaled(path, notices):
        notices.comments.number(FRAME, 7)
        notices.finding(BY_CODE["IP031"], "TTL 0, expected 64", 1.25, FRAME)
        notices.drop(rules.tcp.DUPLICATE, "silenced", 1.5)
        notices.drop(rules.arp.NO_ANSWER, "3 packets lost", 2.0, count=3)
        said = [json.loads(line) for line in path.read_text().splitlines()]
    assert said == [
        {
            "time": 1.25,
            "kind": "finding",
            "code": "IP031",
            "name": "ipv4 time to live zero",
            "severity": "error",
            "frame": 7,
            "from": "guest",
            "packet": "udp 192.168.16.2:5000 > 192.0.2.7:9",
            "text": "TTL 0, expected 64",
            "rfc": "RFC 1122 3.2.1.7",
            "page": "pynat explain IP031",
            "why": BY_CODE["IP031"].why,
            "look_at": BY_CODE["IP031"].remedy,
        },
        {
            "time": 2.0,
            "kind": "drop",
            "code": "ARP007",
            "name": "arp no answer",
            "severity": "error",
            "frame": None,
            "from": None,
            "packet": None,
            "text": "3 packets lost",
            "rfc": "RFC 826",
            "page": "pynat explain ARP007",
            "why": BY_CODE["ARP007"].why,
            "look_at": BY_CODE["ARP007"].remedy,
            "count": 3,
        },
    ]
    notices.drop(rules.arp.NO_ANSWER, "nobody writes it any more", 3.0)
    assert len(path.read_text().splitlines()) == 2


def test_it_ends_when_it_is_full(tmp_path: Path, notices: Notices, lines: list[str]) -> None:
    path = tmp_path / "x.jsonl"
    Journal(path, notices, limit=1000)
    for _ in range(100):
        notices.drop(rules.net.IPV6, "this network is IPv4 only", 1.0)
    *whole, last = [json.loads(line) for line in path.read_text().splitlines()]
    assert {one["code"] for one in whole} == {"NET001"}
    assert last == {"end": "1000 bytes are full; what came later is not here"}
    assert path.stat().st_size < 1200
    told = f"ERROR lint.json: {path} is full (1000 bytes); the network goes on"
    assert lines.count(told) == 1


def test_a_full_disk_ends_it_and_not_the_network(notices: Notices, lines: list[str]) -> None:
    Journal(Path("/dev/full"), notices)
    notices.drop(rules.net.IPV6, "this network is IPv4 only", 1.0)
    notices.drop(rules.net.IPV6, "this network is IPv4 only", 1.0)
    assert (
        lines.count(
            "ERROR lint.json: /dev/full stopped: No space left on device; the network goes on"
        )
        == 1
    )
    assert notices.drops == {rules.net.IPV6: 2}


def test_a_file_that_cannot_be_had(tmp_path: Path, notices: Notices) -> None:
    with pytest.raises(ConfigError, match=r"lint\.json: .*: Is a directory"):
        Journal(tmp_path, notices)
    with (
        journaled(tmp_path / "x", notices),
        pytest.raises(
            ConfigError,
            match=r'lint\.json = ".*/x": another network writes it; give each a file of its own',
        ),
    ):
        Journal(tmp_path / "x", notices)


def test_the_network_goes_on_without_it(tmp_path: Path, notices: Notices, lines: list[str]) -> None:
    with journaled(tmp_path, notices):
        notices.drop(rules.net.IPV6, "this network is IPv4 only", 1.0)
    line, _ = lines
    assert line.startswith(f"ERROR lint.json: {tmp_path}: Is a directory; the network goes on")


def test_a_pipe_that_nobody_reads_is_no_file(tmp_path: Path, notices: Notices) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match=r"lint\.json"):
        Journal(tmp_path / "pipe", notices)


def test_without_the_key_nothing_is_kept(
    tmp_path: Path, notices: Notices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with journaled(None, notices):
        notices.drop(rules.net.IPV6, "this network is IPv4 only", 1.0)
    assert not list(tmp_path.iterdir())
