"""What a guest's TCP sends."""

from __future__ import annotations

from pynat.testing.linted import LintedLab
from tests.lint.examples import clean, example
from tests.lint.play import OPEN, OPEN_SACK, OPEN_STAMPS, play

SMALL_WINDOW = """
    > S 0:0(0) win 65535 <mss 1460>
    < S. 0:0(0) ack 1 win 1000 <mss 1460>
    > . 1:1(0) ack 1
    > P. 1:1001(1000) ack 1
"""


@example("TCP050")
def does_not_look_at_the_window(lab: LintedLab) -> None:
    play(lab, f"{SMALL_WINDOW}\n > P. 1001:2001(1000) ack 1")


@clean("TCP050")
def scales_the_window(lab: LintedLab) -> None:
    play(
        lab,
        """
        > S 0:0(0) win 65535 <mss 1460,nop,wscale 2>
        < S. 0:0(0) ack 1 win 100 <mss 1460,nop,wscale 7>
        > . 1:1(0) ack 1 win 16000
        < . 1:1(0) ack 1 win 100
        > . 1:1461(1460) ack 1 win 16000
        > P. 1461:2921(1460) ack 1 win 16000
        """,
    )


@clean("TCP050")
def goes_by_the_window_of_the_newest(lab: LintedLab) -> None:
    """What the other end sends again acknowledges, and its window counts for nothing: SND.WND is
    that of the segment with the highest number (RFC 9293 3.10.7.4)."""
    play(
        lab,
        """
        > S 0:0(0) win 65535 <mss 1460>
        < S. 0:0(0) ack 1 win 3000 <mss 1460>
        > . 1:1(0) ack 1
        < P. 101:201(100) ack 1 win 3000
        > . 1:1001(1000) ack 1
        > . 1001:2001(1000) ack 1
        > . 2001:3001(1000) ack 1
        +0.02 < P. 1:101(100) ack 2001 win 1000
        > . 3001:4001(1000) ack 201
        """,
    )


@example("TCP050")
def scales_the_window_of_a_syn_ack(lab: LintedLab) -> None:
    play(
        lab,
        """
        > S 0:0(0) win 65535 <mss 1460,nop,wscale 2>
        < S. 0:0(0) ack 1 win 2000 <mss 1460,nop,wscale 2>
        > . 1:1(0) ack 1 win 16384
        > . 1:1461(1460) ack 1 win 16384
        > P. 1461:2921(1460) ack 1 win 16384
        """,
    )


@example("TCP050")
def swaps_the_bytes_of_its_number(lab: LintedLab) -> None:
    """4000000001 is 0xee6b2801, the guest sends 0x01286bee, which is 19426286."""
    play(lab, f"{OPEN}\n > P. 1:6(5) ack 1 isn 19426285")


@example("TCP051")
def does_not_stop(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {SMALL_WINDOW}
        +0.02 < . 1:1(0) ack 1001 win 0
        +0.02 > P. 1001:2001(1000) ack 1
        """,
    )


@example("TCP051")
def does_not_see_the_window_go(lab: LintedLab) -> None:
    """The other end takes its window back (it should not), and the guest goes on."""
    play(
        lab,
        f"""
        {OPEN}
        > P. 1:1001(1000) ack 1
        +0.02 < . 1:1(0) ack 1001 win 0
        +1 > P. 1001:2001(1000) ack 1
        """,
    )


@clean("TCP051")
def probes_a_window_that_went(lab: LintedLab) -> None:
    """The byte lies within what the other end allowed before."""
    play(
        lab,
        f"""
        {OPEN}
        > P. 1:1001(1000) ack 1
        +0.02 < . 1:1(0) ack 1001 win 0
        +1 > . 1001:1002(1) ack 1
        """,
    )


PROBED = f"""
    {SMALL_WINDOW}
    +0.02 < . 1:1(0) ack 1001 win 0
    +0.3 > . 1000:1000(0) ack 1
    < . 1:1(0) ack 1001 win 0
    +0.6 > P. 1001:1002(1) ack 1
    < . 1:1(0) ack 1001 win 0
    +1.2 > P. 1001:1002(1) ack 1
    < . 1:1(0) ack 1002 win 5000
    > P. 1002:2462(1460) ack 1
    +0.02 < . 1:1(0) ack 2462 win 3540
"""


@example("TCP052")
def waits_for_the_window_to_open(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {SMALL_WINDOW}
        +0.02 < . 1:1(0) ack 1001 win 0
        +30 < . 1:1(0) ack 1001 win 5000
        > P. 1001:2001(1000) ack 1
        """,
    )


