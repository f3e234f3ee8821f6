"""ICMP messages and UDP datagrams that are legal but wrong."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP, Ether
from scapy.packet import Raw

from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from pynat.wire.checksum import finish, ones_sum
from tests.frames import GUEST, ROUTER, ROUTER_MAC, ip, udp
from tests.lint.examples import clean, example
from tests.lint.play import OPEN, play

REMOTE = "192.0.2.7"


def came(payload: Any) -> Any:
    """A frame from the router."""
    frame = Ether(src=ROUTER_MAC, dst=GUEST_MAC.hex(":"))
    return frame / IP(src=ROUTER, dst=GUEST) / payload


def asked(lab: LintedLab, number: int, data: bytes = b"abcdefgh") -> None:
    """Somebody pings the guest."""
    lab.look(bytes(came(ICMP(type=8, id=7, seq=number) / data)), from_guest=False)


def replied(lab: LintedLab, number: int, data: bytes = b"abcdefgh") -> None:
    lab.from_guest(bytes(ip(ROUTER, id=number) / ICMP(type=0, id=7, seq=number) / data))


@example("ICMP020")
def number_lost(lab: LintedLab) -> None:
    """The guest replies with a sequence number of its own."""
    asked(lab, 1)
    replied(lab, 0)


@example("ICMP028")
def replies_twice(lab: LintedLab) -> None:
    """The guest replies to every request twice."""
    asked(lab, 1)
    replied(lab, 1)
    replied(lab, 1)


@example("ICMP021")
def data_cut_off(lab: LintedLab) -> None:
    """The guest's reply has the first four bytes of the data."""
    asked(lab, 1)
    replied(lab, 1, b"abcd")


@example("ICMP021")
def data_changed(lab: LintedLab) -> None:
    """The guest's reply has other data."""
    asked(lab, 1)
    replied(lab, 1, b"abcdefgX")


@example("ICMP026")
def swaps_the_addresses_only(lab: LintedLab) -> None:
    """The guest sends the request back with the addresses exchanged."""
    asked(lab, 1)
    lab.from_guest(bytes(ip(ROUTER) / ICMP(type=8, id=7, seq=1) / b"abcdefgh"))


@clean("ICMP026")
def pings_too(lab: LintedLab) -> None:
    asked(lab, 1)
    lab.from_guest(bytes(ip(ROUTER) / ICMP(type=8, id=9, seq=1) / b"abcdefgh"))
    replied(lab, 1)
    lab.from_guest(bytes(ip(ROUTER) / ICMP(type=8, id=7, seq=1) / b"abcdefgh"))


@clean("ICMP003")
@clean("ICMP020")
@clean("ICMP028")
@clean("ICMP021")
def replies(lab: LintedLab) -> None:
    for number in range(100):
        asked(lab, number)
        replied(lab, number)


@clean("ICMP003")
def has_no_such_port(lab: LintedLab) -> None:
    """What RFC 1122 4.1.3.1 asks for, whoever sent the datagram."""
    for sender in (ROUTER, "192.0.2.10"):
        datagram = IP(src=sender, dst=GUEST) / UDP(sport=9, dport=999, chksum=0) / b"anybody?"
        lab.look(bytes(Ether(src=ROUTER_MAC, dst=GUEST_MAC.hex(":")) / datagram), from_guest=False)
        lab.from_guest(bytes(ip(sender) / ICMP(type=3, code=3) / IP(bytes(datagram))))


@clean("ICMP020")
def answers_a_ping_to_all(lab: LintedLab) -> None:
    """Its reply comes from its own address; it may leave such a ping alone as well."""
    request = IP(src=ROUTER, dst="192.168.16.255") / ICMP(type=8, id=7, seq=1) / b"abcdefgh"
    frame = bytes(Ether(src=ROUTER_MAC, dst="ff:ff:ff:ff:ff:ff") / request)
    lab.look(frame, from_guest=False)
    replied(lab, 1)


def error(about: Any, **fields: Any) -> bytes:
    return bytes(ip(REMOTE) / ICMP(**{"type": 3, "code": 3} | fields) / about)


