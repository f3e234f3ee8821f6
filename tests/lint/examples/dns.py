"""How a guest asks for names."""

from __future__ import annotations

from typing import Any

from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether

from pynat.config.toml import read_toml
from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from pynat.testing.script import introduce
from tests.frames import GUEST, ROUTER, ROUTER_MAC, ether, ip, udp
from tests.lint.examples import clean, example
from tests.lint.examples.dhcp import is_leased

NAMES = read_toml('[dns]\nnames = {"a.test" = "192.0.2.7"}', "net.toml")
SLIRP = read_toml('layout = "slirp"\n[dns]\nnames = {"a.test" = "192.0.2.7"}', "net.toml")


def asks(
    lab: LintedLab, name: str = "a.test", *, ident: int = 7, port: int = 5000, **fields: Any
) -> None:
    question = DNS(**{"id": ident, "rd": 1, "qd": DNSQR(qname=name), **fields})
    lab.from_guest(udp(ROUTER, 53, bytes(question), sport=port))


@example("DNS020", config=NAMES)
def counts_no_questions(lab: LintedLab) -> None:
    """The guest has the id built in."""
    for letter in "abcd":
        asks(lab, f"{letter}.test", ident=0x1234, port=5000 + ord(letter))


@clean("DNS020", config=NAMES)
def draws_an_id(lab: LintedLab) -> None:
    for number in range(10):
        asks(lab, f"{number}.test", ident=number * 7919 % 65_536)
        asks(lab, f"{number}.test", ident=number * 7919 % 65_536)


@example("DNS021", config=NAMES)
def keeps_its_port(lab: LintedLab) -> None:
    """The guest asks from the port that it was given once."""
    for number in range(8):
        asks(lab, f"{number}.test", ident=number * 7919 % 65_536)
        lab.wait(1)


@clean("DNS021", config=NAMES)
def asks_for_a_page_at_once(lab: LintedLab) -> None:
    for number in range(20):
        asks(lab, f"{number}.test", ident=number * 7919 % 65_536)


@clean("DNS021", config=NAMES)
def takes_another_port_each_time(lab: LintedLab) -> None:
    for number in range(8):
        asks(lab, f"{number}.test", ident=number * 7919 % 65_536, port=50_000 + number * 7)
        lab.wait(1)


@example("DNS022", config=NAMES)
def asks_four_times_a_second(lab: LintedLab) -> None:
    """The guest asks again after a quarter of a second, again and again."""
    lab.router.faults.add("dns * silent")
    for _ in range(5):
        asks(lab)
        lab.wait(0.25)


@example("DNS022", config=NAMES)
def asks_each_time_from_another_port(lab: LintedLab) -> None:
    """The guest asks anew every 200 ms, with another id and from another port."""
    lab.router.faults.add("dns * silent")
    for number in range(4):
        asks(lab, ident=number * 7919 + 1, port=5000 + number * 77)
        lab.wait(0.2)


@clean("DNS022", config=NAMES)
def several_ask_for_the_same(lab: LintedLab) -> None:
    lab.router.faults.add("dns * silent")
    for number, pause in enumerate((0, 0, 0.2, 0.001, 0.3, 0, 2)):
        asks(lab, ident=number * 7919 + 1, port=5000 + number * 77)
        lab.wait(pause)


@clean("DNS022", config=NAMES)
def asks_each_second(lab: LintedLab) -> None:
    lab.router.faults.add("dns * silent")
    for number in range(9):
        asks(lab, ident=number * 7919 + 1, port=5000 + number * 77)
        lab.wait(0.4)


@clean("DNS022", config=NAMES)
def asks_as_ipxe_does(lab: LintedLab) -> None:
    lab.router.faults.add("dns * silent")
    for pause in (0.25, 0.5, 1, 2, 4):
        asks(lab)
        lab.wait(pause)


