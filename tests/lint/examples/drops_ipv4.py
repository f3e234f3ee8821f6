"""IPv4 packets that are dropped."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from pynat.wire.checksum import finish, ones_sum
from tests.frames import GUEST, ether, ip, udp
from tests.lint.examples import clean, example

REMOTE = "192.0.2.7"


def with_bytes(frame: bytes, at: int, value: bytes) -> bytes:
    """The checksum is left as it was."""
    return frame[:at] + value + frame[at + len(value) :]


def fragment(offset: int, data: bytes, *, more: bool = True, **fields: Any) -> bytes:
    """offset: in bytes."""
    flags = "MF" if more else 0
    return bytes(ip(REMOTE, id=7, frag=offset // 8, flags=flags, proto=17, **fields) / Raw(data))


@example("IP001")
def header_cut_off(lab: LintedLab) -> None:
    """The guest hands its card only the first twelve bytes of the packet."""
    lab.from_guest(udp(REMOTE, 9, b"hello")[:26])


@example("IP002")
def halves_swapped(lab: LintedLab) -> None:
    """The guest's compiler lays bit fields out the other way round: 0x54 for 0x45."""
    lab.from_guest(with_bytes(udp(REMOTE, 9, b"hello"), 14, b"\x54"))


@example("IP003")
def header_in_bytes(lab: LintedLab) -> None:
    """The guest stores 20 bytes, 0x14, of which the lower half is left."""
    lab.from_guest(with_bytes(udp(REMOTE, 9, b"hello"), 14, b"\x44"))


@example("IP004")
def length_swapped(lab: LintedLab) -> None:
    """The guest stores the total length in its own (little-endian) byte order."""
    lab.from_guest(with_bytes(udp(REMOTE, 9, b"hello"), 16, b"\x21\x00"))


def shortened(frame: bytes, missing: int = 20) -> bytes:
    """With that many bytes less in the total length, and a checksum that is right for it."""
    packet = Ether(frame)
    packet[IP].len -= missing
    del packet[IP].chksum
    return bytes(packet.copy())[:34] + frame[34:]


SYN_OPTIONS = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)]


@example("IP004")
def leaves_its_header_out(lab: LintedLab) -> None:
    """All kinds of packet; what is cut off is no padding (ETH021)."""
    syn = TCP(sport=40_000, dport=80, flags="S", seq=1_000, window=8192)
    syn_with_options = syn.copy()
    syn_with_options.options = SYN_OPTIONS[:1]
    syn_with_more = syn.copy()
    syn_with_more.options = SYN_OPTIONS
    carried = [syn, syn_with_options, syn_with_more, TCP(flags="A", sport=40_000) / b"hello"]
    carried += [ICMP(id=7), ICMP(id=7) / b"abcd", ICMP(id=7) / bytes(range(1, 60))]
    carried += [UDP(dport=9), UDP(dport=9) / b"hello", UDP(dport=9) / bytes(range(1, 60))]
    carried += [UDP(dport=9, chksum=0) / b"hello", UDP(dport=9, chksum=0) / b"twenty bytes of data"]
    for one in carried:
        lab.from_guest(shortened(bytes(ip(REMOTE) / one).ljust(60, b"\0")))


@example("IP004")
def leaves_its_header_out_of_the_pseudo_header_too(lab: LintedLab) -> None:
    """Whose length it takes from the total length."""
    for data in (b"", b"hello", bytes(range(1, 60))):
        packet = ip(REMOTE) / TCP(sport=40_000, dport=80, flags="A", seq=1_000) / data
        packet[IP].len = len(packet[IP]) - 20
        lab.from_guest(bytes(packet).ljust(60, b"\0"))


@example("IP004")
def leaves_the_options_of_a_syn_out(lab: LintedLab) -> None:
    syn = TCP(sport=40_000, dport=80, flags="S", seq=1_000, options=SYN_OPTIONS)
    lab.from_guest(shortened(bytes(ip(REMOTE) / syn)))
    lab.from_guest(shortened(bytes(ip(REMOTE) / syn), 24))
    syn.options = SYN_OPTIONS[:1]
    lab.from_guest(shortened(bytes(ip(REMOTE) / syn).ljust(60, b"\0"), 24))


