"""Pings of a kind that guests are seldom sent, and answers that they must not give."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from scapy.layers.inet import ICMP, IP, UDP, Ether, IPOption_NOP, fragment

from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from tests.frames import GUEST, ROUTER, ROUTER_MAC, ip
from tests.lint.examples import clean, example
from tests.lint.examples.arp import sends as by_arp

DATA = b"abcdefghijklmnopqrstuvwxyz"
ELSEWHERE = "198.51.100.7"


def comes(lab: LintedLab, packet: Any) -> None:
    lab.look(
        bytes(Ether(src=ROUTER_MAC, dst=GUEST_MAC.hex(":")) / packet),
        from_guest=False,
    )


def pinged(
    lab: LintedLab,
    number: int,
    *,
    dst: str = GUEST,
    check: int | None = None,
    data: bytes = DATA,
    **fields: Any,
) -> None:
    message = ICMP(type=8, id=7, seq=number, chksum=check) / data
    comes(lab, IP(src=ROUTER, dst=dst, **fields) / message)


def pinged_in_fragments(
    lab: LintedLab, number: int, times: int = 1, check: int | None = None
) -> None:
    message = ICMP(type=8, id=7, seq=number, chksum=check) / DATA
    whole = IP(src=ROUTER, dst=GUEST, id=number) / message
    for piece in fragment(IP(bytes(whole)), 16):
        for _ in range(times):
            comes(lab, piece)


def pinged_behind_options(lab: LintedLab, number: int) -> None:
    pinged(lab, number, options=[IPOption_NOP()] * 4)


def replies(
    lab: LintedLab, number: int, *, src: str = GUEST, code: int = 0, data: bytes = DATA
) -> None:
    reply = ICMP(type=0, code=code, id=7, seq=number) / data
    lab.from_guest(bytes(ip(ROUTER, src=src, id=number) / reply))


def goes_on(lab: LintedLab, seconds: float = 3) -> None:
    """With something else."""
    lab.wait(seconds)
    lab.from_guest(bytes(ip(ROUTER) / UDP(sport=5000, dport=9)))


@example("ICMP029")
def sums_nothing(lab: LintedLab) -> None:
    """The guest answers a ping with a wrong checksum."""
    pinged(lab, 1, check=0x1234)
    replies(lab, 1)


@example("IP042")
def sums_no_header(lab: LintedLab) -> None:
    """The guest answers a packet with a wrong header checksum."""
    pinged(lab, 1, chksum=0x1234)
    replies(lab, 1)


@clean("ICMP002")
@clean("ICMP029")
@clean("IP005")
@clean("IP042")
def sums_both(lab: LintedLab) -> None:
    """It answers what has come whole as well, before or behind."""
    pinged(lab, 1, check=0x1234)
    pinged(lab, 2, chksum=0x1234)
    pinged(lab, 3)
    pinged(lab, 3, check=0x1234)
    pinged(lab, 4, chksum=0x1234)
    pinged(lab, 4)
    replies(lab, 3)
    replies(lab, 4)


@example("ICMP030")
def code_of_its_own(lab: LintedLab) -> None:
    """The guest adds one to type and code."""
    pinged(lab, 1)
    replies(lab, 1, code=1)


@clean("ICMP030")
@clean("IP043")
@clean("IP044")
def reads_everything(lab: LintedLab) -> None:
    for number in range(1, 20, 3):
        pinged_in_fragments(lab, number)
        pinged_behind_options(lab, number + 1)
        pinged(lab, number + 2)
        for more in range(3):
            replies(lab, number + more)


@clean("ICMP020")
@clean("ICMP021")
@clean("ICMP028")
def what_was_repeated_is_answered_as_often(lab: LintedLab) -> None:
    pinged(lab, 1)
    pinged(lab, 1)
    replies(lab, 1)
    replies(lab, 1)
    pinged_in_fragments(lab, 2, times=2)
    replies(lab, 2)


@example("IP043")
def drops_fragments(lab: LintedLab) -> None:
    """The guest throws fragments away."""
    by_arp(lab)
    for number in (1, 3):
        pinged_in_fragments(lab, number)
        pinged(lab, number + 1)
        replies(lab, number + 1)


@clean("IP043")
@clean("IP044")
def does_not_get_it(lab: LintedLab) -> None:
    """A fragment was lost or spoilt, or the guest answers nothing at all."""
    for number in (1, 3):
        comes(lab, IP(src=ROUTER, dst=GUEST, id=number, flags="MF") / ICMP(id=7, seq=number) / DATA)
        pinged(lab, number + 1)
        replies(lab, number + 1)
    for number in (5, 7):
        pinged_in_fragments(lab, number, check=0x1234)
        pinged(lab, number + 1)
        replies(lab, number + 1)
    for number in range(10, 20):
        pinged_in_fragments(lab, number)
        pinged_behind_options(lab, number + 10)
    pinged(lab, 40)


@clean("IP043")
def was_pinged_before_it_was_up(lab: LintedLab) -> None:
    """It had no address yet; or it left plain pings unanswered at that time, too."""
    for number in (1, 2):
        pinged_in_fragments(lab, number)
    by_arp(lab)
    pinged(lab, 3)
    replies(lab, 3)
    for number in (4, 6):
        pinged_in_fragments(lab, number)
        pinged(lab, number + 1)
    pinged(lab, 8)
    replies(lab, 8)


@example("IP044")
def reads_at_byte_20(lab: LintedLab) -> None:
    """The guest takes the options for the message."""
    by_arp(lab)
    for number in (1, 3):
        pinged_behind_options(lab, number)
        pinged(lab, number + 1)
        replies(lab, number + 1)


@example("IP048")
def has_buffers_of_512_bytes(lab: LintedLab) -> None:
    """The guest's buffers are too short for whole frames."""
    by_arp(lab)
    for number in (1, 3):
        pinged(lab, number, data=bytes(1472))
        pinged(lab, number + 1)
        replies(lab, number + 1)


