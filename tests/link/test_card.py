"""A card that takes no frames: what is sent to it is kept, then lost, and the guest is told why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import ARP, Ether

from pynat.capture.reading import read
from pynat.config import Config
from pynat.testing.lab import GUEST_MAC
from pynat.testing.virtual import VirtualNetwork, virtual
from tests.frames import GUEST, ROUTER, ROUTER_MAC, ping

MAC = GUEST_MAC.hex(":")


class Deaf:
    """Pings the router each half second; its card has room for so many frames."""

    def __init__(self, network: VirtualNetwork, room: int) -> None:
        self.card = network.card
        self.room = room
        self.came = 0
        self.out: list[bytes] = []
        self.timer: float | None = None
        self.pings = 12

    def start(self, now: float) -> None:
        request = ARP(op=1, hwsrc=MAC, psrc=GUEST, pdst=ROUTER)
        self.out.append(bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / request))
        self.timer = now + 0.5

    def from_wire(self, frame: bytes, now: float) -> None:
        self.came += 1
        if self.came == self.room:
            self.card.refuses_since = now

    def to_wire(self) -> list[bytes]:
        out, self.out = self.out, []
        return out

    def next_timer(self) -> float | None:
        return self.timer

    def on_timer(self, now: float) -> None:
        self.pings -= 1
        self.timer = now + 0.5 if self.pings else None
        echo = ICMP(id=7, seq=self.pings)
        head = Ether(src=MAC, dst=ROUTER_MAC) / IP(src=GUEST, dst=ROUTER, id=self.pings)
        self.out.append(bytes(head / echo / b"hello"))


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return tmp_path / "net.pcapng"


@pytest.fixture
def network(capture: Path) -> Iterator[VirtualNetwork]:
    with virtual(Config(hermetic=True, capture=capture)) as network:
        yield network


def test_it_is_told_within_two_seconds(network: VirtualNetwork) -> None:
    network.run(Deaf(network, 4), 2.4)
    assert "ETH026" not in network.log
    network.run(Quiet(), 0.5)
    (line,) = [one for one in network.log.splitlines() if "ETH026" in one]
    assert line.split(maxsplit=1)[1].startswith(
        "lint: ETH026 error: the card takes no frames since 1.000 s, 1.500 s ago:"
    )


class Quiet:
    """A guest that does no more."""

    def start(self, now: float) -> None: ...
    def from_wire(self, frame: bytes, now: float) -> None: ...
    def on_timer(self, now: float) -> None: ...

    def to_wire(self) -> list[bytes]:
        return []

    def next_timer(self) -> None:
        return None


def test_a_card_that_has_room_again_gets_what_was_kept(network: VirtualNetwork) -> None:
    guest = Deaf(network, 4)
    network.run(guest, 2.4)
    assert guest.came == 4
    network.card.refuses_since = None
    network.card.timer = 2.4  # its shim asks for a turn
    network.run(guest, 0.05)
    assert guest.came == 4 + 3 + 1  # its start asks for the router again
    assert "ETH026" not in network.log


def test_what_is_lost_stands_in_the_capture_as_such(network: VirtualNetwork, capture: Path) -> None:
    guest = Deaf(network, 4)
    network.run(guest, 20)
    network.engine.end()
    comments = capture.read_bytes().split(b"not delivered: sent at ")[1:]
    times = [float(one.split(b" ")[0]) for one in comments]
    asked = [2.0, 3.0, 4.0, 5.0]  # for its MAC address, by the router
    assert times == sorted([*asked, *(1.5 + n / 2 for n in range(10))])
    frames = [one for one in read(capture) if not one.from_guest]
    assert len(frames) == guest.came + len(times)


def test_nothing_is_held_against_a_guest_that_hears_nothing(network: VirtualNetwork) -> None:
    network.run(Deaf(network, 4), 20)
    network.engine.end()
    said = {line.split("lint: ")[1][:6] for line in network.log.splitlines() if "lint: " in line}
    assert {one for one in said if one != "ETH026"} <= {"ARP028"}


def test_what_is_kept_for_a_machine_that_is_reset_is_lost(
    network: VirtualNetwork, capture: Path
) -> None:
    guest = Deaf(network, 4)
    network.run(guest, 2.4)
    network.card.refuses_since = None
    network.card.resets = 1
    network.card.timer = 2.4  # its shim asks for a turn
    network.run(Quiet(), 0.05)
    assert guest.came == 4
    assert capture.read_bytes().count(b"not delivered: sent at ") == 3
    assert network.log.count("guest reset") == 1


def test_what_went_with_a_machine_is_not_put_down_to_the_next(
    network: VirtualNetwork, capture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.run(Quiet(), 2.0)
    network.card.resets = 1
    network.card.timer = 2.0  # its shim asks for a turn
    network.run(Quiet(), 1.0)
    lost = [(at, ping(GUEST)) for at in (1.5, 2.5)]
    monkeypatch.setattr(network.card, "lost", lambda: [lost.pop(0)] if lost else [])
    network.card.refuses_since = network.card.timer = 3.0
    for _ in range(2):
        network.engine.turn()
    network.engine.end()
    times = capture.read_bytes().split(b"not delivered: sent at ")[1:]
    assert [one.split(b" ")[0] for one in times] == [b"2.500"]


def test_nothing_is_said_before_the_guest_has_spoken(network: VirtualNetwork) -> None:
    network.card.refuses_since = 0.0
    network.run(Quiet(), 10)
    assert "ETH026" not in network.log


def test_a_machine_that_starts_again_has_its_time(network: VirtualNetwork) -> None:
    guest = Deaf(network, 99)
    network.run(guest, 2.2)
    network.card.refuses_since = 2.1
    network.card.timer = 2.2  # its shim asks for a turn
    network.run(Quiet(), 59.8)
    assert "ETH026" not in network.log
    network.run(Quiet(), 0.2)
    assert "ETH026" in network.log
