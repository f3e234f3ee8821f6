"""A guest in Python and a whole engine, in virtual time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from scapy.layers.l2 import ARP, Ether

from pynat.cli.main import main
from pynat.config import Config
from pynat.config.toml import read_toml
from pynat.testing.lab import GUEST_MAC
from pynat.testing.virtual import virtual
from tests.frames import GUEST, ROUTER, ROUTER_MAC, ether, ping, udp

EVERY = 600.0  # seconds
PING = ping(ROUTER)


@dataclass
class Pinger:
    """Pings every ten minutes."""

    out: list[bytes] = field(default_factory=list)
    replies: list[float] = field(default_factory=list)
    due: float = EVERY

    def start(self, now: float) -> None:
        self.out.append(ping(ROUTER))

    def from_wire(self, frame: bytes, now: float) -> None:
        packet = Ether(frame)
        if ARP in packet:
            answer = ARP(op=2, hwsrc=GUEST_MAC, psrc=GUEST, hwdst=ROUTER_MAC, pdst=ROUTER)
            self.out.append(bytes(ether() / answer))
        else:
            self.replies.append(now)

    def to_wire(self) -> list[bytes]:
        frames, self.out = self.out, []
        return frames

    def next_timer(self) -> float | None:
        return self.due

    def on_timer(self, now: float) -> None:
        self.due = now + EVERY
        self.out.append(ping(ROUTER))


def test_an_hour_takes_no_time_and_is_the_same_each_time() -> None:
    def run() -> tuple[list[float], str]:
        guest = Pinger()
        with virtual(Config(hermetic=True)) as network:
            network.run(guest, 3600)
        return guest.replies, network.log

    assert run() == run()
    replies, log = run()
    assert replies == [at * EVERY for at in range(7)]
    assert log.startswith("   0.000  network 192.168.16.0/24")


def test_what_the_guest_does_wrong_is_in_the_log() -> None:
    guest = Pinger()
    guest.out.append(ping(ROUTER)[:20])
    with virtual(Config(hermetic=True)) as network:
        network.run(guest, 0)
    assert "dropped: IP001 ipv4 length" in network.log
    assert "not forwarded: ipv4 length 1" in network.log


def test_no_time_passes_while_frames_wait_for_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn takes some of them only."""
    monkeypatch.setattr("pynat.engine.MAX_FRAMES", 4)
    monkeypatch.setattr("pynat.engine.MAX_WATCHED_FRAMES", 4)
    guest = Pinger()
    guest.out += [ping(ROUTER)[:20]] * 20
    with virtual(Config(hermetic=True)) as network:
        network.run(guest, EVERY + 1)
    assert guest.replies == [0.0, EVERY]
    assert "lint stopped" not in network.log


class Flooder(Pinger):
    """Answers every reply by another ping, and takes no time for it."""

    def from_wire(self, frame: bytes, now: float) -> None:
        if frame[12:14] == b"\x08\x06":
            super().from_wire(frame, now)
        else:
            self.replies.append(now)
        self.out.append(PING)


def test_what_never_comes_to_rest_is_told_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pynat.testing.virtual._MAX_TURNS", 1000)
    endless = pytest.raises(RuntimeError, match=r"to rest at 0\.000 s: .*\['rate 10mbit'\]")
    with virtual(Config(hermetic=True)) as network, endless:
        network.run(Flooder(), 1)
    with virtual(read_toml('hermetic = true\nimpair = ["rate 10mbit"]', "net.toml")) as network:
        guest = Flooder()
        network.run(guest, 0.05)
    assert len(guest.replies) > 1000


def test_what_a_wire_loses_behind_a_delay_is_lost_in_the_capture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So `pynat lint` does not ask what the router would have dropped."""
    path = tmp_path / "net.pcapng"
    wire = f'impair = ["from-guest delay 5ms", "from-guest udp drop"]\ncapture = "{path}"'
    guest = Pinger()
    guest.out.append(udp("192.0.2.7", 9, b"hello", chksum=7))
    with virtual(read_toml(f"hermetic = true\n{wire}", "net.toml")) as network:
        network.run(guest, 1)
    assert main(["lint", str(path)]) == 0
    assert "IP005" not in network.log + capsys.readouterr().out


def test_a_card_is_ready_with_the_guests_first_frame() -> None:
    with virtual(Config(hermetic=True)) as network:
        network.engine.turn()
        assert not network.engine.is_card_ready()
        network.run(Pinger(), 1)
        assert network.engine.is_card_ready()
