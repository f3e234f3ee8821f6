"""What DHCP clients do."""

from __future__ import annotations

from typing import Any

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether

from pynat.config import Config
from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from tests.frames import GUEST, ROUTER, ROUTER_MAC, ping
from tests.lint.examples import clean, example

MAC = GUEST_MAC.hex(":")
NOBODY = "0.0.0.0"
IDENTITY = ("client_id", b"\1" + GUEST_MAC)
LIST = ("param_req_list", [1, 3, 6])
TAKES = (("requested_addr", GUEST), ("server_id", ROUTER))


TO_ALL = ("ff:ff:ff:ff:ff:ff", "255.255.255.255")
TO_ROUTER = (ROUTER_MAC, ROUTER)


def sends(
    lab: LintedLab,
    kind: str,
    *options: Any,
    src: str = NOBODY,
    to: tuple[str, str] | None = None,
    sport: int = 68,
    **fields: Any,
) -> None:
    """A whole message, with secs as they should be."""
    mac, address = to or (TO_ROUTER if src != NOBODY else TO_ALL)
    head = (
        Ether(src=MAC, dst=mac)
        / IP(src=src, dst=address, id=1 + int(lab.now) % 65535)
        / UDP(sport=sport, dport=67)
    )
    message = BOOTP(**{"op": 1, "chaddr": GUEST_MAC, "xid": 7, "secs": int(lab.now), **fields})
    data = bytes(message / DHCP(options=[("message-type", kind), *options, "end"]))
    lab.from_guest(bytes(head / data.ljust(300, b"\0")))


def is_leased(lab: LintedLab, *, address: str = GUEST, server: str = ROUTER, **fields: Any) -> None:
    sends(lab, "discover", **fields)
    sends(lab, "request", ("requested_addr", address), ("server_id", server), **fields)


def renews(lab: LintedLab, *options: Any, **fields: Any) -> None:
    sends(lab, "request", *options, **{"src": GUEST, "ciaddr": GUEST, "xid": 8, **fields})


def uses(lab: LintedLab) -> None:
    lab.from_guest(ping(ROUTER))


@example("DHCP055")
def does_not_know_a_nak(lab: LintedLab) -> None:
    """The guest knows ACK alone, and sends its REQUEST until one comes."""
    lab.router.faults.add("dhcp nak")
    sends(lab, "discover")
    for _ in range(3):
        sends(lab, "request", *TAKES)
        lab.wait(4)


@clean("DHCP055")
def begins_anew_after_each_nak(lab: LintedLab) -> None:
    lab.router.faults.add("dhcp nak 3")
    for _ in range(4):
        is_leased(lab)
        sends(lab, "request", *TAKES)  # on its way when the NAK came
        lab.wait(4)


@example("DHCP056")
def reads_the_options_behind_the_cookie_alone(lab: LintedLab) -> None:
    """The guest does not know option 52, and misses what it needs."""
    lab.router.faults.add("dhcp overload")
    for pause in (4, 8, 16, 32):
        sends(lab, "discover")
        lab.wait(pause)


@clean("DHCP056")
@clean("DHCP035")
def reads_file_and_sname(lab: LintedLab) -> None:
    lab.router.faults.add("dhcp overload")
    for _ in range(4):
        is_leased(lab)
        lab.wait(10)


@example("DHCP061")
def expects_the_type_first(lab: LintedLab) -> None:
    """The guest reads the message type from the first option, wherever that is."""
    lab.router.faults.add("dhcp shuffled")
    for pause in (4, 8, 16, 32):
        sends(lab, "discover")
        lab.wait(pause)


@clean("DHCP061")
@clean("DHCP035")
def reads_options_in_any_order(lab: LintedLab) -> None:
    lab.router.faults.add("dhcp shuffled")
    for _ in range(4):
        is_leased(lab)
        lab.wait(10)


# ---------------------------------------------------------------- one message
def raw(lab: LintedLab, message: bytes) -> None:
    head = Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / IP(src=NOBODY, dst="255.255.255.255")
    lab.from_guest(bytes(head / UDP(sport=68, dport=67) / message))


def discover(*options: Any) -> bytes:
    message = BOOTP(op=1, chaddr=GUEST_MAC, xid=7) / DHCP(
        options=[("message-type", "discover"), *options]
    )
    return bytes(message)


def untyped(*options: Any) -> bytes:
    return bytes(BOOTP(op=1, chaddr=GUEST_MAC, xid=7) / DHCP(options=[*options])).ljust(300, b"\0")


@example("DHCP020")
def sends_no_padding(lab: LintedLab) -> None:
    """The guest's DISCOVER ends behind its options."""
    raw(lab, discover("end"))


@example("DHCP021")
def leaves_the_end_out(lab: LintedLab) -> None:
    """The guest's options are followed by zeros."""
    raw(lab, discover().ljust(300, b"\0"))


@example("DHCP022")
def swaps_the_bytes_of_the_maximum(lab: LintedLab) -> None:
    """The guest means 1500, 0x05dc, and sends 548."""
    sends(lab, "discover", ("max_dhcp_size", 548))


@example("DHCP023")
def asks_from_the_address_that_it_hopes_for(lab: LintedLab) -> None:
    """The guest has the offered address in the IP header of its REQUEST already."""
    sends(lab, "discover")
    sends(lab, "request", *TAKES, src=GUEST, to=TO_ALL)


@clean("DHCP020")
@clean("DHCP021")
@clean("DHCP022")
@clean("DHCP023")
@clean("DHCP030")
@clean("DHCP031")
@clean("DHCP032")
@clean("DHCP033")
@clean("DHCP034")
@clean("DHCP044")
def gets_and_renews_an_address(lab: LintedLab) -> None:
    sends(lab, "discover", ("max_dhcp_size", 576))
    sends(lab, "request", *TAKES, ("max_dhcp_size", 576))
    uses(lab)
    lab.wait(43_200)
    renews(lab)
    uses(lab)
    lab.wait(10)
    is_leased(lab, xid=9)  # it was started again
    uses(lab)
    sends(lab, "request", ("requested_addr", GUEST), xid=10)  # init-reboot
    uses(lab)


