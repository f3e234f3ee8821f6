"""IPv4 packets that are legal but wrong."""

from __future__ import annotations

from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, TCP, UDP, IPOption
from scapy.packet import Raw

from pynat.config import Config, Network
from pynat.config.toml import read_toml
from pynat.testing.linted import LintedLab
from pynat.testing.script import established, introduce
from tests.frames import ROUTER, ip, ping, udp
from tests.lint.examples import clean, example
from tests.lint.examples.arp import starts
from tests.lint.examples.dns import NAMES, asks
from tests.lint.examples.drops_ipv4 import REMOTE, fragment


@example("IP030")
def always_the_same(lab: LintedLab) -> None:
    """The guest leaves the identification at zero, and DF clear."""
    lab.from_guest(udp(REMOTE, 9, bytes(100), id=0))
    lab.wait(0.5)
    lab.from_guest(udp(REMOTE, 9, bytes(99), id=0))


@clean("IP030")
def too_short_to_be_cut(lab: LintedLab) -> None:
    """Every router carries 68 bytes in one piece; lwIP counts on it."""
    for data in (b"one", b"two"):
        lab.from_guest(udp(REMOTE, 9, data, id=0))


@clean("IP030")
def begins_to_count_again(lab: LintedLab) -> None:
    """The guest is started anew, and asks for its router."""
    for size in (99, 100):
        introduce(lab)
        lab.from_guest(udp(REMOTE, 9, bytes(size), id=1))


@clean("IP030")
def counts_up(lab: LintedLab) -> None:
    """Zero is right with DF (RFC 6864 4.1); fragments share theirs; time passes; a repetition."""
    for number in range(300):
        lab.from_guest(udp(REMOTE, 9, bytes(99), id=number, sport=6000 + number))
    for data in (b"one", b"two"):
        lab.from_guest(udp(REMOTE, 9, data, id=0, flags="DF"))
    lab.from_guest(fragment(0, bytes(1480)))
    lab.from_guest(fragment(1480, bytes(100), more=False))
    lab.from_guest(udp(REMOTE, 9, bytes(80), id=999))
    lab.from_guest(udp(REMOTE, 9, bytes(80), id=999))
    lab.wait(31)
    lab.from_guest(udp(REMOTE, 9, bytes(70), id=299))


@example("IP031")
def no_hops(lab: LintedLab) -> None:
    """The guest leaves the time to live at zero."""
    lab.from_guest(udp(REMOTE, 9, b"hello", ttl=0))


@clean("IP031")
@clean("IP032")
def traceroute(lab: LintedLab) -> None:
    for ttl in range(1, 30):
        lab.from_guest(udp(REMOTE, 33434 + ttl, b"hello", ttl=ttl, id=ttl))
        lab.from_guest(udp(REMOTE, 53, bytes(range(0x40, 0x60)), ttl=ttl, id=100 + ttl))


@example("IP032")
def few_hops(lab: LintedLab) -> None:
    """The guest's data has a time to live of 16."""
    flow = established(lab)
    flow.ttl = 16
    flow.guest("P. 1:6(5) ack 1")


@clean("IP032")
def all_its_hops(lab: LintedLab) -> None:
    established(lab).guest("P. 1:6(5) ack 1")


@example("IP033")
def must_not_be_cut(lab: LintedLab) -> None:
    """The guest sets DF in all packets, those that it cuts among them."""
    lab.from_guest(bytes(ip(REMOTE, id=7, flags="MF+DF", proto=17) / Raw(bytes(1480))))


@example("IP032")
def few_hops_for_a_question(lab: LintedLab) -> None:
    question = bytes(DNS(qd=DNSQR(qname="a.test")))
    lab.from_guest(udp(REMOTE, 53, question, ttl=1))


@example("IP046")
def more_of_nothing(lab: LintedLab) -> None:
    """The guest sets MF in each packet."""
    lab.from_guest(udp(REMOTE, 9, b"12345678", flags="MF"))


