"""Messages to DHCP, DNS and TFTP that are dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR, DNSRROPT
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from pynat.config import Config, Dhcp, Tftp
from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from pynat.testing.tftp import TftpClient
from pynat.wire.tftp import ACK, Packet
from tests.frames import ROUTER, udp
from tests.lint.examples import clean, example
from tests.lint.examples.dhcp import is_leased, renews


def to_dhcp(lab: LintedLab, message: Any, *, cut: int | None = None) -> None:
    frame = Ether(src=GUEST_MAC.hex(":"), dst="ff:ff:ff:ff:ff:ff")
    ports = UDP(sport=68, dport=67)
    data = bytes(message).ljust(300, b"\0")[:cut]
    lab.from_guest(bytes(frame / IP(src="0.0.0.0", dst="255.255.255.255") / ports / data))


def bootp(**fields: Any) -> Any:
    return BOOTP(**{"op": 1, "chaddr": GUEST_MAC, "xid": 7} | fields)


def message(kind: str | bytes, *options: Any, **fields: Any) -> Any:
    return bootp(**fields) / DHCP(options=[("message-type", kind), *options, "end"])


@example("DHCP001")
def fields_missing(lab: LintedLab) -> None:
    """The guest leaves out the fields for server and file name."""
    to_dhcp(lab, message("discover"), cut=44)


@example("DHCP002")
def no_op(lab: LintedLab) -> None:
    """The guest leaves op at zero."""
    to_dhcp(lab, message("discover", op=0))


@example("DHCP003")
def no_hardware_length(lab: LintedLab) -> None:
    """The guest leaves the length of its MAC address at zero."""
    to_dhcp(lab, message("discover", hlen=0))


@example("DHCP004")
def cookie_swapped(lab: LintedLab) -> None:
    """The guest stores the cookie in its own (little-endian) byte order."""
    to_dhcp(lab, bytes(bootp())[:236] + b"\x63\x53\x82\x63\x35\x01\x01\xff")


@example("DHCP004")
def sname_left_out(lab: LintedLab) -> None:
    """The guest's message has no field for the server's name: all behind it is 64 bytes early."""
    whole = bytes(message("discover"))
    to_dhcp(lab, whole[:44] + whole[108:])


@example("DHCP005")
def overload_of_nothing(lab: LintedLab) -> None:
    """The guest's option 52 says 7."""
    to_dhcp(lab, message("discover", ("dhcp-option-overload", 7)))


@example("DHCP006")
def length_counts_itself(lab: LintedLab) -> None:
    """The guest's option 50 has a length of 6: code and length are counted in."""
    to_dhcp(
        lab, bytes(bootp())[:236] + b"\x63\x82\x53\x63\x35\x01\x01\x32\x06\xc0\xa8\x10\x02\xff\0"
    )


@example("DHCP007")
def no_such_message(lab: LintedLab) -> None:
    """The guest's message type is 9."""
    to_dhcp(lab, bytes(bootp())[:236] + b"\x63\x82\x53\x63\x35\x01\x09\xff")


@example("DHCP008")
def offers(lab: LintedLab) -> None:
    """The guest sends an OFFER."""
    to_dhcp(lab, message("offer"))


@example("DHCP009")
def giaddr_set(lab: LintedLab) -> None:
    """The guest fills in a relay agent's address of another network."""
    to_dhcp(lab, message("discover", giaddr="10.0.2.2"))


@example("DHCP010")
def asks_for_nothing(lab: LintedLab) -> None:
    """The guest's REQUEST does not say which of the offered addresses it wants."""
    to_dhcp(lab, message("request"))


@example("DHCP011")
def releases_nothing(lab: LintedLab) -> None:
    """The guest gives an address back that it never had."""
    to_dhcp(lab, message("release", ciaddr="192.168.16.77"))


MINUTE = Config(dhcp=Dhcp(lease=60))


@example("DHCP011", config=MINUTE)
def releases_what_is_over(lab: LintedLab) -> None:
    is_leased(lab)
    lab.wait(61)
    to_dhcp(lab, message("release", ciaddr="192.168.16.2"))


@clean("DHCP011", config=MINUTE)
def releases_what_it_has_renewed(lab: LintedLab) -> None:
    is_leased(lab)
    lab.wait(30)
    renews(lab)
    lab.wait(40)
    to_dhcp(lab, message("release", ciaddr="192.168.16.2"))