@example("DHCP024")
def chaddr_reversed(lab: LintedLab) -> None:
    """The guest copies its MAC address as a number."""
    sends(lab, "discover", chaddr=GUEST_MAC[::-1])


@example("DHCP024")
def chaddr_of_another_card(lab: LintedLab) -> None:
    sends(lab, "discover", chaddr=bytes.fromhex("525400999999"))


@clean("DHCP035")
def is_answered_at_another_card(lab: LintedLab) -> None:
    """No OFFER comes to the guest's own."""
    for pause in (4, 8, 16, 32):
        sends(lab, "discover", chaddr=GUEST_MAC[::-1])
        lab.wait(pause)


@example("DHCP025")
def broadcast_flag_swapped(lab: LintedLab) -> None:
    """The guest stores 0x8000 in its own (little-endian) byte order."""
    sends(lab, "discover", flags=0x0080)


@example("DHCP026")
def flags_never_set(lab: LintedLab) -> None:
    """The guest leaves what was in its buffer in the flags."""
    sends(lab, "discover", flags=0x5A5A)


@example("DHCP027")
def informs_of_nothing(lab: LintedLab) -> None:
    """The guest asks for options, and does not say where it is."""
    sends(lab, "inform")


@example("DHCP062")
def names_no_message_type(lab: LintedLab) -> None:
    """The guest writes option 53 into its DISCOVER alone."""
    sends(lab, "discover")
    raw(lab, untyped(*TAKES, LIST, "end"))


@example("DHCP062")
def asks_for_parameters_alone(lab: LintedLab) -> None:
    raw(lab, untyped(LIST, "end"))


@clean("DHCP062")
def is_a_client_of_bootp(lab: LintedLab) -> None:
    """With the options of Linux' and U-Boot's."""
    raw(lab, bytes(BOOTP(op=1, chaddr=GUEST_MAC, xid=7)).ljust(300, b"\0"))
    raw(lab, untyped(("subnet_mask", "0.0.0.0"), ("max_dhcp_size", 1500), "end"))
    raw(lab, untyped(("vendor_class_id", b"U-Boot"), "end"))


@clean("DHCP062")
def has_one_option_that_is_too_long(lab: LintedLab) -> None:
    """What stands behind it, as the message type does, is not read."""
    raw(lab, untyped(("server_id", ROUTER)) + bytes((12, 255, 53, 1, 3, 255)))


@example("DHCP028")
def has_two_names(lab: LintedLab) -> None:
    """The guest's DISCOVER has a client identifier, and its REQUEST has none."""
    sends(lab, "discover", IDENTITY)
    sends(lab, "request", *TAKES)


@example("DHCP028")
def releases_as_somebody_else(lab: LintedLab) -> None:
    sends(lab, "discover", IDENTITY)
    sends(lab, "request", *TAKES, IDENTITY)
    sends(lab, "release", ("server_id", ROUTER), src=GUEST, ciaddr=GUEST)


@example("DHCP029")
def asks_for_less(lab: LintedLab) -> None:
    """The guest's REQUEST has no parameter list."""
    sends(lab, "discover", LIST)
    sends(lab, "request", *TAKES)


@example("DHCP028")
def has_no_name_after_a_restart(lab: LintedLab) -> None:
    is_introduced(lab)
    lab.wait(60)
    sends(lab, "request", ("requested_addr", GUEST), LIST, xid=8)


@example("DHCP028")
def forgets_its_name_when_it_asks_again(lab: LintedLab) -> None:
    lab.router.faults.add("dhcp silent")
    sends(lab, "discover", IDENTITY)
    lab.wait(4)
    sends(lab, "discover")


@clean("DHCP028")
def is_two_stacks(lab: LintedLab) -> None:
    """A boot ROM, which nobody answers, and two systems: each has a name of its own."""
    lab.router.faults.add("dhcp silent 1")
    sends(lab, "discover", ("client_id", b"\0rom"), ("param_req_list", [1, 3, 66, 67]), xid=6)
    lab.wait(4)
    is_introduced(lab)
    lab.wait(60)
    wanted = ("param_req_list", [1, 3, 6, 15])
    sends(lab, "request", ("requested_addr", GUEST), ("client_id", b"\0other"), wanted, xid=8)


def is_introduced(lab: LintedLab) -> None:
    sends(lab, "discover", IDENTITY, LIST)
    sends(lab, "request", *TAKES, IDENTITY, LIST)


@example("DHCP029")
def renews_without_a_list(lab: LintedLab) -> None:
    is_introduced(lab)
    lab.wait(43_200)
    renews(lab, IDENTITY)


@clean("DHCP024")
@clean("DHCP025")
@clean("DHCP026")
@clean("DHCP027")
@clean("DHCP028")
@clean("DHCP029")
@clean("DHCP046")
@clean("DHCP050")
@clean("DHCP051")
@clean("DHCP052")
@clean("DHCP053")
@clean("DHCP054")
def says_always_the_same(lab: LintedLab) -> None:
    said = (IDENTITY, LIST)
    sends(lab, "discover", *said, flags=0x8000)
    sends(lab, "request", *TAKES, *said, flags=0x8000)
    uses(lab)
    sends(lab, "inform", *said, src=GUEST, ciaddr=GUEST, xid=8)
    lab.wait(43_200)
    renews(lab, *said)
    sends(lab, "release", ("server_id", ROUTER), IDENTITY, src=GUEST, ciaddr=GUEST, xid=9)
    lab.wait(5)
    sends(lab, "request", ("requested_addr", GUEST), *said, xid=10)


