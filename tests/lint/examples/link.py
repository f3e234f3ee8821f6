"""Frames that are legal but wrong."""

from __future__ import annotations

from zlib import crc32

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether

from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from pynat.testing.script import introduce
from tests.frames import GUEST, ROUTER, ROUTER_MAC, ip, ping, udp
from tests.lint.examples import arp, clean, example
from tests.lint.examples.dhcp import discover, raw
from tests.lint.examples.echo import pinged, replies
from tests.lint.play import OPEN, play

MAC = GUEST_MAC.hex(":")
OTHER_MAC = "52:54:00:00:00:99"


@example("ETH020")
def arp_as_it_is(lab: LintedLab) -> None:
    """The guest gives its NE2000 the 42 bytes of an ARP request."""
    lab.card_speed(10)
    introduce(lab)


@clean("ETH020")
def pads_for_its_card(lab: LintedLab) -> None:
    lab.card_speed(10)
    arp = Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=MAC, psrc=GUEST, pdst=ROUTER)
    lab.from_guest(bytes(arp).ljust(60, b"\0"))


@clean("ETH020")
def its_card_pads(lab: LintedLab) -> None:
    lab.card_speed(1000)
    introduce(lab)


@example("ETH021")
def old_buffer(lab: LintedLab) -> None:
    """The guest sends 60 bytes out of a buffer that it does not clear."""
    introduce(lab)
    lab.from_guest(udp(ROUTER, 9, b"hello") + b"password=secret"[:13])


@example("ETH021")
def sends_the_check_sequence(lab: LintedLab) -> None:
    """The guest computes what its card appends."""
    frame = udp(ROUTER, 9, b"hello").ljust(60, b"\0")
    lab.from_guest(frame + crc32(frame).to_bytes(4, "little"))


@clean("ETH021")
def padded_with_zeros(lab: LintedLab) -> None:
    introduce(lab)
    lab.from_guest(udp(ROUTER, 9, b"hello").ljust(60, b"\0"))


@example("ETH022")
def mac_shifted(lab: LintedLab) -> None:
    """The guest reads its MAC address from one byte further on: it begins with an odd byte."""
    lab.from_guest(bytes(Ether(src="55:00:12:34:56:00", dst=ROUTER_MAC) / IP(ping(ROUTER)[14:])))


@example("ETH025")
def mac_not_read(lab: LintedLab) -> None:
    """The guest sends before it has read its MAC address out of the card."""
    lab.from_guest(bytes(Ether(src="00:00:00:00:00:00", dst=ROUTER_MAC) / IP(ping(ROUTER)[14:])))


@clean("ETH022")
@clean("ETH023")
@clean("ETH025")
def keeps_its_mac(lab: LintedLab) -> None:
    introduce(lab)
    lab.from_guest(ping(ROUTER))


@example("ETH023")
def another_mac(lab: LintedLab) -> None:
    """The guest's second packet has another source in its Ethernet header."""
    lab.from_guest(udp("192.0.2.7", 9, b"hello"))
    lab.from_guest(bytes(Ether(src=OTHER_MAC, dst=ROUTER_MAC) / IP(udp("192.0.2.7", 9, b"")[14:])))


@example("ETH024")
def broadcast_to_the_router(lab: LintedLab) -> None:
    """The guest sends every packet to its router's MAC address, broadcasts too."""
    lab.look(udp("255.255.255.255", 9, b"hello"), from_guest=True)


@example("ETH024")
def group_to_the_router(lab: LintedLab) -> None:
    """The guest sends to a group with its router's MAC address."""
    lab.look(udp("239.1.2.3", 9, b"hello"), from_guest=True)


@example("ETH024")
def group_in_24_bits(lab: LintedLab) -> None:
    """The guest copies three bytes of the group's address, where 23 bits are meant."""
    frame = Ether(src=MAC, dst="01:00:5e:ff:01:02") / IP(src=GUEST, dst="239.255.1.2") / UDP()
    lab.look(bytes(frame), from_guest=True)


@clean("ETH024")
def broadcast_to_all(lab: LintedLab) -> None:
    frame = Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff")
    for destination in ("255.255.255.255", "192.168.16.255", "239.1.2.3"):
        lab.from_guest(bytes(frame / IP(src=GUEST, dst=destination) / UDP()))


