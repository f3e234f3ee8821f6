"""What a bad wire keeps from either end is not the guest's mistake, live and from the capture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.layers.l2 import ARP, Ether

from pynat.capture.reading import read
from pynat.log.bad_wire import BadWire, key_of
from pynat.net import Net, Stream
from pynat.replay.capture import Capture
from pynat.testing.lab import GUEST_MAC
from pynat.testing.virtual import virtual
from pynat.wire import ipv4
from tests.frames import GUEST, ROUTER_MAC, ping, udp
from tests.lint.examples.dhcp import discover

Sent = bytes | Callable[[list[bytes]], bytes]
MAC = GUEST_MAC.hex(":")
SERVER = "192.0.2.10"
HEAD = Ether(src=MAC, dst=ROUTER_MAC)
ANNOUNCED = bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=MAC, psrc=GUEST, pdst=GUEST))


class Says:
    """A guest that sends frames at their times and hears nothing."""

    def __init__(self, *frames: tuple[float, Sent]) -> None:
        self.frames = list(frames)
        self.due: list[bytes] = []
        self.heard: list[bytes] = []

    def start(self, now: float) -> None: ...

    def from_wire(self, frame: bytes, now: float) -> None:
        self.heard.append(frame)

    def to_wire(self) -> list[bytes]:
        due, self.due = self.due, []
        return due

    def next_timer(self) -> float | None:
        return self.frames[0][0] if self.frames else None

    def on_timer(self, now: float) -> None:
        while self.frames and self.frames[0][0] <= now:
            frame = self.frames.pop(0)[1]
            self.due.append(frame if isinstance(frame, bytes) else frame(self.heard))


def roots(*frames: tuple[float, Sent], capture: Path, until: float = 120, **keys: Any) -> set[str]:
    """What the guest is blamed for, while it runs and from the capture."""
    net = Net(hermetic=True, control="none", capture=capture, **keys)

    @net.tcp(SERVER, 99)
    async def resets(stream: Stream) -> None:
        await stream.read(1)
        stream.reset()

    @net.tcp(SERVER, 98)
    async def takes(stream: Stream) -> None:
        while await stream.read(100):
            await stream.write(bytes(1000))

    return looked_at(net, (0.0, ANNOUNCED), *frames, capture=capture, until=until)


def looked_at(net: Net, *frames: tuple[float, Sent], capture: Path, until: float) -> set[str]:
    with virtual(net.configured(), net) as network:
        network.run(Says(*frames), until)
    verdict = network.engine.notices.verdict
    live = {one.rule.code for one in verdict if one.count}
    seen = Capture(capture)
    for _ in seen.frames(lambda _: None):
        pass
    assert {one.record.rule.code for one in seen.summary().findings} == live
    return live | {one.rule.code for one in verdict if "TCP058" in one.because}


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return tmp_path / "x.pcapng"


WHOLE = IP(src=GUEST, dst=SERVER, id=8) / UDP(dport=9) / bytes(4000)
SUMMED = [bytes(HEAD / one) for one in fragment(IP(bytes(WHOLE)))]
PIECES = [
    bytes(HEAD / one) for one in fragment(IP(src=GUEST, dst=SERVER, id=7) / UDP() / bytes(4000))
]


def test_a_fragment_that_the_wire_has_lost(capture: Path) -> None:
    sent = [(2.0, one) for one in PIECES]
    assert "IP018" not in roots(*sent, capture=capture, impair=["drop from-guest udp nth 2"])


def test_fragments_that_the_wire_has_doubled(capture: Path) -> None:
    sent = [(2.0, one) for one in SUMMED]
    assert "IP016" not in roots(*sent, capture=capture, impair=["from-guest ip duplicate"])


def test_what_the_wire_did_to_a_datagram_explains_none_a_minute_later() -> None:
    """It may have the same identification."""
    wire, datagram = BadWire(), key_of(ipv4.decode(memoryview(PIECES[0])[14:]))
    wire.double(PIECES[0], "impair rule 1", 1.0)
    wire.lose(PIECES[0], "impair rule 2", 1.0)
    assert (wire.doubled(datagram, 31.0), wire.took_a_piece(datagram, 31.0)) == (
        "impair rule 1",
        "impair rule 2",
    )
    assert (wire.doubled(datagram, 62.0), wire.took_a_piece(datagram, 62.0)) == ("", "")


@pytest.mark.one_way("a capture does not show what the wire has changed")
def test_a_fragment_that_the_wire_has_spoilt(capture: Path) -> None:
    sent = [(2.0, one) for one in SUMMED]
    spoils = ["from-guest ip flip payload longer 1000 nth 1"]
    assert "UDP002" not in roots(*sent, capture=capture, impair=spoils)


def test_a_fragment_that_was_never_sent(capture: Path) -> None:
    assert "IP018" in roots((2.0, PIECES[0]), (2.0, PIECES[2]), capture=capture)


@pytest.mark.parametrize(("impair", "until"), [("delay 1500ms", 3.4), ("delay 60s", 40)])
def test_a_fragment_that_the_wire_still_holds(capture: Path, impair: str, until: float) -> None:
    """As the network ends, or the datagram's time does."""
    sent = [(2.0, one) for one in PIECES]
    held = [f"from-guest ip nth 2 {impair}"]
    assert "IP018" not in roots(*sent, capture=capture, impair=held, until=until)