@clean("DHCP024")
def is_behind_a_relay(lab: LintedLab) -> None:
    sends(lab, "discover", chaddr=bytes.fromhex("525400999999"), giaddr="192.168.16.9")


# ---------------------------------------------------------------- from DISCOVER to ACK
@example("DHCP030")
def draws_a_new_xid_for_each_message(lab: LintedLab) -> None:
    """The guest's REQUEST has an xid of its own."""
    sends(lab, "discover", xid=7)
    sends(lab, "request", *TAKES, xid=8)


@example("DHCP031")
def has_a_constant_xid(lab: LintedLab) -> None:
    """The guest is started twice, and has the xid built in."""
    is_leased(lab, xid=0x3903F326)
    lab.wait(60)
    is_leased(lab, xid=0x3903F326)


@clean("DHCP031")
def asks_again_with_the_same_xid(lab: LintedLab) -> None:
    lab.router.faults.add("dhcp silent 2")
    for pause in (4, 8, 16):
        sends(lab, "discover")
        lab.wait(pause)
    sends(lab, "request", *TAKES)


@example("DHCP032")
def looks_at_no_xid(lab: LintedLab) -> None:
    """The guest takes an answer to somebody else."""
    lab.router.faults.add("dhcp wrong-xid 1")
    is_leased(lab)


@example("DHCP032")
def looks_at_no_chaddr(lab: LintedLab) -> None:
    lab.router.faults.add("dhcp wrong-chaddr 1")
    is_leased(lab)


@clean("DHCP032")
def looks_at_chaddr(lab: LintedLab) -> None:
    lab.router.faults.add("dhcp wrong-chaddr 1")
    sends(lab, "discover")
    lab.wait(4)
    is_leased(lab)


@clean("DHCP032")
def looks_at_the_xid(lab: LintedLab) -> None:
    lab.router.faults.add("dhcp wrong-xid 1")
    sends(lab, "discover")
    lab.wait(4)
    is_leased(lab)


@example("DHCP033")
def names_no_server(lab: LintedLab) -> None:
    """The guest's REQUEST does not say whose offer it takes."""
    sends(lab, "discover")
    sends(lab, "request", ("requested_addr", GUEST))


@example("DHCP033")
def has_two_offers_and_names_no_server(lab: LintedLab) -> None:
    """It goes by the xid."""
    sends(lab, "discover", xid=7)
    sends(lab, "discover", xid=8)
    sends(lab, "request", ("requested_addr", GUEST), xid=7)


@example("DHCP033")
def names_the_address_in_ciaddr(lab: LintedLab) -> None:
    sends(lab, "discover")
    sends(lab, "request", *TAKES, ciaddr=GUEST)


@example("DHCP033")
def wants_another_address(lab: LintedLab) -> None:
    sends(lab, "discover")
    sends(lab, "request", ("requested_addr", "192.168.16.9"), ("server_id", ROUTER))


@example("DHCP033")
def takes_what_nobody_offered(lab: LintedLab) -> None:
    sends(lab, "discover")
    sends(lab, "request", ("requested_addr", GUEST), ("server_id", "192.168.16.77"))


@clean("DHCP033")
def echoes_a_wrong_server(lab: LintedLab) -> None:
    lab.router.faults.add("dhcp wrong-server")
    sends(lab, "discover")
    sends(lab, "request", ("requested_addr", GUEST), ("server_id", "192.168.16.255"))


@example("DHCP034")
def renews_as_it_asked(lab: LintedLab) -> None:
    """The guest sends the REQUEST of before once more to renew its lease."""
    is_leased(lab)
    lab.wait(43_200)
    sends(lab, "request", *TAKES, src=GUEST)


@example("DHCP034")
def renews_with_the_option(lab: LintedLab) -> None:
    is_leased(lab)
    lab.wait(43_200)
    renews(lab, ("requested_addr", GUEST))


@example("DHCP035")
def hears_no_unicast(lab: LintedLab) -> None:
    """The guest takes no packets to an address that it has not configured, and does not say so."""
    for pause in (4, 8, 16, 32):
        sends(lab, "discover")
        lab.wait(pause)


@clean("DHCP035")
def asks_for_broadcast(lab: LintedLab) -> None:
    for pause in (4, 8, 16, 32):
        sends(lab, "discover", flags=0x8000)
        lab.wait(pause)


@clean("DHCP035")
def means_to_ask_for_broadcast(lab: LintedLab) -> None:
    """DHCP025 says why it hears nothing."""
    for pause in (4, 8, 16, 32):
        sends(lab, "discover", flags=0x0080)
        lab.wait(pause)


@clean("DHCP035")
def waits_for_a_boot_server_first(lab: LintedLab) -> None:
    """As iPXE does."""
    sends(lab, "discover")
    lab.wait(1)
    sends(lab, "discover")
    lab.wait(2)
    is_leased(lab)


HERMETIC = Config(hermetic=True)


@example("DHCP039", config=HERMETIC)
def hears_no_broadcast(lab: LintedLab) -> None:
    """The guest's card is told to take frames to its own address only."""
    for pause in (4, 8, 16):
        sends(lab, "discover", flags=0x8000)
        lab.wait(pause)
    sends(lab, "discover", flags=0x8000)
    sends(lab, "request", *TAKES, flags=0x8000)  # this OFFER came to its MAC address


@example("DHCP039")
def hears_nothing(lab: LintedLab) -> None:
    """The guest takes no OFFER at all."""
    for _ in range(8):
        sends(lab, "discover", flags=0x8000)
        lab.wait(16)


