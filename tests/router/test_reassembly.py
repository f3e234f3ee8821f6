"""Fragments of the guest's become packets, whatever their order; what does not fit is named."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, IPOption_RR, fragment
from scapy.layers.l2 import Ether

from pynat.nat.messages import EchoSend, TcpConnect, UdpSend
from pynat.router.reassembly import LIFETIME, MAX_BYTES, MAX_BYTES_OF_ONE, MAX_DATAGRAMS
from pynat.testing.lab import Lab
from pynat.testing.script import introduce, pattern
from pynat.wire import ipv4
from tests.frames import GUEST, ROUTER, ether, ip, ping, read, udp, verify
from tests.fuzzing import seeded

REMOTE = "192.0.2.7"
HOST = bytes((192, 0, 2, 7))
GUEST_IP = bytes((192, 168, 16, 2))
LONGEST_UDP = 65_507


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    introduce(lab)
    return lab


def cut(frame: bytes, size: int = 1480) -> list[bytes]:
    """scapy cuts the packet in `frame` into fragments of `size` bytes of data."""
    packet = Ether(frame)
    head = bytes(packet)[:14]
    return [head + bytes(piece) for piece in fragment(IP(bytes(packet[IP])), size)]


def piece(offset: int, length: int, *, more: bool = True, ident: int = 7, **fields: Any) -> bytes:
    """Part of a datagram of which nothing else exists; its bytes tell their places."""
    flags = "MF" if more else 0
    packet = ip(REMOTE, proto=17, id=ident, frag=offset // 8, flags=flags, **fields)
    return bytes(packet / pattern(length, offset))


@pytest.mark.parametrize("order", ["forth", "back", "shuffled"])
@pytest.mark.parametrize("length", [1473, 3000, LONGEST_UDP])
def test_a_long_datagram_reaches_the_host_whole(lab: Lab, order: str, length: int) -> None:
    pieces = cut(udp(REMOTE, 9, pattern(length), ttl=50))
    if order == "back":
        pieces.reverse()
    elif order == "shuffled":
        random.Random(1).shuffle(pieces)
    for frame in pieces:
        assert lab.to_host() == []
        lab.from_guest(frame)
    assert lab.to_host() == [UdpSend(1, (HOST, 9), pattern(length), 49)]
    assert lab.router.reassembly.cost == 0
    assert lab.router.output.timers.next() == lab.now + 600  # the flow's, no other


def test_long_pings_and_connections_in_pieces_work_too(lab: Lab) -> None:
    from scapy.layers.inet import TCP

    for frame in cut(ping(REMOTE, pattern(3000))):
        lab.from_guest(frame)
    syn = bytes(ip(REMOTE) / TCP(sport=1, dport=80, flags="S", options=[("MSS", 1460)]))
    for frame in cut(syn, 8):
        lab.from_guest(frame)
    echo, connect = lab.to_host()
    assert isinstance(echo, EchoSend)
    assert echo.payload == pattern(3000)
    assert isinstance(connect, TcpConnect)


@pytest.mark.parametrize("length", [1473, 4000, LONGEST_UDP])
def test_the_router_answers_long_pings_in_fragments(lab: Lab, length: int) -> None:
    for frame in cut(ping(ROUTER, pattern(length))):
        lab.from_guest(frame)
    reply = joined(read(lab))
    assert (reply[IP].src, reply[ICMP].type, reply[ICMP].id, reply[ICMP].seq) == (ROUTER, 0, 7, 3)
    assert bytes(reply[ICMP].payload) == pattern(length)


def joined(packets: list[Any]) -> Any:
    """What the guest's stack makes of the fragments: by hand, in order, nothing missing."""
    assert len({packet[IP].id for packet in packets}) == 1
    assert [bool(packet[IP].flags.MF) for packet in packets[:-1]] == [True] * (len(packets) - 1)
    assert not packets[-1][IP].flags.MF
    data = b""
    for packet in packets:
        assert packet[IP].len <= 1500
        assert packet[IP].frag * 8 == len(data)
        data += bytes(packet[IP].payload)[: packet[IP].len - 20]
    whole = packets[0][IP].copy()
    whole.remove_payload()
    whole.flags, whole.len, whole.chksum = 0, None, None
    again = Ether(bytes(ether() / whole / data))
    verify(again)
    return again