@clean("DNS022", config=NAMES)
@clean("DNS025", config=NAMES)
def asks_for_the_same_again(lab: LintedLab) -> None:
    introduce(lab)
    for number in range(9):
        asks(lab, ident=number)


def at_ten(lab: LintedLab, server: str) -> None:
    question = bytes(DNS(id=7, rd=1, qd=DNSQR(qname="a.test")))
    packet = ether() / IP(src="10.0.2.15", dst=server) / UDP(sport=5000, dport=53) / question
    lab.from_guest(bytes(packet))


@example("DNS023", config=SLIRP)
def takes_the_router_for_the_server(lab: LintedLab) -> None:
    """The guest asks its router, and DHCP has named another host."""
    is_leased(lab, address="10.0.2.15", server="10.0.2.2")
    at_ten(lab, "10.0.2.2")


@clean("DNS023", config=SLIRP)
def asks_whom_dhcp_names(lab: LintedLab) -> None:
    is_leased(lab, address="10.0.2.15", server="10.0.2.2")
    at_ten(lab, "10.0.2.3")
    at_ten(lab, "192.0.2.53")


@example("DNS024", config=NAMES)
def wants_no_recursion(lab: LintedLab) -> None:
    """The guest leaves all flags at zero."""
    asks(lab, rd=0)


@clean("DNS024", config=NAMES)
def wants_recursion(lab: LintedLab) -> None:
    asks(lab)


@example("DNS027", config=NAMES)
def writes_the_class_first(lab: LintedLab) -> None:
    """The guest asks for an address of IPv6 and writes the class in front of the type."""
    asks(lab, qd=DNSQR(qname="a.test", qtype=1, qclass=28))


@example("DNS027", config=NAMES)
def swaps_type_and_class(lab: LintedLab) -> None:
    """The guest stores type and class in its own (little-endian) byte order."""
    asks(lab, qd=DNSQR(qname="a.test", qtype=0x0100, qclass=0x0100))


@example("DNS027", config=NAMES)
def asks_for_nothing(lab: LintedLab) -> None:
    """The guest writes the type as 32 bits, of which a server reads the upper half."""
    asks(lab, qd=DNSQR(qname="a.test", qtype=0))


@example("DNS027", config=NAMES)
def swaps_the_type(lab: LintedLab) -> None:
    asks(lab, qd=DNSQR(qname="a.test", qtype=0x1C00))


@example("DNS026", config=NAMES)
def keeps_the_dots(lab: LintedLab) -> None:
    """The guest copies each part with the dot behind it."""
    lab.from_guest(udp(ROUTER, 53, b"\0\7\1\0\0\1\0\0\0\0\0\0" + b"\2a.\4test\0\0\1\0\1"))


@example("DNS028", config=NAMES)
def asks_backwards(lab: LintedLab) -> None:
    """The guest's opcode is 1, of the inverse queries of long ago (RFC 3425)."""
    asks(lab, opcode=1)


@clean("DNS028", config=NAMES)
def updates(lab: LintedLab) -> None:
    """DNS UPDATE, as Windows does it."""
    asks(lab, opcode=5)


@clean("DNS026", config=NAMES)
@clean("DNS027", config=NAMES)
def asks_for_a_service(lab: LintedLab) -> None:
    asks(lab, qd=DNSQR(qname="_kerberos.a.test", qtype=256))
    dotted = b"\x0aMy.Printer\4_ipp\4_tcp\0\0\x10\0\1"  # a name of DNS-SD (RFC 6763 4.1.1)
    lab.from_guest(udp(ROUTER, 53, b"\0\7\1\0\0\1\0\0\0\0\0\0" + dotted))


@clean("DNS027", config=NAMES)
def asks_in_every_class(lab: LintedLab) -> None:
    for number in (1, 3, 4, 255):
        asks(lab, qd=DNSQR(qname="a.test", qclass=number))