@example("DHCP035", config=HERMETIC)
def takes_the_broadcast_at_last(lab: LintedLab) -> None:
    for pause in (4, 8, 16):
        sends(lab, "discover")
        lab.wait(pause)
    sends(lab, "discover")
    sends(lab, "request", *TAKES)


@clean("DHCP039", config=HERMETIC)
def hears_broadcasts(lab: LintedLab) -> None:
    """One is lost."""
    sends(lab, "discover", flags=0x8000)
    lab.wait(4)
    is_leased(lab, flags=0x8000)


@example("UDP025", config=HERMETIC)
def sums_the_last_byte_wrong(lab: LintedLab) -> None:
    """The guest adds the last byte of an odd number as the lower half of a word."""
    asks(lab, IDENTITY, IDENTITY, IDENTITY)  # its identifier makes the OFFER odd


@clean("UDP025", config=HERMETIC)
def takes_an_odd_one_later(lab: LintedLab) -> None:
    """Two are lost, of either length."""
    asks(lab, IDENTITY)
    asks(lab, IDENTITY, IDENTITY, IDENTITY)
    asks(lab, None, IDENTITY, IDENTITY)


def asks(lab: LintedLab, *options: tuple[str, bytes] | None) -> None:
    """In vain, but for the last time."""
    for option in options:
        lab.wait(8)
        sends(lab, "discover", *([option] if option else []), secs=8)
    sends(lab, "request", *TAKES, IDENTITY, secs=8)


@example("DHCP036")
def repeats_each_second(lab: LintedLab) -> None:
    """The guest asks every second for as long as nobody answers."""
    lab.router.faults.add("dhcp silent")
    for _ in range(5):
        sends(lab, "discover")
        lab.wait(1)


def repeats(lab: LintedLab, *pauses: float) -> None:
    """A DISCOVER that nobody answers."""
    lab.router.faults.add("dhcp silent")
    for pause in pauses:
        sends(lab, "discover")
        lab.wait(pause)


@example("DHCP036")
def repeats_every_four_seconds(lab: LintedLab) -> None:
    repeats(lab, 4, 3.1, 4.9, 4, 4.5, 3.5)


@example("DHCP036")
def repeats_every_two_seconds(lab: LintedLab) -> None:
    repeats(lab, *[2.1] * 12)


@example("DHCP036")
def repeats_every_ten_seconds(lab: LintedLab) -> None:
    repeats(lab, *[10] * 12)


@example("DHCP036")
def renews_every_three_seconds(lab: LintedLab) -> None:
    """The guest's server is silent at T1."""
    is_leased(lab)
    lab.wait(43_200)
    lab.router.faults.add("dhcp silent")
    for _ in range(7):
        renews(lab)
        lab.wait(3)


@example("DHCP036")
def begins_anew_at_once_after_each_nak(lab: LintedLab) -> None:
    """The server refuses what it has offered, and the guest takes the next offer at once."""
    lab.router.faults.add("dhcp nak")
    for xid in range(7, 13):
        is_leased(lab, xid=xid)


@clean("DHCP036")
def is_refused_some_times(lab: LintedLab) -> None:
    """Its former address, then what was offered meanwhile; later it waits."""
    lab.router.faults.add("dhcp nak")
    for xid in range(7, 10):
        is_leased(lab, xid=xid)
    for xid in range(10, 20):
        lab.wait(3)
        is_leased(lab, xid=xid)


@clean("DHCP036")
def repeats_as_it_should(lab: LintedLab) -> None:
    repeats(lab, 3.1, 8.9, 15.5, 32, 64, 63, 65, 64)


@clean("DHCP036")
def repeats_as_grub_does(lab: LintedLab) -> None:
    repeats(lab, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)


@clean("DHCP036")
def repeats_as_u_boot_does(lab: LintedLab) -> None:
    repeats(lab, 0.5, 1, 2, 2, 2, 2, 2, 2)


@clean("DHCP036")
def repeats_as_lwip_does(lab: LintedLab) -> None:
    repeats(lab, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60)


@clean("DHCP036")
def repeats_as_linux_does(lab: LintedLab) -> None:
    """Its kernel, by `ip=dhcp`."""
    repeats(lab, 2, 3.5, 6.1, 10.7, 18.8, 30, 30, 30)


@clean("DHCP036")
def renews_as_busybox_does(lab: LintedLab) -> None:
    """Half of what is left each time, to the last second."""
    is_leased(lab)
    lab.wait(43_200)
    lab.router.faults.add("dhcp silent")
    pause = 21_600
    while pause:
        renews(lab, secs=0)
        lab.wait(pause)
        pause //= 2


@clean("DHCP036")
def renews_each_minute(lab: LintedLab) -> None:
    """Less than two minutes are left."""
    lab.router.faults.add("dhcp lease 800")
    is_leased(lab)
    lab.router.faults.add("dhcp silent")
    for pause in (400, 150, 75, 60, 60, 60):
        lab.wait(pause)
        renews(lab)


@clean("DHCP036")
def repeats_as_ipxe_does(lab: LintedLab) -> None:
    repeats(lab, 1, 2, 4, 8, 10, 10, 10, 10)


@clean("DHCP036")
def repeats_as_busybox_does(lab: LintedLab) -> None:
    repeats(lab, *(3, 3, 20) * 3)


@example("DHCP037")
def counts_no_seconds(lab: LintedLab) -> None:
    """The guest leaves secs at zero."""
    lab.router.faults.add("dhcp silent")
    for pause in (4, 8, 16):
        sends(lab, "discover", secs=0)
        lab.wait(pause)


@example("DHCP037")
def swaps_the_seconds(lab: LintedLab) -> None:
    """The guest stores them the lower byte first."""
    lab.router.faults.add("dhcp silent")
    for secs, pause in ((0, 4), (4 << 8, 8), (12 << 8, 16)):
        sends(lab, "discover", secs=secs)
        lab.wait(pause)