@clean("IP048")
def takes_long_ones(lab: LintedLab) -> None:
    """Long packets that are lost may be lost for any reason, if one in a row is answered."""
    for number in range(1, 9):
        pinged(lab, number, data=bytes(1472))
        if number % 2:
            replies(lab, number, data=bytes(1472))
        pinged(lab, number + 10)
        replies(lab, number + 10)


@example("IP045")
def answers_for_others(lab: LintedLab) -> None:
    """The guest answers in the name of whoever was pinged."""
    by_arp(lab)
    pinged(lab, 1, dst=ELSEWHERE)
    replies(lab, 1, src=ELSEWHERE)


@example("IP045")
def looks_at_no_destination(lab: LintedLab) -> None:
    """The guest answers from its own address what was for another."""
    by_arp(lab)
    pinged(lab, 1, dst=ELSEWHERE)
    replies(lab, 1)


@clean("IP045")
def looks_at_the_destination(lab: LintedLab) -> None:
    """Of a card of which no address is known nothing is said; broadcasts are for all."""
    pinged(lab, 1, dst=ELSEWHERE)
    replies(lab, 1, src=ELSEWHERE)
    by_arp(lab)
    pinged(lab, 2, dst=ELSEWHERE)
    pinged(lab, 3)
    replies(lab, 3)
    pinged(lab, 4, dst="192.168.16.255")


def pieces(number: int) -> list[Any]:
    whole = IP(src=ROUTER, dst=GUEST, id=number) / ICMP(type=8, id=7, seq=number) / DATA
    return list(fragment(IP(bytes(whole)), 16))


def pinged_backwards(lab: LintedLab, number: int) -> None:
    for piece in reversed(pieces(number)):
        comes(lab, piece)


def pinged_between(lab: LintedLab, number: int) -> None:
    """Two at once."""
    for both in zip(pieces(number), pieces(number + 1), strict=True):
        for piece in both:
            comes(lab, piece)


def answers_in_fragments(lab: LintedLab, number: int) -> None:
    pinged_in_fragments(lab, number)
    replies(lab, number)


@example("IP055")
def appends_fragments(lab: LintedLab) -> None:
    """The guest appends each fragment to those before."""
    by_arp(lab)
    answers_in_fragments(lab, 1)
    pinged_backwards(lab, 2)
    pinged_backwards(lab, 3)
    answers_in_fragments(lab, 4)


@example("IP056")
def has_one_buffer(lab: LintedLab) -> None:
    """The guest puts all fragments of a sender's into one packet."""
    by_arp(lab)
    answers_in_fragments(lab, 1)
    pinged_between(lab, 2)
    answers_in_fragments(lab, 4)


@clean("IP055")
@clean("IP056")
def joins_what_belongs_together(lab: LintedLab) -> None:
    by_arp(lab)
    for number in range(1, 50, 5):
        answers_in_fragments(lab, number)
        pinged_backwards(lab, number + 1)
        replies(lab, number + 1)
        pinged_between(lab, number + 2)
        replies(lab, number + 2)
        replies(lab, number + 3)


@clean("IP055")
@clean("IP056")
def joins_nothing(lab: LintedLab) -> None:
    by_arp(lab)
    for number in range(1, 50, 5):
        pinged_in_fragments(lab, number)
        pinged_backwards(lab, number + 1)
        pinged_between(lab, number + 2)
        pinged(lab, number + 4)
        replies(lab, number + 4)


