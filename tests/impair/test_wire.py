"""Frames through rules in virtual time: who is lost, doubled, late, spoilt, and in which order."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from statistics import mean, stdev

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.l2 import ARP, Ether

from pynat.impair.active_rule import ActiveRule, Fate
from pynat.impair.transfers import LATELY, MAX_CLIENTS
from pynat.impair.wire import MAX_QUEUE, ImpairedWire
from tests.spoiling import samples, spoilt

MANY = 4000
PLAIN = [bytes(12) + b"\x08\0" + n.to_bytes(2, "big") * 20 for n in range(MANY)]


class Bad:
    def __init__(self, *rules: str, seed: int = 1) -> None:
        self.told: list[tuple[int, str]] = []
        self.overtaken: list[tuple[int, bytes]] = []
        self.wire = ImpairedWire(seed, self._tell, self._overtaken, *[lambda *_: None] * 2)
        for rule in rules:
            self.wire.add(rule)

    def _overtaken(self, number: int, frame: bytes) -> None:
        self.overtaken.append((number, frame))

    def _tell(self, rule: ActiveRule, frame: bytes, fate: Fate, to_guest: bool) -> None:
        self.told.append((rule.number, fate.said))

    def through(
        self, frames: list[bytes], *, gap: float = 0.0, to_guest: bool = True
    ) -> list[tuple[float, bytes]]:
        """All of them, one each `gap` seconds; what came through and when."""
        for number, frame in enumerate(frames):
            self.wire.put(frame, number * gap, to_guest=to_guest)
        return self.wire.pop_due(1e9, 10**6, to_guest=to_guest)

    def frames(self, frames: list[bytes], *, to_guest: bool = True) -> list[bytes]:
        return [frame for _, frame in self.through(frames, to_guest=to_guest)]


ETHER = Ether(src="52:54:00:12:34:56", dst="52:55:00:a8:10:01")  # or scapy asks the host's ARP


def tcp(flags: str = "A", data: bytes = b"", sport: int = 4000, dport: int = 80) -> bytes:
    ip = IP(src="192.168.16.2", dst="192.0.2.7")
    return bytes(ETHER / ip / TCP(sport=sport, dport=dport, flags=flags) / data)


def udp(port: int = 53, *, sport: int = 4000) -> bytes:
    return bytes(
        ETHER / IP(src="192.168.16.2", dst="192.0.2.8") / UDP(sport=sport, dport=port) / b"hello"
    )


def answer(sport: int, port: int = 4000, *, host: str = "192.0.2.8") -> bytes:
    return bytes(ETHER / IP(src=host, dst="192.168.16.2") / UDP(sport=sport, dport=port) / b"hello")


ARP_FRAME = bytes(ETHER / ARP(psrc="192.168.16.2", pdst="192.168.16.1", hwsrc=ETHER.src))


# ---------------------------------------------------------------------- netem's words
@pytest.mark.parametrize("share", [0.01, 0.3])
def test_loss(share: float) -> None:
    passed = Bad(f"loss {share:.0%}").frames(PLAIN)
    assert len(passed) == pytest.approx(MANY * (1 - share), rel=0.03)
    assert passed == sorted(passed, key=PLAIN.index)


def test_correlated_loss_comes_in_runs() -> None:
    def runs(rule: str) -> float:
        kept = set(Bad(rule).frames(PLAIN))
        fates = [frame in kept for frame in PLAIN]
        changes = sum(a != b for a, b in pairwise(fates))
        return fates.count(False) / max(1, changes)

    assert runs("loss 50% 80%") > 1.5 * runs("loss 50%")


def test_bursts() -> None:
    """Mean loss p/(p+r), mean length of a burst 1/r, while all is lost in the bad state."""
    kept = set(Bad("loss gemodel 2% 20%").frames(PLAIN))
    fates = [frame in kept for frame in PLAIN]
    lost = fates.count(False)
    bursts = sum(a and not b for a, b in pairwise(fates))
    assert lost / MANY == pytest.approx(0.02 / 0.22, rel=0.3)
    assert lost / bursts == pytest.approx(5, rel=0.3)


def test_duplicates() -> None:
    passed = Bad("duplicate 10%").frames(PLAIN)
    assert len(passed) - MANY == pytest.approx(MANY * 0.1, rel=0.2)
    assert set(passed) == set(PLAIN)
    assert len({id(frame) for frame in passed}) == len(passed)  # each has comments of its own


def test_corruption_is_one_bit_of_ipv4_behind_the_ethernet_header() -> None:
    passed = Bad("corrupt 10%").frames(PLAIN)
    changed = [(a, b) for a, b in zip(PLAIN, passed, strict=True) if a != b]
    assert len(changed) == pytest.approx(MANY * 0.1, rel=0.2)
    for one, other in changed:
        assert one[:14] == other[:14]
        wrong = int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
        assert wrong.bit_count() == 1
    assert Bad("corrupt").frames([ARP_FRAME]) == [ARP_FRAME]


def test_delay() -> None:
    passed = Bad("delay 20ms").through(PLAIN[:2], gap=0.001)
    assert [frame for _, frame in passed] == PLAIN[:2]
    assert [when for when, _ in passed] == pytest.approx([0.02, 0.021])


@pytest.mark.parametrize(
    ("words", "sigma"),
    [
        ("", 0.01 / 3**0.5),
        (" distribution normal", 0.01),
        (" distribution pareto", 0.0075),
        (" distribution paretonormal", 0.0085),
    ],
)
def test_jitter(words: str, sigma: float) -> None:
    passed = Bad(f"delay 100ms 10ms{words} limit 100000").through(PLAIN)
    late = [when for when, _ in passed]
    assert mean(late) == pytest.approx(0.1, abs=0.002)
    assert stdev(late) == pytest.approx(sigma, rel=0.25)
    assert [frame for _, frame in passed] != PLAIN


def test_a_delay_is_never_negative() -> None:
    assert min(when for when, _ in Bad("delay 1ms 50ms").through(PLAIN[:500])) == 0.0


def test_what_a_rule_held_comes_at_once_when_it_is_removed() -> None:
    """Before what waits for a rule that stays, and was due earlier."""
    bad = Bad("tcp delay 10s", "udp delay 1s")
    slow, fast = tcp(), udp()
    for frame in (slow, fast):
        bad.wire.put(frame, 0.0, to_guest=True)
    bad.wire.remove(1, 0.5)
    assert bad.wire.pop_due(0.5, 9, to_guest=True) == [(0.5, slow)]
    assert bad.wire.pop_due(1.0, 9, to_guest=True) == [(1.0, fast)]


def test_reordering_lets_some_overtake() -> None:
    passed = Bad("delay 10ms reorder 25% limit 100000").through(PLAIN)
    at_once = [when for when, _ in passed].count(0.0)
    assert at_once == pytest.approx(MANY / 4, rel=0.1)
    assert sorted(frame for _, frame in passed) == sorted(PLAIN)
    every_fifth = Bad("delay 10ms reorder 100% gap 5").through(PLAIN[:20])
    assert [frame for when, frame in every_fifth if not when] == PLAIN[4:20:5]


def test_rate_and_limit() -> None:
    frames = PLAIN[:4]  # 54 bytes each
    passed = Bad("rate 54kbps").through(frames)
    assert [when for when, _ in passed] == pytest.approx([0.001, 0.002, 0.003, 0.004])
    bad = Bad("rate 54kbps limit 2")
    assert bad.frames(frames) == frames[:2]
    assert bad.told[-1] == (1, "lost, 2 wait already")


def test_no_more_wait_than_there_is_room_for() -> None:
    bad = Bad("delay 10s limit 2000000")
    bad.frames(PLAIN * 3)
    assert bad.wire.rules[0].lost == 3 * MANY - MAX_QUEUE
    assert bad.told[-1] == (1, f"lost, {MAX_QUEUE} wait already")


def test_what_has_left_makes_room_for_others() -> None:
    bad = Bad("delay 10ms limit 2")
    assert bad.frames(PLAIN[:2]) == PLAIN[:2]
    assert bad.frames(PLAIN[2:4]) == PLAIN[2:4]


# ---------------------------------------------------------------------- one frame
def test_the_third_data_segment_of_the_first_flow_once() -> None:
    first = [tcp("PA", bytes([n])) for n in range(5)]
    other = [tcp("PA", bytes([n]), sport=5000) for n in range(5)]
    frames = [tcp("S"), *[one for pair in zip(first, other, strict=True) for one in pair]]
    passed = Bad("drop to-guest tcp data flow 1 nth 3").frames(frames)
    assert passed == [frame for frame in frames if frame is not first[2]]


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        ("tcp", [0, 1, 2, 3, 4]),
        ("syn", [0]),
        ("synack", [1]),
        ("ack", [2]),
        ("data", [3]),
        ("fin", [4]),
        ("udp", [5, 6]),
        ("dns", [5]),
        ("arp", [7]),
        ("ip", [0, 1, 2, 3, 4, 5, 6]),
        ("port 80", [0, 1, 2, 3, 4]),
        ("host 192.0.2.8", [5, 6]),
        ("longer 54", [3]),
        ("frame 2", [1]),
        ("nth 2", [1]),
        ("tcp first 2", [0, 1]),
        ("every 3", [2, 5]),
        ("after 2s until 4s", [2, 3]),
        ("flow 2", [5]),
    ],
)
def test_choosing(rule: str, fits: list[int]) -> None:
    frames = [tcp("S"), tcp("SA"), tcp("A"), tcp("PA", b"data"), tcp("FA")]
    frames += [udp(), udp(9), ARP_FRAME]
    passed = [frame for _, frame in Bad(f"drop {rule}").through(frames, gap=1.0)]
    lost = [number for number, frame in enumerate(frames) if frame not in passed]
    assert lost == fits


@pytest.mark.parametrize(("service", "ports"), [("dhcp", {67, 68}), ("dns", {53}), ("tftp", {69})])
def test_a_service_is_known_by_its_ports(service: str, ports: set[int]) -> None:
    frames = {port: udp(port, sport=4000 + port) for port in range(1, 100)}
    passed = Bad(f"drop {service}").frames(list(frames.values()))
    assert {port for port, frame in frames.items() if frame not in passed} == ports


def test_a_transfer_of_tftp_is_known_by_its_request() -> None:
    bad = Bad("drop tftp to-guest")
    assert len(bad.frames([udp(69)], to_guest=False)) == 1
    others = [answer(61000, 4001), answer(61000, host="192.0.2.9"), answer(53), udp(53)]
    assert bad.frames([answer(61000), *others, answer(61001)]) == others


def test_both_ways_of_a_transfer_are_counted() -> None:
    """Of request, block, acknowledgement, block the third is the one that is lost."""
    bad = Bad("drop tftp nth 3")
    for frame, to_guest in ((udp(69), False), (answer(61000), True)):
        assert bad.frames([frame], to_guest=to_guest) == [frame]
    assert bad.frames([udp(61000)], to_guest=False) == []
    assert bad.frames([answer(61000)]) == [answer(61000)]


def test_a_request_that_is_lost_is_one() -> None:
    bad = Bad("drop tftp")
    assert bad.frames([udp(69)], to_guest=False) == []
    assert bad.frames([answer(61000)]) == []


@pytest.mark.parametrize(("pause", "is_lost"), [(LATELY - 1, True), (LATELY, False)])
def test_a_transfer_ends_when_nothing_passes(pause: float, is_lost: bool) -> None:
    bad = Bad("drop tftp")
    frames = [udp(69), *[answer(61000)] * 3]
    assert len(bad.through(frames, gap=pause)) == (0 if is_lost else 3)


def test_few_transfers_are_remembered() -> None:
    bad = Bad("drop tftp to-guest")
    first, second = 1000, 1001
    bad.frames([udp(69, sport=first), udp(69, sport=second)], to_guest=False)
    assert bad.frames([answer(61000, first)]) == []  # so the second was silent for longer
    more = range(second + 1, second + MAX_CLIENTS)
    bad.frames([udp(69, sport=port) for port in more], to_guest=False)
    assert bad.frames([answer(61000, first)]) == []
    assert bad.frames([answer(61000, second)]) == [answer(61000, second)]


def test_a_flow_of_udp_is_not_the_one_of_tcp_between_the_same_ports() -> None:
    ends = IP(src="192.168.16.2", dst="192.0.2.7")
    frames = [tcp("A"), bytes(ETHER / ends / UDP(sport=4000, dport=80) / b"hello")]
    assert Bad("drop flow 2").frames(frames) == frames[:1]


def test_a_header_alone_is_ip() -> None:
    frame = bytes(ETHER / IP(src="192.168.16.2", dst="192.0.2.7", proto=253))
    assert len(frame) == 34
    assert Bad("drop ip").frames([frame]) == []


def test_a_direction() -> None:
    bad = Bad("drop from-guest")
    assert bad.frames(PLAIN[:3], to_guest=False) == []
    assert bad.frames(PLAIN[:3], to_guest=True) == PLAIN[:3]


def test_a_field_that_is_flipped_is_the_only_one() -> None:
    frame = tcp("PA", b"data")
    (spoilt,) = Bad("flip tcp.checksum").frames([frame])
    assert Ether(spoilt)[TCP].chksum ^ Ether(frame)[TCP].chksum == 1
    assert Ether(spoilt)[TCP].seq == Ether(frame)[TCP].seq
    assert Bad("flip tcp.checksum").frames([udp()]) == [udp()]


def test_truncation() -> None:
    assert Bad("truncate 20").frames([tcp()]) == [tcp()[:20]]


def test_flapping() -> None:
    passed = Bad("flap 2s 3s after 4s").through(PLAIN[:15], gap=1.0)
    assert [int(when) for when, _ in passed] == [0, 1, 2, 3, 6, 7, 8, 11, 12, 13]


# ---------------------------------------------------------------------- several rules
def test_one_after_the_other() -> None:
    bad = Bad("delay 1s nth 1", "delay 1s", "duplicate nth 2")
    passed = bad.through(PLAIN[:2], gap=0.1)
    assert passed == [(1.1, PLAIN[1]), (2.0, PLAIN[0]), (2.0, PLAIN[0])]


@pytest.mark.parametrize("before", ["delay 20ms", "duplicate", "truncate 20", "rate 1mbit"])
def test_a_frame_keeps_its_number_behind_other_rules(before: str) -> None:
    bad = Bad(before, "drop frame 2")
    bad.through(PLAIN[:3])
    assert (2, "dropped") in bad.told


def test_what_a_rule_is_told_to_have_done() -> None:
    bad = Bad("corrupt delay 5ms")
    bad.frames(PLAIN[:1])
    ((number, said),) = bad.told
    assert number == 1
    assert said.startswith("bit ")
    assert said.endswith(" turned and 5 ms late")


def test_a_seed_repeats_all_of_it_whatever_else_there_is() -> None:
    words = "loss 10% duplicate 10% corrupt 10% delay 10ms 5ms"
    one = Bad(words).through(PLAIN)
    assert one == Bad(words).through(PLAIN)
    assert one == Bad(words, "drop arp").through(PLAIN)
    assert one != Bad(words, seed=2).through(PLAIN)


def bits_changed(one: bytes, other: bytes) -> int:
    return sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))


# ---------------------------------------------------------------------- fragments
DATA = bytes(range(256)) * 5
LONG = bytes(ETHER / IP(src="192.168.16.2", dst="192.0.2.8", id=7, flags="DF") / ICMP() / DATA)


def pieces(rule: str, frame: bytes = LONG) -> list[IP]:
    return [Ether(one)[IP] for one in Bad(rule).frames([frame])]


def as_they_come(found: list[IP]) -> bytes:
    """A guest that knows no offsets."""
    return b"".join(bytes(one.payload) for one in found)


def by_offset(found: list[IP]) -> bytes:
    return as_they_come(sorted(found, key=lambda one: one.frag))


@pytest.mark.parametrize(
    ("order", "in_order"), [("", True), (" backwards", False), (" shuffled", False)]
)
def test_fragments_say_where_they_belong(order: str, in_order: bool) -> None:
    found, wanted = pieces(f"fragment 300{order}"), bytes(Ether(LONG)[IP].payload)
    assert len(found) == 5
    assert by_offset(found) == wanted
    assert (as_they_come(found) == wanted) == in_order
    assert max(one.len for one in found) <= 300
    assert len({one.id for one in found}) == 1
    assert sorted(one.flags.MF for one in found) == [False, True, True, True, True]
    assert not any(one.flags.DF for one in found)
    for one in found:
        checksum = one.chksum
        del one.chksum
        assert IP(bytes(one)).chksum == checksum


def test_the_last_fragment_comes_first() -> None:
    offsets = [one.frag for one in pieces("fragment 300 backwards")]
    assert offsets == sorted(offsets, reverse=True)


def test_the_fragments_of_two_packets_are_told_apart() -> None:
    found = [Ether(one)[IP] for one in Bad("fragment 800").frames([LONG, LONG])]
    assert [one.id for one in found].count(found[0].id) == 2


def test_padding_is_no_part_of_a_fragment() -> None:
    assert by_offset(pieces("fragment 100", LONG + bytes(9))) == bytes(Ether(LONG)[IP].payload)


def test_what_is_short_or_in_pieces_already_or_no_packet_is_not_cut() -> None:
    fragment = Bad("fragment 300").frames([LONG])[0]
    with_options = bytes(ETHER / IP(options=[IPOption_NOP()]) / ICMP() / DATA)
    for frame in (tcp(), fragment, with_options, ARP_FRAME, LONG[:60]):
        bad = Bad("fragment 100")
        assert bad.frames([frame]) == [frame]
        assert bad.told == []


def test_of_a_frame_cut_short_only_a_field_that_is_there_is_flipped() -> None:
    flips = ["flip ip.ttl", "flip payload", "flip udp.length", "flip tcp.window"]
    seen = set()
    for frame in (tcp("PA", b"data"), udp(67), ARP_FRAME, b"\xff" * 60):
        for size in range(len(frame) + 1):
            bad = Bad("loss 100% tcp data port 1", *flips, "drop flow 99 dhcp")
            (through,) = bad.frames([frame[:size]])
            assert bits_changed(through, frame[:size]) == len(bad.told)
            seen.add(tuple(number for number, _ in bad.told))
    assert seen == {(), (2,), (2, 5), (2, 3, 5), (2, 4), (2, 3, 4)}


def test_spoilt_frames_go_through_every_rule() -> None:
    """With a bit changed for each flip that is told, or not at all."""
    rules = ["flip payload", "flip ip.checksum", "flip tcp.flags", "drop data host 192.0.2.8"]
    told = Counter[int]()
    for frame in samples([tcp("PA", b"data"), udp(67), ARP_FRAME], spoilt):
        bad = Bad(*rules)
        for through in bad.frames([frame]):
            assert bits_changed(through, frame) == len(bad.told)
        told.update(number for number, _ in bad.told)
    assert min(told[number] for number in (1, 2, 3)) > 100


def test_frames_of_the_guest_that_others_overtake_are_told() -> None:
    bad = Bad("from-guest delay 10ms 8ms")
    came = bad.through(PLAIN[:50], gap=0.001, to_guest=False)
    order = [PLAIN.index(frame) for _, frame in came]
    late = [place for at, place in enumerate(order) if place < max(order[: at + 1])]
    assert late
    assert bad.overtaken == [(1, PLAIN[place]) for place in late]


def test_a_steady_delay_lets_nothing_be_overtaken() -> None:
    bad = Bad("delay 10ms")
    bad.through(PLAIN[:50], gap=0.001, to_guest=False)
    assert bad.overtaken == []
