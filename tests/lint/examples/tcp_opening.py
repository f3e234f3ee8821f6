"""How a TCP connection begins."""

from __future__ import annotations

from scapy.layers.inet import ICMP, IP, TCP, UDP

from pynat.testing.linted import LintedLab
from tests.frames import ip
from tests.lint.examples import clean, example
from tests.lint.play import OPEN, OPEN_STAMPS, play

CLOSED_BY_GUEST = f"""
    {OPEN}
    > F. 1:1(0) ack 1
    < F. 1:1(0) ack 2
    > . 2:2(0) ack 2
"""
CLOSED_BY_PEER = f"""
    {OPEN}
    < F. 1:1(0) ack 1
    > F. 1:1(0) ack 2
    < . 2:2(0) ack 2
"""


@example("TCP030")
def announces_no_mss(lab: LintedLab) -> None:
    play(lab, "> S 0:0(0) win 65535")


@example("TCP030")
def answers_without_mss(lab: LintedLab) -> None:
    play(lab, "< S 0:0(0) win 65535 <mss 1460>\n > S. 0:0(0) ack 1 win 65535")


@example("TCP031")
def announces_no_bytes(lab: LintedLab) -> None:
    play(lab, "> S 0:0(0) win 65535 <mss 0>")


@example("TCP032")
def swaps_the_bytes_of_the_mss(lab: LintedLab) -> None:
    """The guest means 1460, 0x05b4, and sends 0xb405."""
    play(lab, "> S 0:0(0) win 65535 <mss 46085>")


@example("TCP032")
def forgets_the_headers(lab: LintedLab) -> None:
    play(lab, "> S 0:0(0) win 65535 <mss 1500>")


@clean("TCP030")
@clean("TCP031")
@clean("TCP032")
def announces_little(lab: LintedLab) -> None:
    play(lab, "> S 0:0(0) win 65535 <mss 536>")


@example("TCP033")
def sends_data_with_the_syn(lab: LintedLab) -> None:
    play(lab, "> S 0:0(10) win 65535 <mss 1460>")


@example("TCP034")
def offers_a_huge_scale(lab: LintedLab) -> None:
    play(lab, "> S 0:0(0) win 65535 <mss 1460,nop,wscale 15>")


@clean("TCP033")
@clean("TCP034")
def offers_the_largest_scale(lab: LintedLab) -> None:
    play(lab, "> S 0:0(0) win 65535 <mss 1460,nop,wscale 14>")