@clean("DHCP037")
def counts_from_before(lab: LintedLab) -> None:
    """It has asked for some minutes on another wire; or counts as it likes."""
    is_leased(lab, secs=300)
    lab.router.faults.add("dhcp silent")
    for secs, pause in ((252, 4), (256, 8), (264, 16)):
        sends(lab, "discover", secs=secs)
        lab.wait(pause)
    for secs, pause in ((0, 4), (1000, 8), (3000, 16)):
        sends(lab, "discover", xid=8, secs=secs)
        lab.wait(pause)


@clean("DHCP037")
def counts_seconds(lab: LintedLab) -> None:
    lab.router.faults.add("dhcp silent")
    for pause in (4, 8, 16):
        sends(lab, "discover")
        lab.wait(pause)


@clean("DHCP037")
@clean("DHCP051")
def keeps_the_seconds_of_its_discover(lab: LintedLab) -> None:
    """RFC 2131 4.4.1 wants those in a REQUEST, also where it is repeated."""
    lab.router.faults.add("dhcp silent request")
    sends(lab, "discover", secs=0)
    for pause in (4, 8, 16):
        sends(lab, "request", *TAKES, secs=0)
        lab.wait(pause)


@example("DHCP037")
def counts_no_seconds_with_a_new_xid_each(lab: LintedLab) -> None:
    """RFC 2131 4.1 leaves the xid to it."""
    lab.router.faults.add("dhcp silent")
    for xid in (7, 8, 9):
        sends(lab, "discover", xid=xid, secs=0)
        lab.wait(4 * (xid - 6))


@example("DHCP037")
def counts_no_seconds_while_it_renews(lab: LintedLab) -> None:
    is_leased(lab)
    lab.wait(43_200)
    lab.router.faults.add("dhcp silent")
    for xid, pause in ((8, 16_200), (9, 8_100), (10, 60)):
        renews(lab, xid=xid, secs=0)
        lab.wait(pause)


@example("DHCP038")
def declines_for_no_reason(lab: LintedLab) -> None:
    """The guest declines as soon as it has the address."""
    is_leased(lab)
    sends(lab, "decline", *TAKES)


@example("DHCP050")
def asks_its_server_alone(lab: LintedLab) -> None:
    """The guest sends its REQUEST to where the OFFER came from."""
    sends(lab, "discover")
    sends(lab, "request", *TAKES, to=TO_ROUTER)


@example("DHCP051")
def counts_on(lab: LintedLab) -> None:
    """The guest's REQUEST counts the seconds on."""
    sends(lab, "discover", secs=0)
    lab.wait(3)
    sends(lab, "request", *TAKES, secs=3)


@example("DHCP052")
def asks_for_its_address_as_if_offered(lab: LintedLab) -> None:
    """The guest is started again, and names the server of its former lease."""
    is_leased(lab)
    sends(lab, "request", *TAKES, xid=8)


@example("DHCP052")
def asks_its_former_server_alone(lab: LintedLab) -> None:
    is_leased(lab)
    lab.wait(60)
    sends(lab, "request", ("requested_addr", GUEST), xid=8, to=TO_ROUTER)


@clean("DHCP052")
def repeats_its_request(lab: LintedLab) -> None:
    """The ACK was lost."""
    is_leased(lab)
    lab.wait(4)
    sends(lab, "request", *TAKES)


def probes(lab: LintedLab) -> None:
    packet = ARP(op=1, hwsrc=MAC, psrc=NOBODY, pdst=GUEST)
    lab.from_guest(bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / packet))


@clean("DHCP038")
@clean("DHCP046")
@clean("DHCP047")
@clean("DHCP048")
def declines_what_another_has(lab: LintedLab) -> None:
    lab.router.faults.add("arp conflict 1")
    is_leased(lab)
    probes(lab)
    sends(lab, "decline", *TAKES)
    lab.wait(10)
    sends(lab, "discover", xid=8)


@example("DHCP047")
def begins_anew_without_a_word(lab: LintedLab) -> None:
    """The guest's probe is answered, and it sends DISCOVER again."""
    lab.router.faults.add("arp conflict 1")
    is_leased(lab)
    probes(lab)
    lab.wait(10)
    sends(lab, "discover", xid=8)


@example("DHCP048")
def begins_anew_at_once(lab: LintedLab) -> None:
    """The guest declines and asks again in the same second."""
    lab.router.faults.add("arp conflict 1")
    is_leased(lab)
    probes(lab)
    sends(lab, "decline", *TAKES)
    sends(lab, "discover", xid=8)


@example("DHCP046")
def releases_to_another_server(lab: LintedLab) -> None:
    """The guest stores the server's address in its own (little-endian) byte order."""
    is_leased(lab)
    sends(lab, "release", ("server_id", "1.16.168.192"), src=GUEST, ciaddr=GUEST)


@example("DHCP046")
def releases_to_all(lab: LintedLab) -> None:
    is_leased(lab)
    sends(lab, "release", ("server_id", ROUTER), src=GUEST, ciaddr=GUEST, to=TO_ALL)


@example("DHCP046")
def declines_to_nobody(lab: LintedLab) -> None:
    lab.router.faults.add("arp conflict 1")
    is_leased(lab)
    probes(lab)
    sends(lab, "decline", ("requested_addr", GUEST))


# ---------------------------------------------------------------- with a lease
@example("DHCP040")
def knows_no_end(lab: LintedLab) -> None:
    """The guest goes on after its lease of a minute."""
    lab.router.faults.add("dhcp lease 60")
    is_leased(lab)
    lab.wait(45)
    renews_unheard(lab)
    lab.wait(25)
    uses(lab)