def test_a_copy_takes_nothing_away(capture: Path) -> None:
    doubled = ["from-guest ip nth 1 duplicate"]
    sent = (2.0, PIECES[0]), (2.0, PIECES[2])
    assert "IP018" in roots(*sent, capture=capture, impair=doubled)


def test_a_wrong_datagram_that_the_wire_has_spoilt(capture: Path) -> None:
    sent = 2.0, udp(SERVER, 9, bytes(100), chksum=7)
    assert "UDP002" not in roots(sent, capture=capture, impair=["from-guest udp truncate 60"])


@pytest.mark.parametrize("times", [1, 2])
def test_a_copy_stands_for_what_the_wire_has_lost(capture: Path, times: int) -> None:
    doubled = ["from-guest udp duplicate"] * times + ["from-guest udp nth 1 drop"]
    sent = 2.0, udp(SERVER, 9, bytes(100), chksum=7)
    assert "IP005" in roots(sent, capture=capture, impair=doubled)


@pytest.mark.one_way("a capture does not show that the wire cuts")
def test_a_discover_that_the_wire_has_cut(capture: Path) -> None:
    head = Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / IP(src="0.0.0.0", dst="255.255.255.255")
    asks = bytes(head / UDP(sport=68, dport=67) / discover().ljust(300, b"\0"))
    cut = ["from-guest fragment 200"]
    assert "IP021" not in roots((2.0, asks), capture=capture, impair=cut)


def of(
    sent: str, seq: int, data: bytes = b"", port: int = 99, got: int = 0, to: str = SERVER
) -> Sent:
    """A segment of the guest's behind the other end's SYN. got: bytes that it acknowledges."""

    def made(heard: list[bytes]) -> bytes:
        came = (Ether(one)[TCP] for one in heard if TCP in Ether(one))
        number = next((one.seq + 1 for one in came if one.flags.S), 0)
        tcp = TCP(sport=4000, dport=port, flags=sent, seq=seq, ack=number + got)
        return bytes(HEAD / IP(src=GUEST, dst=to, flags="DF") / tcp / data)

    return made


OPENED = (2.0, of("S", 100)), (2.1, of("A", 101)), (2.1, of("PA", 101, b"x"))
GOES_ON = (22.0, of("PA", 102, b"more")), (24.0, of("PA", 102, b"more"))


def test_resets_that_the_wire_has_lost(capture: Path) -> None:
    lost = ["drop to-guest tcp rst first 2"]
    assert "TCP004" not in roots(*OPENED, *GOES_ON, capture=capture, impair=lost)


def test_a_reset_that_has_come(capture: Path) -> None:
    lost = ["drop to-guest tcp rst nth 2"]
    assert "TCP004" in roots(*OPENED, *GOES_ON, capture=capture, impair=lost)


NOACK = "198.18.2.22"  # a host of the zoo; it does not hear the first data


def reset(until: int, *data: tuple[float, int], at: float = 2.6) -> list[tuple[float, Sent]]:
    """Behind full segments of these numbers. until: the RST's."""
    opened = (2.0, of("S", 100, port=98)), (2.25, of("A", 101, port=98))
    sent = [(when, of("PA", seq, bytes(1000), port=98)) for when, seq in data]
    return [*opened, *sent, (at, of("R", until, port=98))]


@pytest.mark.parametrize("lost", ["nth 3", "nth 2 until 9s", "after 2.35s"])
def test_a_reset_behind_what_the_wire_has_lost(capture: Path, lost: str) -> None:
    """It is at the guest's next number, whatever has come."""
    sent = reset(3101, (2.3, 101), (2.4, 1101), (2.5, 2101))
    lost = f"drop from-guest tcp data {lost}"
    assert "TCP009" not in roots(*sent, capture=capture, impair=[lost])


def test_a_reset_behind_what_the_wire_still_has(capture: Path) -> None:
    late = ["delay 1s from-guest tcp data nth 2"]
    sent = reset(2101, (2.3, 101), (2.4, 1101))
    assert "TCP009" not in roots(*sent, capture=capture, impair=late)