@example("IP004")
def leaves_its_header_out_of_fragments(lab: LintedLab) -> None:
    lab.from_guest(shortened(fragment(0, b"x" * 1480)))
    lab.from_guest(shortened(fragment(1480, b"x" * 100, more=False)))


@clean("IP004")
def has_a_wrong_checksum_and_padding(lab: LintedLab) -> None:
    for one in (TCP(chksum=7), ICMP(chksum=7), UDP(chksum=7)):
        lab.from_guest(bytes(ip(REMOTE) / one).ljust(60, b"\0"))
        lab.from_guest(bytes(ip(REMOTE) / one).ljust(60, b"\xaa"))


@example("IP005")
def checksum_not_made(lab: LintedLab) -> None:
    """The guest leaves the checksum to a card that does not make one."""
    lab.from_guest(bytes(ip(REMOTE, chksum=0) / UDP(sport=5000, dport=9) / b"hello"))


@example("IP006")
def option_runs_over(lab: LintedLab) -> None:
    """The guest's option says that it has twelve bytes and the header has room for four."""
    packet = bytes(IP(src=GUEST, dst=REMOTE, ihl=6, len=32, proto=17, chksum=0))
    header = packet + b"\x07\x0c\x04\x00"
    check = finish(ones_sum(header)).to_bytes(2, "big")
    lab.from_guest(
        bytes(ip(REMOTE))[:14] + with_bytes(header, 10, check) + bytes(UDP(dport=9, chksum=0))
    )


@example("IP007")
def no_address_of_this_net(lab: LintedLab) -> None:
    """The guest has kept the address of another network."""
    lab.from_guest(udp(REMOTE, 9, b"hello", src="10.0.2.15"))


@example("IP008")
def loopback_on_the_wire(lab: LintedLab) -> None:
    """The guest has no loopback of its own and sends to 127.0.0.1 over the wire."""
    lab.from_guest(udp("127.0.0.1", 9, b"hello"))


@example("IP020")
def asks_the_wire_by_mdns(lab: LintedLab) -> None:
    """The guest looks for services by multicast DNS."""
    frame = Ether(src=GUEST_MAC.hex(":"), dst="01:00:5e:00:00:fb")
    lab.from_guest(
        bytes(frame / IP(src=GUEST, dst="224.0.0.251", ttl=1) / UDP(sport=5353, dport=5353))
    )


@example("IP020")
def asks_for_upnp(lab: LintedLab) -> None:
    """The guest looks for a gateway by SSDP."""
    frame = Ether(src=GUEST_MAC.hex(":"), dst="01:00:5e:7f:ff:fa")
    lab.from_guest(bytes(frame / IP(src=GUEST, dst="239.255.255.250", ttl=2) / UDP(dport=1900)))


@clean("IP008")
def joins_a_group(lab: LintedLab) -> None:
    """By IGMP."""
    frame = Ether(src=GUEST_MAC.hex(":"), dst="01:00:5e:00:00:16")
    option = IPOption(b"\x94\x04\0\0")
    packet = IP(src=GUEST, dst="224.0.0.22", ttl=1, proto=2, options=[option])
    lab.from_guest(bytes(frame / packet / Raw(b"\x22\0\xf9\x02\0\0\0\1\4\0\0\0\xe0\0\0\xfb")))


@example("IP009")
def without_arp(lab: LintedLab) -> None:
    """The guest has no ARP and sends everything as a broadcast."""
    frame = Ether(src=GUEST_MAC.hex(":"), dst="ff:ff:ff:ff:ff:ff")
    lab.from_guest(bytes(frame / IP(src=GUEST, dst=REMOTE) / UDP(sport=5000, dport=9)))


