"""What a guest does with ARP."""

from __future__ import annotations

from typing import Any

from scapy.layers.l2 import ARP, Ether

from pynat.config import Config
from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from tests.frames import GUEST, ROUTER, ROUTER_MAC, ping
from tests.lint.examples import clean, example
from tests.lint.examples.dhcp import is_leased, renews

MAC = GUEST_MAC.hex(":")
OTHER = "52:54:00:99:99:99"
ROUTER_AND_GUEST = bytes.fromhex(ROUTER_MAC.replace(":", "")) + GUEST_MAC
SECOND_ROUTER = "52:55:00:a8:10:00"
ALL = "ff:ff:ff:ff:ff:ff"


def sends(lab: LintedLab, *, to: str = ALL, source: str = MAC, **fields: Any) -> None:
    """The guest asks for the router, unless `fields` say otherwise."""
    wanted = {"op": 1, "hwsrc": MAC, "psrc": GUEST, "pdst": ROUTER} | fields
    lab.from_guest(bytes(Ether(src=source, dst=to) / ARP(**wanted)))


def is_asked(lab: LintedLab, *, by: str = ROUTER, mac: str = ROUTER_MAC, to: str = ALL) -> None:
    request = ARP(op=1, hwsrc=mac, psrc=by, pdst=GUEST)
    lab.look(bytes(Ether(src=mac, dst=to) / request), from_guest=False)


def replies(lab: LintedLab, *, to: str = ROUTER_MAC, **fields: Any) -> None:
    sends(lab, to=to, **{"op": 2, "hwdst": ROUTER_MAC, "pdst": ROUTER, **fields})


def probes(lab: LintedLab, times: int = 3, pause: float = 1, **fields: Any) -> None:
    """For its address; then it waits for answers."""
    for _ in range(times):
        lab.wait(pause)
        sends(lab, **{"psrc": "0.0.0.0", "pdst": GUEST, **fields})
    lab.wait(2)


def starts(lab: LintedLab) -> None:
    """Probes, announces, asks for the router."""
    probes(lab)
    sends(lab, pdst=GUEST)
    sends(lab)
    lab.wait(2)
    sends(lab, pdst=GUEST)


def is_claimed(lab: LintedLab, times: int = 1) -> None:
    """Another host announces the guest's address."""
    for _ in range(times):
        claim = ARP(op=1, hwsrc=OTHER, psrc=GUEST, pdst=GUEST)
        lab.look(bytes(Ether(src=OTHER, dst=ALL) / claim), from_guest=False)


@example("ARP020")
def has_the_routers_mac_built_in(lab: LintedLab) -> None:
    """The guest knows the router's MAC address without having asked."""
    lab.from_guest(ping(ROUTER))


@clean("ARP020")
def asks_for_the_router(lab: LintedLab) -> None:
    sends(lab)
    lab.from_guest(ping(ROUTER))


@clean("ARP020")
def learns_from_a_request(lab: LintedLab) -> None:
    is_asked(lab)
    lab.from_guest(ping(ROUTER))


@example("ARP021")
def only_asks(lab: LintedLab) -> None:
    """The guest asks, and does not answer when it is asked."""
    sends(lab)
    for _ in range(3):
        is_asked(lab)
        lab.wait(1)
    lab.wait(1)
    lab.from_guest(ping(ROUTER))


HERMETIC = Config(hermetic=True)


@example("ARP021", config=HERMETIC)
def answers_nothing(lab: LintedLab) -> None:
    """In a hermetic network the guest is asked on purpose."""
    sends(lab)
    lab.from_guest(ping(ROUTER))
    lab.wait(7)
    lab.from_guest(ping(ROUTER))


@example("ICMP026", config=HERMETIC)
def sends_our_ping_back(lab: LintedLab) -> None:
    """The guest is pinged on purpose, too."""
    sends(lab)
    lab.wait(1)
    replies(lab)
    (*_, request) = [one.frame for one in lab.seen if not one.from_guest]
    packet = request[14:26] + request[30:34] + request[26:30] + request[34:]
    lab.from_guest(ROUTER_AND_GUEST + b"\x08\0" + packet)