@example("ICMP022")
def error_about_a_broadcast(lab: LintedLab) -> None:
    """The guest answers a broadcast to a port that it does not serve."""
    lab.from_guest(error(IP(src=REMOTE, dst="192.168.16.255") / UDP(sport=53, dport=9)))


@example("ICMP022")
def error_about_an_error(lab: LintedLab) -> None:
    """The guest answers an ICMP error."""
    lab.from_guest(error(IP(src=REMOTE, dst=GUEST) / ICMP(type=3, code=1) / Raw(bytes(28))))


@example("ICMP022")
def error_about_a_later_fragment(lab: LintedLab) -> None:
    """The guest answers the second fragment of a datagram."""
    lab.from_guest(error(IP(src=REMOTE, dst=GUEST, frag=185, proto=17) / Raw(bytes(64))))


@example("ICMP024")
def quotes_too_early(lab: LintedLab) -> None:
    """The guest's quote begins behind the checksum: the four bytes between are missing."""
    quoted = bytes(IP(src=REMOTE, dst=GUEST) / UDP(sport=53, dport=9))
    message = b"\3\3\0\0" + quoted
    check = finish(ones_sum(message)).to_bytes(2, "big")
    lab.from_guest(bytes(ip(REMOTE, proto=1) / Raw(message[:2] + check + message[4:])))


@example("ICMP024")
def quotes_what_it_has_changed(lab: LintedLab) -> None:
    """The guest exchanges the addresses in place, and quotes the packet then."""
    lab.from_guest(error(IP(src=GUEST, dst=REMOTE) / UDP(sport=53, dport=9)))


@example("ICMP027")
def has_no_reset(lab: LintedLab) -> None:
    """The guest says port unreachable for TCP as well as for UDP."""
    lab.from_guest(error(IP(src=REMOTE, dst=GUEST) / TCP(sport=5000, dport=80, flags="S")))


@example("ICMP035")
def turns_the_length_in_place(lab: LintedLab) -> None:
    """The guest turns the total length to its own order in the packet, and quotes it so."""
    about = bytearray(bytes(IP(src=REMOTE, dst=GUEST) / UDP(sport=53, dport=9) / b"data"))
    about[2:4] = about[2:4][::-1]
    lab.from_guest(error(Raw(bytes(about))))


@clean("ICMP022")
@clean("ICMP024")
@clean("ICMP027")
@clean("ICMP035")
def port_unreachable(lab: LintedLab) -> None:
    lab.from_guest(error(IP(src=REMOTE, dst=GUEST) / UDP(sport=53, dport=9)))
    lab.from_guest(error(IP(src=REMOTE, dst=GUEST, proto=99) / Raw(b"abc"), code=2))


@example("ICMP023")
def redirects(lab: LintedLab) -> None:
    """The guest tells another host of a better way."""
    about = IP(src=REMOTE, dst="198.51.100.1") / UDP(sport=53, dport=9)
    lab.from_guest(error(about, type=5, code=1, gw="192.168.16.9"))


@clean("ICMP023")
def asks(lab: LintedLab) -> None:
    lab.from_guest(bytes(ip(ROUTER) / ICMP(type=8, id=7, seq=1)))


@example("ICMP024")
def header_only(lab: LintedLab) -> None:
    """The guest quotes the IPv4 header, without the ports behind it."""
    quoted = bytes(IP(src=REMOTE, dst=GUEST) / UDP(sport=53, dport=9))[:20]
    lab.from_guest(error(Raw(quoted)))


def too_long(lab: LintedLab, number: int, size: int) -> None:
    lab.from_guest(udp(REMOTE, 9, bytes(size), flags="DF", id=number))


def told_mtu(lab: LintedLab, mtu: int) -> None:
    """A router on the way can carry no more than this."""
    quoted = IP(src=GUEST, dst=REMOTE, flags="DF") / UDP(sport=5000, dport=9) / bytes(1400)
    frame = Ether(src=ROUTER_MAC, dst=GUEST_MAC.hex(":")) / IP(src=ROUTER, dst=GUEST)
    message = ICMP(type=3, code=4, nexthopmtu=mtu)
    lab.look(bytes(frame / message / Raw(bytes(quoted)[:548])), from_guest=False)