def test_two_datagrams_of_one_guest_do_not_mix(lab: Lab) -> None:
    one = cut(udp(REMOTE, 9, b"1" * 3000, id=1))
    two = cut(udp(REMOTE, 9, b"2" * 3000, id=2))
    for a, b in zip(one, two, strict=True):
        lab.from_guest(a)
        lab.from_guest(b)
    sent = [action.payload for action in lab.to_host() if isinstance(action, UdpSend)]
    assert sent == [b"1" * 3000, b"2" * 3000]


def test_an_exact_repetition_is_tolerated_and_counted(lab: Lab) -> None:
    first, second, third = cut(udp(REMOTE, 9, pattern(4000)))
    for frame in (first, third, first, third, second):
        lab.from_guest(frame)
    assert len(lab.to_host()) == 1
    assert lab.drops == {"ipv4 fragment repeated": 2}


@pytest.mark.parametrize(
    ("offset", "length", "more"),
    [
        (8, 8, True),  # within
        (16, 16, True),  # over an end
        (40, 32, True),  # over a beginning
        (0, 24, True),  # the same place, other bytes
        (0, 80, True),  # around all
        (64, 8, False),  # an end before bytes that came
        (72, 8, True),  # behind the end
        (72, 8, False),  # a second end
    ],
)
def test_an_overlap_costs_the_whole_datagram(
    lab: Lab, offset: int, length: int, more: bool
) -> None:
    lab.from_guest(piece(0, 24))
    lab.from_guest(piece(48, 24, more=False) if offset >= 64 else piece(48, 24))
    frame = bytearray(piece(offset, length, more=more))
    frame[-1] ^= 1
    lab.from_guest(bytes(frame))
    assert lab.drops == {"ipv4 fragment overlap": 3}
    assert "do not fit the others (RFC 5722)" in lab.log[-1]
    lab.from_guest(piece(24, 24))
    lab.from_guest(piece(72, 8, more=False))
    assert lab.to_host() == []
    assert lab.drops["ipv4 fragment of a refused datagram"] == 2
    lab.wait(LIFETIME + 1)
    assert read(lab) == []
    assert len(lab.router.reassembly) == 0


def test_a_datagram_that_stays_incomplete_is_told_after_thirty_seconds(lab: Lab) -> None:
    frame = cut(udp(REMOTE, 9, pattern(3000), id=0x1234))[0]
    lab.from_guest(frame)
    lab.wait(LIFETIME - 0.1)
    assert read(lab) == []
    lab.wait(0.2)
    (error,) = read(lab)
    assert (error[IP].src, error[ICMP].type, error[ICMP].code) == (ROUTER, 11, 1)
    assert (error["IP in ICMP"].id, str(error["IP in ICMP"].flags)) == (0x1234, "MF")
    assert error["UDP in ICMP"].dport == 9
    said = f"{GUEST} > {REMOTE} protocol 17 ident 0x1234: 30 s are over, 1480 bytes came,"
    assert f"{said} what follows byte 1479 did not (RFC 791 3.2)" in lab.log[-1]
    assert lab.router.next_timer() is None


def test_nothing_is_sent_about_a_datagram_without_its_first_fragment(lab: Lab) -> None:
    lab.from_guest(piece(16, 8, more=False))
    lab.wait(LIFETIME + 1)
    assert read(lab) == []
    assert "bytes 0 to 15 did not (RFC 791 3.2)" in lab.log[-1]


def test_df_with_its_bytes_swapped_is_named(lab: Lab) -> None:
    lab.from_guest(piece(512, 33, more=False))
    lab.wait(LIFETIME + 1)
    assert "if 0x0040 is to be DF its bytes are swapped, expected 0x4000" in lab.log[-1]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (piece(0, 12), "ipv4 fragment length"),
        (piece(0, 0), "ipv4 fragment empty"),
        (piece(8, 0, more=False), "ipv4 fragment empty"),
        (piece(65_528, 800, more=False), "ipv4 fragment beyond the end"),
        (piece(65_504, 16), "ipv4 fragment beyond the end"),
    ],
)
def test_what_cannot_be_a_fragment_is_named(lab: Lab, frame: bytes, reason: str) -> None:
    lab.from_guest(frame)
    assert lab.drops == {reason: 1}
    assert len(lab.router.reassembly) == 0