@example("ARP034", config=HERMETIC)
def sends_the_request_back(lab: LintedLab) -> None:
    """The guest exchanges the addresses in the request, and sends it back as it is."""
    sends(lab)
    for _ in range(3):
        lab.wait(1)
        replies(lab, op=1)


@example("ARP035", config=HERMETIC)
def replies_for_everybody(lab: LintedLab) -> None:
    """The guest replies to each request in the name of who is asked for."""
    sends(lab)
    lab.wait(1)
    replies(lab)
    asked = [one.frame[38:42] for one in lab.seen if one.frame[12:14] == b"\x08\x06"][-3:]
    for address in asked:
        replies(lab, psrc=".".join(map(str, address)))


@clean("ARP034")
def asks_who_asks(lab: LintedLab) -> None:
    sends(lab)
    for _ in range(3):
        is_asked(lab)
        replies(lab)
        sends(lab, to=ROUTER_MAC, hwdst=ROUTER_MAC)


@clean("ARP035")
def has_two_addresses(lab: LintedLab) -> None:
    sends(lab)
    request = ARP(op=1, hwsrc=ROUTER_MAC, psrc=ROUTER, pdst="192.168.16.77")
    lab.look(bytes(Ether(src=ROUTER_MAC, dst=ALL) / request), from_guest=False)
    replies(lab, psrc="192.168.16.77")


@clean("ARP021", config=HERMETIC)
@clean("ARP023", config=HERMETIC)
@clean("ARP035", config=HERMETIC)
def is_asked_on_purpose(lab: LintedLab) -> None:
    starts(lab)
    replies(lab)
    lab.wait(6)
    lab.from_guest(ping(ROUTER))


@clean("ARP021")
def answers_the_third(lab: LintedLab) -> None:
    sends(lab)
    for _ in range(3):
        is_asked(lab)
        lab.wait(1)
    replies(lab)
    lab.wait(1)
    lab.from_guest(ping(ROUTER))


@clean("ARP021")
def was_asked_before_it_had_an_address(lab: LintedLab) -> None:
    """A program of the host's connects through a forward while the guest boots."""
    for _ in range(6):
        is_asked(lab)
        lab.wait(1)
    starts(lab)
    lab.from_guest(ping(ROUTER))


@clean("ARP021", config=HERMETIC)
def makes_way_for_another(lab: LintedLab) -> None:
    """A boot ROM hands over to a system, which takes a while and comes with the same address."""
    sends(lab)
    lab.from_guest(ping(ROUTER))
    lab.wait(20)
    lab.from_guest(ping(ROUTER))


@clean("ARP021")
@clean("ARP037")
def has_lost_its_address(lab: LintedLab) -> None:
    """By a NAK; later it gets it again, and its lease ends."""
    is_leased(lab)
    sends(lab)
    lab.from_guest(ping(ROUTER))
    lab.router.faults.add("dhcp nak 1")
    renews(lab)
    for _ in range(4):
        lab.wait(2)
        is_asked(lab)
    is_leased(lab, xid=9)
    sends(lab)
    lab.from_guest(ping(ROUTER))
    lab.wait(90_000)
    for _ in range(4):
        is_asked(lab)
        lab.wait(2)
    is_leased(lab, xid=10, secs=0)
    sends(lab)
    lab.from_guest(ping(ROUTER))


@example("ARP021")
def has_its_address_again(lab: LintedLab) -> None:
    """The guest lost its address, has it anew, and answers nothing."""
    has_lost_its_address(lab)
    for _ in range(3):
        is_asked(lab)
        lab.wait(2)
    lab.from_guest(ping(ROUTER))


@clean("ARP021")
def is_asleep(lab: LintedLab) -> None:
    for _ in range(3):
        is_asked(lab)
        lab.wait(1)


@example("ARP022")
def has_no_cache(lab: LintedLab) -> None:
    """The guest asks before each packet."""
    for _ in range(4):
        sends(lab)
        lab.from_guest(ping(ROUTER))


@clean("ARP022")
def asks_once_a_second(lab: LintedLab) -> None:
    for _ in range(5):
        sends(lab, pdst="192.168.16.9")
        lab.wait(1)