@example("ICMP025")
def does_not_listen(lab: LintedLab) -> None:
    """The guest is told that the way takes 1,200 bytes, and sends 1,428 again."""
    too_long(lab, 1, 1400)
    told_mtu(lab, 1200)
    lab.wait(1)
    too_long(lab, 2, 1400)


@clean("ICMP025")
def listens(lab: LintedLab) -> None:
    """What was under way does not count; after five minutes more may be tried again."""
    too_long(lab, 1, 1400)
    told_mtu(lab, 1200)
    lab.wait(0.1)
    too_long(lab, 2, 1400)
    lab.wait(1)
    too_long(lab, 3, 1172)
    lab.wait(300)
    too_long(lab, 4, 1400)


def told_of_a_segment(lab: LintedLab, number: int) -> None:
    """That it was too long; then the guest sends it again, as long as before."""
    play(lab, f"{OPEN} > . 1:1461(1460) ack 1")
    tcp = TCP(sport=50_000, dport=80, seq=4_000_000_000 + number, flags="A")
    quoted = IP(src=GUEST, dst="192.0.2.7", flags="DF") / tcp / bytes(1460)
    frame = Ether(src=ROUTER_MAC, dst=GUEST_MAC.hex(":")) / IP(src=ROUTER, dst=GUEST)
    message = ICMP(type=3, code=4, nexthopmtu=1000) / Raw(bytes(quoted)[:548])
    lab.look(bytes(frame / message), from_guest=False)
    play(lab, "+1 > . 1:1461(1460) ack 1")


@example("ICMP025")
def goes_on_with_long_segments(lab: LintedLab) -> None:
    told_of_a_segment(lab, 1)


@clean("ICMP025")
def is_told_of_what_it_has_not_sent(lab: LintedLab) -> None:
    """Whatever has changed its number: RFC 5927 4.1 tells a guest not to believe that."""
    told_of_a_segment(lab, 1_000_001)


@example("UDP020")
def no_checksum(lab: LintedLab) -> None:
    """The guest leaves the checksum at zero."""
    lab.from_guest(bytes(ip(REMOTE) / UDP(sport=5000, dport=9, chksum=0) / b"hello"))


@clean("UDP002")
@clean("UDP020")
@clean("UDP021")
@clean("UDP022")
@clean("UDP024")
def right_datagram(lab: LintedLab) -> None:
    """The last one answers a question that came from port 13568."""
    lab.from_guest(udp(REMOTE, 9, b"hello"))
    question = IP(src=ROUTER, dst=GUEST) / UDP(sport=13568, dport=7) / b"hello"
    lab.look(bytes(Ether(src=ROUTER_MAC, dst=GUEST_MAC.hex(":")) / question), from_guest=False)
    lab.from_guest(udp(ROUTER, 13568, b"hello", sport=7))


@example("UDP022")
def port_of_dns_swapped(lab: LintedLab) -> None:
    """The guest stores its name server's port in its own (little-endian) byte order."""
    lab.from_guest(udp(ROUTER, 13568, b"\0\7\1\0\0\1\0\0\0\0\0\0\1a\4test\0\0\1\0\1"))


@example("UDP022")
def port_of_ntp_swapped(lab: LintedLab) -> None:
    lab.from_guest(udp(REMOTE, 31488, b"\x23" + bytes(47)))


@example("UDP021")
def shorter_than_the_packet(lab: LintedLab) -> None:
    """The guest counts its header only once too little: 5 bytes of data and a length of 8."""
    right = UDP(bytes(ip(REMOTE) / UDP(sport=5000, dport=9))[34:])
    lab.from_guest(bytes(ip(REMOTE) / right / b"hello"))