def test_a_packet_of_death_by_its_options_is_named(lab: Lab) -> None:
    """Each fragment is within bounds; only the first one's longer header makes it too long."""
    first, *rest = [bytes(part) for part in cut(udp(REMOTE, 9, pattern(LONGEST_UDP)))]
    packet = Ether(first)[IP].copy()
    packet.options = [IPOption_RR(length=7, routers=["0.0.0.0"])]
    del packet.ihl, packet.len, packet.chksum
    lab.from_guest(bytes(ether() / packet))
    for frame in rest:
        lab.from_guest(frame)
    assert lab.to_host() == []
    assert lab.drops == {"ipv4 fragment beyond the end": 1}


def test_df_on_fragments_is_told_and_taken(lab: Lab) -> None:
    for frame in cut(udp(REMOTE, 9, pattern(3000))):
        packet = Ether(frame)
        packet[IP].flags = str(packet[IP].flags) + "+DF" if packet[IP].flags else "DF"
        del packet[IP].chksum
        lab.from_guest(bytes(packet))
    assert len(lab.to_host()) == 1
    assert any("DF on a fragment" in line for line in lab.log)


def test_the_oldest_of_too_many_datagrams_goes(lab: Lab) -> None:
    for ident in range(MAX_DATAGRAMS + 10):
        lab.from_guest(piece(0, 8, ident=ident))
    assert len(lab.router.reassembly) == MAX_DATAGRAMS
    assert lab.drops == {"ipv4 fragments evicted": 10}
    lab.from_guest(piece(8, 8, more=False, ident=0))  # begins anew
    assert lab.to_host() == []


def test_memory_is_bounded_for_one_guest_and_for_all() -> None:
    lab = Lab()
    for guest in range(2, 8):
        source = bytes((192, 168, 16, guest))
        for ident in range(40):
            pieces = ipv4.fragments(source, HOST, 17, bytes(64_000), ident=ident, mtu=1500)
            for packet in list(pieces)[:-1]:
                lab.router.from_guest(bytes(ether())[:12] + b"\x08\0" + packet, lab.now)
                assert lab.router.reassembly.cost <= MAX_BYTES
        of_one = sum(d.cost for k, d in lab.router.reassembly.items() if k[0][3] == guest)
        assert MAX_BYTES_OF_ONE - 70_000 < of_one <= MAX_BYTES_OF_ONE
    lab.wait(LIFETIME + 1)
    assert (len(lab.router.reassembly), lab.router.reassembly.cost) == (0, 0)


def test_spoofed_fragments_take_no_room(lab: Lab) -> None:
    lab.from_guest(piece(0, 8, src="10.9.9.9"))
    assert lab.drops == {"ipv4 source": 1}
    assert len(lab.router.reassembly) == 0


@settings(deadline=None, max_examples=100)
@given(
    st.integers(0, 4000),
    st.integers(1, 60).map(lambda n: 8 * n),
    st.integers(0, 2**32),
    st.integers(0, 4),
)
def test_any_order_with_any_repetitions_gives_the_same(
    length: int, size: int, seed: int, repetitions: int
) -> None:
    dice = random.Random(seed)
    lab = Lab()
    data = dice.randbytes(length)
    pieces = cut(udp(REMOTE, 9, data), size)
    last = pieces.pop(dice.randrange(len(pieces)))
    extra = [dice.choice(pieces) for _ in range(repetitions)] if pieces else []
    shuffled = [*pieces, *extra]
    dice.shuffle(shuffled)
    for frame in [*shuffled, last]:
        lab.from_guest(frame)
    assert lab.to_host() == [UdpSend(1, (HOST, 9), data, 63)]
    assert lab.drops.get("ipv4 fragment repeated", 0) == len(extra)
    assert lab.router.reassembly.cost == 0


