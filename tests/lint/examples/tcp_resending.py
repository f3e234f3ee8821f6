"""What a guest's TCP sends again."""

from __future__ import annotations

from scapy.layers.l2 import Ether

from pynat.testing.lab import GUEST_MAC, arp_request
from pynat.testing.linted import LintedLab
from tests.frames import ROUTER, ping, udp
from tests.lint.examples import clean, example
from tests.lint.examples.dhcp import sends
from tests.lint.play import OPEN, OPEN_SACK, play

MEASURED = f"""
    {OPEN}
    > P. 1:101(100) ack 1
    +0.3 < . 1:1(0) ack 101
"""
FOUR = """
    > . 101:1561(1460) ack 1
    > . 1561:3021(1460) ack 1
    > . 3021:4481(1460) ack 1
    > . 4481:5941(1460) ack 1
"""


@example("TCP070")
def sends_other_bytes(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > P. 1:101(100) ack 1\n +1 > P. 1:101(100) ack 1 other")


@example("TCP070")
def sends_other_bytes_after_the_first_are_acknowledged(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {OPEN}
        > P. 1:101(100) ack 1
        > P. 101:201(100) ack 1
        +0.01 < . 1:1(0) ack 101
        +1 > P. 101:201(100) ack 1 other
        """,
    )


@clean("TCP070")
def cuts_anew(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > P. 1:101(100) ack 1\n +1 > P. 1:51(50) ack 1\n > P. 51:101(50) ack 1")
    play(lab, f"{OPEN}\n > P. 1:101(100) ack 1\n +1 > P. 1:101(100) ack 1")
    play(lab, f"{MEASURED}\n +60 > . 100:101(1) ack 1 other")


@example("TCP071")
def is_impatient(lab: LintedLab) -> None:
    two = "> . 1:1461(1460) ack 1\n > P. 1461:1561(100) ack 1"
    play(lab, f"{OPEN}\n {two}\n +0.05 > . 1:1461(1460) ack 1")


@example("TCP071")
def does_not_measure(lab: LintedLab) -> None:
    """The round trip takes 300 ms."""
    play(lab, f"{MEASURED}\n > P. 101:201(100) ack 1\n +0.25 > P. 101:201(100) ack 1")


@example("TCP071")
def sends_syns_in_a_flood(lab: LintedLab) -> None:
    play(lab, "> S 0:0(0) win 65535 <mss 1460>\n +0.01 > S 0:0(0) win 65535 <mss 1460>")


@clean("TCP071")
def goes_on_where_its_time_out_went_back_to(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {OPEN}
        > P. 1:101(100) ack 1
        +0.15 > P. 101:201(100) ack 1
        > P. 201:301(100) ack 1
        +0.1 > P. 1:101(100) ack 1
        +0.03 < . 1:1(0) ack 101
        +0.03 > P. 101:201(100) ack 1
        """,
    )


@clean("TCP071")
def goes_back_too_far(lab: LintedLab) -> None:
    """Its recovery begins with what is acknowledged already."""
    play(
        lab,
        f"""
        {OPEN}
        > P. 1:101(100) ack 1
        +0.01 < . 1:1(0) ack 101
        +1 > P. 101:201(100) ack 1
        +0.05 > P. 1:101(100) ack 1
        < P. 1:101(100) ack 101
        > P. 101:201(100) ack 101
        """,
    )


@clean("TCP071")
def has_reasons(lab: LintedLab) -> None:
    """Three duplicate acknowledgements; a partial one; a tail loss probe."""
    play(
        lab,
        f"""
        {MEASURED}{FOUR}
        +0.05 < . 1:1(0) ack 101
        < . 1:1(0) ack 101
        < . 1:1(0) ack 101
        > . 101:1561(1460) ack 1
        +0.05 < . 1:1(0) ack 3021
        > . 3021:4481(1460) ack 1
        +0.3 < . 1:1(0) ack 5941
        > P. 5941:6041(100) ack 1
        +0.6 > P. 5941:6041(100) ack 1
        +0.5 > P. 5941:6041(100) ack 1
        """,
    )


@clean("TCP071")
def counts_duplicates_of_a_rounded_window(lab: LintedLab) -> None:
    """The other end has kept 100 bytes, and its window of 3900 is announced as 3896 bytes."""
    duplicates = "< . 1:1(0) ack 101 win 487\n" * 3
    play(
        lab,
        f"""
        > S 0:0(0) win 65535 <mss 1460,nop,wscale 3>
        < S. 0:0(0) ack 1 win 4000 <mss 1460,nop,wscale 3>
        > . 1:1(0) ack 1
        > P. 1:101(100) ack 1
        +0.02 < . 1:1(0) ack 101 win 487
        > . 101:1101(1000) ack 1
        > . 1101:2101(1000) ack 1
        > . 2101:3101(1000) ack 1
        +0.02 {duplicates}
        > . 101:1101(1000) ack 1
        """,
    )


@example("TCP071")
def sends_everything_twice(lab: LintedLab) -> None:
    steps = (
        f"> P. {at}:{at + 100}(100) ack 1\n +0.001 > P. {at}:{at + 100}(100) ack 1\n"
        f" +0.01 < . 1:1(0) ack {at + 100}\n"
        for at in range(101, 501, 100)
    )
    play(lab, f"{OPEN}\n > P. 1:101(100) ack 1\n +0.01 < . 1:1(0) ack 101\n {' '.join(steps)}")


@clean("TCP071")
def is_read_late(lab: LintedLab) -> None:
    """Each time the link took the segment and what goes again at once."""
    steps = "".join(
        f"> P. {at}:{at + 100}(100) ack 1\n > P. {at}:{at + 100}(100) ack 1\n"
        f" +0.01 < . 1:1(0) ack {at + 100}\n"
        for at in range(101, 501, 100)
    )
    play(lab, f"{OPEN}\n > P. 1:101(100) ack 1\n +0.01 < . 1:1(0) ack 101\n {steps}")


@clean("TCP071")
def meets_a_wrong_syn_ack(lab: LintedLab) -> None:
    syn = "S 0:0(0) win 65535 <mss 1460>"
    play(lab, f"> {syn}\n < S. 0:0(0) ack 2 win 65535 <mss 1460>\n > R 2:2(0)\n > {syn}")


def asks_by_arp(lab: LintedLab) -> None:
    lab.look(arp_request(lab, str(lab.config.network.guest), GUEST_MAC), from_guest=True)


@clean("TCP071")
def waits_for_an_answer_by_arp(lab: LintedLab) -> None:
    """Its time-out began when the segment began to wait."""
    play(lab, MEASURED)
    asks_by_arp(lab)
    play(lab, "+0.2 > P. 101:201(100) ack 1\n +0.13 > P. 101:201(100) ack 1")


@clean("TCP071")
def waits_behind_another_packet(lab: LintedLab) -> None:
    """Both have waited for the answer, and the wire of 10 Mbit/s takes 1.2 ms for the first."""
    play(lab, MEASURED)
    asks_by_arp(lab)
    lab.wait(0.25)
    lab.from_guest(udp("192.0.2.1", 4444, bytes(1400)))
    play(lab, "+0.0012 > P. 101:201(100) ack 1\n +0.06 > P. 101:201(100) ack 1")


@clean("TCP071")
def speaks_to_all_while_it_waits(lab: LintedLab) -> None:
    """A broadcast waits for nothing."""
    play(lab, MEASURED)
    asks_by_arp(lab)
    lab.wait(0.1)
    to_all = Ether(udp("192.168.16.255", 138, b"name"))
    to_all.dst = "ff:ff:ff:ff:ff:ff"
    lab.from_guest(bytes(to_all))
    play(lab, "+0.15 > P. 101:201(100) ack 1\n +0.06 > P. 101:201(100) ack 1")


@example("TCP071")
def is_impatient_behind_its_first_packet(lab: LintedLab) -> None:
    """That had waited for an answer by ARP; what is sent a moment later has not."""
    asks_by_arp(lab)
    lab.wait(0.5)
    play(lab, MEASURED)
    play(lab, "+0.002 > P. 101:201(100) ack 1\n +0.002 > P. 101:201(100) ack 1")


@example("TCP071")
def is_impatient_long_after_it_asked(lab: LintedLab) -> None:
    play(lab, MEASURED)
    asks_by_arp(lab)
    play(lab, "+2 > P. 101:201(100) ack 1\n +0.13 > P. 101:201(100) ack 1")


def at_duplicates(*numbers: int, wait: float = 0.001) -> str:
    """Twelve segments, of which the first is lost; the numbers are those of the duplicates at
    which it goes again."""
    flight = "".join(f"> . {at}:{at + 1460}(1460) ack 1\n" for at in range(101, 17_621, 1460))
    copy = "> . 101:1561(1460) ack 1\n"
    lines = (f"+{wait} < . 1:1(0) ack 101\n {copy * (n in numbers)}" for n in range(1, 12))
    return f"{MEASURED}{flight} {''.join(lines)}"


@example("TCP144")
def repeats_at_each_duplicate(lab: LintedLab) -> None:
    play(lab, at_duplicates(*range(3, 12)))


@clean("TCP144")
def repeats_at_the_third_duplicate(lab: LintedLab) -> None:
    """And once more, where this was lost too."""
    play(lab, at_duplicates(3, 9))
    slow = at_duplicates(*range(3, 12), wait=0.1)
    play(lab, slow.replace("1460>", "1460> port 50001", 1))


@clean("TCP144")
def knows_each_time_that_this_was_lost(lab: LintedLab) -> None:
    """Behind each copy goes a new segment, and overtakes it."""
    flight = "".join(f"> . {at}:{at + 1000}(1000) ack 1\n" for at in range(1, 9001, 1000))
    sack = "+0.001 < . 1:1(0) ack 1 <nop,nop,sack 1001:{0}>\n"
    copy = "> . 1:1001(1000) ack 1\n > . {0}:{1}(1000) ack 1\n"
    first = "".join(sack.format(at) for at in range(2001, 9001, 1000))
    new = range(9001, 19_001, 1000)
    later = "".join(sack.format(at) + copy.format(at, at + 1000) for at in new)
    play(lab, f"{OPEN_SACK}{flight}{first}{later}")


def again_after(*waits: float) -> str:
    return "\n".join(f"+{wait} > P. 1:101(100) ack 1" for wait in (0, *waits))


@example("TCP072")
def repeats_itself_every_second(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n{again_after(1, 1, 1, 1)}")


@example("TCP072")
def sends_a_syn_every_second(lab: LintedLab) -> None:
    play(lab, "\n".join(["+1 > S 0:0(0) win 65535 <mss 1460>"] * 8))


@clean("TCP072")
def backs_off(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n{again_after(0.2, 0.4, 0.8, 1.6, 3.2, 60, 60, 60, 60)}")
    play(lab, f"{OPEN}\n{again_after(1, 1)}\n < . 1:1(0) ack 1\n +1 > P. 1:101(100) ack 1")


def probes(*waits: float) -> str:
    closed = OPEN.replace("ack 1 win 65535 <mss", "ack 1 win 0 <mss", 1)
    one = "+{} > P. 1:2(1) ack 1\n < . 1:1(0) ack 1 win 0"
    return closed + "\n".join(map(one.format, waits))


@example("TCP120")
@clean("TCP072")
def probes_a_closed_window_every_second(lab: LintedLab) -> None:
    play(lab, probes(*[1] * 8))


@clean("TCP120")
def probes_a_closed_window_less_and_less(lab: LintedLab) -> None:
    play(lab, probes(1, 1, 2, 4, 8, 16, 32, *[60] * 8))


ANSWERED = f"{OPEN} > P. 1:6(5) ack 1\n +0.02 < . 1:1(0) ack 6\n > P. 6:11(5) ack 1\n"


@example("TCP121")
def sends_again_after_twenty_seconds(lab: LintedLab) -> None:
    play(lab, f"{ANSWERED} +20 > P. 6:11(5) ack 1")


@clean("TCP121")
def sends_again_after_three_seconds(lab: LintedLab) -> None:
    """Later its time-out has grown, and that is right, too."""
    play(lab, f"{ANSWERED} +3 > P. 6:11(5) ack 1\n +6 > P. 6:11(5) ack 1")
    play(
        lab, f"{ANSWERED} < . 1:1(0) ack 11 win 0\n +1 > . 11:12(1) ack 1\n +13 > . 11:12(1) ack 1"
    )
    fresh = "< . 1:1(0) ack 11\n > P. 11:16(5) ack 1"
    play(lab, f"{ANSWERED} +3 > P. 6:11(5) ack 1\n +0.02 {fresh}\n +12 > P. 11:16(5) ack 1")


SYN, SYN_ACK = "S 0:0(0) win 65535 <mss 1460>", "S. 0:0(0) ack 1 win 65535 <mss 1460>"
AFTER_A_LONG_SYN = f"""
    > {SYN}
    +1 > {SYN}
    +2 > {SYN}
    +4 > {SYN}
    +0.02 < {SYN_ACK}
    > . 1:1(0) ack 1
    > P. 1:6(5) ack 1
    +0.02 < . 1:1(0) ack 6
    > P. 6:11(5) ack 1
"""


@clean("TCP121")
def has_measured_its_first_syn(lab: LintedLab) -> None:
    """Its answers were lost: 7 s make a time-out of 21 s and more (RFC 6298 2.2)."""
    play(lab, f"{AFTER_A_LONG_SYN} +23 > P. 6:11(5) ack 1")


@example("TCP121")
def has_long_forgotten_it(lab: LintedLab) -> None:
    many = "".join(
        f"> P. {n}:{n + 5}(5) ack 1\n +0.02 < . 1:1(0) ack {n + 5}\n" for n in range(11, 211, 5)
    )
    play(lab, f"{AFTER_A_LONG_SYN} +0.02 < . 1:1(0) ack 11\n {many} > P. 211:216(5) ack 1")
    play(lab, "+23 > P. 211:216(5) ack 1")


@example("TCP073")
def loses_heart(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n{again_after(1)}\n +2 > R. 101:101(0) ack 1")


@example("TCP073")
def loses_heart_although_it_was_just_spoken_to(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {OPEN}
        +1 < P. 1:101(100) ack 1
        > P. 1:101(100) ack 101
        +1 > P. 1:101(100) ack 101
        +2 > R. 101:101(0) ack 101
        """,
    )


@clean("TCP073")
def gives_up_late(lab: LintedLab) -> None:
    waits = again_after(1, 2, 4, 8, 16, 32)
    play(lab, f"{OPEN}\n{waits}\n +64 > R. 101:101(0) ack 1")
    play(lab, f"{OPEN}\n{again_after()}\n +0.1 > R. 101:101(0) ack 1")


@example("TCP074")
def waits_for_its_timer(lab: LintedLab) -> None:
    """Three duplicate acknowledgements came after 50 ms; the segment goes again a second later."""
    play(
        lab,
        f"""
        {MEASURED}{FOUR}
        +0.05 < . 1:1(0) ack 101
        < . 1:1(0) ack 101
        < . 1:1(0) ack 101
        +1 > . 101:1561(1460) ack 1
        """,
    )


@clean("TCP074")
def was_not_asked_to(lab: LintedLab) -> None:
    """Two duplicates are no loss, nor are those of what came twice."""
    play(
        lab,
        f"""
        {MEASURED}{FOUR}
        +0.05 < . 1:1(0) ack 101
        < . 1:1(0) ack 101
        +1 > . 101:1561(1460) ack 1
        """,
    )
    play(
        lab,
        f"""
        {OPEN_SACK}
        > P. 1:101(100) ack 1
        +0.3 < . 1:1(0) ack 101
        {FOUR}
        < . 1:1(0) ack 101 <sack 1:101>
        < . 1:1(0) ack 101 <sack 1:101>
        < . 1:1(0) ack 101 <sack 1:101>
        +1 > . 101:1561(1460) ack 1
        """,
    )


@clean("TCP074")
def has_two_duplicates(lab: LintedLab) -> None:
    """The first SACK comes with an acknowledgement of something new, and is no duplicate."""
    play(
        lab,
        f"""
        {OPEN_SACK}
        > . 1:1461(1460) ack 1
        > . 1461:2921(1460) ack 1
        > . 2921:4381(1460) ack 1
        > . 4381:5841(1460) ack 1
        +0.01 < . 1:1(0) ack 1461 <sack 2921:4381>
        < . 1:1(0) ack 1461 <sack 2921:5841>
        > . 5841:7301(1460) ack 1
        +0.01 < . 1:1(0) ack 1461 <sack 2921:7301>
        +1 > . 1461:2921(1460) ack 1
        """,
    )


@clean("TCP074")
def has_seen_reordering(lab: LintedLab) -> None:
    """A hole was filled without its help, so it waits longer for the next one (RFC 8985 6.2)."""
    play(
        lab,
        f"""
        {OPEN_SACK}
        > P. 1:101(100) ack 1
        > P. 101:201(100) ack 1
        +0.3 < . 1:1(0) ack 1 <sack 101:201>
        < . 1:1(0) ack 201
        > . 201:1661(1460) ack 1
        > . 1661:3121(1460) ack 1
        > . 3121:4581(1460) ack 1
        > . 4581:6041(1460) ack 1
        +0.05 < . 1:1(0) ack 201 <sack 1661:3121>
        < . 1:1(0) ack 201 <sack 1661:4581>
        < . 1:1(0) ack 201 <sack 1661:6041>
        +1 > . 201:1661(1460) ack 1
        """,
    )


@clean("TCP074")
def cuts_anew_what_is_missing(lab: LintedLab) -> None:
    """What goes again ends in the hole, and begins below it: the acknowledgement crossed it."""
    duplicates = "< . 1:1(0) ack 1561\n" * 3
    play(
        lab,
        f"""
        {MEASURED}{FOUR}
        +0.05 < . 1:1(0) ack 1561
        {duplicates}
        > . 801:2261(1460) ack 1
        +1 > . 1561:3021(1460) ack 1
        """,
    )


@clean("TCP074")
def recovers_already(lab: LintedLab) -> None:
    """Duplicates of a later hole are read before it is seen what those of the first one caused."""
    duplicates = "< . 1:1(0) ack 101\n" * 3
    play(
        lab,
        f"""
        {OPEN_SACK}
        > P. 1:101(100) ack 1
        +0.3 < . 1:1(0) ack 101
        {FOUR}
        > . 5941:7401(1460) ack 1
        > . 7401:8861(1460) ack 1
        +0.05 {duplicates}
        < . 1:1(0) ack 3021
        < . 1:1(0) ack 3021 <sack 4481:5941>
        < . 1:1(0) ack 3021 <sack 4481:7401>
        < . 1:1(0) ack 3021 <sack 4481:8861>
        > . 101:1561(1460) ack 1
        +1 > . 3021:4481(1460) ack 1
        """,
    )


@clean("TCP074")
def is_in_a_recovery(lab: LintedLab) -> None:
    """The second hole was filled at once and lost again; old duplicates go on coming."""
    duplicates = "< . 1:1(0) ack 101\n" * 3
    play(
        lab,
        f"""
        {MEASURED}{FOUR}
        +0.05 {duplicates}
        > . 101:1561(1460) ack 1
        +0.05 < . 1:1(0) ack 1561
        > . 1561:3021(1460) ack 1
        < . 1:1(0) ack 1561
        < . 1:1(0) ack 1561
        < . 1:1(0) ack 1561
        +0.4 > . 1561:3021(1460) ack 1
        """,
    )


@clean("TCP071")
def has_a_timer_for_each_segment(lab: LintedLab) -> None:
    """The time-out counts from the sending, though something was acknowledged in between."""
    play(
        lab,
        f"""
        {OPEN}
        > . 1:1461(1460) ack 1
        > P. 1461:1561(100) ack 1
        +0.95 < . 1:1(0) ack 1461
        +0.05 > P. 1461:1561(100) ack 1
        """,
    )


@clean("TCP071")
def repairs_before_it_knows_more(lab: LintedLab) -> None:
    """Its repair crosses an acknowledgement that makes the next segment the first one."""
    play(
        lab,
        f"""
        {MEASURED}{FOUR}
        +0.05 < . 1:1(0) ack 1561
        +0.001 > . 1561:3021(1460) ack 1
        """,
    )


LOST = f"""
    {OPEN}
    > . 1:1461(1460) ack 1
    > . 1461:2921(1460) ack 1
    +0.02 < . 1:1(0) ack 1
    < . 1:1(0) ack 1
    < . 1:1(0) ack 1
"""


CLOSED = f"""
    {OPEN}
    > P. 1:101(100) ack 1
    +0.02 < . 1:1(0) ack 101
    > F. 101:101(0) ack 1
"""


@example("TCP075")
def forgets_what_was_lost(lab: LintedLab) -> None:
    """The first segment was lost, and the guest closes over the hole."""
    play(lab, f"{LOST}\n +90 > F. 2921:2921(0) ack 1")


@example("TCP075")
def waits_for_ever(lab: LintedLab) -> None:
    play(lab, LOST)
    lab.wait(60)
    play(lab, "> S 0:0(0) win 65535 <mss 1460> port 50001")
    lab.end()


@example("TCP075")
def is_quiet_then(lab: LintedLab) -> None:
    """Nothing at all comes from the guest any more."""
    play(lab, f"{LOST}\n +60 < . 1:1(0) ack 1")
    lab.end()


@example("TCP075")
def sends_its_fin_once(lab: LintedLab) -> None:
    """Its FIN is lost; much later it asks for an address anew."""
    play(lab, CLOSED)
    lab.wait(90)
    lab.look(udp("192.0.2.9", 9, b""), from_guest=True)
    lab.wait(9000)
    sends(lab, "discover")


CONNECTS = "< S 0:0(0) win 65535 <mss 1460>"
ACCEPTS = "> S. 0:0(0) ack 1 win 65535 <mss 1460>"


@example("TCP075")
def sends_its_syn_ack_once(lab: LintedLab) -> None:
    play(lab, f"{CONNECTS}\n {ACCEPTS}")
    lab.wait(40)
    lab.from_guest(ping(ROUTER))
    lab.end()


@clean("TCP075")
def need_not_send_its_syn_ack_again(lab: LintedLab) -> None:
    """It did; it was acknowledged, or reset; or the guest is not heard of for long enough."""
    for port, rest in enumerate(
        (
            f"+1 {ACCEPTS}",
            "< . 1:1(0) ack 1",
            "< R 1:1(0)",
            f"+1 {CONNECTS}\n {ACCEPTS}",
        ),
        50000,
    ):
        play(lab, f"{CONNECTS} port {port} isn {port}\n {ACCEPTS} isn {port**3 % 2**32}\n {rest}")
    lab.wait(40)
    lab.from_guest(ping(ROUTER))
    play(lab, f"{CONNECTS} port 50009\n {ACCEPTS}")
    lab.wait(20)
    lab.from_guest(ping(ROUTER))
    lab.end()


@clean("TCP075")
def is_switched_off_behind_its_fin(lab: LintedLab) -> None:
    """It starts anew hours later, and knows of nothing."""
    play(lab, CLOSED)
    lab.wait(9000)
    sends(lab, "discover")


@clean("TCP075")
def tries_again(lab: LintedLab) -> None:
    """It has sent the segment again; or the network has ended soon; or the window is closed."""
    play(lab, f"{LOST}\n +1 > . 1:1461(1460) ack 1\n +90 > F. 2921:2921(0) ack 1")
    play(lab, f"{OPEN}\n > P. 1:11(10) ack 1\n < . 1:1(0) ack 1 win 0\n +90 > . 1:1(0) ack 1")
    play(lab, LOST)
    lab.wait(20)
    lab.end()


@clean("TCP075")
def keeps_a_time_out_that_has_grown(lab: LintedLab) -> None:
    """No round trip was measured since, so what is new waits for as long (RFC 6298 5.7)."""
    again = "\n".join(f"+{2**n} > P. 1:101(100) ack 1" for n in range(5))
    sent = (
        f"{OPEN}\n > P. 1:101(100) ack 1\n {again}\n < . 1:1(0) ack 101\n > P. 101:201(100) ack 1"
    )
    play(lab, f"{sent}\n +35 < . 0:0(0) ack 101\n > . 201:201(0) ack 1")


@clean("TCP075")
def doubles_a_long_time_out(lab: LintedLab) -> None:
    """It waits for 20 s, and for 40 s as long as it has measured nothing anew."""
    again = "> P. 101:201(100) ack 1\n +20 > P. 101:201(100) ack 1\n +0.3 < . 1:1(0) ack 201"
    play(lab, f"{MEASURED}\n {again}\n > P. 201:301(100) ack 1\n +35 < . 0:0(0) ack 201")
    play(lab, "> . 301:301(0) ack 1\n +5 > P. 201:301(100) ack 1")


@clean("TCP075")
def has_measured_its_first_syn_ack(lab: LintedLab) -> None:
    """What acknowledged it was lost for 30 s; so the time-out is 60 s (RFC 6298 2.2, 2.5)."""
    again = "\n".join(f"+{2**n} > {SYN_ACK}" for n in range(4))
    play(lab, f"< {SYN}\n > {SYN_ACK}\n {again}\n +15 < P. 1:11(10) ack 1 win 65535")
    play(lab, "> P. 1:11(10) ack 11\n +32 < P. 11:21(10) ack 1\n > . 11:11(0) ack 21")
    play(lab, "+28 > P. 1:11(10) ack 21\n +90 > F. 11:11(0) ack 21")


@example("TCP119")
def is_switched_off(lab: LintedLab) -> None:
    """Two connections wait; the guest is silent once."""
    play(lab, f"{LOST}\n{LOST.replace('1460>', '1460> port 50001', 1)}")
    lab.wait(20)
    play(lab, "< P. 1:11(10) ack 1")
    lab.wait(40)
    lab.end()


@clean("TCP119")
def is_not_called(lab: LintedLab) -> None:
    """Nobody wants anything of it; it is told that it never sends again."""
    play(lab, LOST)
    lab.wait(60)
    lab.end()
    assert lab.roots["TCP075"]


@clean("TCP119")
def is_heard_of(lab: LintedLab) -> None:
    """It asks by ARP; what is left was acknowledged."""
    play(lab, LOST)
    lab.wait(60)
    asks_by_arp(lab)
    lab.wait(29)
    lab.end()


@clean("TCP119")
def has_nothing_to_say(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > P. 1:6(5) ack 1\n < . 1:1(0) ack 6")
    lab.wait(60)
    lab.end()


@example("TCP076")
def begins_hastily(lab: LintedLab) -> None:
    """Nobody knows yet how long the way is."""
    play(lab, "> S 0:0(0) win 65535 <mss 1460>\n +0.3 > S 0:0(0) win 65535 <mss 1460>")


@clean("TCP076")
def begins_with_a_second(lab: LintedLab) -> None:
    syn = "> S 0:0(0) win 65535 <mss 1460>"
    play(lab, f"{syn}\n +1 {syn}\n +2 {syn}")


@clean("TCP076")
def begins_when_it_asks_by_arp(lab: LintedLab) -> None:
    """The SYN waits for the answer; that to the first question of another one is lost."""
    asks_by_arp(lab)
    play(lab, "+0.15 > S 0:0(0) win 65535 <mss 1460>\n +0.85 > S 0:0(0) win 65535 <mss 1460>")
    lab.wait(10)
    asks_by_arp(lab)
    lab.wait(1)
    asks_by_arp(lab)
    syn = "> S 0:0(0) win 65535 <mss 1460>"
    play(lab, f"+0.15 {syn} port 5000\n +0.0001 {syn}")


def probing(*waits: float) -> str:
    return f"{OPEN}\n" + "\n".join(f"+{wait} > . 0:0(0) ack 1" for wait in waits)


ASKED = f"""
    {OPEN}
    < P. 1:101(100) ack 1
    > . 1:1(0) ack 101 win 65535
"""


def overtaken(
    duplicates: int, opened: str = OPEN, pause: float = 0.001, sack: str = "", start: int = 1
) -> str:
    """Twice four segments; the first of each is sent again at so many duplicates."""
    lines = [opened]
    for at in (start, start + 4000):
        lines += [
            f"+{pause} > . {seq}:{seq + 1000}(1000) ack 1" for seq in range(at, at + 4000, 1000)
        ]
        block = f" <nop,nop,sack {at + 3000}:{at + 4000}>" if sack else ""
        lines += ["+0.02 " + f"< . 1:1(0) ack {at}{block}\n" * duplicates]
        lines += [f"+0.001 > . {at}:{at + 1000}(1000) ack 1", f"+0.02 < . 1:1(0) ack {at + 4000}"]
    return "\n".join(lines)


@example("TCP131")
def takes_what_is_overtaken_for_lost(lab: LintedLab) -> None:
    """Each first duplicate acknowledgement makes it send a segment again."""
    play(lab, overtaken(1))


@example("TCP131")
def takes_it_for_lost_though_sack_says_little(lab: LintedLab) -> None:
    play(lab, overtaken(2, OPEN_SACK))


@clean("TCP131")
def waits_for_the_third(lab: LintedLab) -> None:
    """Or knows by SACK that one sent much later has come; or has two segments under way."""
    play(lab, overtaken(3))
    opened = OPEN_SACK.replace("sackOK>", "sackOK> port 50002", 1)
    play(lab, overtaken(1, opened, pause=0.005, sack="yes"))
    two = """
        > . {0}:{1}(1000) ack 1
        > . {1}:{2}(1000) ack 1
        +0.02 < . 1:1(0) ack {0}
        > . {0}:{1}(1000) ack 1
        +0.02 < . 1:1(0) ack {2}
    """
    few = OPEN + "".join(two.format(at, at + 1000, at + 2000) for at in (1, 2001, 4001))
    play(lab, few.replace("1460>", "1460> port 50001"))


@clean("TCP131")
def waits_for_an_eighth_of_a_round_trip(lab: LintedLab) -> None:
    """Most of it has passed between what was overtaken and what has come, the rest since."""
    play(lab, f"{OPEN_SACK}\n > . 1:1001(1000) ack 1\n +0.02 < . 1:1(0) ack 1001")
    rest = overtaken(1, "", pause=0.0006, sack="yes", start=1001)
    play(lab, rest.replace("+0.02", "+0.015"))


@clean("TCP131")
def waits_since_the_first_duplicate(lab: LintedLab) -> None:
    """A second one comes just before that time is over, and has no SACK blocks."""
    play(lab, f"{OPEN_SACK}\n > . 1:1001(1000) ack 1\n +0.008 < . 1:1(0) ack 1001")
    for at in range(1001, 16_001, 5000):
        flight = "".join(f"> . {n}:{n + 1000}(1000) ack 1\n" for n in range(at, at + 5000, 1000))
        play(
            lab,
            f"""
            {flight}
            +0.0145 < . 1:1(0) ack {at} <nop,nop,sack {at + 1000}:{at + 2000}>
            +0.0014 < . 1:1(0) ack {at}
            +0.0003 > . {at}:{at + 1000}(1000) ack 1
            +0.008 < . 1:1(0) ack {at + 5000}
            """,
        )


def answered(lab: LintedLab, answers: str, wait: float = 0.001, before: str = "") -> None:
    """Three times six segments, of which the second is sent again at these answers.

    before: what comes when two others are under way.
    """
    play(lab, f"{OPEN_SACK}\n > . 1:501(500) ack 1\n > . 501:1001(500) ack 1\n {before}")
    play(lab, "+0.008 < . 1:1(0) ack 1001")
    for at in (1001, 8001, 15_001):
        sent = range(at, at + 7000, 1000)
        flight = "\n".join(f"> . {seq}:{seq + 1000}(1000) ack 1" for seq in sent[:-1])
        play(
            lab,
            f"""
            {flight}
            {answers.format(*sent)}
            +{wait} > . {sent[1]}:{sent[2]}(1000) ack 1
            +0.008 < . 1:1(0) ack {sent[6]}
            > . {sent[6]}:{sent[6] + 1000}(1000) ack 1
            +0.008 < . 1:1(0) ack {sent[6] + 1000}
            """,
        )


@clean("TCP131")
def knows_by_what_acknowledged_something_new(lab: LintedLab) -> None:
    """The SACK blocks came with it; the duplicate behind it has none, and is older."""
    new = "+0.007 < . 1:1(0) ack {1} <nop,nop,sack {2}:{3}>"
    answered(lab, f"{new}\n +0.006 < . 1:1(0) ack {{1}}", wait=0.01)


@clean("TCP131")
def knows_by_one_that_names_three(lab: LintedLab) -> None:
    """It has overtaken the other duplicates."""
    answered(
        lab, "+0.007 < . 1:1(0) ack {1}\n < . 1:1(0) ack {1} <nop,nop,sack {2}:{5}>", wait=0.0001
    )


@clean("TCP131")
def has_measured_less_by_sack(lab: LintedLab) -> None:
    """One has overtaken all others both ways; a quarter of that time is not long."""
    before = "+0.0004 < . 1:1(0) ack 1 <nop,nop,sack 501:1001>"
    late = "+0.007 < . 1:1(0) ack {1}\n < . 1:1(0) ack {1} <nop,nop,sack {2}:{3}>"
    answered(lab, late, 0.0001, before)


@example("TCP078")
def probes_each_minute(lab: LintedLab) -> None:
    play(lab, f"{probing(60)}\n < . 1:1(0) ack 1")


@clean("TCP078")
@clean("TCP079")
def probes_after_two_hours(lab: LintedLab) -> None:
    play(lab, f"{probing(7200, *[75] * 8)}\n +75 > R. 1:1(0) ack 1")


@example("TCP130")
def probes_with_the_next_number(lab: LintedLab) -> None:
    """It has been idle for two hours, and nobody answers."""
    play(lab, f"{ASKED}\n +7200 > . 1:1(0) ack 101\n" + "+75 > . 1:1(0) ack 101\n" * 2)


@example("TCP130")
def probes_each_15_seconds_with_the_next_number(lab: LintedLab) -> None:
    play(lab, f"{ASKED}\n" + "+15 > . 1:1(0) ack 101\n" * 3)


@clean("TCP130")
def says_something_new(lab: LintedLab) -> None:
    """Its program reads a little each minute; or somebody asks it; or it probes as it should."""
    reads = (f"+60 > . 1:1(0) ack 101 win {65_000 + 100 * n}" for n in range(1, 5))
    play(lab, f"{ASKED}\n > . 1:1(0) ack 101 win 65000\n" + "\n".join(reads))
    play(lab, "+60 < . 0:0(0) ack 1\n > . 1:1(0) ack 101 win 65400\n" * 4)
    play(lab, probing(7200, *[75] * 4).replace("1460>", "1460> port 50001"))


@clean("TCP078")
def sends_its_last_byte_again(lab: LintedLab) -> None:
    """A time-out crosses the acknowledgement, or a probe the window's opening."""
    play(lab, f"{OPEN}\n > P. 1:2(1) ack 1\n +0.3 < . 1:1(0) ack 2\n > P. 1:2(1) ack 1")
    play(lab, "+1 < . 1:1(0) ack 2 win 0\n +9 < . 1:1(0) ack 2\n > . 1:1(0) ack 1")


@example("TCP079")
def believes_one_silence(lab: LintedLab) -> None:
    play(lab, f"{probing(7200)}\n +75 > R. 1:1(0) ack 1")


def acknowledged_and_again(wait: float) -> str:
    """What was acknowledged goes again, so many seconds after its acknowledgement."""
    one = f"+{wait} > P. 1:101(100) ack 1\n < . 1:1(0) ack 101\n"
    return f"{OPEN}\n > P. 1:101(100) ack 1\n +0.01 < . 1:1(0) ack 101\n {one * 5}"


@clean("TCP115")
@clean("TCP078")
def may_not_take_the_acknowledgement_of_a_probe(lab: LintedLab) -> None:
    """Its number came before, so the guest answers and does no more (RFC 9293 3.10.7.4)."""
    again = "\n".join(
        f"> P. {at}:{at + 1}(1) ack 1\n +0.1 < . 0:0(0) ack {at + 1}\n"
        f"> . {at + 1}:{at + 1}(0) ack 1\n"
        f"+1 > P. {at}:{at + 1}(1) ack 1\n +0.1 < . 1:1(0) ack {at + 1}"
        for at in range(1, 7)
    )
    play(lab, f"{OPEN}\n {again}")


@example("TCP115")
def does_not_stop_its_timer(lab: LintedLab) -> None:
    """All is acknowledged, and goes again each second."""
    play(lab, acknowledged_and_again(1))


@clean("TCP115")
def crosses_the_acknowledgement(lab: LintedLab) -> None:
    play(lab, acknowledged_and_again(0.05))


@example("TCP122")
def keeps_the_old_checksum(lab: LintedLab) -> None:
    """The guest puts a new acknowledgement into the segment that it has kept."""
    lost = "> P. 1:6(5) ack {} sum 7"
    play(lab, f"{OPEN} > P. 1:6(5) ack 1\n +1 {lost.format(1)}\n +2 {lost.format(9)}")


@clean("TCP122")
def spoils_new_ones_too(lab: LintedLab) -> None:
    """What is wrong each time has another cause; once is an accident."""
    play(lab, f"{OPEN}" + "\n +1 > P. 1:6(5) ack 1 sum 7" * 4)
    again = "\n +1 > P. 1:6(5) ack 1"
    play(lab, f"{OPEN} > P. 1:6(5) ack 1{again} sum 7{again}")


def loses_twice(first: list[float], again: float, measured: int = 5) -> str:
    """A segment waits for these time-outs; some are acknowledged in time; another waits."""
    lines = [OPEN, "> P. 1:101(100) ack 1"]
    lines += [f"+{wait} > P. 1:101(100) ack 1" for wait in first]
    lines += ["+0.02 < . 1:1(0) ack 101"]
    at = 101
    for _ in range(measured):
        lines += [f"+0.5 > P. {at}:{at + 100}(100) ack 1", f"+0.02 < . 1:1(0) ack {at + 100}"]
        at += 100
    again_ = f"P. {at}:{at + 100}(100) ack 1"
    return "\n".join([*lines, f"+1 > {again_}", f"+{again} > {again_}"])


@example("TCP132")
def goes_on_with_eight_seconds(lab: LintedLab) -> None:
    play(lab, loses_twice([1, 2, 4], 8))


@clean("TCP132")
def begins_with_a_second_again(lab: LintedLab) -> None:
    """Or has measured nothing since; or always waits for so long, which is another mistake."""
    play(lab, loses_twice([1, 2, 4], 1))
    play(lab, loses_twice([1, 2, 4], 8, measured=0).replace("1460>", "1460> port 50001"))
    play(lab, loses_twice([4], 4).replace("1460>", "1460> port 50002"))


@example("TCP121")
def waits_for_four_seconds_each_time(lab: LintedLab) -> None:
    for number in range(2):
        script = MEASURED + "> P. 101:201(100) ack 1\n +4 > P. 101:201(100) ack 1"
        opened = f"1460> port {50_000 + number}"
        play(lab, script.replace("+0.3", "+0.02").replace("1460>", opened, 1))


@clean("TCP121")
def stands_still_for_four_seconds(lab: LintedLab) -> None:
    script = MEASURED + "> P. 101:201(100) ack 1\n +4 > P. 101:201(100) ack 1"
    play(lab, script.replace("+0.3", "+0.02"))


def in_progress(opened: str = OPEN, heard: str = "") -> str:
    """Acknowledgements come each 20 ms, of what was sent 400 ms before; then one goes again."""
    lines = [opened]
    lines += [f"+0.02 > . {at}:{at + 1000}(1000) ack 1" for at in range(1, 20_001, 1000)]
    for at in range(1, 40_001, 1000):
        lines += [f"+0.02 < . 1:1(0) ack {at + 1000}", f"> . {at + 20000}:{at + 21000}(1000) ack 1"]
    return "\n".join([*lines, heard, "+0.01 > . 40001:41001(1000) ack 1"])


@example("TCP133")
def lets_its_timer_run_on(lab: LintedLab) -> None:
    """A second after the first segment, whatever has been acknowledged since."""
    play(lab, in_progress())


@clean("TCP133")
def restarts_its_timer(lab: LintedLab) -> None:
    """A second after the last acknowledgement; or it knows by SACK of a loss."""
    play(lab, in_progress().replace("+0.01 > . 40001", "+1 > . 40001"))
    sacked = "< . 1:1(0) ack 40001 <nop,nop,sack 41001:42001>"
    play(lab, in_progress(OPEN_SACK.replace("sackOK>", "sackOK> port 50001", 1), sacked))
