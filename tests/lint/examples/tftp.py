"""How a guest reads a file by TFTP, from a server out there."""

from __future__ import annotations

from scapy.layers.inet import ICMP, IP, UDP, Ether
from scapy.packet import Raw

from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from pynat.wire import tftp
from pynat.wire.tftp import ACK, DATA, ERROR, OACK, RRQ, Packet
from tests.frames import GUEST, ROUTER_MAC, ip, udp
from tests.lint.examples import clean, dhcp, example

SERVER = "192.0.2.69"
FULL = bytes(512)


def sends(lab: LintedLab, packet: Packet, port: int = 4000) -> None:
    lab.from_guest(udp(SERVER, port, tftp.encode(packet), sport=2000))


def asks(lab: LintedLab, mode: str = "octet", port: int = 69) -> None:
    sends(lab, Packet(RRQ, name=b"kernel", mode=mode), port=port)


def comes(
    lab: LintedLab, packet: Packet, times: int = 1, seconds: float = 3, **fields: int
) -> bytes:
    """fields: of UDP."""
    datagram = UDP(**{"sport": 4000, "dport": 2000, **fields}) / tftp.encode(packet)
    answer = IP(src=SERVER, dst=GUEST) / datagram
    frame = bytes(Ether(src=ROUTER_MAC, dst=GUEST_MAC.hex(":")) / answer)
    for _ in range(times):
        lab.look(bytes(bytearray(frame)), from_guest=False)
        lab.wait(seconds)
    return frame


def block(number: int, data: bytes = FULL) -> Packet:
    return Packet(DATA, number, data)


@example("TFTP020")
def acknowledges_backwards(lab: LintedLab) -> None:
    """The guest stores the block's number in its own byte order."""
    asks(lab)
    comes(lab, block(1))
    sends(lab, Packet(ACK, 0x0100))


@example("TFTP020")
def acknowledges_an_oack_as_a_block(lab: LintedLab) -> None:
    """The guest takes the OACK for the first block."""
    asks(lab)
    comes(lab, Packet(OACK, options={"blksize": "1024"}))
    sends(lab, Packet(ACK, 1))


@clean("TFTP020")
@clean("TFTP021")
@clean("TFTP022")
@clean("TFTP023")
def reads_a_file(lab: LintedLab) -> None:
    """A block is lost, one comes twice."""
    asks(lab)
    comes(lab, Packet(OACK, options={"blksize": "512"}))
    sends(lab, Packet(ACK, 0))
    for number in range(1, 25):
        comes(lab, block(number), times=2)
        sends(lab, Packet(ACK, number))
        sends(lab, Packet(ACK, number))
    comes(lab, block(25, b"end"))
    sends(lab, Packet(ACK, 25))


@clean("UDP023")
def drops_a_spoilt_block(lab: LintedLab) -> None:
    """It acknowledges the block before once more, and then the good copy."""
    asks(lab)
    comes(lab, block(1))
    sends(lab, Packet(ACK, 1))
    comes(lab, block(2), chksum=0x1234)
    sends(lab, Packet(ACK, 1))
    comes(lab, block(2))
    sends(lab, Packet(ACK, 2))


@example("TFTP021")
def does_not_know_options(lab: LintedLab) -> None:
    """The guest asks for a block size, and waits for DATA."""
    asks(lab)
    comes(lab, Packet(OACK, options={"blksize": "1024"}), times=5)


@example("TFTP021")
def asks_instead_of_acknowledging(lab: LintedLab) -> None:
    """The guest does not know options; what it asks for again comes again."""
    for _ in range(5):
        asks(lab)
        comes(lab, Packet(OACK, options={"blksize": "1024"}))


@example("TFTP021")
def renews_its_lease_meanwhile(lab: LintedLab) -> None:
    """An acknowledgement is lost, and the guest does not send it again."""
    asks(lab)
    comes(lab, block(1))
    sends(lab, Packet(ACK, 1))
    comes(lab, block(1), times=3)
    dhcp.renews(lab)
    comes(lab, block(1), times=2)


@clean("TFTP021")
def begins_anew(lab: LintedLab) -> None:
    """The machine was switched off and on."""
    asks(lab)
    comes(lab, block(1), times=3)
    dhcp.sends(lab, "discover")
    comes(lab, block(1), times=5)