@clean("ARP022")
def begins_as_ipxe_does(lab: LintedLab) -> None:
    for pause in (0.25, 0.5, 1, 2):
        sends(lab, pdst="192.168.16.9")
        lab.wait(pause)


@example("ARP023")
def tells_the_router_unasked(lab: LintedLab) -> None:
    """The guest sends the router a reply at its start."""
    replies(lab)


@clean("ARP023")
def announces_by_a_reply(lab: LintedLab) -> None:
    replies(lab, to=ALL, pdst=GUEST)
    is_asked(lab)
    replies(lab)


@clean("ARP023")
def is_asked_before_it_speaks(lab: LintedLab) -> None:
    is_asked(lab)
    replies(lab)


@clean("ARP023")
def is_slow_to_answer(lab: LintedLab) -> None:
    """It is asked again meanwhile, and answers each time."""
    sends(lab)
    for seconds in (1, 1, 0, 0):
        is_asked(lab)
        lab.wait(seconds)
    for _ in range(4):
        replies(lab)


@clean("ARP023")
def wakes_up(lab: LintedLab) -> None:
    """It answers all that has come while it was asleep, of many hosts and of half a minute."""
    for _ in range(2):
        is_asked(lab)
        lab.wait(15)
    hosts = [(f"192.168.16.{number}", f"52:54:00:00:00:{number:02x}") for number in range(100, 140)]
    for address, mac in hosts:
        is_asked(lab, by=address, mac=mac)
    for address, mac in hosts:
        replies(lab, to=mac, hwdst=mac, pdst=address)
    for _ in range(2):
        replies(lab)


@example("ARP023")
def wakes_up_and_says_too_much(lab: LintedLab) -> None:
    """What it has left unanswered long before its last reply is lost."""
    for _ in range(3):
        is_asked(lab)
    replies(lab)
    lab.wait(15)
    is_asked(lab)
    replies(lab)
    replies(lab)


@clean("ARP026")
@clean("ARP034")
def has_answered_a_request_that_came_twice(lab: LintedLab) -> None:
    """Once; then it asks the router, at its card alone, and announces itself by a reply to all."""
    sends(lab)
    is_asked(lab)
    is_asked(lab)
    replies(lab)
    for _ in range(2):
        sends(lab, to=ROUTER_MAC, hwdst=ROUTER_MAC)
    replies(lab, to=ALL, pdst="0.0.0.0")


@example("ARP023")
def replies_once_more_than_it_is_asked(lab: LintedLab) -> None:
    """The guest is asked twice, and sends three replies."""
    sends(lab)
    is_asked(lab)
    is_asked(lab)
    for _ in range(3):
        replies(lab)


@example("ARP024")
def has_a_mac_in_two_places(lab: LintedLab) -> None:
    """The guest's ARP has another MAC address built in than its card has."""
    sends(lab, hwsrc=OTHER)


@clean("ARP024")
def has_one_mac(lab: LintedLab) -> None:
    sends(lab)


@example("ARP025")
def asks_from_everywhere(lab: LintedLab) -> None:
    """The guest asks from 255.255.255.255."""
    sends(lab, psrc="255.255.255.255")


@example("ARP025")
def swaps_the_bytes_of_its_address(lab: LintedLab) -> None:
    """The guest stores its address as a number, in its own (little-endian) byte order."""
    is_leased(lab)
    sends(lab, psrc="2.16.168.192")


@example("ARP025")
def announces_itself_backwards(lab: LintedLab) -> None:
    sends(lab, psrc="2.16.168.192", pdst=GUEST)


@example("ARP025")
def replies_backwards(lab: LintedLab) -> None:
    is_leased(lab)
    is_asked(lab)
    replies(lab, psrc="2.16.168.192")


@clean("ARP025")
def has_an_address_of_another_net_too(lab: LintedLab) -> None:
    """Which is near that of its reverse, and one that is the same both ways."""
    is_leased(lab)
    sends(lab)
    sends(lab, psrc="3.16.168.192", pdst="3.16.168.1")
    sends(lab, psrc="10.0.0.10", pdst="10.0.0.1")


@example("ARP025")
def replies_before_it_has_an_address(lab: LintedLab) -> None:
    replies(lab, psrc="0.0.0.0")