@clean("ETH024")
def reserved_to_the_router(lab: LintedLab) -> None:
    """What 240.0.0.0/4 is for has never been said."""
    lab.from_guest(udp("240.1.2.3", 9, b"hello"))


@example("ETH027")
def is_one_frame_behind(lab: LintedLab) -> None:
    """The guest's driver reads the slot before the one that was filled last."""
    introduce(lab)
    pinged(lab, 0)
    for number, pause in enumerate((0.2, 1, 0.2, 1)):
        lab.wait(pause)
        pinged(lab, number + 1)
        replies(lab, number)


@example("ETH027")
def takes_one_for_each_interrupt(lab: LintedLab) -> None:
    """The guest's driver takes one frame for each interrupt, and once two came at once."""
    introduce(lab)
    pinged(lab, 0)
    replies(lab, 0)
    pinged(lab, 1)
    for number, pause in enumerate((0, 0.2, 1, 0.2, 1, 0.2, 1), 1):
        lab.wait(pause)
        pinged(lab, number + 1)
        if pause:
            replies(lab, number - 1)


@clean("ETH027")
def answers_after_a_second(lab: LintedLab) -> None:
    introduce(lab)
    pinged(lab, 0)
    for number in range(9):
        lab.wait(0.5)
        pinged(lab, number + 1)
        if number:
            replies(lab, number - 1)


@clean("ETH027")
def is_slow(lab: LintedLab) -> None:
    introduce(lab)
    pinged(lab, 0)
    for number in range(9):
        lab.wait(0.5)
        pinged(lab, number + 1)
        lab.wait(0.02)
        replies(lab, number)


@clean("ETH027")
def was_behind_in_the_beginning(lab: LintedLab) -> None:
    introduce(lab)
    pinged(lab, 9)
    replies(lab, 9)
    is_one_frame_behind(lab)


def asks_twice(lab: LintedLab, times: int, pause: float = 0) -> None:
    for number in range(times):
        frame = bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / asked((GUEST, ROUTER)[number % 2]))
        lab.from_guest(frame)
        lab.wait(pause)
        lab.from_guest(bytes(bytearray(frame)))
        lab.wait(1)


def asked(address: str) -> ARP:
    return ARP(op=1, hwsrc=MAC, psrc=GUEST, pdst=address)


@example("ETH028")
def writes_the_tail_twice(lab: LintedLab) -> None:
    """The guest's driver gives each frame to the card twice."""
    asks_twice(lab, 4)


@example("ETH028")
def probes_twice_each_time(lab: LintedLab) -> None:
    """Its probes and announcements are not to blame for it."""
    for source in ("0.0.0.0", "0.0.0.0", "0.0.0.0", GUEST, GUEST, GUEST):
        said = ARP(op=1, hwsrc=MAC, psrc=source, pdst=GUEST)
        for _ in range(2):
            lab.from_guest(bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / said))
        lab.wait(2)


@clean("ETH028")
def asks_again_at_once(lab: LintedLab) -> None:
    """Some begin with two questions; others repeat each after a while."""
    asks_twice(lab, 3)
    lab.from_guest(bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / asked("192.168.16.9")))
    asks_twice(lab, 3)
    asks_twice(lab, 8, pause=0.5)


@clean("ETH028")
def is_looked_at_twice(lab: LintedLab) -> None:
    """Whoever looks on sees all frames twice, those to the guest too."""
    request = bytes(Ether(src=ROUTER_MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(psrc=ROUTER, pdst=GUEST))
    for _ in range(2):
        lab.look(bytes(bytearray(request)), from_guest=False)
    asks_twice(lab, 8)


def numbered(number: int) -> bytes:
    return bytes(ip(ROUTER, id=number) / UDP(sport=5000, dport=9) / b"data")


def sends_some_twice(lab: LintedLab, times: int, pause: float = 0) -> None:
    introduce(lab)
    for number in range(3, 3 * times + 1, 3):
        for at in range(3):
            lab.from_guest(numbered(number + at))
        lab.wait(pause)
        lab.from_guest(numbered(number + 2))


@example("ETH030")
def tells_of_a_descriptor_twice(lab: LintedLab) -> None:
    """The guest's driver sends each third frame twice."""
    sends_some_twice(lab, 4)


@example("ETH030")
def announces_itself_twice(lab: LintedLab) -> None:
    """An announcement is among the frames that its driver sends twice."""
    for source in ("0.0.0.0", "0.0.0.0", "0.0.0.0", GUEST, GUEST):
        said = ARP(op=1, hwsrc=MAC, psrc=source, pdst=GUEST)
        lab.from_guest(bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / said))
        lab.wait(2 * (source != GUEST))
    sends_some_twice(lab, 4)