@clean("TFTP021")
def asks_in_a_hurry(lab: LintedLab) -> None:
    """Its answers come late, all at once; it takes the first one of them."""
    asks(lab)
    for _ in range(6):
        asks(lab)
    comes(lab, Packet(OACK, options={"blksize": "1024"}), seconds=0)
    sends(lab, Packet(ACK, 0))
    comes(lab, Packet(OACK, options={"blksize": "1024"}), times=6, seconds=0.1)


@clean("TFTP021")
def asks_for_the_size_first(lab: LintedLab) -> None:
    """It ends each transfer when it knows how long the file is, and begins anew."""
    for _ in range(6):
        asks(lab)
        comes(lab, Packet(OACK, options={"tsize": "5000"}))
        sends(lab, Packet(ERROR, 8, b"thanks"))


@clean("TFTP021")
def takes_another_port(lab: LintedLab) -> None:
    """The server answers each copy of the request from another port; the guest goes on with one."""
    asks(lab)
    comes(lab, block(1), sport=4001)
    asks(lab)
    comes(lab, block(1), sport=4002)
    sends(lab, Packet(ACK, 1), port=4002)
    comes(lab, block(1), times=5, sport=4001)


@clean("TFTP021")
def has_given_up(lab: LintedLab) -> None:
    asks(lab)
    seen = comes(lab, block(1))
    lab.from_guest(bytes(ip(SERVER) / ICMP(type=3, code=3) / Raw(seen[14:])))
    comes(lab, block(1), times=5)


@example("TFTP022")
def closes_the_file_first(lab: LintedLab) -> None:
    """The guest has all that it wants, and does not answer any more."""
    asks(lab)
    comes(lab, block(1))
    sends(lab, Packet(ACK, 1))
    comes(lab, block(2, b"end"), times=5)


@example("TFTP022")
def closes_its_port_first(lab: LintedLab) -> None:
    """The guest has all that it wants, and nobody listens any more."""
    asks(lab)
    seen = comes(lab, block(1, b"end"), times=2)
    lab.from_guest(bytes(ip(SERVER) / ICMP(type=3, code=3) / Raw(seen[14:])))


@clean("TFTP022")
def has_given_up_before(lab: LintedLab) -> None:
    """Nothing came for long; then the last block does."""
    asks(lab)
    comes(lab, block(1))
    sends(lab, Packet(ACK, 1))
    seen = comes(lab, block(2, b"end"))
    lab.from_guest(bytes(ip(SERVER) / ICMP(type=3, code=3) / Raw(seen[14:])))


@clean("TFTP022")
def closes_its_port_then(lab: LintedLab) -> None:
    """Its acknowledgement is lost, or crosses a copy of the block."""
    asks(lab)
    seen = comes(lab, block(1, b"end"))
    sends(lab, Packet(ACK, 1))
    lab.from_guest(bytes(ip(SERVER) / ICMP(type=3, code=3) / Raw(seen[14:])))


@clean("TFTP022")
def wants_no_more(lab: LintedLab) -> None:
    """It asked how long the file is, and never for the file."""
    asks(lab)
    seen = comes(lab, Packet(OACK, options={"tsize": "5000"}))
    lab.from_guest(bytes(ip(SERVER) / ICMP(type=3, code=3) / Raw(seen[14:])))


@example("TFTP024")
def asks_at_the_port_of_the_transfer(lab: LintedLab) -> None:
    """The guest does not know the OACK, and sends its request again to where that came from."""
    asks(lab)
    comes(lab, Packet(OACK, options={"blksize": "1024"}))
    asks(lab, port=4000)


@clean("TFTP024")
def asks_once_more(lab: LintedLab) -> None:
    """An answer comes late, or the guest has not heard it."""
    asks(lab)
    comes(lab, Packet(OACK, options={"blksize": "1024"}))
    asks(lab)
    comes(lab, Packet(OACK, options={"blksize": "1024"}))
    sends(lab, Packet(ACK, 0))


@example("TFTP023")
def asks_for_binary(lab: LintedLab) -> None:
    """The guest asks in the words of FTP."""
    asks(lab, mode="binary")