@example("DNS025", config=NAMES)
def does_not_know_its_answer(lab: LintedLab) -> None:
    """The guest looks for the answer's id in the wrong byte order, and finds none of its own."""
    introduce(lab)
    for _ in range(3):
        asks(lab)
        lab.wait(5)


@example("DNS025", config=NAMES)
def knows_no_tcp(lab: LintedLab) -> None:
    introduce(lab)
    lab.router.faults.add("dns * truncated")
    for _ in range(3):
        asks(lab)
        lab.wait(5)


@example("DNS025", config=NAMES)
def takes_no_for_nothing(lab: LintedLab) -> None:
    """The guest looks for an address alone, and asks on where there is none."""
    introduce(lab)
    for rcode, said in (("nxdomain", "no such name"), ("servfail", "its rcode is 2")):
        lab.router.faults.add(f"dns * {rcode} 3")
        for _ in range(3):
            asks(lab, ident=len(said))
            lab.wait(0.5)
        assert any(said in line for line in lab.log), lab.log


@clean("DNS025", config=NAMES)
def throws_wrong_answers_away(lab: LintedLab) -> None:
    introduce(lab)
    for fault in ("wrong-id", "wrong-question", "wrong-address", "wrong-port", "silent"):
        lab.router.faults.add(f"dns * {fault} 1")
        asks(lab)
        lab.wait(5)
    asks(lab)


@example("DNS026", config=NAMES)
def writes_the_name_as_it_is(lab: LintedLab) -> None:
    """The guest puts one length byte before the whole name."""
    header = b"\0\7\1\0\0\1\0\0\0\0\0\0"
    lab.from_guest(udp(ROUTER, 53, header + b"\x0fwww.example.com\0\0\1\0\1"))


@clean("DNS026", config=NAMES)
def has_a_label_with_a_dot(lab: LintedLab) -> None:
    """As names of services may have one (RFC 6763 4.3)."""
    header = b"\0\7\1\0\0\1\0\0\0\0\0\0"
    lab.from_guest(udp(ROUTER, 53, header + b"\6Dr.Who\4test\0\0\1\0\1"))
    asks(lab)


def believes(lab: LintedLab, fault: str) -> None:
    introduce(lab)
    lab.router.faults.add(f"dns * {fault}")
    asks(lab)
    lab.from_guest(udp("192.0.2.7", 9, b"hello"))


@example("DNS029", config=NAMES)
def compares_no_id(lab: LintedLab) -> None:
    """The guest takes the first answer that comes to its port."""
    believes(lab, "wrong-id")


@example("DNS029", config=NAMES)
def compares_no_name(lab: LintedLab) -> None:
    believes(lab, "wrong-question")


@example("DNS029", config=NAMES)
def compares_no_server(lab: LintedLab) -> None:
    believes(lab, "wrong-address")


@example("DNS029", config=NAMES)
def compares_no_port(lab: LintedLab) -> None:
    believes(lab, "wrong-port")


@clean("DNS029", config=NAMES)
def asks_again_where_another_server_answers(lab: LintedLab) -> None:
    introduce(lab)
    for fault in ("wrong-address", "wrong-port"):
        lab.router.faults.add(f"dns * {fault} 1")
        asks(lab)
        lab.wait(5)
    asks(lab)
    lab.from_guest(udp("192.0.2.7", 9, b"hello"))


@clean("DNS029")
def asks_at_another_port_too(lab: LintedLab) -> None:
    """A forwarder asks two servers from one port with one id."""
    asked = DNSQR(qname="www.example.com")
    question = bytes(DNS(id=77, rd=1, qd=asked))
    record = DNSRR(rrname="www.example.com", rdata="198.51.100.9")
    answer = DNS(id=77, qr=1, rd=1, ra=1, qd=asked, an=record)
    for server, port in (("192.0.2.53", 53), ("192.0.2.54", 5353)):
        lab.from_guest(udp(server, port, question, sport=3333))
    head = Ether(src=ROUTER_MAC, dst=GUEST_MAC.hex(":")) / IP(src="192.0.2.54", dst=GUEST)
    lab.look(bytes(head / UDP(sport=5353, dport=3333) / answer), from_guest=False)
    lab.from_guest(udp("198.51.100.9", 9, b"hello"))