@example("DHCP040")
def reads_the_lease_time_backwards(lab: LintedLab) -> None:
    """The guest takes a minute for thirty years."""
    lab.router.faults.add("dhcp lease 60")
    is_leased(lab)
    lab.wait(90)
    uses(lab)


def renews_unheard(lab: LintedLab) -> None:
    number = lab.router.faults.add("dhcp silent")
    renews(lab)
    lab.router.faults.clear(number)


@clean("DHCP040")
@clean("DHCP041")
def renews_in_time(lab: LintedLab) -> None:
    lab.router.faults.add("dhcp lease 60")
    is_leased(lab)
    for _ in range(5):
        lab.wait(30)
        renews(lab)
        uses(lab)


@example("DHCP049")
def renews_by_broadcast(lab: LintedLab) -> None:
    """The guest asks all servers at T1."""
    is_leased(lab)
    lab.wait(43_200)
    renews(lab, to=TO_ALL)


@example("DHCP049")
def asks_a_silent_server_for_ever(lab: LintedLab) -> None:
    """The guest goes on asking its server alone after T2."""
    is_leased(lab)
    lab.wait(80_000)
    renews(lab, secs=0)


@example("DHCP049")
def asks_nobody_else(lab: LintedLab) -> None:
    """The guest's server is silent from T1 on, and it waits for the end."""
    is_leased(lab)
    lab.router.faults.add("dhcp silent")
    for pause in (43_200, 32_600, 10_600):
        lab.wait(pause)
        uses(lab)
        if pause == 43_200:
            renews(lab)
    sends(lab, "discover", xid=9, secs=0)


@clean("DHCP049")
def is_asleep_at_t2(lab: LintedLab) -> None:
    """Once until the lease is over, once it is started again after T2."""
    for pause in (43_200, 33_000):
        is_leased(lab, secs=0)
        uses(lab)
        number = lab.router.faults.add("dhcp silent")
        lab.wait(43_200)
        renews(lab, secs=0)
        uses(lab)
        lab.wait(pause)
        lab.router.faults.clear(number)
    uses(lab)
    is_leased(lab, xid=9, secs=0)


@clean("DHCP049")
def never_asks_at_all(lab: LintedLab) -> None:
    """DHCP041 says it."""
    is_leased(lab)
    for pause in (80_000, 6400):
        lab.wait(pause)
        uses(lab)
    sends(lab, "discover", xid=9, secs=0)


@clean("DHCP049")
def asks_all_at_t2(lab: LintedLab) -> None:
    is_leased(lab)
    lab.router.faults.add("dhcp silent")
    lab.wait(43_200)
    renews(lab)
    lab.wait(32_401)
    uses(lab)
    renews(lab, to=TO_ALL, secs=32_401)
    lab.wait(10_800)
    sends(lab, "discover", xid=9, secs=0)


@example("DHCP058")
def discovers_at_t1(lab: LintedLab) -> None:
    """The guest has one way to get an address, and goes it again at T1."""
    for xid in (7, 8, 9):
        is_leased(lab, xid=xid, secs=0)
        lab.wait(43_200)


@example("DHCP060")
def remembers_at_t2(lab: LintedLab) -> None:
    """The guest takes T2 for T1, and asks all."""
    is_leased(lab)
    for _ in range(2):
        lab.wait(75_600)
        renews(lab, to=TO_ALL, secs=0)


@clean("DHCP060")
def sleeps_at_t1(lab: LintedLab) -> None:
    """Once; else it asks at T1, whoever answers."""
    is_leased(lab)
    for _ in range(3):
        lab.wait(75_600)
        renews(lab, to=TO_ALL, secs=0)
        lab.wait(43_200)
        number = lab.router.faults.add("dhcp silent")
        renews(lab, secs=0)
        lab.router.faults.clear(number)
        lab.wait(32_400)
        renews(lab, to=TO_ALL, secs=0)


@clean("DHCP058")
def is_restarted(lab: LintedLab) -> None:
    """Once it happens to be at T1."""
    for xid, seconds in ((7, 43_200), (8, 600), (9, 43_200), (10, 20_000)):
        is_leased(lab, xid=xid, secs=0)
        lab.wait(seconds)


@clean("DHCP049")
def rebinds(lab: LintedLab) -> None:
    """Its server is silent from T1 on."""
    is_leased(lab)
    number = lab.router.faults.add("dhcp silent")
    lab.wait(43_200)
    renews(lab)
    lab.wait(32_400)
    renews(lab, to=TO_ALL, secs=32_400)
    lab.router.faults.clear(number)


@example("DHCP040")
def keeps_its_old_address_too(lab: LintedLab) -> None:
    """The guest is given another address, and goes on using the old one."""
    is_leased(lab)
    lab.router.faults.add("dhcp ack-other 1")
    is_leased(lab, xid=9)
    lab.wait(5)
    uses(lab)


@clean("DHCP040")
@clean("DHCP052")
def has_not_heard_that_it_is_moved(lab: LintedLab) -> None:
    """Its socket loses the ACK; so it asks once more, a client of another kind with another xid."""
    lab.router.faults.add("dhcp moved")
    is_leased(lab)
    for xid in (8, 8, 9):
        lab.wait(2)
        renews(lab, xid=xid)
        uses(lab)
        lab.wait(30)
        uses(lab)


@example("DHCP040")
def heeds_no_other_address(lab: LintedLab) -> None:
    """The guest renews its lease, and does not look at which address it gets."""
    lab.router.faults.add("dhcp moved")
    is_leased(lab)
    renews(lab)
    lab.wait(70)
    uses(lab)


@example("DHCP040")
def asks_anew_and_keeps_both(lab: LintedLab) -> None:
    """The guest has taken another address itself, and asks for the old one once more."""
    is_leased(lab)
    lab.router.faults.add("dhcp ack-other 1")
    is_leased(lab, xid=9)
    renews_unheard(lab)
    lab.wait(5)
    uses(lab)