@example("TCP035")
def announces_the_mss_always(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > P. 1:6(5) ack 1 <mss 1460>")


@example("TCP036")
def scales_unasked(lab: LintedLab) -> None:
    """The SYN offered no window scale; the guest's SYN-ACK has one."""
    play(
        lab,
        """
        < S 0:0(0) win 65535 <mss 1460>
        > S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 7>
        """,
    )


@example("TCP036")
def stamps_unasked(lab: LintedLab) -> None:
    play(
        lab,
        """
        < S 0:0(0) win 65535 <mss 1460>
        > S. 0:0(0) ack 1 win 65535 <mss 1460,TS val 5 ecr 0>
        """,
    )


@example("TCP036")
def permits_sack_unasked(lab: LintedLab) -> None:
    play(
        lab,
        """
        < S 0:0(0) win 65535 <mss 1460>
        > S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>
        """,
    )


@clean("TCP035")
@clean("TCP036")
def scales_when_asked(lab: LintedLab) -> None:
    play(
        lab,
        """
        < S 0:0(0) win 65535 <mss 1460,sackOK,TS val 9 ecr 0,nop,wscale 7>
        > S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS val 5 ecr 9,nop,wscale 7>
        < . 1:1(0) ack 1 win 512 <TS val 9 ecr 5>
        > P. 1:6(5) ack 1 win 512 <TS val 5 ecr 9>
        """,
    )


SCALED = """
    > S 0:0(0) win {first} <mss 1460,nop,wscale 7>
    < S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 7>
    > . 1:1(0) ack 1 win 512
"""


@example("TCP037")
def scales_the_window_of_the_syn(lab: LintedLab) -> None:
    """The guest has a buffer of 65536 bytes, and shifts it by 7 in the SYN as well."""
    play(lab, SCALED.format(first=512))


@clean("TCP037")
def does_not(lab: LintedLab) -> None:
    play(lab, SCALED.format(first=65535))


@example("TCP038")
def chooses_a_number_for_each_syn(lab: LintedLab) -> None:
    play(
        lab,
        """
        > S 0:0(0) win 65535 <mss 1460>
        +1 > S 0:0(0) win 65535 <mss 1460> isn 5000
        +2 > S 0:0(0) win 65535 <mss 1460> isn 900000
        """,
    )


@example("TCP038")
def chooses_a_number_once_more(lab: LintedLab) -> None:
    """At its first time-out; each connection has a port of its own."""
    play(lab, f"{OPEN}\n > S 0:0(0) win 65535 <mss 1460> port 50001")
    play(lab, "+1 > S 0:0(0) win 65535 <mss 1460> port 50001 isn 5000")


@clean("TCP038")
def connects_anew(lab: LintedLab) -> None:
    """Its program has given up, and may have bound its port."""
    play(lab, f"{OPEN}\n > S 0:0(0) win 65535 <mss 1460> port 50001")
    play(lab, "+3 > S 0:0(0) win 65535 <mss 1460> port 50001 isn 5000")
    fixed = "> S 0:0(0) win 65535 <mss 1460> port 50002"
    play(lab, f"{fixed}\n < R. 0:0(0) ack 1\n +1 {fixed} isn 7\n +1 {fixed} isn 90000")


@clean("TCP038")
def sends_the_same_syn_again(lab: LintedLab) -> None:
    play(
        lab,
        """
        > S 0:0(0) win 65535 <mss 1460>
        +1 > S 0:0(0) win 65535 <mss 1460>
        +2 > S 0:0(0) win 65535 <mss 1460>
        < R. 0:0(0) ack 1
        +1 > S 0:0(0) win 65535 <mss 1460> isn 900000
        < R. 0:0(0) ack 1
        +1 > S 0:0(0) win 65535 <mss 1460> isn 1000000
        """,
    )


@example("TCP039")
def begins_with_zero(lab: LintedLab) -> None:
    """Each connection begins with sequence number 0."""
    for port in (50_001, 50_002, 50_003):
        play(lab, f"> S 0:0(0) win 65535 <mss 1460> port {port} isn 0")


@example("TCP039")
def goes_on_in_steps(lab: LintedLab) -> None:
    for number in range(4):
        play(lab, f"> S 0:0(0) win 65535 <mss 1460> port {50_001 + number} isn {number * 64_000}")


@clean("TCP039")
def begins_anywhere(lab: LintedLab) -> None:
    for number, isn in enumerate((5, 77_777, 3_000_000_000, 2, 2, 99)):
        play(lab, f"> S 0:0(0) win 65535 <mss 1460> port {50_001 + number} isn {isn}")


@clean("TCP039")
def goes_on_behind_what_it_closed(lab: LintedLab) -> None:
    """The same ports in TIME-WAIT: Linux begins as far behind the old numbers each time."""
    for number in range(4):
        play(lab, CLOSED_BY_GUEST.replace("<mss 1460>", f"<mss 1460> isn {number * 65_542}", 1))


@example("TCP040")
def forgets_what_it_closed(lab: LintedLab) -> None:
    """The guest closes first, and begins again with the same ports and the same number."""
    play(lab, CLOSED_BY_GUEST)
    play(lab, "+1 > S 0:0(0) win 65535 <mss 1460>")


@example("TCP040")
def waits_since_the_other_ends_fin_only(lab: LintedLab) -> None:
    """It began to wait when it acknowledged that, 50 seconds later."""
    play(
        lab,
        f"""
        {OPEN}
        > F. 1:1(0) ack 1
        < F. 1:1(0) ack 2
        +50 > . 2:2(0) ack 2
        +20 > S 0:0(0) win 65535 <mss 1460>
        """,
    )


@clean("TCP040")
def opens_anew_where_it_may(lab: LintedLab) -> None:
    play(lab, CLOSED_BY_PEER)
    play(lab, f"+1 {CLOSED_BY_GUEST.strip()}")
    play(lab, "+1 > S 0:0(0) win 65535 <mss 1460> isn 4000064000")
    play(lab, f"{CLOSED_BY_GUEST}\n +61 > S 0:0(0) win 65535 <mss 1460>")


@example("TCP041")
def has_one_port(lab: LintedLab) -> None:
    for isn in (1000, 2_000_000, 77):
        play(lab, f"+70 > S 0:0(0) win 65535 <mss 1460> isn {isn}\n < R. 0:0(0) ack 1")


@clean("TCP041")
def has_many_ports(lab: LintedLab) -> None:
    for port in (50_001, 50_002, 50_003, 50_004):
        play(lab, f"> S 0:0(0) win 65535 <mss 1460> port {port} isn {port * port}")


@example("TCP042")
def does_not_hear_the_syn_ack(lab: LintedLab) -> None:
    play(
        lab,
        """
        > S 0:0(0) win 65535 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        +1 > S 0:0(0) win 65535 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        +2 > S 0:0(0) win 65535 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        +4 > S 0:0(0) win 65535 <mss 1460>
        """,
    )


@clean("TCP042")
def hears_the_second(lab: LintedLab) -> None:
    play(
        lab,
        """
        > S 0:0(0) win 65535 <mss 1460>
        < S. 0:0(0) ack 7 win 65535 <mss 1460>
        +1 > S 0:0(0) win 65535 <mss 1460>
        < S. 0:0(0) ack 7 win 65535 <mss 1460>
        +2 > S 0:0(0) win 65535 <mss 1460>
        +4 > S 0:0(0) win 65535 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 1
        """,
    )


@example("TCP043")
def resets_what_it_asked_for(lab: LintedLab) -> None:
    play(
        lab,
        """
        > S 0:0(0) win 65535 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > R 1:1(0)
        """,
    )


@clean("TCP043")
def resets_what_it_did_not_ask_for(lab: LintedLab) -> None:
    play(
        lab,
        """
        > S 0:0(0) win 65535 <mss 1460>
        < S. 0:0(0) ack 9 win 65535 <mss 1460>
        > R 9:9(0)
        """,
    )


@clean("TCP043")
def resets_what_it_did_not_ask_for_late(lab: LintedLab) -> None:
    """The right SYN-ACK has come meanwhile."""
    play(
        lab,
        """
        > S 0:0(0) win 65535 <mss 1460>
        < S. 0:0(0) ack 9 win 65535 <mss 1460>
        +0.001 < S. 0:0(0) ack 1 win 65535 <mss 1460>
        +0.001 > R 9:9(0)
        > . 1:1(0) ack 1
        """,
    )


@clean("TCP043")
def aborts_at_once(lab: LintedLab) -> None:
    """With ACK: it knows the connection, and gives it up."""
    play(
        lab,
        """
        > S 0:0(0) win 65535 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > R. 1:1(0) ack 1
        """,
    )


@example("TCP044")
def acknowledges_the_number_of_the_syn(lab: LintedLab) -> None:
    """The guest answers the SYN-ACK with its number, not with the next one."""
    play(
        lab,
        """
        > S 0:0(0) win 65535 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 0
        """,
    )


@example("TCP044")
def answers_a_syn_with_its_number(lab: LintedLab) -> None:
    play(
        lab,
        """
        < S 0:0(0) win 65535 <mss 1460>
        > S. 0:0(0) ack 0 win 65535 <mss 1460>
        """,
    )


@example("TCP045")
def goes_on_with_the_number_of_the_syn(lab: LintedLab) -> None:
    """The first data has the SYN's number."""
    play(
        lab,
        """
        > S 0:0(0) win 65535 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > P. 0:5(5) ack 1
        """,
    )


@clean("TCP044")
@clean("TCP045")
def keeps_alive(lab: LintedLab) -> None:
    """A probe has the number of the last byte that was acknowledged, here of the SYN."""
    play(lab, f"{OPEN}\n +60 > . 0:0(0) ack 1\n < . 1:1(0) ack 1\n +60 > . 0:1(1) ack 1")


@example("TCP046")
def leaves_the_options_out_of_the_header(lab: LintedLab) -> None:
    """The data offset says that there are none, so the MSS option is read as data."""
    play(lab, "> S 0:0(0) win 65535 <mss 1460> offset 5")


@example("TCP046")
def leaves_other_options_out_of_the_header(lab: LintedLab) -> None:
    play(lab, "> S 0:0(0) win 65535 <wscale 7,sackOK> offset 5")


@example("TCP046")
def counts_the_mss_option_only(lab: LintedLab) -> None:
    play(lab, "> S 0:0(0) win 65535 <mss 1460,nop,wscale 7,TS val 100 ecr 0> offset 6")


@example("TCP046")
def leaves_timestamps_out_of_the_header(lab: LintedLab) -> None:
    stamps = "hex 0101080a0000006e000002bc offset 5"
    play(lab, OPEN_STAMPS.replace("<TS val 110 ecr 700>", stamps))


@example("TCP046")
def leaves_bare_timestamps_out_of_the_header(lab: LintedLab) -> None:
    play(lab, f"{OPEN_STAMPS}\n > P. 1:6(5) ack 1 <TS val 120 ecr 700> offset 5")


@clean("TCP046")
def has_data_that_begin_like_timestamps(lab: LintedLab) -> None:
    """So begins a message of protobuf's; the option itself was forgotten."""
    play(lab, f"{OPEN_STAMPS}\n > P. 1:1(0) ack 1 hex 080a12043132333421000000 offset 5")


@clean("TCP046")
def has_data_that_are_none(lab: LintedLab) -> None:
    play(lab, "> S 0:10(10) win 65535 <mss 1460>")
    play(lab, "> S 0:10(10) win 65535")
    play(lab, "> S 0:0(0) win 65535 hex 47455420 offset 5")
    play(lab, "> S 0:0(0) win 65535 hex 01010100 offset 5")


ASKED = "> S 0:0(0) win 65535 <mss 1460>\n < S. 0:0(0) ack {} win 65535 <mss 1460>\n"


@example("TCP047")
def takes_any_syn_ack(lab: LintedLab) -> None:
    """Its SYN ends at 1, and the SYN-ACK acknowledges 2."""
    play(lab, f"{ASKED.format(2)} > . 1:1(0) ack 1")


@clean("TCP047")
def looks_at_the_syn_ack(lab: LintedLab) -> None:
    """It resets the wrong one, or waits; then it takes the right one."""
    right = ASKED.format(1).partition("\n")[2]
    play(lab, f"{ASKED.format(2)} > R 2:2(0)\n +1 {right.strip()}\n > . 1:1(0) ack 1")
    play(lab, f"{ASKED.format(2)} +1 {right.strip()}\n > . 1:1(0) ack 1")


@clean("TCP047")
def sends_text_with_its_syn(lab: LintedLab) -> None:
    """Which the SYN-ACK acknowledges, too."""
    play(lab, f"{ASKED.format(11).replace('0:0(0)', '0:0(10)', 1)} > . 11:11(0) ack 1")


COMES = "< S 0:0(0) win 65535 <mss 1460>\n"


@example("TCP038")
def chooses_a_number_for_each_syn_ack(lab: LintedLab) -> None:
    answer = "> S. 0:0(0) ack 1 win 65535 <mss 1460>"
    play(lab, f"{COMES} {answer}\n +1 {answer} isn 5000")


@clean("TCP038")
def answers_a_syn_anew_after_a_reset(lab: LintedLab) -> None:
    """What its first SYN-ACK acknowledged was refused, and the SYN comes again."""
    comes_again = "+1 < S 0:0(0) win 65535 <mss 1460>"
    answer = "> S. 0:0(0) ack 0 win 65535 <mss 1460>"
    play(lab, f"{COMES} {answer}\n < R 1:1(0)\n {comes_again}\n {answer} isn 5000")


@example("TCP048")
def answers_by_a_bare_syn(lab: LintedLab) -> None:
    play(lab, f"{COMES} > S 0:0(0) win 65535 <mss 1460>")


@example("TCP048")
def answers_by_a_bare_acknowledgement(lab: LintedLab) -> None:
    play(lab, f"{COMES} > . 0:0(0) ack 1\n +1 {COMES} > . 0:0(0) ack 1")


@clean("TCP048")
def acknowledges_a_syn_that_came_again(lab: LintedLab) -> None:
    """Its SYN-ACK was lost before it could be seen; it does not send that for each SYN."""
    syn_ack = "> S. 0:0(0) ack 1 win 65535 <mss 1460>"
    play(lab, f"{COMES} +1 {COMES} > . 1:1(0) ack 1\n +0.1 {syn_ack}\n < . 1:1(0) ack 1")


@clean("TCP048")
def answers_with_both(lab: LintedLab) -> None:
    """An old connection of these ports is answered from its own numbers (RFC 9293 3.10.7.4)."""
    play(lab, f"{COMES} > S. 0:0(0) ack 1 win 65535 <mss 1460>")
    play(lab, f"{COMES} > . 500:500(0) ack 900 port 50001")


@example("TCP049")
def opens_with_a_syn_ack(lab: LintedLab) -> None:
    play(lab, "> S. 0:0(0) ack 0 win 65535 <mss 1460> raw 0")


@example("TCP049")
def leaves_a_number_in_it(lab: LintedLab) -> None:
    """What it acknowledges is left over from an earlier segment."""
    play(lab, "> S. 0:0(0) ack 5 win 65535 <mss 1460>\n < R 5:5(0)")


@clean("TCP049")
def answers_what_was_not_seen(lab: LintedLab) -> None:
    """The SYN came before anybody looked on."""
    play(lab, "> S. 0:0(0) ack 1 win 65535 <mss 1460>\n < . 1:1(0) ack 1")


def asked(times: int, answer: str = "") -> str:
    """Somebody connects to the guest, which sends a datagram meanwhile."""
    return "".join(f"+2 {COMES} {answer}\n" for _ in range(times))


def is_heard_of(lab: LintedLab) -> None:
    lab.look(bytes(ip("192.0.2.9") / UDP(sport=5000, dport=9)), from_guest=True)


BOTH_OPEN = """
    > S 0:0(0) win 65535 <mss 1460>
    < S 0:0(0) win 65535 <mss 1460>
"""


@example("TCP123")
def waits_for_a_syn_ack_alone(lab: LintedLab) -> None:
    """The other end opens the connection at the same time; the guest sends its SYN again."""
    again = """
        +1 > S 0:0(0) win 65535 <mss 1460>
        < S 0:0(0) win 65535 <mss 1460>
    """
    play(lab, BOTH_OPEN + again * 3)


@example("TCP123")
def resets_who_opens_too(lab: LintedLab) -> None:
    play(lab, BOTH_OPEN + "> R. -4000000000:0(0) ack 1")


@example("TCP123")
def resets_who_opens_too_and_goes_on(lab: LintedLab) -> None:
    """Each RST ends the other end's attempt, which has a number of its own."""
    attempts = (
        f"""
        +1 > S 0:0(0) win 65535 <mss 1460>
        < S 0:0(0) win 65535 <mss 1460> isn {isn}
        > R 1:1(0)
        """
        for isn in (5, 77_777, 3_000_000)
    )
    play(lab, "".join(attempts))


@example("TCP123")
def is_silent_to_who_opens_too(lab: LintedLab) -> None:
    play(lab, BOTH_OPEN + "+1 < S 0:0(0) win 65535\n +2 < S 0:0(0) win 65535")
    lab.wait(1)
    lab.look(bytes(ip("192.0.2.7") / ICMP()), from_guest=True)
    play(lab, "+4 < S 0:0(0) win 65535")


@clean("TCP123")
def opens_with_who_opens_too(lab: LintedLab) -> None:
    """Its first SYN-ACK is lost, and the next SYN to it as well."""
    play(
        lab,
        f"""
        {BOTH_OPEN}
        > S. 0:0(0) ack 1 win 65535 <mss 1460>
        +1 < S 0:0(0) win 65535 <mss 1460>
        > S. 0:0(0) ack 1 win 65535 <mss 1460>
        +2 > S. 0:0(0) ack 1 win 65535 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 1
        > P. 1:6(5) ack 1
        """,
    )


@clean("TCP123")
def has_given_up(lab: LintedLab) -> None:
    """Its program waits for two seconds; then nobody knows of the connection."""
    play(
        lab,
        """
        > S 0:0(0) win 65535 <mss 1460>
        +2 < S 0:0(0) win 65535 <mss 1460>
        > R. -4000000000:0(0) ack 1
        """,
    )


@clean("TCP123")
def hears_one_of_its_syns(lab: LintedLab) -> None:
    """Its card had no room for two of them."""
    play(
        lab,
        f"""
        {BOTH_OPEN}
        +1 > S 0:0(0) win 65535 <mss 1460>
        < S 0:0(0) win 65535 <mss 1460>
        +2 > S 0:0(0) win 65535 <mss 1460>
        < S 0:0(0) win 65535 <mss 1460>
        > S. 0:0(0) ack 1 win 65535 <mss 1460>
        < . 1:1(0) ack 1
        """,
    )


@example("TCP107")
def does_not_refuse(lab: LintedLab) -> None:
    """Nobody listens at the port, and the guest does not say so."""
    play(lab, asked(3))
    is_heard_of(lab)
    play(lab, asked(2))


@clean("TCP107")
def refuses(lab: LintedLab) -> None:
    """It refuses; it answers late; it was not heard of since."""
    play(lab, asked(6, "> R. 0:0(0) ack 1 isn 4294967295"))
    play(lab, asked(3).replace("1460>", "1460> port 50002"))
    is_heard_of(lab)
    play(lab, "> S. 0:0(0) ack 1 win 65535 <mss 1460> port 50002")
    play(lab, asked(6).replace("1460>", "1460> port 50001"))
    lab.end()


@example("TCP107")
def does_not_refuse_whoever_comes(lab: LintedLab) -> None:
    """Who connects gives up after a second, and tries again from another port."""
    is_heard_of(lab)
    for number in range(4):
        play(lab, f"{COMES} +1 {COMES}".replace("1460>", f"1460> to {5000 + number}"))
    is_heard_of(lab)
    lab.end()


@example("TCP107")
def speaks_only_when_asked(lab: LintedLab) -> None:
    """It was heard of shortly before and shortly after."""
    is_heard_of(lab)
    play(lab, asked(4))
    is_heard_of(lab)
    lab.end()


@clean("TCP107")
def has_just_started(lab: LintedLab) -> None:
    """It is heard of for the first time, or anew after long, and is asked again at that moment."""
    play(lab, asked(6))
    is_heard_of(lab)
    play(lab, f"+0.5 {COMES}")
    refused = "> R. 0:0(0) ack 1 isn 4294967295"
    play(lab, refused)
    play(lab, asked(20))
    is_heard_of(lab)
    play(lab, f"+0.5 {COMES} {refused}")
    lab.end()


@clean("TCP107")
def refuses_by_icmp(lab: LintedLab) -> None:
    """As firewalls do; and another port is not the one that is refused."""
    for number in range(5):
        play(lab, f"+1 {COMES}".replace("1460>", f"1460> to {5000 + number}"))
        refused = IP(src="192.0.2.7", dst=str(lab.config.network.guest)) / TCP(
            sport=80, dport=50_000
        )
        lab.look(bytes(ip("192.0.2.7") / ICMP(type=3, code=3) / refused), from_guest=True)
    for number in range(4):
        play(lab, f"+1 {COMES}".replace("1460>", f"1460> port {5000 + number}"))
    is_heard_of(lab)
    lab.end()


SYN_ACK_AGAIN = "< S. 0:0(0) ack 1 win 65535 <mss 1460>\n"


def hears(times: int) -> str:
    """Its SYN, and the SYN-ACK so often."""
    return "> S 0:0(0) win 65535 <mss 1460>\n" + f"+2 {SYN_ACK_AGAIN}" * times


@example("TCP117")
def never_acknowledges_the_syn_ack(lab: LintedLab) -> None:
    """It waits for data of the other end, which waits for the acknowledgement."""
    play(lab, hears(3))
    is_heard_of(lab)
    play(lab, hears(1).partition("\n")[2])


@example("TCP117")
def is_at_work_with_others(lab: LintedLab) -> None:
    """The other end has given up, and the guest goes on elsewhere."""
    play(lab, f"{hears(5)} < R 1:1(0)")
    is_heard_of(lab)
    lab.end()


@clean("TCP117")
def acknowledges_at_last(lab: LintedLab) -> None:
    """The first ones were lost; it refuses; it asks again; it was not heard of since."""
    play(lab, f"{hears(4)} > . 1:1(0) ack 1")
    play(lab, f"{hears(4)} > R 1:1(0)".replace("1460>", "1460> port 50001"))
    play(lab, hears(3).replace("1460>", "1460> port 50002"))
    play(lab, hears(3).replace("1460>", "1460> port 50002"))
    lab.end()


@example("TCP108")
def resets_without_acknowledging(lab: LintedLab) -> None:
    play(lab, f"{COMES} > R 0:0(0)")


@example("TCP108")
def does_not_count_the_syn_that_it_refuses(lab: LintedLab) -> None:
    play(lab, f"{COMES} > R. 0:0(0) ack 0")


@clean("TCP108")
def refuses_what_came_behind_a_syn(lab: LintedLab) -> None:
    """The SYN had been doubled, and what comes behind it is of what was reset."""
    play(lab, f"{COMES} > R. 0:0(0) ack 1\n < P. 1:6(5) ack 1\n > R 1:1(0)")


@clean("TCP108")
def refuses_what_came(lab: LintedLab) -> None:
    play(lab, f"{COMES} > R. 0:0(0) ack 1")


@example("TCP042")
def takes_the_padding_for_data(lab: LintedLab) -> None:
    """A SYN-ACK with one option has 44 bytes, and its frame 60: two are padding."""
    does_not_hear_the_syn_ack(lab)