@example("TCP052")
def waits_from_the_syn_ack_on(lab: LintedLab) -> None:
    """The window of the SYN-ACK is 0."""
    play(
        lab,
        """
        > S 0:0(0) win 65535 <mss 1460>
        < S. 0:0(0) ack 1 win 0 <mss 1460>
        > . 1:1(0) ack 1 win 65535
        +30 < . 1:1(0) ack 1 win 5000
        > P. 1:1001(1000) ack 1
        """,
    )


def small_window(*, sent: str = "", then: str = "> P. 1001:2001(1000) ack 1") -> str:
    """Of 300 bytes for half a minute; then it opens."""
    return f"""
        {SMALL_WINDOW}
        +0.02 < . 1:1(0) ack 1001 win 300
        {sent}
        +20 < . 1:1(0) ack 1001 win 5000
        {then}
    """


@example("TCP052")
def waits_for_room_for_a_segment(lab: LintedLab) -> None:
    play(lab, small_window())


@example("TCP052")
def probes_by_nothing(lab: LintedLab) -> None:
    """An empty segment with the next number asks nothing, so it is not answered."""
    empty = "\n".join(["+5 > . 1001:1001(0) ack 1"] * 5)
    closed = f"{SMALL_WINDOW}\n +0.02 < . 1:1(0) ack 1001 win 0\n {empty}"
    play(lab, f"{closed}\n +5 < . 1:1(0) ack 1001 win 5000\n > P. 1001:2001(1000) ack 1")


@clean("TCP052")
def probes_by_an_old_number(lab: LintedLab) -> None:
    """Or by a byte."""
    for port, probe in enumerate(("> . 1000:1000(0) ack 1", "> P. 1001:1002(1) ack 1"), 50001):
        probes = "\n".join([f"+5 {probe}\n < . 1:1(0) ack 1001 win 0"] * 5)
        closed = f"{SMALL_WINDOW}\n +0.02 < . 1:1(0) ack 1001 win 0\n {probes}"
        opens = f"{closed}\n +5 < . 1:1(0) ack 1001 win 5000\n > P. 1001:2001(1000) ack 1"
        play(lab, opens.replace("1460>", f"1460> port {port}", 1))


@clean("TCP052")
def fills_what_there_is(lab: LintedLab) -> None:
    """Or has nothing to send until then; or no more than would have fitted."""
    some = "+1 > P. 1001:1301(300) ack 1\n +0.01 < . 1:1(0) ack 1301 win 300"
    sent = small_window(sent=some, then="").replace("ack 1001 win 5000", "ack 1301 win 5000")
    play(lab, f"{sent}\n +1 > P. 1301:2301(1000) ack 1")
    later = small_window(then="+1 > P. 1001:2001(1000) ack 1")
    little = small_window(then="> P. 1001:1101(100) ack 1")
    play(lab, later.replace("1460>", "1460> port 50001", 1))
    play(lab, little.replace("1460>", "1460> port 50002", 1))


@clean("TCP052")
def had_nothing_to_send(lab: LintedLab) -> None:
    closed = f"{SMALL_WINDOW}\n +0.02 < . 1:1(0) ack 1001 win 0"
    play(lab, f"{closed}\n +30 < P. 1:6(5) ack 1001 win 5000\n > P. 1001:2001(1000) ack 6")
    play(lab, f"{closed}\n +30 < . 1:1(0) ack 1001 win 5000\n +1 > P. 1001:2001(1000) ack 1")