@clean("DNS029", config=NAMES)
def waits_for_its_own(lab: LintedLab) -> None:
    introduce(lab)
    lab.router.faults.add("dns * wrong-id 1")
    for _ in range(2):
        asks(lab)
        lab.wait(5)
    lab.from_guest(udp("192.0.2.7", 9, b"hello"))


@clean("DNS029", config=NAMES)
def is_answered_twice(lab: LintedLab) -> None:
    introduce(lab)
    asks(lab)
    lab.router.faults.add("dns * wrong-id 1")
    asks(lab, ident=8)
    lab.from_guest(udp("192.0.2.7", 9, b"hello"))


@example("DNS031", config=NAMES)
def reads_a_byte_too_early(lab: LintedLab) -> None:
    """The guest takes the length's second byte for the address's first."""
    introduce(lab)
    asks(lab)
    lab.from_guest(udp("4.192.0.2", 9, b"hello"))


@clean("DNS031", config=NAMES)
def reads_what_it_is_told(lab: LintedLab) -> None:
    """What else it talks to is no part of an answer, or no part of a record's data."""
    introduce(lab)
    asks(lab)
    for address in ("192.0.2.7", "192.0.2.8", "1.0.0.1", "198.51.100.7"):
        lab.from_guest(udp(address, 9, b"hello"))


@clean("DNS031", config=NAMES)
def knew_the_address_before(lab: LintedLab) -> None:
    """Its bytes stand in the answer by chance."""
    introduce(lab)
    lab.from_guest(udp("4.192.0.2", 9, b"hello"))
    asks(lab)
    lab.from_guest(udp("4.192.0.2", 9, b"hello"))


def goes_on(lab: LintedLab, seconds: float) -> None:
    """Without the name."""
    lab.wait(seconds)
    lab.from_guest(udp("192.0.2.9", 9, b"on"))


def unanswered(lab: LintedLab) -> None:
    lab.router.faults.add("dns * silent")


@example("DNS030", config=NAMES)
def asks_once(lab: LintedLab) -> None:
    """The guest's question is lost, and it does without the name."""
    unanswered(lab)
    asks(lab)
    goes_on(lab, 13)


@example("DNS030", config=NAMES)
def waits_for_good(lab: LintedLab) -> None:
    """The guest's question is lost, and it waits for the answer."""
    unanswered(lab)
    asks(lab)
    lab.wait(40)
    lab.end()


@example("DNS030", config=NAMES)
def takes_a_wrong_id(lab: LintedLab) -> None:
    """The guest takes the answer to another question, and sends nothing to what that says. It asks
    by TCP for something else."""
    introduce(lab)
    lab.router.faults.add("dns a.test wrong-id")
    asks(lab)
    lab.router.faults.add("dns b.test truncated")
    asks(lab, "b.test", ident=8, port=5001)
    opens = TCP(sport=50_000, dport=53, flags="S", seq=9, options=[("MSS", 1460)])
    for _ in range(2):
        lab.from_guest(bytes(ip(ROUTER) / opens))
        lab.wait(1)
    goes_on(lab, 13)


@clean("DNS030", config=NAMES)
def asks_again_from_another_port(lab: LintedLab) -> None:
    unanswered(lab)
    asks(lab)
    lab.wait(5)
    asks(lab, ident=8, port=5001)
    goes_on(lab, 20)


@clean("DNS030", config=NAMES)
def needs_one_type_alone(lab: LintedLab) -> None:
    introduce(lab)
    asks(lab, qd=DNSQR(qname="a.test", qtype="AAAA"), ident=8)
    unanswered(lab)
    asks(lab, qd=DNSQR(qname="a.test", qtype="A"), ident=9)
    lab.router.faults.clear()
    asks(lab, qd=DNSQR(qname="a.test", qtype="HTTPS"), ident=10)
    goes_on(lab, 20)


