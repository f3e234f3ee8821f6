"""Which packet goes where, what is refused, and that rubbish is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether

from pynat.config import Broadcast, Config, Network, Udp
from pynat.nat.messages import EchoSend, TcpConnect, UdpSend
from pynat.testing.lab import GUEST_MAC, Lab
from pynat.testing.script import TcpScript, introduce, pattern
from tests.frames import GUEST, ROUTER, ROUTER_MAC, ether, ip, mended, ping, read, udp
from tests.spoiling import samples, spoilt

DNS, FAR = "192.168.16.3", "192.0.2.7"
MAC = bytes.fromhex(ROUTER_MAC.replace(":", ""))


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    introduce(lab)
    return lab


@pytest.mark.parametrize("size", [0, 1, 8, 56, 1472])
def test_echo_to_the_router_is_answered(lab: Lab, size: int) -> None:
    lab.from_guest(ping(ROUTER, pattern(size)))
    (reply,) = read(lab)
    assert (reply[IP].src, reply[IP].dst) == (ROUTER, GUEST)
    assert (reply[ICMP].type, reply[ICMP].id, reply[ICMP].seq) == (0, 7, 3)
    assert bytes(reply[ICMP].payload)[:size] == pattern(size)


def test_the_short_way_of_a_ping_does_what_the_long_way_does() -> None:
    """Two networks, and the frames of one of them are looked at one by one."""
    pings = [ping(to, pattern(size)) for to in (ROUTER, DNS, FAR, GUEST) for size in (0, 56, 1472)]
    pings.append(ping(ROUTER, src="192.168.16.9"))  # whom nobody knows
    pings.append(ping(ROUTER, pattern(1473)))
    pings += [ping(ROUTER, tos=8, ttl=1, flags="DF", id=9), ping(ROUTER).ljust(60, b"\0")]
    moved = replace(Network(), mac=bytes(5) + b"\2")
    for config in (Config(), Config(network=moved), Config(hermetic=True)):
        short, long = Lab(config), Lab(config)
        answers = 0
        for lab in (short, long):
            introduce(lab)
        for number, one in enumerate(samples(pings, spoilt, 1000)):
            frame = mended(one) if number % 3 else pings[number % len(pings)]
            frame = config.network.mac + frame[6:] if frame[:6] == MAC else frame
            assert short.router.run_from_guest([frame], 0, short.now) == 1
            short.turn()
            long.from_guest(frame)
            answers += len(told := long.to_guest())
            assert short.to_guest() == told
            assert short.to_host() == long.to_host()
            assert short.drops == long.drops
        assert short.log == long.log
        assert answers > 300


def test_the_routers_address_leads_to_the_hosts_loopback(lab: Lab) -> None:
    lab.from_guest(udp(ROUTER, 9999, b"x"))
    flow = TcpScript(lab, remote=ROUTER, remote_port=8080)
    flow.guest("S 0:0(0)")
    send, connect = lab.to_host()
    assert isinstance(send, UdpSend)
    assert send.to == (bytes((127, 0, 0, 1)), 9999)
    assert isinstance(connect, TcpConnect)
    assert connect.to == (bytes((127, 0, 0, 1)), 8080)


def test_host_loopback_can_be_turned_off() -> None:
    lab = Lab(Config(host_loopback=False))
    flow = TcpScript(lab, remote=ROUTER)
    flow.guest("S 0:0(0)")
    (rst,) = flow.packets()
    assert rst[TCP].flags == "RA"
    lab.from_guest(udp(ROUTER, 9999, b"x"))
    (error,) = read(lab)
    assert (error[ICMP].type, error[ICMP].code) == (3, 3)
    assert lab.to_host() == []


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.1.2.3", "0.0.0.5", "224.0.0.1", "240.0.0.1", "255.255.255.254"]
)
def test_no_guest_reaches_addresses_that_are_no_host_out_there(lab: Lab, address: str) -> None:
    lab.from_guest(bytes(ip(address) / TCP(sport=5, dport=22, flags="S")))
    lab.from_guest(udp(address, 22, b"x"))
    lab.from_guest(ping(address))
    assert lab.to_host() == []
    assert read(lab) == []
    is_group = address == "224.0.0.1"  # to which a connection is wrong, and the others are not
    wanted = {"ipv4 multicast": 2, "ipv4 destination": 1} if is_group else {"ipv4 destination": 3}
    assert lab.drops == wanted


@pytest.mark.parametrize(
    "source", ["10.0.0.1", "127.0.0.1", ROUTER, "192.168.16.255", "192.168.16.0", "8.8.8.8"]
)
def test_no_guest_spoofs_a_source(lab: Lab, source: str) -> None:
    lab.from_guest(udp("192.0.2.7", 9, b"x", src=source))
    lab.from_guest(ping(ROUTER, src=source))
    assert lab.to_host() == []
    assert read(lab) == []
    assert lab.drops == {"ipv4 source": 2}


def test_a_guest_with_a_static_address_works(lab: Lab) -> None:
    introduce(lab, "192.168.16.77")
    lab.from_guest(ping(ROUTER, src="192.168.16.77"))
    (reply,) = read(lab)
    assert reply[IP].dst == "192.168.16.77"


def test_another_address_of_the_guests_wire_is_unreachable(lab: Lab) -> None:
    lab.from_guest(ping("192.168.16.9"))
    (error,) = read(lab)
    assert (error[ICMP].type, error[ICMP].code) == (3, 1)


def test_ttl_of_one_is_exceeded(lab: Lab) -> None:
    lab.from_guest(udp("192.0.2.7", 33434, b"x", ttl=1))
    (error,) = read(lab)
    assert (error[ICMP].type, error[ICMP].code, error[IP].src) == (11, 0, ROUTER)
    assert error["UDP in ICMP"].dport == 33434


def test_other_icmp_is_dropped_and_counted(lab: Lab) -> None:
    for kind in (0, 5, 13, 17):
        lab.from_guest(bytes(ip("192.0.2.7") / ICMP(type=kind)))
    assert lab.drops == {"icmp type": 3}  # the reply is the linter's affair
    assert lab.to_host() == []


def test_who_sent_a_datagram_is_told_that_it_was_refused(lab: Lab) -> None:
    for sender, told, drops in (
        *((ROUTER, ROUTER, {}), ("192.0.2.7", "192.0.2.7", {})),
        ("192.0.2.8", "192.0.2.7", {"icmp type": 1}),
    ):
        about = IP(src=sender, dst=GUEST) / UDP(sport=49_152, dport=9)
        lab.from_guest(bytes(ip(told) / ICMP(type=3, code=3) / about))
        assert lab.drops == drops


def test_an_unknown_protocol_is_unreachable(lab: Lab) -> None:
    lab.from_guest(bytes(ip("192.0.2.7", proto=132) / b"sctp would be nice"))
    (error,) = read(lab)
    assert (error[ICMP].type, error[ICMP].code) == (3, 2)


def test_echo_to_others_goes_to_the_host_with_its_ttl_less_one(lab: Lab) -> None:
    lab.from_guest(ping("192.0.2.7", b"12345678", ttl=9))
    assert lab.to_host() == [EchoSend(1, bytes((192, 0, 2, 7)), 7, 3, b"12345678", 8)]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "ethernet length"),
        (ether() / (b"\x65" + bytes(30)), "ethernet type"),
        (ether() / IP(src=GUEST, dst=ROUTER, version=5), "ipv4 version"),
        (ether() / IP(src=GUEST, dst=ROUTER, ihl=4), "ipv4 header length"),
        (ether() / IP(src=GUEST, dst=ROUTER, len=2000), "ipv4 total length"),
        (ether() / IP(src=GUEST, dst=ROUTER, chksum=1), "ipv4 checksum"),
        (ip(ROUTER) / ICMP(chksum=1), "icmp checksum"),
        (ip(ROUTER) / UDP(sport=1, dport=2, chksum=1) / b"x", "udp checksum"),
        (ip(ROUTER) / UDP(sport=1, dport=2, len=400) / b"x", "udp length"),
        (ip(ROUTER) / TCP(sport=1, dport=2, chksum=1), "tcp checksum"),
        (ip(ROUTER) / TCP(sport=1, dport=2, dataofs=15), "tcp header length"),
        (ip(ROUTER, flags="MF") / UDP(sport=1, dport=2) / b"x", "ipv4 fragment length"),
    ],
)
def test_rubbish_is_named_and_counted(lab: Lab, frame: object, reason: str) -> None:
    lab.from_guest(bytes(frame))  # type: ignore[call-overload]
    assert lab.drops == {reason: 1}
    assert read(lab) == []


def test_the_halves_of_the_first_byte_are_told(lab: Lab) -> None:
    frame = bytearray(ping(ROUTER))
    frame[14] = 0x54
    lab.from_guest(bytes(frame))
    assert "version 5, expected 4 (RFC 791 3.1): its halves are swapped, 0x45 is" in lab.log[-1]
    frame[14] = 0x65
    lab.from_guest(bytes(frame))
    assert lab.log[-1].endswith("version 6, expected 4 (RFC 791 3.1)")


def test_a_wrong_checksum_is_told_with_the_right_one(lab: Lab) -> None:
    right = ip(ROUTER) / TCP(sport=1, dport=2)
    expected = Ether(bytes(right))[TCP].chksum
    lab.from_guest(bytes(ip(ROUTER) / TCP(sport=1, dport=2, chksum=0x1234)))
    assert f"checksum 0x1234, expected {expected:#06x} (RFC 9293 3.1)" in lab.log[-1]


def test_floods_of_rubbish_do_not_flood_the_log(lab: Lab) -> None:
    for _ in range(1000):
        lab.from_guest(bytes(20))
    assert lab.drops["ethernet not ours"] == 1000
    assert len(lab.log) <= 11


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60), st.sampled_from([b"", b"\x08\0", b"\x08\x06", b"\x86\xdd"]))
def test_no_bytes_make_the_router_raise_or_answer(data: bytes, kind: bytes) -> None:
    lab = Lab()
    lab.from_guest(bytes(ether())[:12] + kind + data)
    assert lab.to_guest() == []
    assert sum(lab.drops.values()) == 1


WHOLE = [
    ping(ROUTER),
    udp("192.0.2.7", 9, b"payload"),
    bytes(ip("192.0.2.7") / TCP(sport=1, dport=2, flags="S", options=[("MSS", 1460)])),
]


def test_every_cut_of_every_packet_is_counted_and_never_answered() -> None:
    for frame in WHOLE:
        for length in range(len(frame)):
            lab = Lab()
            lab.from_guest(frame[:length])
            assert lab.to_guest() == []
            assert lab.to_host() == []
            assert sum(lab.drops.values()) == 1


@pytest.mark.parametrize("whole", WHOLE, ids=range(len(WHOLE)))
def test_every_flipped_bit_of_every_packet_is_counted_and_never_answered(whole: bytes) -> None:
    lab = Lab()
    introduce(lab)
    for bit in range(12 * 8, len(whole) * 8):  # from the type on
        frame = bytearray(whole)
        frame[bit // 8] ^= 1 << bit % 8
        lab.from_guest(bytes(frame))
        assert (lab.to_guest(), lab.to_host()) == ([], []), bit
    assert sum(lab.drops.values()) == len(whole) * 8 - 12 * 8
    lab.from_guest(whole)
    assert lab.to_guest() or lab.to_host()


def test_icmp_errors_are_rate_limited() -> None:
    lab = Lab(replace(Config(), host_loopback=False))
    introduce(lab)
    for _ in range(200):
        lab.from_guest(udp(ROUTER, 9999, b"x"))
    assert len(read(lab)) == 50
    assert lab.drops["icmp rate"] == 150
    lab.wait(1)
    lab.from_guest(udp(ROUTER, 9999, b"x"))
    assert len(read(lab)) == 1


def test_a_hosts_packet_in_a_broadcast_frame_goes_nowhere(lab: Lab) -> None:
    frame = bytearray(udp("192.0.2.7", 9, b"x"))
    frame[:6] = b"\xff" * 6
    lab.from_guest(bytes(frame))
    assert lab.to_host() == []
    assert lab.drops == {"ipv4 host in a broadcast frame": 1}


@pytest.mark.parametrize("protocol", [132, 6])
def test_a_broadcast_that_is_not_udp_is_dropped_whatever_is_in_it(protocol: int) -> None:
    lab = Lab(Config(udp=Udp(broadcast=Broadcast.FORWARD)))
    introduce(lab)
    for port in (67, 9):
        lab.from_guest(udp("255.255.255.255", port, b"x" * 300, proto=protocol))
    assert read(lab) == []
    assert lab.to_host() == []
    assert lab.drops == {"ipv4 broadcast": 2}


def test_a_piece_of_a_broadcast_is_dropped() -> None:
    lab = Lab(Config(udp=Udp(broadcast=Broadcast.FORWARD)))
    introduce(lab)
    lab.from_guest(udp("255.255.255.255", 9, b"x" * 296, flags="MF"))
    assert lab.to_host() == []
    assert lab.drops == {"ipv4 broadcast": 1}


def test_a_name_cannot_forge_log_lines(lab: Lab) -> None:
    from scapy.layers.dns import DNS, DNSQR

    from pynat.nat.messages import Resolve, Resolved

    name = b"a\n\x1b[2Jforged"
    question = DNS(rd=1, qd=DNSQR(qname=name + b".test"))
    lab.from_guest(udp(ROUTER, 53, bytes(question)))
    (action,) = lab.to_host()
    assert isinstance(action, Resolve)
    lab.from_host(Resolved(action.query_id, None))
    assert "a\\010\\027[2jforged.test" in lab.log[-1]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (0x0026, "0x0026: an 802.3 length, Ethernet II types begin at 0x0600"),
        (0x8100, "0x8100: a VLAN tag (802.1Q); 0x0800 is IPv4, 0x0806 ARP (RFC 894)"),
        (0x1234, "0x1234; 0x0800 is IPv4, 0x0806 ARP (RFC 894)"),
    ],
)
def test_an_unknown_type_is_explained(lab: Lab, kind: int, said: str) -> None:
    lab.from_guest(bytes(ether())[:12] + kind.to_bytes(2, "big") + bytes(46))
    assert lab.drops == {"ethernet type": 1}
    assert f"52:54:00:12:34:56 sent type {said}; look at: " in lab.log[-1]


def tagged(frame: bytes, *tags: tuple[int, int]) -> bytes:
    """Each tag: its type, and priority with VLAN."""
    between = b"".join(kind.to_bytes(2, "big") + tag.to_bytes(2, "big") for kind, tag in tags)
    return frame[:12] + between + frame[12:]


@pytest.mark.parametrize(
    "tags", [[(0x8100, 0xE000)], [(0x8100, 0)], [(0x88A8, 0x1000)], [(0x88A8, 0), (0x8100, 0)]]
)
def test_a_tag_without_a_vlan_is_taken_and_answered_without(
    lab: Lab, tags: list[tuple[int, int]]
) -> None:
    question = ARP(psrc=GUEST, pdst=ROUTER, hwsrc=GUEST_MAC.hex(":"))
    lab.from_guest(tagged(bytes(ether() / question), *tags))
    lab.from_guest(tagged(ping(ROUTER), *tags))
    arp_reply, reply = read(lab)
    assert (arp_reply.type, arp_reply.op) == (0x0806, 2)
    assert (reply.type, reply[ICMP].type) == (0x0800, 0)
    assert lab.drops == {}


@pytest.mark.parametrize(
    "tags", [[(0x8100, 5)], [(0x8100, 0xE005)], [(0x8100, 0), (0x8100, 5)], [(0x8100, 0)] * 3]
)
def test_a_tag_of_a_vlan_is_named_and_counted(lab: Lab, tags: list[tuple[int, int]]) -> None:
    lab.from_guest(tagged(ping(ROUTER), *tags))
    assert read(lab) == []
    assert lab.drops == {"ethernet type hides a packet": 1}
    said = "0x8100: a VLAN tag (802.1Q)"
    if tags[0][1]:
        said += " of VLAN 5; untagged frames and those of VLAN 0 are taken"
    assert said in lab.log[-1]
    assert "tagged on purpose, or the header is four bytes longer" in lab.log[-1]


@pytest.mark.parametrize("size", range(40))
def test_tags_that_end_in_the_middle_are_no_trouble(lab: Lab, size: int) -> None:
    lab.from_guest(tagged(ping(ROUTER), (0x8100, 0), (0x8100, 0))[:size])
    assert read(lab) == []
    assert sum(lab.drops.values()) == 1


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (0x0008, "0x0008: IPv4 with its bytes swapped, expected 0x0800 (RFC 894)"),
        (0x0608, "0x0608: ARP with its bytes swapped, expected 0x0806 (RFC 894)"),
    ],
)
def test_a_type_with_its_bytes_swapped_is_named(lab: Lab, kind: int, said: str) -> None:
    lab.from_guest(bytes(ether())[:12] + kind.to_bytes(2, "big") + bytes(46))
    assert lab.drops == {"ethernet type swapped": 1}
    assert f"52:54:00:12:34:56 sent type {said}; look at: " in lab.log[-1]


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (
            ip(ROUTER) / TCP(sport=7, dport=80, chksum=1),
            "tcp checksum: tcp 192.168.16.2:7 > 192.168.16.1:80: checksum 0x0001, expected",
        ),
        (
            ip("192.0.2.7", chksum=1) / UDP(sport=7, dport=53),
            "ipv4 checksum: udp 192.168.16.2:7 > 192.0.2.7:53: header checksum 0x0001",
        ),
        (
            ip("192.0.2.7", proto=99) / b"x",
            "ipv4 protocol: protocol 99 192.168.16.2 > 192.0.2.7 length 1: only 6 (TCP), 17 (UDP)",
        ),
        (
            ip(ROUTER) / TCP(sport=7, dport=80, flags="FA"),
            "tcp no flow: tcp 192.168.16.2:7 > 192.168.16.1:80 F. ",
        ),
        (
            ip("255.255.255.255") / UDP(sport=7, dport=9),
            "ipv4 broadcast: udp 192.168.16.2:7 > 255.255.255.255:9",
        ),
        (
            Ether(src=ether().src, dst="52:54:00:00:00:99") / IP() / UDP(),
            "ethernet not ours: frame to 52:54:00:00:00:99, the router is 52:55:00:a8:10:01",
        ),
        (
            Ether(src=ether().src, dst="00:00:00:00:00:00") / IP() / UDP(),
            "the router is 52:55:00:a8:10:01 (RFC 894): the address was never set",
        ),
    ],
)
def test_the_log_names_the_packet_that_was_dropped(lab: Lab, frame: Any, told: str) -> None:
    """In a line that Bochs shows by default."""
    lab.from_guest(bytes(frame))
    assert any(told in line and line.startswith("info dropped: ") for line in lab.log), lab.log


def test_a_port_of_dhcp_with_its_bytes_swapped_is_named(lab: Lab) -> None:
    lab.from_guest(udp("255.255.255.255", 17_152, b"x", src="0.0.0.0"))
    assert lab.drops == {"ipv4 from nobody": 1}
    assert ": its bytes are swapped, 67 is meant; look at: " in lab.log[-1]


def test_an_event_that_nobody_knows_is_a_fault_of_ours(lab: Lab) -> None:
    with pytest.raises(AssertionError, match="no event"):
        lab.router.from_host("no event", lab.now)  # type: ignore[arg-type]