@example("TCP052")
def probes_once(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {SMALL_WINDOW}
        +0.02 < . 1:1(0) ack 1001 win 0
        +1 > . 1000:1000(0) ack 1
        < . 1:1(0) ack 1001 win 0
        +30 < . 1:1(0) ack 1001 win 5000
        > P. 1001:2001(1000) ack 1
        """,
    )


@clean("TCP052")
def probes_ever_more_seldom(lab: LintedLab) -> None:
    """The window opens half a minute after the last probe, long before the next."""
    probes = "\n".join(
        f"+{2**n} > . 1000:1000(0) ack 1\n < . 1:1(0) ack 1001 win 0" for n in range(6)
    )
    closed = f"{SMALL_WINDOW}\n +0.02 < . 1:1(0) ack 1001 win 0\n {probes}"
    play(lab, f"{closed}\n +40 < . 1:1(0) ack 1001 win 5000\n > P. 1001:2001(1000) ack 1")


@clean("TCP050")
@clean("TCP051")
@clean("TCP052")
def probes(lab: LintedLab) -> None:
    play(lab, PROBED)


@example("TCP053")
def does_not_look_at_the_mss(lab: LintedLab) -> None:
    play(
        lab,
        """
        > S 0:0(0) win 65535 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 536>
        > . 1:1(0) ack 1
        > . 1:1461(1460) ack 1
        """,
    )


@example("TCP053")
def forgets_the_options(lab: LintedLab) -> None:
    play(lab, f"{OPEN_STAMPS}\n > . 1:1461(1460) ack 1 <TS val 120 ecr 700>")


@example("TCP053")
def forgets_the_options_and_cuts_the_packet(lab: LintedLab) -> None:
    """Behind the options 1,460 bytes do not fit the MTU, so IPv4 sends fragments."""
    play(lab, f"{OPEN_STAMPS}\n > . 1:1461(1460) ack 1 <TS val 120 ecr 700> cut 1480")


@clean("TCP053")
def cuts_what_the_mss_allows(lab: LintedLab) -> None:
    play(lab, f"{OPEN_STAMPS}\n > . 1:1449(1448) ack 1 <TS val 120 ecr 700> cut 800")


@clean("TCP053")
def fills_segments(lab: LintedLab) -> None:
    play(lab, f"{OPEN_STAMPS}\n > . 1:1449(1448) ack 1 <TS val 120 ecr 700>")
    play(lab, f"{OPEN}\n > . 1:1461(1460) ack 1")


@example("TCP054")
def counts_an_acknowledgement(lab: LintedLab) -> None:
    """The acknowledgement takes a number, so byte 1 is never sent."""
    play(
        lab,
        f"""
        {OPEN}
        > P. 2:102(100) ack 1
        +1 > P. 2:102(100) ack 1
        < . 1:1(0) ack 1
        +3 > P. 2:102(100) ack 1
        """,
    )


@example("TCP054")
def leaves_a_number_out_before_its_fin(lab: LintedLab) -> None:
    """The other end waits for a byte in between, and the FIN comes again and again."""
    again = "\n".join(f"+{2**n} > F. 102:102(0) ack 1\n < . 1:1(0) ack 101" for n in range(4))
    play(lab, f"{OPEN}\n > P. 1:101(100) ack 1\n < . 1:1(0) ack 101\n {again}")


@clean("TCP054")
def sends_its_last_byte_before_its_fin(lab: LintedLab) -> None:
    """It was lost before it could be seen, and the FIN comes again behind it."""
    fin = "> F. 102:102(0) ack 1"
    last = f"+1 > P. 101:102(1) ack 1\n +3 {fin}\n < . 1:1(0) ack 103"
    play(lab, f"{OPEN}\n > P. 1:101(100) ack 1\n < . 1:1(0) ack 101\n {fin}\n {last}")


@clean("TCP054")
def probes_by_its_last_segment(lab: LintedLab) -> None:
    """All of its data were lost before they could be seen, and its time-out is long, as the
    handshake was: so it sends its last segment first (RFC 8985 7.3)."""
    fin = "> F. 2001:2001(0) ack 1"
    play(lab, f"{OPEN}\n {fin}\n +3.5 {fin}\n +1 > . 1:1461(1460) ack 1\n +3.5 {fin}")


@clean("TCP054")
def mends_an_earlier_loss_first(lab: LintedLab) -> None:
    """Byte 1 was lost behind the card, bytes 1461 to 2001 before they could be seen."""
    first = "> . 1:1461(1460) ack 1"
    play(lab, f"{OPEN}\n {first}\n > F. 2001:2001(0) ack 1\n +1 {first}\n +2.5 {first}")


@clean("TCP054")
def sends_what_was_lost(lab: LintedLab) -> None:
    """A frame was lost before it could be seen, and comes again."""
    play(
        lab,
        f"""
        {OPEN}
        > P. 101:201(100) ack 1
        < . 1:1(0) ack 1
        +1 > P. 1:101(100) ack 1
        < . 1:1(0) ack 201
        +5 > P. 201:301(100) ack 1
        > . 401:401(0) ack 1
        < . 1:1(0) ack 401
        +5 > P. 401:501(100) ack 1
        """,
    )


CLOSING = f"""
    {OPEN}
    > P. 1:101(100) ack 1
    > F. 101:101(0) ack 1
"""


@example("TCP055")
def goes_on_after_its_end(lab: LintedLab) -> None:
    play(lab, f"{CLOSING}\n > P. 102:152(50) ack 1")


@example("TCP056")
def has_two_ends(lab: LintedLab) -> None:
    play(lab, f"{CLOSING}\n +1 > F. 102:102(0) ack 1")


@clean("TCP055")
@clean("TCP056")
def sends_its_end_again(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {CLOSING}
        +1 > FP. 1:101(100) ack 1
        +2 > F. 101:101(0) ack 1
        < P. 1:101(100) ack 102
        > . 102:102(0) ack 101
        """,
    )