@clean("ARP025")
@clean("ARP031")
@clean("ARP032")
def takes_its_address_well(lab: LintedLab) -> None:
    starts(lab)
    lab.wait(5)
    lab.from_guest(ping(ROUTER))


@example("ARP026")
def replies_to_all(lab: LintedLab) -> None:
    """The guest sends its reply where it sends its requests."""
    sends(lab)
    is_asked(lab)
    replies(lab, to=ALL)


@clean("ARP026")
@clean("ARP027")
def replies_to_who_asked(lab: LintedLab) -> None:
    sends(lab)
    is_asked(lab)
    replies(lab)
    is_asked(lab, by="192.168.16.3", mac=OTHER)
    is_asked(lab)
    replies(lab, to=OTHER, hwdst=OTHER, pdst="192.168.16.3")


@example("ARP027")
def changes_the_operation_only(lab: LintedLab) -> None:
    """The guest sends the request back as a reply with its MAC address filled in."""
    sends(lab)
    is_asked(lab)
    replies(lab, hwdst=MAC, pdst=GUEST, psrc="192.168.16.2", to=ROUTER_MAC)
    is_asked(lab)
    replies(lab, hwdst="00:00:00:00:00:00", to=ROUTER_MAC)


@example("ARP027")
def exchanges_the_macs_only(lab: LintedLab) -> None:
    """So its reply says that the guest has the address of who asked."""
    sends(lab)
    is_asked(lab)
    replies(lab, psrc=ROUTER, pdst=GUEST)


@example("ARP028")
def just_begins(lab: LintedLab) -> None:
    """The guest uses a static address at once."""
    sends(lab)


@clean("ARP028")
@clean("ARP029")
def begins_as_it_should(lab: LintedLab) -> None:
    starts(lab)
    lab.from_guest(ping(ROUTER))


@example("ARP029")
def does_not_listen_to_its_probe(lab: LintedLab) -> None:
    """The guest probes, another host answers, and the guest uses the address all the same."""
    lab.router.faults.add("arp conflict 3")
    probes(lab)
    sends(lab)


@example("ARP029")
def listens_to_its_last_probe_only(lab: LintedLab) -> None:
    """Another host answers the first probe; so it need not answer the next ones."""
    lab.router.faults.add("arp conflict 1")
    probes(lab)
    sends(lab)


@clean("ARP029")
def finds_it_free_the_next_time(lab: LintedLab) -> None:
    """It gives up at once, and is given the same address again."""
    lab.router.faults.add("arp conflict 1")
    probes(lab, times=1)
    starts(lab)
    lab.from_guest(ping(ROUTER))


@example("ARP029")
def goes_on_where_another_probes(lab: LintedLab) -> None:
    """Two hosts probe for one address at the same time: neither may take it."""
    probes(lab)
    probe = ARP(op=1, hwsrc=OTHER, psrc="0.0.0.0", pdst=GUEST)
    lab.look(bytes(Ether(src=OTHER, dst=ALL) / probe), from_guest=False)
    lab.wait(3)
    sends(lab)


@example("ARP029")
def announces_what_another_has(lab: LintedLab) -> None:
    lab.router.faults.add("arp conflict 3")
    probes(lab)
    sends(lab, pdst=GUEST)


@example("ARP030")
def looks_for_requests_only(lab: LintedLab) -> None:
    """The guest's ARP takes requests, and no replies."""
    for _ in range(6):
        sends(lab)
        lab.wait(1)


@clean("ARP030")
def is_answered_late(lab: LintedLab) -> None:
    """The answers come, and the guest sends its packet."""
    lab.router.faults.add("arp silent 5")
    for _ in range(6):
        sends(lab)
        lab.wait(1)
    lab.from_guest(ping(ROUTER))


@clean("ARP030")
def asks_before_each_packet(lab: LintedLab) -> None:
    """It has no cache, but takes what it is told."""
    for _ in range(8):
        sends(lab)
        lab.wait(2)
        lab.from_guest(ping(ROUTER))


@clean("ARP030")
def verifies_what_it_knows(lab: LintedLab) -> None:
    """A request to one card alone is how a neighbor is looked after."""
    for _ in range(8):
        sends(lab, to=ROUTER_MAC)
        lab.wait(2)


