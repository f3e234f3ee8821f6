"""How a guest reads a file by TFTP, from a server out there."""

from __future__ import annotations

from scapy.layers.inet import ICMP, IP, UDP, Ether
from scapy.packet import Raw

from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from pynat.wire import tftp
from pynat.wire.tftp import ACK, DATA, ERROR, OACK, RRQ, Packet
from tests.frames import GUEST, ROUTER, ROUTER_MAC, ip, ping, udp
from tests.lint.examples import clean, dhcp, example

SERVER = "192.0.2.69"
FULL = bytes(512)
NOT_FOUND = Packet(ERROR, 1, b"file not found")


def sends(lab: LintedLab, packet: Packet, port: int = 4000, ident: int = 1) -> None:
    lab.from_guest(udp(SERVER, port, tftp.encode(packet), sport=2000, id=ident))


def asks(lab: LintedLab, mode: str = "octet", port: int = 69, **options: str) -> None:
    sends(lab, Packet(RRQ, name=b"kernel", mode=mode, options=options), port=port)


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
@clean("TFTP024")
@clean("TFTP025")
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
def is_served_from_port_69(lab: LintedLab) -> None:
    """The server has one port for all, and a block is lost behind the card each time."""
    asks(lab)
    for _ in range(5):
        comes(lab, block(1), sport=69)
        sends(lab, Packet(ACK, 1), port=69)


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


@example("TFTP025")
def asks_each_20_ms(lab: LintedLab) -> None:
    """The guest's timer runs in another unit than it was written for."""
    for _ in range(5):
        asks(lab)
        lab.wait(0.02)


@example("TFTP025")
def acknowledges_each_20_ms(lab: LintedLab) -> None:
    asks(lab)
    comes(lab, block(1))
    for _ in range(6):
        sends(lab, Packet(ACK, 1))
        lab.wait(0.02)


@example("TFTP025")
def asks_for_what_is_not_there(lab: LintedLab) -> None:
    """The guest takes an ERROR for something that passes."""
    for _ in range(6):
        asks(lab)
        comes(lab, NOT_FOUND, seconds=0.01)


@clean("TFTP025")
def asks_as_pxelinux(lab: LintedLab) -> None:
    """In ticks of 55 ms: 2, 2, 3, 3, 4, 5 and more."""
    for ticks in (2, 2, 3, 3, 4, 5, 6, 7, 9, 10):
        asks(lab)
        lab.wait(ticks * 0.055)


@clean("TFTP025")
def asks_as_busybox(lab: LintedLab) -> None:
    for again in range(9):
        asks(lab)
        lab.wait(0.05 * 1.5**again)


@clean("TFTP025")
def tries_other_names(lab: LintedLab) -> None:
    """A loader looks for its configuration by its MAC address, by its address, and so on."""
    for name in range(9):
        sends(lab, Packet(RRQ, name=b"%d" % name, mode="octet"), port=69)
        comes(lab, NOT_FOUND, seconds=0.01)


@clean("TFTP025")
def acknowledges_each_copy(lab: LintedLab) -> None:
    """A wire holds the copies up, and lets them go at once."""
    asks(lab)
    comes(lab, block(1), times=8, seconds=0)
    for _ in range(8):
        sends(lab, Packet(ACK, 1))
        lab.wait(0.005)


@clean("TFTP025")
def asks_after_a_while(lab: LintedLab) -> None:
    """Somebody tries again and again, by hand."""
    for _ in range(9):
        asks(lab)
        comes(lab, NOT_FOUND)


@example("TFTP026")
def does_not_ask_again(lab: LintedLab) -> None:
    """The guest's wait for the answer has no end."""
    asks(lab)
    lab.wait(17)
    lab.from_guest(ping(ROUTER))


@clean("TFTP026")
def asks_from_another_port(lab: LintedLab) -> None:
    """It begins anew after ten seconds, and without options."""
    asks(lab, blksize="1024")
    lab.wait(10)
    lab.from_guest(udp(SERVER, 69, tftp.encode(Packet(RRQ, name=b"kernel", mode="octet")), sport=3))
    lab.wait(17)
    lab.from_guest(ping(ROUTER))


@clean("TFTP026")
def is_answered_from_the_port_of_before(lab: LintedLab) -> None:
    """Both ends keep their ports, and the file was read before."""
    for _ in range(2):
        reads_a_file(lab)
        lab.wait(17)
    lab.from_guest(ping(ROUTER))


@clean("TFTP026")
def is_told_that_nobody_is_there(lab: LintedLab) -> None:
    asks(lab)
    asked = lab.seen[-1].frame[14:]
    answer = IP(src=SERVER, dst=GUEST) / ICMP(type=3, code=3) / Raw(asked)
    lab.look(bytes(Ether(src=ROUTER_MAC, dst=GUEST_MAC.hex(":")) / answer), from_guest=False)
    lab.wait(17)
    lab.from_guest(ping(ROUTER))


@example("TFTP027")
def asks_for_a_binary_size(lab: LintedLab) -> None:
    """The guest writes the number as it has it: 04 00 for 1024."""
    asks(lab, blksize="\x04\x00")


@clean("TFTP027")
def asks_with_options(lab: LintedLab) -> None:
    """Options that nobody knows have values of their own."""
    asks(lab, blksize="1024", tsize="0", multicast="", rollover="yes")


@example("TFTP028")
def acknowledges_in_two_places(lab: LintedLab) -> None:
    """The guest sends the ACK when it has stored the block, and when it looks for the next."""
    asks(lab)
    for number in range(1, 4):
        comes(lab, block(number), seconds=0)
        sends(lab, Packet(ACK, number), ident=2 * number)
        sends(lab, Packet(ACK, number), ident=2 * number + 1)


@clean("TFTP028")
def has_a_driver_that_doubles(lab: LintedLab) -> None:
    """And a wire that does, of which each copy is acknowledged; and it waits for what is lost."""
    asks(lab)
    for number in range(1, 4):
        comes(lab, block(number), seconds=0)
        sends(lab, Packet(ACK, number), ident=number)
        sends(lab, Packet(ACK, number), ident=number)
    for number in range(4, 8):
        comes(lab, block(number), times=2, seconds=0)
        sends(lab, Packet(ACK, number), ident=2 * number)
        sends(lab, Packet(ACK, number), ident=2 * number + 1)
    for number in range(8, 12):
        comes(lab, block(number), seconds=0)
        sends(lab, Packet(ACK, number), ident=2 * number)
        lab.wait(1)
        sends(lab, Packet(ACK, number), ident=2 * number + 1)


@clean("TFTP021")
def goes_on_with_the_second_port(lab: LintedLab) -> None:
    """The server answers each copy of the request from a port of its own."""
    for port in (4001, 4002):
        asks(lab)
        comes(lab, block(1), sport=port, seconds=0.01)
    sends(lab, Packet(ACK, 1), port=4002)
    comes(lab, block(2, b"end"), sport=4002, seconds=0.01)
    sends(lab, Packet(ACK, 2), port=4002)
    comes(lab, block(1), times=6, sport=4001)


@clean("TFTP026")
def asks_two_servers_at_once(lab: LintedLab) -> None:
    """From one port; the second is silent."""
    request = tftp.encode(Packet(RRQ, name=b"kernel", mode="octet"))
    for server in (SERVER, "192.0.2.70"):
        lab.from_guest(udp(server, 69, request, sport=2000))
    comes(lab, block(1, b"end"), seconds=0.1)
    sends(lab, Packet(ACK, 1))
    lab.wait(40)
    lab.from_guest(ping(ROUTER))