@example("IP010")
def routes_by_source(lab: LintedLab) -> None:
    """The guest wants its packet to go by 198.51.100.1."""
    route = IPOption(b"\x83\x07\x04\xc6\x33\x64\x01\x00")
    lab.from_guest(bytes(ip(REMOTE, options=[route]) / UDP(dport=9)))


@example("IP011")
def asks_everybody(lab: LintedLab) -> None:
    """The guest looks for NetBIOS names."""
    to_all = b"\xff" * 6
    lab.from_guest(to_all + udp("192.168.16.255", 137, b"who is there")[6:])


@example("IP021")
def dhcp_to_the_clients_port(lab: LintedLab) -> None:
    """The guest sends its DISCOVER to port 68."""
    frame = Ether(src=GUEST_MAC.hex(":"), dst="ff:ff:ff:ff:ff:ff")
    packet = IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=68)
    lab.from_guest(bytes(frame / packet / bytes(300)))


@example("IP021")
def source_never_set(lab: LintedLab) -> None:
    lab.from_guest(udp(REMOTE, 9, b"hello", src="0.0.0.0"))


@clean("IP021")
def joins_before_it_has_an_address(lab: LintedLab) -> None:
    frame = Ether(src=GUEST_MAC.hex(":"), dst="01:00:5e:00:00:16")
    lab.from_guest(bytes(frame / IP(src="0.0.0.0", dst="224.0.0.22", ttl=1, proto=2) / bytes(16)))


@example("IP012")
def odd_fragment(lab: LintedLab) -> None:
    """The guest cuts at 1,500 bytes less the header, without looking at multiples of 8."""
    lab.from_guest(fragment(0, bytes(1475)))


@example("IP013")
def empty_fragment(lab: LintedLab) -> None:
    """The guest ends a datagram with a fragment without data."""
    lab.from_guest(fragment(0, bytes(1480)))
    lab.from_guest(fragment(1480, b"", more=False))


@example("IP014")
def offset_in_bytes(lab: LintedLab) -> None:
    """The guest's offset makes a packet longer than any can be."""
    lab.from_guest(fragment(65_528, bytes(100), more=False))


@example("IP015")
def overlapping(lab: LintedLab) -> None:
    """The guest's second fragment begins before the first one ends."""
    lab.from_guest(fragment(0, bytes(1480)))
    lab.from_guest(fragment(1472, bytes(100), more=False))


@example("IP016")
def twice(lab: LintedLab) -> None:
    """The guest sends the first fragment twice."""
    lab.from_guest(fragment(0, bytes(1480)))
    lab.from_guest(fragment(0, bytes(1480)))


@example("IP017")
def same_identification(lab: LintedLab) -> None:
    """The guest sends all datagrams with one identification, one of them with an overlap."""
    overlapping(lab)
    lab.from_guest(fragment(0, bytes(1480)))


@clean("IP018")
def all_come_twice(lab: LintedLab) -> None:
    """A wire that doubles frames."""
    for offset, more in ((0, True), (1480, False)):
        for _ in range(2):
            lab.from_guest(fragment(offset, bytes(1480), more=more))
    lab.wait(31)


@example("IP015")
def sets_mf_in_none(lab: LintedLab) -> None:
    for offset in (1480, 2960):
        lab.from_guest(fragment(offset, bytes(1480), more=False))


@example("IP018")
def last_one_missing(lab: LintedLab) -> None:
    """The guest sets MF in the last fragment too."""
    lab.from_guest(fragment(0, bytes(1480)))
    lab.from_guest(fragment(1480, bytes(104)))
    lab.wait(31)


@example("IP018")
def counts_its_offset_in_bytes(lab: LintedLab) -> None:
    lab.from_guest(fragment(0, bytes(1480)))
    lab.from_guest(fragment(1480 * 8, bytes(104), more=False))
    lab.wait(31)


@example("IP019")
def neighbor_by_the_router(lab: LintedLab) -> None:
    """The guest sends everything to its router, whatever its netmask says."""
    lab.from_guest(bytes(ether() / IP(src=GUEST, dst="192.168.16.9") / UDP(sport=5000, dport=9)))