@example("IP046")
def more_of_a_ping(lab: LintedLab) -> None:
    lab.from_guest(bytes(ip(ROUTER, flags="MF") / ICMP(id=7, seq=1) / bytes(56)))


@clean("IP046")
@clean("IP018")
def a_ping_of_zeros(lab: LintedLab) -> None:
    """The sum of the first fragment is right, as the rest adds nothing."""
    introduce(lab)
    pings_in_pieces(lab, 1480)


@clean("IP046")
def a_ping_of_zeros_in_small_pieces(lab: LintedLab) -> None:
    """All hosts take 576 bytes."""
    introduce(lab)
    pings_in_pieces(lab, 552)


def pings_in_pieces(lab: LintedLab, size: int) -> None:
    request = bytes(ICMP(id=7, seq=1) / bytes(4000))
    for at in range(0, len(request), size):
        part, flags = request[at : at + size], "MF" if at + size < len(request) else 0
        lab.from_guest(bytes(ip(ROUTER, id=9, flags=flags, frag=at // 8, proto=1) / Raw(part)))
    lab.wait(40)


@example("IP047")
def ttl_in_the_place_of_the_protocol(lab: LintedLab) -> None:
    """The guest's header has the protocol in front of the time to live."""
    lab.from_guest(bytes(ip(REMOTE, proto=64, ttl=17) / Raw(bytes(16))))


@clean("IP047")
def traceroute_of_any_kind(lab: LintedLab) -> None:
    lab.from_guest(udp(REMOTE, 33434, b"hello", ttl=17))
    lab.from_guest(bytes(ip(REMOTE, proto=64, ttl=16) / Raw(bytes(16))))


@clean("IP033")
@clean("IP035")
@clean("IP046")
def cut_well(lab: LintedLab) -> None:
    lab.from_guest(fragment(0, bytes(1480)))
    lab.from_guest(fragment(1480, b"x", more=False))


@example("IP034")
def old_address(lab: LintedLab) -> None:
    """The guest has announced one address and sends from another."""
    introduce(lab)
    lab.from_guest(udp(REMOTE, 9, b"hello", src="192.168.16.77"))


@example("IP034")
def address_swapped(lab: LintedLab) -> None:
    """The guest stores its address in its own (little-endian) byte order."""
    introduce(lab)
    lab.from_guest(udp(REMOTE, 9, b"hello", src="2.16.168.192"))


@clean("IP034")
def announced(lab: LintedLab) -> None:
    """Nothing is said of a guest of which no address is known, nor of one with two addresses."""
    lab.from_guest(udp(REMOTE, 9, b"hello", src="192.168.16.77"))
    introduce(lab)
    introduce(lab, "192.168.16.77")
    lab.from_guest(udp(REMOTE, 9, b"hello", src="192.168.16.77", id=2))
    lab.from_guest(udp(REMOTE, 9, b"hello"))


@example("IP035")
def eight_bytes(lab: LintedLab) -> None:
    """The guest cuts a TCP segment behind its first eight bytes."""
    lab.from_guest(bytes(ip(REMOTE, id=7, flags="MF", proto=6) / Raw(bytes(8))))


@example("IP036")
def records_its_route(lab: LintedLab) -> None:
    """The guest asks routers to note down their addresses."""
    route = IPOption(b"\x07\x07\x04\0\0\0\0\0")
    lab.from_guest(bytes(ip(REMOTE, options=[route]) / UDP(sport=5000, dport=9)))


@clean("IP036")
def router_alert(lab: LintedLab) -> None:
    """As IGMP has it."""
    lab.from_guest(bytes(ip("224.0.0.22", options=[IPOption(b"\x94\x04\0\0")], proto=2) / b"x"))


@example("IP037")
def df_one_bit_too_high(lab: LintedLab) -> None:
    """The guest sets 0x8000 for DF."""
    lab.from_guest(udp(REMOTE, 9, b"hello", flags="evil"))


@clean("IP037")
def df(lab: LintedLab) -> None:
    lab.from_guest(udp(REMOTE, 9, b"hello", flags="DF"))


@example("IP038", config=Config(network=Network(mtu=1400)))
def has_not_read_the_mtu(lab: LintedLab) -> None:
    """DHCP says that the MTU is 1,400, and the guest sends 1,500 bytes."""
    lab.from_guest(bytes(ip(ROUTER) / ICMP(id=7, seq=1) / bytes(1472)))


@clean("IP038")
def as_long_as_may_be(lab: LintedLab) -> None:
    lab.from_guest(bytes(ip(ROUTER) / ICMP(id=7, seq=1) / bytes(1472)))


@example("IP039")
def router_swapped(lab: LintedLab) -> None:
    """The guest stores its router's address in its own (little-endian) byte order."""
    lab.from_guest(udp("1.16.168.192", 53, b"hello"))


BOTH_WAYS = read_toml(
    '[dns]\nnames = {"a.test" = "192.0.2.7", "b.test" = ["198.51.100.2", "2.100.51.198"]}',
    "net.toml",
)


@example("IP039", config=NAMES)
def answer_swapped(lab: LintedLab) -> None:
    """The guest reads the address out of an answer of DNS in its own byte order."""
    starts(lab)
    asks(lab)
    lab.from_guest(ping("7.2.0.192"))


@clean("IP039", config=BOTH_WAYS)
def answer_as_it_is(lab: LintedLab) -> None:
    starts(lab)
    asks(lab)
    asks(lab, "b.test")
    lab.from_guest(ping("192.0.2.7"))
    lab.from_guest(ping("198.51.100.2"))
    lab.from_guest(ping("2.100.51.198"))


@clean("IP039")
def stranger(lab: LintedLab) -> None:
    lab.from_guest(udp("2.16.168.192", 53, b"hello"))
    lab.from_guest(udp(ROUTER, 53, b"hello"))


@example("IP040")
def counter_swapped(lab: LintedLab) -> None:
    """The guest stores its counter in its own (little-endian) byte order."""
    for number in range(1, 10):
        lab.from_guest(udp(REMOTE, 9, b"hello", id=number << 8))


@example("IP040")
def counter_swapped_in_a_few_packets(lab: LintedLab) -> None:
    for number in range(1, 7):
        lab.from_guest(udp(REMOTE, 9, b"hello", id=number << 8))
    lab.end()


@clean("IP040")
def counts(lab: LintedLab) -> None:
    """One after the other, both bytes at once as iPXE does, and always the same."""
    for number in range(1, 600):
        lab.from_guest(udp(REMOTE, 9, b"hello", id=number))
    for number in range(1, 256):
        lab.from_guest(udp(REMOTE, 9, b"hello", id=number * 0x101))
    for _ in range(20):
        lab.from_guest(udp(REMOTE, 9, b"hello", id=0x100))


@example("IP041")
def df_swapped(lab: LintedLab) -> None:
    """The guest stores DF in its own (little-endian) byte order."""
    lab.from_guest(bytes(ip(ROUTER, flags=0, frag=0x40) / ICMP(id=7, seq=1) / b"hello"))


@example("IP041")
def df_swapped_in_udp_and_tcp(lab: LintedLab) -> None:
    for number, inner in enumerate(
        (UDP(sport=5000, dport=9) / b"hello", TCP(sport=5000, flags="S"))
    ):
        whole = bytes(ip(REMOTE) / inner)[34:]
        proto = 17 if UDP in inner else 6
        lab.from_guest(bytes(ip(REMOTE, id=number, frag=0x40, proto=proto) / Raw(whole)))


@clean("IP041")
def a_fragment_at_512(lab: LintedLab) -> None:
    """A way with an MTU of 532; the last fragment comes first."""
    data = bytes(UDP(sport=5000, dport=9) / (bytes(range(256)) * 3))
    lab.from_guest(fragment(512, data[512:], more=False))
    lab.from_guest(fragment(0, data[:512]))