@example("DHCP012")
def names_another_server(lab: LintedLab) -> None:
    """The guest names a server that is not there."""
    taken = ("requested_addr", "192.168.16.2"), ("server_id", "192.168.16.77")
    to_dhcp(lab, message("request", *taken))


@example("DHCP012")
def names_its_server_backwards(lab: LintedLab) -> None:
    """The guest stores the server's address in its own (little-endian) byte order."""
    taken = ("requested_addr", "192.168.16.2"), ("server_id", "1.16.168.192")
    to_dhcp(lab, message("request", *taken))


@example("DHCP003")
def no_chaddr(lab: LintedLab) -> None:
    """The guest sends its DISCOVER before it has read the card's address."""
    to_dhcp(lab, message("discover", chaddr=bytes(6)))


def to_dns(lab: LintedLab, query: Any) -> None:
    lab.from_guest(udp(ROUTER, 53, bytes(query)))


@example("DNS001")
def class_missing(lab: LintedLab) -> None:
    """The guest's query ends behind the type: the class is missing."""
    lab.from_guest(udp(ROUTER, 53, bytes(DNS(rd=1, qd=DNSQR(qname="example.test")))[:-2]))


@example("DNS003")
def no_root(lab: LintedLab) -> None:
    """The guest's name does not end with a zero byte."""
    header = b"\0\7\1\0\0\1\0\0\0\0\0\0"
    lab.from_guest(udp(ROUTER, 53, header + b"\7example\4test" + b"\0\1\0\1"))


@example("DNS003")
def length_byte_counted(lab: LintedLab) -> None:
    """The guest counts each length byte into its label."""
    to_dns(lab, b"\0\7\1\0\0\1\0\0\0\0\0\0" + b"\x08example\5test\0" + b"\0\1\0\1")


@example("DNS002")
def count_swapped(lab: LintedLab) -> None:
    """The guest stores the number of questions in its own (little-endian) byte order."""
    to_dns(lab, DNS(rd=1, qd=DNSQR(qname="example.test"), qdcount=0x0100))


@example("DNS003")
def dots_in_the_name(lab: LintedLab) -> None:
    """The guest sends the name as text, without the lengths of its labels."""
    to_dns(lab, b"\0\7\1\0\0\1\0\0\0\0\0\0" + b"example.test\0" + b"\0\1\0\1")


@example("DNS004")
def sends_an_answer(lab: LintedLab) -> None:
    """The guest has set the bit that makes a query an answer."""
    to_dns(lab, DNS(qr=1, rd=1, qd=DNSQR(qname="example.test")))


@example("DNS005")
def two_opts(lab: LintedLab) -> None:
    """The guest adds an OPT record each time it sends the question again."""
    to_dns(lab, DNS(rd=1, qd=DNSQR(qname="example.test"), ar=[DNSRROPT(), DNSRROPT()]))


@example("TFTP001")
def three_bytes(lab: LintedLab) -> None:
    """The guest's request ends behind its first three bytes."""
    lab.from_guest(udp(ROUTER, 69, b"\0\1k", sport=2000))


@example("TFTP002")
def opcode_swapped(lab: LintedLab) -> None:
    """The guest stores the opcode in its own (little-endian) byte order."""
    lab.from_guest(udp(ROUTER, 69, b"\1\0kernel\0octet\0", sport=2000))


@example("TFTP003")
def no_mode(lab: LintedLab) -> None:
    """The guest's request has no mode."""
    lab.from_guest(udp(ROUTER, 69, b"\0\1kernel\0", sport=2000))


@example("TFTP004")
def acknowledges_to_69(lab: LintedLab) -> None:
    """The guest sends its acknowledgement to port 69, not to the transfer's."""
    lab.from_guest(udp(ROUTER, 69, b"\0\4\0\1", sport=2000))


@example("TFTP005", config=Config(tftp=Tftp(Path(__file__).parent)))
def changes_its_port(lab: LintedLab) -> None:
    """The guest sends its acknowledgement from another port than the request."""
    client = TftpClient(lab)
    client.read("__init__.py")
    client.packets()
    client.own_port += 1
    client.send(Packet(ACK, 1))
