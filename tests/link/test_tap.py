"""The link to a TAP device, over a pair of sockets that keep frames apart as the device does."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pynat.errors import ConfigError
from pynat.link import netns
from pynat.link.tap import Tap, TapLink


@dataclass
class Wire:
    link: TapLink
    guest: socket.socket
    log: list[str] = field(default_factory=list)

    def rings(self) -> bool:
        return bool(select.select([self.link.doorbell], [], [], 0)[0])


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def wire(loop: asyncio.AbstractEventLoop) -> Iterator[Wire]:
    ours, guest = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    guest.setblocking(False)
    ours.setblocking(False)
    log: list[str] = []
    link = TapLink(ours.detach(), loop, lambda _, text: log.append(text))
    yield Wire(link, guest, log)
    link.dispose()
    guest.close()


def run_until_rung(loop: asyncio.AbstractEventLoop, wire: Wire) -> None:
    """As the engine waits."""
    rung = asyncio.Event()
    loop.add_reader(wire.link.doorbell, rung.set)
    try:
        loop.run_until_complete(asyncio.wait_for(rung.wait(), 5))
    finally:
        loop.remove_reader(wire.link.doorbell)
    assert wire.rings()


def test_frames_are_taken_in_batches(wire: Wire) -> None:
    assert not wire.rings()
    assert wire.link.receive(10) == []
    frames = [bytes([n]) * 60 for n in range(5)]
    for frame in frames:
        wire.guest.send(frame)
    assert wire.rings()
    assert [frame for _, frame in wire.link.receive(3)] == frames[:3]
    assert wire.rings()
    assert [frame for _, frame in wire.link.receive(3)] == frames[3:]
    assert not wire.rings()
    assert str(wire.link.from_guest) == "5 frames (300 bytes)"


def test_what_nobody_has_taken_at_the_end_is_counted(wire: Wire) -> None:
    for _ in range(100):
        wire.guest.send(bytes(60))
    wire.link.receive(1)
    wire.link.count_rest()
    assert (
        str(wire.link.from_guest) == "1 frames (60 bytes), 99 more waited at the end and are lost"
    )


def test_the_longest_frame_has_a_vlan_tag(wire: Wire) -> None:
    wire.guest.send(bytes(1518))
    ((_, frame),) = wire.link.receive(1)
    assert len(frame) == 1518


def test_what_the_device_does_not_take_is_counted(wire: Wire) -> None:
    frames = [bytes(1514)] * 1000  # more than the pair of sockets holds
    taken = wire.link.send(frames)
    assert 0 < taken < 1000
    assert wire.link.to_guest.frames == taken
    assert wire.link.to_guest.dropped == 1000 - taken
    assert wire.guest.recv(2000) == frames[0]
    assert str(wire.link.to_guest).endswith(f"bytes), {1000 - taken} dropped")


def test_a_timer_rings(wire: Wire, loop: asyncio.AbstractEventLoop) -> None:
    wire.link.done(0.0, wire.link.now() + 1000)
    assert not wire.rings()
    now = wire.link.now()
    wire.link.done(0.0, now + 0.02)
    run_until_rung(loop, wire)
    assert wire.link.now() >= now + 0.02
    wire.link.receive(1)
    assert not wire.rings()


def test_an_earlier_timer_takes_its_place_and_a_later_one_does_not(
    wire: Wire, loop: asyncio.AbstractEventLoop
) -> None:
    wire.link.done(0.0, 1000.0)
    wire.link.done(0.0, wire.link.now())
    wire.link.done(0.0, 2000.0)
    wire.link.done(0.0, None)
    run_until_rung(loop, wire)


@pytest.mark.parametrize("name", ["", "a-name-of-16-char", "a b", "tap/0", "tap\udcff"])
def test_what_is_no_name_of_a_device(name: str) -> None:
    with pytest.raises(ConfigError, match="is no name for a device: use 1 to 15 letters"):
        Tap(name, 1500).open()


def test_a_namespace_whose_name_is_not_text() -> None:
    """As a command line has it."""
    with pytest.raises(ConfigError, match=r"^netns /\\udcff: No such file or directory"):
        netns.open_there(Path("/\udcff"), lambda: 0)


def test_closing_rings(wire: Wire) -> None:
    wire.link.close()
    wire.link.close()
    assert wire.link.closing
    assert wire.rings()


def test_what_ip_says_may_be_any_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ip"
    program.write_bytes(b"#!/bin/sh\nprintf 'no \\377 here' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="no \N{REPLACEMENT CHARACTER} here"):
        netns.ip("link", "show")