@pytest.mark.parametrize("until", [2102, 1100])
def test_a_reset_beside_what_the_wire_has_lost(capture: Path, until: int) -> None:
    lost = ["drop from-guest tcp data nth 2"]
    sent = reset(until, (2.3, 101), (2.4, 1101))
    assert "TCP009" in roots(*sent, capture=capture, impair=lost)


def test_a_reset_behind_what_an_ended_flow_has_lost(capture: Path) -> None:
    """The next one with the same ends begins in front of it."""
    again = [(at + 2, what) for at, what in reset(2101, (2.3, 101))]
    sent = [*reset(101, (2.3, 101), (2.4, 1101)), *again]
    assert "TCP009" in roots(*sent, capture=capture, impair=["drop from-guest tcp data first 2"])


def test_a_reset_that_answers_a_late_acknowledgement(capture: Path) -> None:
    """By its number (RFC 9293 3.10.7.1), which the network is past of."""
    sent = reset(1101, (2.3, 101), (2.6, 1101), at=2.62)
    assert "TCP009" not in roots(*sent, capture=capture, impair=["to-guest delay 200ms"])
    assert "TCP009" in roots(*sent, capture=capture)


@pytest.mark.parametrize(("number", "is_right"), [(101, True), (1101, True), (1102, False)])
def test_a_reset_behind_what_a_host_does_not_hear(
    capture: Path, number: int, is_right: bool
) -> None:
    """Or in front of it, where the guest was to send it again."""
    said = (2.0, "S", 100, 0), (2.25, "A", 101, 0), (2.3, "PA", 101, 1000), (2.6, "R", number, 0)
    sent = [(at, of(what, seq, bytes(n), port=9, to=NOACK)) for at, what, seq, n in said]
    found = roots(*sent, capture=capture, zoo=True)
    assert ("TCP009" not in found) is is_right


def test_no_reset_answers_what_has_not_come_yet(capture: Path) -> None:
    sent = reset(1101, (2.3, 101), (2.4, 1101), at=2.45)
    assert "TCP009" in roots(*sent, capture=capture, impair=["to-guest delay 200ms"])


def copies(*times: float) -> list[tuple[float, Sent]]:
    opened = (2.0, of("S", 100, port=98)), (2.3, of("A", 101, port=98))
    return [*opened, *((at, of("PA", 101, b"x", port=98)) for at in (2.4, *times))]


def test_copies_that_cross_a_late_acknowledgement(capture: Path) -> None:
    sent = copies(2.44, 2.48, 2.5, 2.51)
    assert "TCP005" not in roots(*sent, capture=capture, impair=["delay 60ms"])


def test_copies_whose_acknowledgement_the_wire_has_lost(capture: Path) -> None:
    lost = ["drop to-guest tcp after 2.4s until 9s"]
    assert "TCP005" not in roots(*copies(4, 5, 6, 8), capture=capture, impair=lost)


def test_copies_of_what_a_late_acknowledgement_has_acknowledged(capture: Path) -> None:
    assert "TCP005" in roots(*copies(2.48, 2.6, 2.61), capture=capture, impair=["delay 60ms"])


def test_what_the_wire_has_cut_for_the_guest_is_acknowledged(capture: Path) -> None:
    cut = ["to-guest data fragment 300"]
    acknowledged = 5.0, of("A", 102, port=98, got=1000)
    assert "TCP008" not in roots(*copies(), acknowledged, capture=capture, impair=cut)


SIMULTANEOUS = "198.18.2.29"  # a host of the zoo


def test_a_copy_of_a_syn_ack_that_nobody_has_acknowledged(capture: Path) -> None:
    """The first one is lost; the SYN that comes again is answered by an acknowledgement."""
    said = (2.0, "S", 100), (2.1, "SA", 100), (3.5, "A", 101), (3.51, "SA", 100)
    sent = [(at, of(flags, seq, port=80, to=SIMULTANEOUS)) for at, flags, seq in said]
    lost = ["from-guest synack nth 1 drop"]
    assert "TCP005" not in roots(*sent, capture=capture, impair=lost, zoo=True)


def test_a_late_copy_of_a_syn_takes_no_acknowledgement_back(capture: Path) -> None:
    """The second copy of the guest's SYN-ACK is one too many."""
    said = (2.0, "S", 100), (2.1, "SA", 100), (3.5, "SA", 100), (3.6, "SA", 100), (4.5, "R", 101)
    sent = [(at, of(flags, seq, port=80, to=SIMULTANEOUS)) for at, flags, seq in said]
    late = ["to-guest syn nth 1 duplicate", "to-guest syn nth 2 delay 1s"]
    assert "TCP005" in roots(*sent, capture=capture, impair=late, zoo=True)
    lines = [line for one in read(capture) for line in one.comment.splitlines()]
    assert sum("TCP005" in line for line in lines) == 2