@clean("ETH030")
def repeats_what_it_says(lab: LintedLab) -> None:
    """Its identification stays the same; or it sends the very packet again, but later."""
    introduce(lab)
    for _ in range(20):
        lab.from_guest(numbered(0))
        lab.from_guest(numbered(7))
        lab.from_guest(numbered(7))
    sends_some_twice(lab, 1)
    sends_some_twice(lab, 9, pause=0.1)


@clean("ETH030")
def sends_again_what_it_is_asked_for(lab: LintedLab) -> None:
    """Something comes in between."""
    introduce(lab)
    for number in range(1, 20, 2):
        lab.from_guest(numbered(number))
        lab.from_guest(numbered(number + 1))
        pinged(lab, number)
        lab.from_guest(numbered(number + 1))


@clean("ETH030")
def replies_to_pings_that_are_doubled(lab: LintedLab) -> None:
    """Each reply has the identification of its request."""
    introduce(lab)
    for number in range(1, 9):
        for act in (pinged, pinged, replies, replies):
            act(lab, number)
        for other in range(10):
            lab.from_guest(numbered(1000 + 10 * number + other))


@clean("ETH030")
def is_seen_twice(lab: LintedLab) -> None:
    for number in range(1, 9):
        for _ in range(2):
            lab.from_guest(numbered(number))


def discovers(lab: LintedLab) -> None:
    raw(lab, discover("end").ljust(300, b"\0"))


def asks_by_arp(lab: LintedLab) -> None:
    lab.from_guest(bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / asked(ROUTER)))


@example("ETH032")
def moves_the_tail_too_early(lab: LintedLab) -> None:
    """Each question waits in the guest's card until it is repeated; then the answer pushes out."""
    for ask in (discovers, asks_by_arp):
        ask(lab)
        ask(lab)
        lab.wait(2)


@clean("ETH032")
def asks_by_its_timer(lab: LintedLab) -> None:
    """It repeats what was answered, or asks without end."""
    for ask in (discovers, asks_by_arp):
        for pause in (1, 0.1, 0.1, 1):
            ask(lab)
            lab.wait(pause)
        for _ in range(8):
            ask(lab)
            lab.wait(0.001)
        lab.wait(2)


@clean("ETH032")
def asks_twice_by_arp(lab: LintedLab) -> None:
    for _ in range(3):
        asks_by_arp(lab)
        asks_by_arp(lab)
        lab.wait(2)


def sends_with_zeros(lab: LintedLab, *behind: int) -> None:
    introduce(lab)
    for size, more in enumerate(behind, 100):
        packet = ip(ROUTER, id=size) / UDP(sport=5000, dport=9) / bytes(size)
        lab.from_guest(bytes(packet) + bytes(more))


@example("ETH033")
def counts_the_check_sequence(lab: LintedLab) -> None:
    """The guest tells its card to send four bytes more than there are."""
    sends_with_zeros(lab, 4, 4, 4, 4)


@clean("ETH033")
def rounds_up(lab: LintedLab) -> None:
    """An NE2000 takes words; some drivers send so many bytes as are a multiple of 16."""
    sends_with_zeros(lab, *(1, 0) * 20)
    sends_with_zeros(lab, *(-(142 + size) % 16 for size in range(60)))


@clean("ETH033")
def fills_up_to_64(lab: LintedLab) -> None:
    for size in range(1, 9):
        lab.from_guest(udp(ROUTER, 9, bytes(size)).ljust(64, b"\0"))


def misses(lab: LintedLab, *rounds: int) -> None:
    """rounds: segments that it takes, before it misses one."""
    play(lab, OPEN)
    start = 1
    for taken in rounds:
        for number in range(taken + 1):
            came = f"< P. {start}:{start + 100}(100) ack 1"
            start += 100
            again = "" if number < taken else f"+1 {came}\n"
            play(lab, f"+0.01 {came}\n{again}> . 1:1(0) ack {start}")