@example("IP051")
def counts_the_padding(lab: LintedLab) -> None:
    """The guest lengthens a short packet to what the shortest frame has, and its length with it."""
    datagram = UDP(bytes(ip(REMOTE) / UDP(sport=5000, dport=9) / b"hello")[34:])
    lab.from_guest(bytes(ip(REMOTE) / datagram / bytes(13)))
    ack = tcp_sent(dport=80, flags="A")
    del ack[IP].chksum
    ack[IP].len = 46
    lab.from_guest(bytes(ack).ljust(60, b"\0"))


@clean("IP051")
def fills_the_frame_alone(lab: LintedLab) -> None:
    """The last one has 18 bytes of data, which end in zeros."""
    lab.from_guest(udp(REMOTE, 9, b"hello").ljust(60, b"\0"))
    lab.from_guest(udp(REMOTE, 9, b"hello".ljust(18, b"\0")))
    lab.from_guest(bytes(tcp_sent(dport=80, flags="A")).ljust(60, b"\0"))


def tcp_sent(**fields: Any) -> Any:
    """With its checksum made."""
    return Ether(bytes(ip(REMOTE) / TCP(sport=5000, **fields)))


@example("UDP024")
def port_never_set(lab: LintedLab) -> None:
    """The guest sends before its socket has a port."""
    lab.from_guest(udp(REMOTE, 9, b"hello", sport=0))


@example("UDP023")
def takes_a_spoilt_datagram(lab: LintedLab) -> None:
    """The guest does not look at the checksum, and says that nobody listens at the port."""
    spoilt = bytes(came(UDP(sport=4000, dport=9, chksum=0x1234) / b"hello"))
    lab.look(spoilt, from_guest=False)
    lab.from_guest(bytes(ip(ROUTER) / ICMP(type=3, code=3) / Raw(spoilt[14:])))


@example("UDP023")
def answers_a_spoilt_datagram(lab: LintedLab) -> None:
    """The guest does not look at the checksum, and answers."""
    lab.look(bytes(came(UDP(sport=4000, dport=7, chksum=0x1234) / b"hello")), from_guest=False)
    lab.from_guest(udp(ROUTER, 4000, b"hello", sport=7))


@clean("UDP023")
def may_have_taken_another(lab: LintedLab) -> None:
    """What it answers came whole, too, before or behind; or it speaks there by itself."""
    for port, spoilt_first in ((4000, True), (4001, False)):
        sums = (0x1234, None) if spoilt_first else (None, 0x1234)
        for check in sums:
            datagram = UDP(sport=port, dport=7, chksum=check) / b"hello"
            lab.look(bytes(came(datagram)), from_guest=False)
        lab.from_guest(udp(ROUTER, port, b"hello", sport=7))
    lab.from_guest(udp(ROUTER, 4002, b"hello", sport=7))
    lab.look(bytes(came(UDP(sport=4002, dport=7, chksum=0x1234))), from_guest=False)
    lab.from_guest(udp(ROUTER, 4002, b"hello", sport=7))
    lab.look(bytes(came(UDP(sport=4003, dport=7, chksum=0x1234))), from_guest=False)


@example("UDP026")
def answers_by_another_socket(lab: LintedLab) -> None:
    """The guest's echo server takes a new port for each answer."""
    lab.look(bytes(came(UDP(sport=4000, dport=7) / b"hello")), from_guest=False)
    lab.from_guest(udp(ROUTER, 4000, b"hello", sport=50_000))


@clean("UDP026")
def answers_by_the_same_socket(lab: LintedLab) -> None:
    lab.look(bytes(came(UDP(sport=4000, dport=7) / b"hello")), from_guest=False)
    lab.from_guest(udp(ROUTER, 4000, b"hello", sport=7))


@clean("UDP026")
def asks_an_echo_server_twice(lab: LintedLab) -> None:
    """Each time by another socket."""
    for port in (50_000, 50_001):
        lab.from_guest(udp(ROUTER, 7, b"hello", sport=port))
        lab.look(bytes(came(UDP(sport=7, dport=port) / b"hello")), from_guest=False)