@example("ARP031")
def probes_once(lab: LintedLab) -> None:
    """The guest probes once and takes the address at once."""
    sends(lab, psrc="0.0.0.0", pdst=GUEST)
    lab.wait(0.5)
    sends(lab)


@example("ARP031")
def probes_in_a_burst(lab: LintedLab) -> None:
    """The guest's three probes leave within a tenth of a second."""
    probes(lab, pause=0.05)
    sends(lab)


@example("ARP031")
def probes_for_everybody(lab: LintedLab) -> None:
    """The guest's probes have the broadcast address as target."""
    probes(lab, hwdst=ALL)
    sends(lab)


@example("ARP032")
def announces_once(lab: LintedLab) -> None:
    """The guest announces its address, and not again."""
    probes(lab)
    sends(lab, pdst=GUEST)
    lab.wait(5)
    lab.from_guest(ping(ROUTER))


@example("ARP031")
def probes_each_eight_seconds(lab: LintedLab) -> None:
    probes(lab, pause=8)
    sends(lab)


@clean("ARP031")
def is_started_again_and_again(lab: LintedLab) -> None:
    """Each time before it has finished."""
    for times in (2, 3, 2, 3):
        probes(lab, times, pause=1.5)
        lab.wait(4)
    sends(lab)


@example("ARP032")
def announces_nothing(lab: LintedLab) -> None:
    probes(lab)
    sends(lab)
    lab.wait(5)
    lab.from_guest(ping(ROUTER))


@example("ARP032")
def announces_in_a_burst(lab: LintedLab) -> None:
    probes(lab)
    for _ in range(10):
        sends(lab, pdst=GUEST)
        lab.wait(0.01)


@clean("ARP032")
def announces_by_replies(lab: LintedLab) -> None:
    probes(lab)
    sends(lab)
    for _ in range(2):
        lab.wait(2)
        replies(lab, to=ALL, pdst=GUEST)
    lab.wait(10)
    lab.from_guest(ping(ROUTER))


@clean("ARP032")
def defends_while_it_announces(lab: LintedLab) -> None:
    probes(lab)
    sends(lab, pdst=GUEST)
    is_claimed(lab)
    sends(lab, pdst=GUEST)
    lab.wait(2)
    sends(lab, pdst=GUEST)


@clean("ARP032")
def announces_without_probes(lab: LintedLab) -> None:
    """Another custom, as of hosts that move from card to card."""
    for _ in range(5):
        sends(lab, pdst=GUEST)


@example("ARP042")
def tries_one_address_after_another(lab: LintedLab) -> None:
    """Each of the guest's probes is answered, and it probes for the next address at once."""
    lab.router.faults.add("arp conflict")
    for i in range(40):
        sends(lab, psrc="0.0.0.0", pdst=f"192.168.16.{100 + i}")
        lab.wait(1.2)


@example("ARP042")
def tries_one_address_again_and_again(lab: LintedLab) -> None:
    lab.router.faults.add("arp conflict")
    for _ in range(12):
        sends(lab, psrc="0.0.0.0", pdst=GUEST)
        lab.wait(1.2)


@clean("ARP042")
def tries_one_a_minute(lab: LintedLab) -> None:
    """After ten; now and then it finds one that is free."""
    for _ in range(2):
        number = lab.router.faults.add("arp conflict")
        for i in range(14):
            sends(lab, psrc="0.0.0.0", pdst=GUEST)
            lab.wait(1.2 if i < 10 else 60)
        lab.router.faults.clear(number)
        starts(lab)


@clean("ARP042")
def declines_each(lab: LintedLab) -> None:
    lab.router.faults.add("arp conflict")
    for xid in range(20):
        is_leased(lab, xid=xid)
        sends(lab, psrc="0.0.0.0", pdst=GUEST)
        lab.wait(11)


@example("ARP033")
def defends_without_end(lab: LintedLab) -> None:
    """The guest announces its address each time that another host does."""
    starts(lab)
    for _ in range(4):
        is_claimed(lab)
        sends(lab, pdst=GUEST)
        lab.wait(1)