@example("DHCP041")
def does_not_renew(lab: LintedLab) -> None:
    """The guest goes on after T2 of its lease as if nothing were to be done."""
    lab.router.faults.add("dhcp lease 60")
    is_leased(lab)
    lab.wait(57)
    uses(lab)


@clean("DHCP041")
def is_not_answered(lab: LintedLab) -> None:
    lab.router.faults.add("dhcp lease 60")
    is_leased(lab)
    lab.wait(31)
    renews_unheard(lab)
    lab.wait(26)
    uses(lab)


@example("DHCP042")
def reads_the_time_wrong(lab: LintedLab) -> None:
    """The guest renews every minute a lease of a day."""
    is_leased(lab)
    for _ in range(3):
        lab.wait(60)
        renews(lab)
    uses(lab)


@clean("DHCP042")
def renews_at_once_when_told_so(lab: LintedLab) -> None:
    lab.router.faults.add("dhcp t1 60")
    is_leased(lab)
    for _ in range(4):
        lab.wait(60)
        renews(lab)
    uses(lab)


@example("DHCP043")
def does_not_hear_no(lab: LintedLab) -> None:
    """The server refuses the address, and the guest uses it."""
    lab.router.faults.add("dhcp nak")
    is_leased(lab)
    lab.wait(2)
    uses(lab)


@clean("DHCP043")
def begins_again_after_no(lab: LintedLab) -> None:
    lab.router.faults.add("dhcp nak 1")
    is_leased(lab)
    lab.wait(10)
    is_leased(lab, xid=8)
    uses(lab)


@example("DHCP044")
def takes_the_offer_for_the_lease(lab: LintedLab) -> None:
    """The guest configures itself by the OFFER."""
    sends(lab, "discover")
    uses(lab)


@example("DHCP044")
def keeps_what_was_offered(lab: LintedLab) -> None:
    """The ACK has another address than the OFFER, and the guest does not look at it."""
    lab.router.faults.add("dhcp ack-other 1")
    is_leased(lab)
    lab.wait(5)
    uses(lab)


@clean("DHCP044")
def is_given_another_address(lab: LintedLab) -> None:
    """A packet was under way when it was told so; then it gets the one that was offered."""
    lab.router.faults.add("dhcp ack-other 1")
    is_leased(lab)
    uses(lab)
    lab.wait(5)
    lab.from_guest(ping(ROUTER, src="192.168.16.3"))
    is_leased(lab, xid=9)
    lab.wait(5)
    uses(lab)


@clean("DHCP044")
def has_the_address_already(lab: LintedLab) -> None:
    uses(lab)
    sends(lab, "discover")
    uses(lab)


NEXT = "192.168.16.3"


def announces(lab: LintedLab, address: str = GUEST) -> None:
    packet = ARP(op=1, hwsrc=MAC, psrc=address, pdst=address)
    lab.from_guest(bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / packet))


def probes_and_announces(lab: LintedLab, *addresses: str, after: float = 2) -> None:
    for _ in range(3):
        probes(lab)
        lab.wait(1)
    lab.wait(after - 1)
    for _ in range(2):
        for address in addresses:
            announces(lab, address)
        lab.wait(2)


@example("DHCP063")
def counts_its_address_up(lab: LintedLab) -> None:
    """The guest probes for its address, and takes the next one."""
    is_leased(lab)
    probes_and_announces(lab, NEXT)
    lab.wait(2)
    lab.from_guest(ping(ROUTER, src=NEXT))


@clean("DHCP063")
def has_a_second_address(lab: LintedLab) -> None:
    """Which it announces, too, and uses for all that it sends."""
    is_leased(lab)
    probes_and_announces(lab, GUEST, NEXT)
    lab.wait(2)
    lab.from_guest(ping(ROUTER, src=NEXT))


@clean("DHCP063")
def has_addresses_of_other_nets(lab: LintedLab) -> None:
    is_leased(lab)
    probes_and_announces(lab, "169.254.7.7", "192.168.17.3")
    lab.wait(2)
    lab.from_guest(ping("192.168.17.1", src="192.168.17.3"))
    lab.from_guest(ping("169.254.7.8", src="169.254.7.7"))


@clean("DHCP063")
def has_a_second_address_first(lab: LintedLab) -> None:
    """It had that before the lease, which it uses later."""
    announces(lab, NEXT)
    is_leased(lab)
    probes_and_announces(lab, NEXT)
    lab.wait(5)
    lab.from_guest(ping(ROUTER, src=NEXT))
    uses(lab)


@clean("DHCP063")
def answers_at_another_address(lab: LintedLab) -> None:
    """It is announced after the probes, and nothing is sent but answers: the guest may be idle."""
    is_leased(lab)
    probes_and_announces(lab, NEXT)
    lab.wait(5)
    head = Ether(src=MAC, dst=ROUTER_MAC) / IP(src=NEXT, dst=ROUTER)
    lab.from_guest(bytes(head / ICMP(type=0, id=7) / b"abcdefgh"))


@clean("DHCP063")
def is_started_with_a_static_address(lab: LintedLab) -> None:
    is_leased(lab)
    probes_and_announces(lab, NEXT, after=20)
    lab.wait(5)
    lab.from_guest(ping(ROUTER, src=NEXT))


@clean("DHCP063")
def boots_a_system_with_a_static_address(lab: LintedLab) -> None:
    """Its boot ROM was given one, and does not probe."""
    is_leased(lab)
    lab.wait(1)
    announces(lab, NEXT)
    lab.wait(7)
    lab.from_guest(ping(ROUTER, src=NEXT))
    probes_and_announces(lab, GUEST)
    uses(lab)