class Oracle:
    """Reassembly without cleverness: a byte each, and every byte once."""

    def __init__(self) -> None:
        self.bytes: dict[int, int] = {}
        self.seen: set[tuple[int, bytes, bool]] = set()
        self.end: int | None = None
        self.refused = self.whole = False

    def take(self, offset: int, data: bytes, more: bool) -> bytes | None:
        if (offset, data, more) in self.seen or self.refused:
            return None
        self.seen.add((offset, data, more))
        span = range(offset, offset + len(data))
        ends = [end for end in (self.end, None if more else span.stop) if end is not None]
        new = {**dict.fromkeys(span), **self.bytes}
        twice = not self.bytes.keys().isdisjoint(span) or (not more and self.end is not None)
        beyond = bool(ends) and max(new) >= min(ends)
        self.refused = twice or beyond
        if self.refused:
            return None
        self.bytes |= dict(zip(span, data, strict=True))
        self.end = self.end if more else span.stop
        self.whole = len(self.bytes) == self.end
        if self.end is not None and self.whole:
            return bytes(self.bytes[i] for i in range(self.end))
        return None


Part = tuple[int, bytes, bool]  # offset, data, whether more follow


def parts(dice: random.Random) -> list[Part]:
    """A datagram in pieces, in any order; now and then one is not as it was."""
    count = dice.randint(2, 8)
    places = [0, *sorted(dice.sample(range(1, count), dice.randrange(count))), count]
    whole = [
        (8 * start, pattern(8 * (end - start), 8 * start), end < count)
        for start, end in pairwise(places)
    ]
    dice.shuffle(whole)
    for _ in range(dice.choice([0, 0, 1, 2])):
        at = dice.randrange(len(whole))
        offset, data, more = whole[at]
        spoilt = dice.choice(
            [
                (offset + 8, data, more),
                (offset, data + bytes(8), more),
                (offset, data[8:] or data, more),
                (offset, data, not more),
                (offset, bytes(len(data)), more),
                (offset, data, more),
            ]
        )
        whole.insert(dice.randrange(len(whole) + 1), spoilt)
        if dice.randrange(2):
            whole.remove((offset, data, more))
    return [part for part in whole if part[0] or part[2]]  # else it is no fragment


def test_fragments_do_as_a_simple_oracle_says() -> None:
    dice, outcomes = seeded(1), Counter[str]()
    for _ in range(3000):
        lab, oracle = Lab(), Oracle()
        for offset, data, more in parts(dice):
            field = offset // 8 | (0x2000 if more else 0)
            head = ipv4.header(GUEST_IP, HOST, 253, len(data), 7, 64, field)
            found = lab.router.reassembly.from_guest(ipv4.decode(memoryview(head + data)), 1.0)
            expected = oracle.take(offset, data, more)
            assert (found and bytes(found.payload)) == expected
            if found:
                break
        outcomes["whole" if oracle.whole else "refused" if oracle.refused else "waits"] += 1
    assert min(outcomes[one] for one in ("whole", "refused", "waits")) > 300


def test_idents_of_fragments_do_not_wrap_with_the_whole_packets_between() -> None:
    """65,536 packets later the guest may still wait for a lost fragment."""
    lab = Lab()
    introduce(lab)
    for frame in cut(ping(ROUTER, pattern(3000))):
        lab.from_guest(frame)
    first = joined(read(lab))[IP].id
    side = lab.router.output
    for _ in range(0x10000 - 1):
        side.send_packet(HOST, bytes((192, 168, 16, 2)), 17, b"whole", lab.now)
    side.frames()
    for frame in cut(ping(ROUTER, pattern(3000))):
        lab.from_guest(frame)
    assert joined(read(lab))[IP].id == (first + 1) & 0xFFFF


def test_what_has_df_and_does_not_fit_is_dropped_and_named(lab: Lab) -> None:
    side = lab.router.output
    side.send_whole(HOST, bytes((192, 168, 16, 2)), 17, bytes(1481), lab.now)
    assert read(lab) == []
    assert lab.drops == {"ipv4 too long": 1}


@pytest.mark.parametrize(("units", "named"), [(1480, True), (185 * 2, False)])
def test_an_offset_in_bytes_is_named(lab: Lab, units: int, named: bool) -> None:
    """A fragment that was lost leaves a gap, too."""
    whole = cut(ping(ROUTER, pattern(6000)))
    lab.from_guest(whole[0])
    last = Ether(whole[-1])
    last[IP].frag = units
    del last[IP].chksum
    lab.from_guest(bytes(last))
    lab.wait(31)
    assert ("expected 185 in its field, seen 1480" in "\n".join(lab.log)) == named