@example("ETH034")
def never_looks_at_the_last_descriptor(lab: LintedLab) -> None:
    """The guest's ring has 16 descriptors, of which its driver looks at 15."""
    misses(lab, *[14] * 5)


@clean("ETH034")
def misses_a_frame_now_and_then(lab: LintedLab) -> None:
    misses(lab, 14, 30, 14, 15, 14, 14)


@clean("ETH034")
def gets_each_sixteenth_twice(lab: LintedLab) -> None:
    """From the wire, before it can have acknowledged the first."""
    play(lab, OPEN)
    for start in range(1, 9000, 100):
        came = f"< P. {start}:{start + 100}(100) ack 1\n" * (2 if start % 1500 == 1 else 1)
        play(lab, f"+0.01 {came}> . 1:1(0) ack {start + 100}")


@clean("ETH034")
def acknowledges_eight_when_the_first_comes_again(lab: LintedLab) -> None:
    """It says nothing of those behind, so it may have that one, and only waits."""
    play(lab, OPEN)
    for start in range(1, 6400, 800):
        came = [f"< . {seq}:{seq + 100}(100) ack 1" for seq in range(start, start + 800, 100)]
        flight = "".join(f"+0.002 {one}\n" for one in came)
        play(lab, f"{flight} +0.2 {came[0]}\n > . 1:1(0) ack {start + 800}")


@example("ETH035")
def gives_a_buffer_not_back(lab: LintedLab) -> None:
    """The guest's driver waits for ever at a slot that it did not give back."""
    arp.sends(lab)
    arp.is_asked(lab)
    arp.replies(lab)
    for _ in range(6):
        arp.sends(lab)
        arp.is_asked(lab)
        lab.wait(1)


@clean("ETH035")
def answers_again(lab: LintedLab) -> None:
    arp.sends(lab)
    arp.is_asked(lab)
    for _ in range(6):
        arp.sends(lab)
        arp.is_asked(lab)
        lab.wait(1)
        arp.replies(lab)


@clean("ETH035")
def never_answered(lab: LintedLab) -> None:
    for _ in range(6):
        arp.sends(lab)
        arp.is_asked(lab)
        lab.wait(1)


@example("ETH036")
def has_one_buffer_for_all(lab: LintedLab) -> None:
    """The guest's second frame overwrites the first one, which the card has not yet read."""
    introduce(lab)
    second = udp("192.0.2.7", 9, b"y" * 100)
    lab.from_guest(second[:90])
    lab.from_guest(second)


@clean("ETH036")
def sends_two_at_once(lab: LintedLab) -> None:
    introduce(lab)
    lab.from_guest(udp("192.0.2.7", 9, b"y" * 100))
    lab.from_guest(udp("192.0.2.7", 9, b"y" * 90))


@clean("ETH036")
def is_padded_once(lab: LintedLab) -> None:
    introduce(lab)
    lab.from_guest(ping(ROUTER))
    lab.from_guest(ping(ROUTER).ljust(60, b"\0"))


def keeps_lengths(lab: LintedLab, slots: list[int]) -> None:
    """Of four descriptors those keep a length."""
    introduce(lab)
    for number in range(40):
        frame = bytes(ip("192.0.2.7", id=number) / UDP(dport=9) / (b"x" * 100))
        lab.from_guest(frame + b"x" * 200 * (number % 4 in slots))


@example("ETH037")
def sets_a_length_once(lab: LintedLab) -> None:
    """The guest's ring has four descriptors; one keeps the length of its first frame."""
    keeps_lengths(lab, [2])


@clean("ETH037")
def sends_too_much(lab: LintedLab) -> None:
    keeps_lengths(lab, [1, 2])


@clean("ETH037")
def sends_more_each_time(lab: LintedLab) -> None:
    """Each fourth frame is too long, and none as long as another."""
    introduce(lab)
    for number in range(40):
        frame = bytes(ip("192.0.2.7", id=number) / UDP(dport=9) / (b"x" * 100))
        lab.from_guest(frame + b"x" * number * (number % 4 == 2))