@example("TCP064")
def does_not_count_its_fin(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {CLOSING}
        +0.02 < . 1:1(0) ack 102
        +0.5 < F. 1:1(0) ack 102
        > . 101:101(0) ack 2
        """,
    )


@clean("TCP064")
def counts_its_fin(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {CLOSING}
        +0.02 < . 1:1(0) ack 102
        > . 101:101(0) ack 1
        +0.5 < F. 1:1(0) ack 102
        > . 102:102(0) ack 2
        """,
    )


@clean("TCP064")
@clean("TCP115")
def asks_whether_the_other_end_lives_behind_its_fin(lab: LintedLab) -> None:
    """A program that has closed its half may ask (SO_KEEPALIVE): with the number of the FIN."""
    probes = "\n".join(["+1 > . 101:101(0) ack 1\n +0.01 < . 1:1(0) ack 102"] * 4)
    play(lab, f"{CLOSING}\n +0.02 < . 1:1(0) ack 102\n {probes}")


@example("TCP057")
def cannot_let_go(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > R. 1:1(0) ack 1\n +1 > P. 1:6(5) ack 1")


@example("TCP058")
def does_not_hear_the_reset(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {OPEN}
        > P. 1:6(5) ack 1
        +0.02 < R. 1:1(0) ack 6
        +2 > P. 6:11(5) ack 1
        < R 1:1(0)
        +2 > P. 6:11(5) ack 1
        """,
    )


@example("TCP058")
def does_not_hear_that_it_is_refused(lab: LintedLab) -> None:
    syn = "> S 0:0(0) win 65535 <mss 1460>"
    play(lab, f"{syn}\n < R. 0:0(0) ack 1\n +1 {syn}\n < R. 0:0(0) ack 1\n +2 {syn}")


@clean("TCP058")
def tries_again_from_another_port(lab: LintedLab) -> None:
    syn = "> S 0:0(0) win 65535 <mss 1460>"
    play(lab, f"{syn}\n < R. 0:0(0) ack 1\n +1 {syn} port 50001\n < R. 0:0(0) ack 1 port 50001")


@clean("TCP058")
def loses_one_of_two(lab: LintedLab) -> None:
    """The RST is lost in the guest's card, and the next one is not."""
    syn = "> S 0:0(0) win 65535 <mss 1460>"
    play(lab, f"{syn}\n < R. 0:0(0) ack 1\n +1 {syn}\n < R. 0:0(0) ack 1")


@clean("TCP057")
@clean("TCP058")
def lets_go(lab: LintedLab) -> None:
    """What was on its way already, a reset beside the number, and a new connection."""
    play(lab, f"{OPEN}\n < R. 1:1(0) ack 1\n +0.01 > P. 1:6(5) ack 1")
    play(lab, f"{OPEN}\n < R. 500:500(0) ack 1\n > . 1:1(0) ack 1\n +2 > P. 1:6(5) ack 1")
    play(lab, f"{OPEN}\n > R. 1:1(0) ack 1\n +1 {OPEN.strip()}\n > P. 1:6(5) ack 1")


@example("TCP059")
def explains_its_reset(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > R. 1:11(10) ack 1")


@example("TCP060")
def resets_at_zero(lab: LintedLab) -> None:
    """The guest resets an open connection with sequence number 0 on the wire."""
    play(lab, f"{OPEN}\n > R 294967296:294967296(0)")


@example("TCP061")
def resets_what_the_other_end_closed(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {OPEN}
        > P. 1:101(100) ack 1
        +0.02 < F. 1:1(0) ack 101
        > . 101:101(0) ack 2
        +0.1 > R. 101:101(0) ack 2
        """,
    )


@clean("TCP061")
def closes_with_data_unread(lab: LintedLab) -> None:
    """What it has acknowledged its program may not have read (RFC 1122 4.2.2.13)."""
    play(
        lab,
        f"""
        {OPEN}
        > P. 1:101(100) ack 1
        +0.02 < P. 1:1001(1000) ack 101
        > . 101:101(0) ack 1001
        +0.02 < F. 1001:1001(0) ack 101
        > . 101:101(0) ack 1002
        +0.1 > R. 101:101(0) ack 1002
        """,
    )
    play(lab, f"{OPEN}\n < FP. 1:11(10) ack 1\n > . 1:1(0) ack 12\n +0.1 > R. 1:1(0) ack 12")


@clean("TCP059")
@clean("TCP060")
@clean("TCP061")
def resets_an_open_connection(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > P. 1:101(100) ack 1\n +0.02 < . 1:1(0) ack 101\n > R. 101:101(0) ack 1")
    play(lab, f"{OPEN_SACK}\n > P. 1:101(100) ack 1\n +0.02 < P. 1:6(5) ack 101\n > R 101:101(0)")


@example("TCP062")
def sends_byte_by_byte(lab: LintedLab) -> None:
    """Sixty bytes in sixty segments, and nobody has answered the first."""
    bytes_ = "\n".join(f"> P. {at}:{at + 1}(1) ack 1" for at in range(1, 61))
    play(lab, f"{OPEN}\n{bytes_}")


@clean("TCP062")
def waits_for_each_byte(lab: LintedLab) -> None:
    typed = "\n".join(
        f"> P. {at}:{at + 1}(1) ack 1\n +0.02 < . 1:1(0) ack {at + 1}" for at in range(1, 61)
    )
    play(lab, f"{OPEN}\n{typed}")


@clean("TCP054")
def opens_with_data(lab: LintedLab) -> None:
    """What a SYN carried may be acknowledged with it (RFC 7413), or has to go again."""
    for acked, at in ((11, 11), (1, 1)):
        play(
            lab,
            f"""
            > S 0:0(10) win 65535 <mss 1460> isn {at}
            < S. 0:0(0) ack {acked} win 65535 <mss 1460>
            > P. {at}:21(10) ack 1
            +4 > P. {at}:21(10) ack 1
            """,
        )


def asked(flags: str, times: int) -> str:
    return "\n".join(
        f"> {flags} {1 + 10 * at}:{11 + 10 * at}(10) ack {1 + 20 * at}\n"
        f"+0.02 < P. {1 + 20 * at}:{21 + 20 * at}(20) ack {11 + 10 * at}"
        for at in range(times)
    )


@example("TCP063")
def never_pushes(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n{asked('.', 5)}")


@example("TCP063")
def asks_once_in_each_connection(lab: LintedLab) -> None:
    """A FIN does for PSH, and says nothing of it."""
    play(lab, f"{OPEN}\n > F. 1:6(5) ack 1")
    for port in range(50001, 50006):
        ends = f"<mss 1460> port {port} isn {port**2}"
        play(lab, OPEN.replace("<mss 1460>", ends, 1) + asked(".", 1))


@clean("TCP063")
def has_more_than_the_window_takes(lab: LintedLab) -> None:
    """What ends with the window is not the last of what the program has written."""
    asked = "\n".join(
        f"> . {at}:{at + 100}(100) ack {n}\n < P. {n}:{n + 1}(1) ack {at + 100} win 100"
        for n, at in enumerate(range(1, 501, 100), 1)
    )
    opening = OPEN.replace("ack 1 win 65535", "ack 1 win 100", 1)
    play(lab, f"{opening}\n {asked}")


@clean("TCP063")
def has_a_small_mtu(lab: LintedLab) -> None:
    """Its segments are full with 256 bytes, and the other end asks while it sends on."""
    asked = "\n".join(
        f"> . {at}:{at + 256}(256) ack {n}\n < P. {n}:{n + 1}(1) ack {at + 256}"
        for n, at in enumerate(range(1, 5 * 256, 256), 1)
    )
    play(lab, f"{OPEN.replace('<mss 1460>', '<mss 256>', 1)}\n {asked}")


@clean("TCP063")
def pushes(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n{asked('P.', 5)}")


def sends_in_fours(lab: LintedLab, order: tuple[int, ...], pause: float, *heard: str) -> None:
    """Bursts of four segments; what is heard comes in front of the last one."""
    lines = [OPEN]
    for burst in range(4):
        base, *starts = (1 + (4 * burst + at) * 1000 for at in (0, *order))
        for number, start in enumerate(starts):
            if number == 2:
                lines += [f"< . 1:1(0) ack {base}" for _ in heard]
            wait = f"+{pause} " if number == 2 else ""
            lines.append(f"{wait}> . {start}:{start + 1000}(1000) ack 1")
        lines.append(f"+0.1 < . 1:1(0) ack {base + 4000}")
    play(lab, "\n".join(lines))


@example("ETH031")
def lets_frames_overtake(lab: LintedLab) -> None:
    """The guest's driver exchanges the second and the third frame of each four."""
    sends_in_fours(lab, (0, 2, 1, 3), 0.0)


@clean("ETH031")
def sends_in_order(lab: LintedLab) -> None:
    sends_in_fours(lab, (0, 1, 2, 3), 0.0)


@clean("ETH031")
def loses_frames_in_its_queue(lab: LintedLab) -> None:
    """What is missing comes when its time is over, or when it was asked for."""
    sends_in_fours(lab, (0, 2, 1, 3), 0.3)
    sends_in_fours(lab, (0, 2, 1, 3), 0.001, "once")


@clean("TCP052")
@clean("TCP054")
def has_nothing_to_send_while_the_window_is_closed(lab: LintedLab) -> None:
    """It acknowledges what comes meanwhile, and answers when that is whole."""
    came = "".join(
        f"""
        +1 < P. {start}:{start + 100}(100) ack 1001 win 0
        +0.001 > . 1001:1001(0) ack {start + 100}
        """
        for start in range(1, 1501, 100)
    )
    play(
        lab,
        f"""
        {SMALL_WINDOW}
        +0.02 < . 1:1(0) ack 1001 win 0
        {came}
        +0.02 < . 1501:1501(0) ack 1001 win 5000
        +0.001 > P. 1001:1101(100) ack 1501
        """,
    )