@clean("IP055")
@clean("IP056")
def misses_some(lab: LintedLab) -> None:
    """What was lost or repeated on the way is no sign; of two in a row one is answered."""
    by_arp(lab)
    answers_in_fragments(lab, 1)
    for number in range(2, 50, 5):
        for piece in pieces(number)[1:]:
            comes(lab, piece)
        pinged_backwards(lab, number + 1)
        pinged_in_fragments(lab, number + 2, times=2)
        replies(lab, number + 2)
        pinged_backwards(lab, number + 3)
        replies(lab, number + 3)
        answers_in_fragments(lab, number + 4)


@example("IP056")
def has_one_buffer_and_is_not_asked_again(lab: LintedLab) -> None:
    """The guest goes on with something else."""
    by_arp(lab)
    answers_in_fragments(lab, 1)
    pinged_between(lab, 2)
    goes_on(lab)


@clean("IP056")
def is_slow(lab: LintedLab) -> None:
    by_arp(lab)
    answers_in_fragments(lab, 1)
    pinged_between(lab, 2)
    goes_on(lab, 1)
    replies(lab, 2)
    replies(lab, 3)
    goes_on(lab)


# ---------------------------------------------------------------- from hosts that it has to ask for
STRANGERS = "192.168.16.254", "192.168.16.253", "192.168.16.252"
LATER = "192.168.16.251", "192.168.16.250"


def asks_for(lab: LintedLab, stranger: str) -> None:
    by_arp(lab, pdst=stranger)


def pinged_by(lab: LintedLab, stranger: str, number: int = 1) -> None:
    lab.router.output.neighbors.lend(IPv4Address(stranger).packed, lab.now)
    comes(lab, IP(src=stranger, dst=GUEST) / ICMP(type=8, id=7, seq=number) / DATA)


def answers(lab: LintedLab, stranger: str, number: int = 1) -> None:
    lab.from_guest(bytes(ip(stranger) / ICMP(type=0, id=7, seq=number) / DATA))


def must_ask_to_answer(lab: LintedLab, stranger: str, number: int = 1) -> None:
    pinged_by(lab, stranger, number)
    asks_for(lab, stranger)


def is_up(lab: LintedLab) -> None:
    by_arp(lab)
    pinged(lab, 1)
    replies(lab, 1)


@example("ARP041")
def keeps_nothing(lab: LintedLab) -> None:
    """The guest asks for the host that it would answer, and forgets what it had to say."""
    is_up(lab)
    for stranger in STRANGERS[:2]:
        must_ask_to_answer(lab, stranger)
    goes_on(lab)


@example("ARP041")
def answers_the_second_ping_of_each(lab: LintedLab) -> None:
    is_up(lab)
    for stranger in STRANGERS[:2]:
        must_ask_to_answer(lab, stranger)
        pinged_by(lab, stranger, 2)
        answers(lab, stranger, 2)


@clean("ARP041")
def keeps_one(lab: LintedLab) -> None:
    """It answers each when it is told; and one of two is no sign."""
    is_up(lab)
    for stranger in STRANGERS:
        must_ask_to_answer(lab, stranger)
        if stranger != STRANGERS[1]:
            lab.wait(1)
            answers(lab, stranger)
    goes_on(lab)


@clean("ARP041")
def keeps_the_newest(lab: LintedLab) -> None:
    """Of three to each host, and of none that is older than the guest that asks."""
    is_up(lab)
    for stranger in STRANGERS:
        for number in (1, 2, 3):
            pinged_by(lab, stranger, number)
        asks_for(lab, stranger)
        answers(lab, stranger, 3)
        goes_on(lab)
    for stranger in LATER:
        pinged_by(lab, stranger)
        lab.wait(30)
        asks_for(lab, stranger)
        goes_on(lab)


@clean("ARP041")
def answers_the_same_ping_again(lab: LintedLab) -> None:
    """With the same number and data."""
    is_up(lab)
    for stranger in STRANGERS:
        must_ask_to_answer(lab, stranger)
        answers(lab, stranger)
        lab.wait(5)
        pinged_by(lab, stranger)
        goes_on(lab, 0.001)
        answers(lab, stranger)


@clean("ARP041")
def answers_no_pings(lab: LintedLab) -> None:
    """It asks for other reasons."""
    by_arp(lab)
    for stranger in (*STRANGERS, *STRANGERS):
        must_ask_to_answer(lab, stranger)
        goes_on(lab)


@clean("ARP041")
def forbids_pings_from_then_on(lab: LintedLab) -> None:
    """It asks once more for hosts that it knew."""
    is_up(lab)
    for stranger in STRANGERS:
        must_ask_to_answer(lab, stranger)
        answers(lab, stranger)
    for stranger in STRANGERS:
        must_ask_to_answer(lab, stranger, 2)
        goes_on(lab)