@clean("DHCP063")
def takes_a_free_address(lab: LintedLab) -> None:
    """Another host has the one that it was given."""
    lab.router.faults.add("arp conflict 1")
    is_leased(lab)
    probes_and_announces(lab, NEXT)
    lab.wait(5)
    lab.from_guest(ping(ROUTER, src=NEXT))


@example("DHCP045")
def goes_on_after_giving_back(lab: LintedLab) -> None:
    """The guest releases its address and goes on using it."""
    is_leased(lab)
    sends(lab, "release", ("server_id", ROUTER), src=GUEST, ciaddr=GUEST)
    lab.wait(5)
    uses(lab)


@clean("DHCP045")
def gets_it_again(lab: LintedLab) -> None:
    is_leased(lab)
    sends(lab, "release", ("server_id", ROUTER), src=GUEST, ciaddr=GUEST)
    lab.wait(5)
    is_leased(lab, xid=9)
    lab.wait(5)
    uses(lab)


@example("DHCP053")
def asks_from_any_port(lab: LintedLab) -> None:
    """The guest's socket has the first port that was free."""
    sends(lab, "discover", sport=49_152)


@example("DHCP054")
def counts_a_hop(lab: LintedLab) -> None:
    """The guest copies an example, in which a relay has counted."""
    sends(lab, "discover", hops=1)


@clean("DHCP053")
@clean("DHCP054")
def relays(lab: LintedLab) -> None:
    sends(lab, "discover", hops=1, giaddr="192.168.16.9", sport=67)


@clean("DHCP030")
@clean("DHCP032")
@clean("DHCP035")
def takes_the_offer_of_an_earlier_discover(lab: LintedLab) -> None:
    """As U-Boot does on a slow machine: it has asked four times when it reads the first OFFER."""
    for xid in (7, 8, 9, 10):
        sends(lab, "discover", xid=xid)
        lab.wait(0.2)
    sends(lab, "request", *TAKES, xid=7)


# ---------------------------------------------------------------- what is lost
@example("DHCP057")
def waits_for_its_offer(lab: LintedLab) -> None:
    """The guest's DISCOVER is lost, and it goes on with an address that somebody has typed in."""
    lab.router.faults.add("dhcp silent")
    sends(lab, "discover")
    lab.wait(20)
    uses(lab)


@example("DHCP057")
def waits_for_its_ack(lab: LintedLab) -> None:
    """The guest's REQUEST is lost, and nothing comes from it any more."""
    sends(lab, "discover")
    lab.router.faults.add("dhcp silent")
    sends(lab, "request", *TAKES)
    lab.wait(40)
    lab.end()


@clean("DHCP057")
def begins_with_a_discover_again(lab: LintedLab) -> None:
    sends(lab, "discover")
    lab.router.faults.add("dhcp silent 1")
    sends(lab, "request", *TAKES)
    lab.wait(10)
    is_leased(lab)
    lab.wait(20)
    uses(lab)


@clean("DHCP057")
def renews_without_haste(lab: LintedLab) -> None:
    is_leased(lab)
    lab.router.faults.add("dhcp silent")
    renews(lab)
    lab.wait(40)
    uses(lab)


def answers(lab: LintedLab, kind: str, address: str, mac: bytes, server: str, **times: int) -> None:
    """Another server than the router."""
    options = [("server_id", server), ("subnet_mask", "255.255.255.0"), *times.items()]
    message = BOOTP(op=2, chaddr=mac, xid=7, yiaddr=address)
    message /= DHCP(options=[("message-type", kind), *options, "end"])
    head = Ether(src="02:00:00:00:00:33", dst=mac.hex(":")) / IP(src=server, dst=address)
    lab.look(bytes(head / UDP(sport=67, dport=68) / message), from_guest=False)


@clean("DHCP049")
def has_a_lease_for_ever(lab: LintedLab) -> None:
    """With times at which it is to be renewed all the same; then it is started again."""
    lab.router.faults.add("dhcp silent")
    server, times = "192.168.16.4", {"lease_time": 2**32 - 1, "renewal_time": 100}
    sends(lab, "discover")
    for kind in ("offer", "ack"):
        answers(lab, kind, GUEST, GUEST_MAC, server, rebinding_time=200, **times)
        if kind == "offer":
            sends(lab, "request", ("requested_addr", GUEST), ("server_id", server))
    uses(lab)
    lab.wait(100)
    renews(lab)
    lab.wait(110)
    uses(lab)
    lab.wait(4000)
    sends(lab, "discover", xid=9)


@clean("DHCP044")
def takes_what_another_card_was_offered(lab: LintedLab) -> None:
    """That one has taken another offer, and renews its lease."""
    one, other = GUEST_MAC, bytes.fromhex("020000000099")
    first, second = "192.168.16.20", "192.168.16.21"
    servers = {first: "192.168.16.3", second: "192.168.16.4"}

    def takes(address: str, mac: bytes, **fields: Any) -> None:
        taken = ("requested_addr", address), ("server_id", servers[address])
        sends(lab, "request", *(() if fields else taken), chaddr=mac, **fields)
        answers(lab, "ack", address, mac, servers[address], lease_time=3600)

    sends(lab, "discover")
    for address, server in servers.items():
        answers(lab, "offer", address, one, server, lease_time=3600)
    takes(second, one)
    lab.wait(10)
    sends(lab, "discover", chaddr=other)
    answers(lab, "offer", first, other, servers[first], lease_time=3600)
    takes(first, other)
    lab.wait(1800)
    takes(second, one, src=second, ciaddr=second)
    lab.wait(10)
    head = Ether(src=other.hex(":"), dst=ROUTER_MAC) / IP(src=first, dst="192.0.2.1")
    lab.from_guest(bytes(head / ICMP(id=1) / bytes(20)))