@clean("ARP033")
def defends_once(lab: LintedLab) -> None:
    """And again when another ten seconds are over."""
    starts(lab)
    for _ in range(4):
        is_claimed(lab, times=3)
        sends(lab, pdst=GUEST)
        lab.wait(11)


@clean("ARP029")
def gives_way(lab: LintedLab) -> None:
    lab.router.faults.add("arp conflict 1")
    sends(lab, psrc="0.0.0.0", pdst=GUEST)
    lab.wait(3)
    sends(lab, psrc="0.0.0.0", pdst="192.168.16.3")
    lab.wait(3)
    sends(lab, psrc="192.168.16.3")


def goes_on(lab: LintedLab, seconds: float) -> None:
    """Without the router."""
    lab.wait(seconds)
    sends(lab, pdst=GUEST)


@example("ARP036")
def waits_for_one_answer(lab: LintedLab) -> None:
    """The guest's request for the router is lost, and it waits for the answer ever since."""
    lab.router.faults.add("arp silent")
    sends(lab)
    goes_on(lab, 12)


@example("ARP036")
def falls_silent(lab: LintedLab) -> None:
    """The guest's request for the router is lost, and nothing comes from it any more."""
    lab.router.faults.add("arp silent")
    sends(lab)
    lab.wait(31)
    lab.end()


@clean("ARP036")
def asks_again(lab: LintedLab) -> None:
    lab.router.faults.add("arp silent")
    sends(lab)
    lab.wait(5)
    sends(lab)
    goes_on(lab, 20)


@clean("ARP036")
def learns_otherwise(lab: LintedLab) -> None:
    lab.router.faults.add("arp silent")
    sends(lab)
    lab.from_guest(ping("192.0.2.7"))
    goes_on(lab, 20)


@clean("ARP036")
def asks_for_nobody_once(lab: LintedLab) -> None:
    sends(lab, pdst="192.168.16.200")
    goes_on(lab, 20)


@example("ARP037", config=HERMETIC)
def takes_no_broadcasts(lab: LintedLab) -> None:
    """The guest's card is not told to take broadcasts."""
    sends(lab)
    for _ in range(8):
        lab.wait(1)
        last = lab.seen[-1]
        if not last.from_guest and last.frame[:6] == GUEST_MAC and last.frame[12:14] == b"\x08\x06":
            replies(lab)


@clean("ARP037")
def hears_one_to_all(lab: LintedLab) -> None:
    """Of what goes to all some is lost."""
    sends(lab)
    for to, comes in ((ALL, False), (MAC, True), (ALL, True), (ALL, False), (MAC, True)):
        is_asked(lab, to=to)
        if comes:
            replies(lab)
        lab.wait(1)


@clean("ARP037")
def answers_late(lab: LintedLab) -> None:
    """The guest is busy for seconds, and answers all that came meanwhile."""
    sends(lab)
    for _ in range(3):
        for to in (ALL, ALL, MAC):
            is_asked(lab, to=to)
            lab.wait(1)
        for _ in range(3):
            replies(lab)


def router_moves(lab: LintedLab, pause: float) -> None:
    """The guest asks for it a second before."""
    lab.router.faults.add(f"arp failover {pause + 1}")
    lab.wait(pause)
    sends(lab)
    lab.from_guest(ping(ROUTER))
    lab.wait(1.1)


@example("ARP040")
def learns_once(lab: LintedLab) -> None:
    """The guest keeps what it has learned first."""
    sends(lab)
    lab.router.faults.add("arp failover 10")
    lab.wait(13)
    lab.from_guest(ping(ROUTER))


@clean("ARP040")
def goes_with_it(lab: LintedLab) -> None:
    """It takes some time to."""
    sends(lab)
    lab.router.faults.add("arp failover 10")
    lab.wait(10)
    lab.from_guest(ping(ROUTER))
    lab.wait(3)
    old, new = (bytes.fromhex(mac.replace(":", "")) for mac in (ROUTER_MAC, SECOND_ROUTER))
    lab.from_guest(ping(ROUTER).replace(old, new))


@clean("ARP040")
def has_just_heard_of_the_other(lab: LintedLab) -> None:
    """Linux locks an entry for a second."""
    router_moves(lab, 1)
    lab.wait(3)
    lab.from_guest(ping(ROUTER))