@clean("DNS030", config=NAMES)
def goes_over_to_tcp(lab: LintedLab) -> None:
    unanswered(lab)
    asks(lab)
    lab.from_guest(bytes(ip(ROUTER) / TCP(sport=50_000, dport=53, flags="S", seq=9)))
    goes_on(lab, 20)


@example("DNS029", config=NAMES)
def takes_what_it_knows_already(lab: LintedLab) -> None:
    """The address is right by chance, and no other answer told it."""
    introduce(lab)
    asks(lab)
    lab.router.faults.add("dns * wrong-id")
    asks(lab, ident=9, port=5001)
    lab.from_guest(udp("192.0.2.7", 9, b"hello"))
    goes_on(lab, 13)


@clean("DNS029", config=NAMES)
def asks_again_for_what_it_knows(lab: LintedLab) -> None:
    """What goes there meanwhile is for an answer of before."""
    introduce(lab)
    asks(lab)
    lab.router.faults.add("dns * wrong-id 1")
    asks(lab, ident=9, port=5001)
    lab.from_guest(udp("192.0.2.7", 9, b"hello"))
    lab.wait(3)
    asks(lab, ident=10, port=5002)
    goes_on(lab, 13)


@example("DNS035", config=NAMES)
def takes_a_part(lab: LintedLab) -> None:
    """The guest finds no address in the answer, and says that there is no such name."""
    introduce(lab)
    lab.router.faults.add("dns * truncated")
    asks(lab)
    goes_on(lab, 13)


@clean("DNS035", config=NAMES)
def asks_for_the_rest(lab: LintedLab) -> None:
    """By TCP, or once more."""
    introduce(lab)
    lab.router.faults.add("dns * truncated")
    asks(lab)
    lab.wait(1)
    lab.from_guest(bytes(ip(ROUTER) / TCP(sport=50_000, dport=53, flags="S", seq=9)))
    goes_on(lab, 13)
    asks(lab, ident=8, port=5001)
    asks(lab, ident=9, port=5002)
    goes_on(lab, 13)


def refuses(lab: LintedLab, port: int, server: str = ROUTER) -> None:
    quote = IP(src=server, dst=GUEST) / UDP(sport=53, dport=port)
    lab.from_guest(bytes(ip(ROUTER) / ICMP(type=3, code=3) / bytes(quote)))


@example("DNS036", config=NAMES)
def waits_for_20_ms(lab: LintedLab) -> None:
    """The guest asks again by another port, and closes the one before."""
    introduce(lab)
    for number in range(3):
        asks(lab, ident=number, port=5000 + number)
        refuses(lab, 5000 + number)


@clean("DNS036", config=NAMES)
def takes_the_first_answer(lab: LintedLab) -> None:
    """And refuses its copy; or it was ended while it waited."""
    introduce(lab)
    for number in range(2):
        asks(lab, ident=number, port=5000 + number)
        refuses(lab, 5000 + number)
    for number in range(2, 9):
        asks(lab, ident=number, port=5000 + number)
        asks(lab, ident=number, port=5000 + number)
        refuses(lab, 5000 + number)


@clean("DNS036", config=NAMES)
def takes_one_in_between(lab: LintedLab) -> None:
    """And is ended twice before and twice behind that, while it waits."""
    introduce(lab)
    for number, takes in enumerate((False, False, True, False, False)):
        asks(lab, ident=number, port=5000 + number)
        if not takes:
            refuses(lab, 5000 + number)


@clean("DNS036", config=NAMES)
def waited_long_enough(lab: LintedLab) -> None:
    introduce(lab)
    for number in range(9):
        asks(lab, ident=number, port=5000 + number)
        lab.wait(2)
        refuses(lab, 5000 + number)