@pytest.mark.parametrize("seq", [100 + 2**30, 100 - 2**30])
def test_a_copy_of_a_syn_that_comes_when_the_connection_has_ended(capture: Path, seq: int) -> None:
    """The guest listens again, opens another connection and resets it when it is answered."""
    late = ["to-guest syn nth 1 duplicate", "to-guest syn nth 2 delay 2s"]
    net = Net(hermetic=True, control="none", capture=capture, impair=late)

    @net.at(2)
    async def calls() -> None:
        async with await net.connect(4000, host=SERVER, port=5000):
            pass

    said = (2.5, "SA", 100, 0), (3.0, "FA", 101, 1), (4.5, "SA", seq % 2**32, 0), (4.6, "R", 102, 0)
    sent = [(at, of(flags, seq, port=5000, got=got)) for at, flags, seq, got in said]
    found = looked_at(net, (0.0, ANNOUNCED), *sent, capture=capture, until=20)
    assert {code for code in found if code < "TCP020"} == {"ARP021"}


def beyond(*places: int) -> list[tuple[float, Sent]]:
    opened = (2.0, of("S", 100, port=98)), (2.3, of("A", 101, port=98))
    full = [(2.3, of("A", 101 + at, bytes(1000), port=98)) for at in range(0, 4000, 1000)]
    return [*opened, *full, *((2.4, of("A", 101 + at, bytes(500), port=98)) for at in places)]


def test_the_window_is_that_of_when_a_segment_comes(capture: Path) -> None:
    """The guest does not look at it; where it has moved meanwhile, the data is taken."""
    slow: dict[str, Any] = {"impair": ["to-guest delay 200ms"], "tcp": {"window": 4096}}
    assert "TCP050" in roots(*beyond(4000, 9000), capture=capture, **slow)
    said = [line for one in read(capture) for line in one.comment.splitlines() if "TCP006" in line]
    assert len(said) == 1


ZERO_WINDOW = "198.18.2.8"  # a host of the zoo; it opens its window 15 s after the SYN


def zero_window(*frames: tuple[float, str, int, int]) -> list[tuple[float, Sent]]:
    sent = (1.0, "S", -1, 0), (1.5, "A", 0, 0), (16.65, "A", 0, 1), *frames
    return [
        (at, of(flags, 101 + seq, bytes(count), port=9, to=ZERO_WINDOW))
        for at, flags, seq, count in sent
    ]


@pytest.mark.parametrize("late", ["to-guest tcp delay 300ms", "to-guest tcp nth 2 delay 300ms"])
def test_a_probe_that_crosses_the_window_update_is_taken(capture: Path, late: str) -> None:
    """And what follows it, up to the RST at the next number."""
    data = [(18 + at / 20, "PA", 1 + at * 1000, 1000) for at in range(300)]
    sent = zero_window(*data, (40, "R", 300_001, 0))
    found = roots(*sent, capture=capture, impair=[late], zoo=True, until=60)
    assert found & {"TCP009", "TCP014", "TCP015"} == set()


PINGS = [(10.0 + at, ping(SERVER)) for at in range(5)]
MOVES: dict[str, Any] = {"faults": ["arp failover 5"]}


def test_the_router_has_moved_and_the_wire_has_lost_it(capture: Path) -> None:
    deaf = ["drop to-guest arp"]
    assert "ETH002" not in roots(*PINGS, capture=capture, impair=deaf, **MOVES)


def test_an_entry_of_arp_is_not_for_ever(capture: Path) -> None:
    later = [(10.0 + 60 * minute, ping(SERVER)) for minute in range(22)]
    told = roots(*later, capture=capture, until=1400, impair=["drop to-guest arp"], **MOVES)
    assert "ETH002" in told


@pytest.mark.one_way("a capture has the order at the guest's card")
def test_what_was_under_way_when_the_router_moved(capture: Path) -> None:
    slow = ["from-guest delay 3s"]
    sent = [(2.5 + at / 2, ping(SERVER)) for at in range(5)]
    assert "ETH002" not in roots(*sent, capture=capture, impair=slow, **MOVES)


def test_one_that_a_driver_still_had(capture: Path) -> None:
    assert "ETH002" not in roots(PINGS[0], capture=capture, **MOVES)


def test_who_does_not_hear_that_the_router_has_moved(capture: Path) -> None:
    assert "ETH002" in roots(*PINGS, capture=capture, **MOVES)
