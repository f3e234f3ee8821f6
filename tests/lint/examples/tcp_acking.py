"""How a guest's TCP takes what comes to it."""

from __future__ import annotations

import re

from pynat.testing.linted import LintedLab
from tests.frames import ping
from tests.lint.examples import clean, example
from tests.lint.play import ACCEPTED, OPEN, OPEN_SACK, OPEN_STAMPS, play


@example("TCP080")
def counts_the_padding(lab: LintedLab) -> None:
    """One byte came in a frame padded to 60 bytes; the guest acknowledges six."""
    play(lab, f"{OPEN}\n < P. 1:2(1) ack 1\n > . 1:1(0) ack 7")


@example("TCP080")
def swaps_the_bytes_of_its_acknowledgement(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > P. 1:6(5) ack 1 raw 3251595776")


@clean("TCP080")
def acknowledges_what_came(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n < P. 1:2(1) ack 1\n > . 1:1(0) ack 2")
    play(lab, f"{OPEN}\n < F. 1:1(0) ack 1\n > . 1:1(0) ack 2")


@clean("TCP080")
def acknowledges_the_syn(lab: LintedLab) -> None:
    play(lab, ACCEPTED)


@example("TCP081")
def goes_back(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {OPEN}
        < P. 1:101(100) ack 1
        > . 1:1(0) ack 101
        < P. 101:201(100) ack 1
        > P. 1:11(10) ack 1
        """,
    )


@clean("TCP081")
def sends_an_old_segment_again(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {OPEN}
        > P. 1:11(10) ack 1
        < P. 1:101(100) ack 1
        > . 11:11(0) ack 101
        +1 > P. 1:11(10) ack 1
        """,
    )


def closed_thrice(ack: int) -> str:
    lines = f"< F. 101:101(0) ack 1\n > . 1:1(0) ack {ack}\n"
    return f"{OPEN}\n < P. 1:101(100) ack 1\n > . 1:1(0) ack 101\n{lines} +1 {lines} +2 {lines}"


@example("TCP082")
def does_not_count_the_fin(lab: LintedLab) -> None:
    play(lab, closed_thrice(101))


FIN_AGAIN = "".join(f"+{2**n} < F. 101:101(0) ack 1\n" for n in range(4))


@example("TCP082")
def does_not_count_the_fin_and_is_silent_then(lab: LintedLab) -> None:
    """It has answered the first one, by the FIN's own number."""
    play(lab, f"{OPEN}\n < FP. 1:101(100) ack 1\n > . 1:1(0) ack 101\n {FIN_AGAIN}")
    lab.look(ping("192.0.2.7"), from_guest=True)
    lab.end()


@clean("TCP082")
def never_sees_the_fin(lab: LintedLab) -> None:
    """It has acknowledged what came before."""
    play(lab, f"{OPEN}\n < P. 1:101(100) ack 1\n > . 1:1(0) ack 101\n {FIN_AGAIN}")
    lab.look(ping("192.0.2.7"), from_guest=True)
    lab.end()


def closed_by_both(lab: LintedLab) -> None:
    """The guest answers the text of FIN's segment by its own FIN, and then no more."""
    play(lab, f"{OPEN}\n < FP. 1:101(100) ack 1\n > F. 1:1(0) ack 101\n < . 102:102(0) ack 2")
    play(lab, FIN_AGAIN.replace("ack 1", "ack 2"))
    lab.look(ping("192.0.2.7"), from_guest=True)


@example("TCP082")
def leaves_the_fin_to_nobody(lab: LintedLab) -> None:
    closed_by_both(lab)
    play(lab, "+16 < F. 101:101(0) ack 2")
    lab.end()


@clean("TCP082")
def makes_way_after_its_fin(lab: LintedLab) -> None:
    """As iPXE does, for the program that it has fetched."""
    closed_by_both(lab)
    lab.end()


@clean("TCP082")
def takes_the_text_before_the_fin(lab: LintedLab) -> None:
    """Both come at last in one segment of which it saw no copy before."""
    play(lab, f"{OPEN}\n" + "+1 < FP. 1:101(100) ack 1\n" * 3)
    play(lab, "+0.001 > . 1:1(0) ack 101\n +0.001 > . 1:1(0) ack 102")


@clean("TCP082")
def counts_the_fin(lab: LintedLab) -> None:
    play(lab, closed_thrice(102))


@example("TCP083")
def takes_window_back(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {OPEN}
        < P. 1:101(100) ack 1 win 65535
        +0.001 > . 1:1(0) ack 101 win 8000
        """,
    )


SCALED = """
    > S 0:0(0) win 6000 <mss 1460,nop,wscale 2>
    < S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 7>
"""


@example("TCP141")
def does_not_shift(lab: LintedLab) -> None:
    """It has 6,000 bytes of room, and says so in bytes though it has announced a shift."""
    filled = "< . 1:1449(1448) ack 1 win 512\n +0.001 > . 1:1(0) ack 1449 win 4552"
    play(lab, f"{SCALED} > . 1:1(0) ack 1 win 6000\n {filled}")


@example("TCP083")
def shifts_what_was_not_agreed(lab: LintedLab) -> None:
    script = f"{SCALED} > . 1:1(0) ack 1 win 1500".replace("65535 <mss 1460,nop,wscale 7>", "65535")
    play(lab, script.replace("> . 1:1", "+0.001 > . 1:1"))


@clean("TCP083")
@clean("TCP141")
def shifts_as_agreed(lab: LintedLab) -> None:
    filled = "< . 1:1449(1448) ack 1 win 512\n +0.001 > . 1:1(0) ack 1449 win 1138"
    play(lab, f"{SCALED} > . 1:1(0) ack 1 win 1500\n {filled}")


@clean("TCP083")
def lets_the_window_fill(lab: LintedLab) -> None:
    """The window shrinks by what came; with a scale it is rounded."""
    play(lab, f"{OPEN}\n < P. 1:101(100) ack 1\n > . 1:1(0) ack 101 win 65435")
    play(
        lab,
        """
        > S 0:0(0) win 64240 <mss 1460,nop,wscale 7>
        < S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 7>
        > . 1:1(0) ack 1 win 501
        < P. 1:101(100) ack 1 win 512
        > . 1:1(0) ack 101 win 500
        > R. 1:1(0) ack 101 win 0
        """,
    )


@clean("TCP083")
def is_read_in_another_order(lab: LintedLab) -> None:
    """Two frames were read together, and a queue of the guest's has changed their places."""
    play(lab, f"{OPEN}\n < P. 1:101(100) ack 1\n > . 1:1(0) ack 101\n > . 1:1(0) ack 101 win 65435")


@example("TCP083")
def takes_it_all_back(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n < P. 1:101(100) ack 1\n +0.001 > . 1:1(0) ack 101 win 0")


@clean("TCP083")
@example("TCP096")
def has_no_memory(lab: LintedLab) -> None:
    """The second segment finds no room, and is there again when the program has read."""
    play(
        lab,
        f"""
        {OPEN}
        < . 1:1461(1460) ack 1
        < . 1461:2921(1460) ack 1
        > . 1:1(0) ack 1461 win 0
        +0.5 > . 1:1(0) ack 1461 win 65535
        < . 1461:2921(1460) ack 1
        > . 1:1(0) ack 2921 win 64075
        """,
    )


@clean("TCP096")
def has_taken_all(lab: LintedLab) -> None:
    """The window is full to the last byte; what comes then was not asked for."""
    play(
        lab,
        """
        > S 0:0(0) win 1460 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 1 win 1460
        < . 1:1461(1460) ack 1
        > . 1:1(0) ack 1461 win 0
        +1 < . 1461:1462(1) ack 1
        > . 1:1(0) ack 1461 win 0
        """,
    )


def opened_by(step: int, *, times: int = 4) -> str:
    """A window of 3000 bytes is filled, and opens again."""
    steps = "\n".join(f"+0.01 > . 1:1(0) ack 3001 win {step * at}" for at in range(1, times + 1))
    return f"""
        > S 0:0(0) win 3000 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 1 win 3000
        < . 1:1461(1460) ack 1
        < . 1461:2921(1460) ack 1
        < P. 2921:3001(80) ack 1
        > . 1:1(0) ack 3001 win 0
        {steps}
    """


@example("TCP084")
def opens_its_window_byte_by_byte(lab: LintedLab) -> None:
    play(lab, opened_by(10))


@clean("TCP084")
def opens_its_window_by_segments(lab: LintedLab) -> None:
    play(lab, opened_by(1460))


@clean("TCP084")
def opens_its_window_by_segments_with_timestamps(lab: LintedLab) -> None:
    """Of 1460 bytes 12 are options: its segments have 1448."""
    asked = "\n".join(
        f"+0.01 > . 1:1(0) ack {at} win 1448 <TS val {at} ecr 700>\n"
        f"< . {at}:{at + 1448}(1448) ack 1 <TS val 700 ecr {at}>\n"
        f"+0.01 > . 1:1(0) ack {at + 1448} win 0 <TS val {at} ecr 700>"
        for at in range(1, 5 * 1448, 1448)
    )
    opening = OPEN_STAMPS.replace("win 65535 <TS", "win 1448 <TS").replace(
        "win 65535", "win 3000", 1
    )
    play(lab, f"{opening}\n {asked}")


@clean("TCP084")
def opens_its_window_by_segments_rounded_down(lab: LintedLab) -> None:
    """1408 is 11 times 128, and 1460 is not divisible by that."""
    asked = "\n".join(
        f"+0.01 > . 1:1(0) ack {at} win 11\n < . {at}:{at + 1408}(1408) ack 1\n"
        f"+0.01 > . 1:1(0) ack {at + 1408} win 0"
        for at in range(1, 5 * 1408, 1408)
    )
    scaled = OPEN.replace("<mss 1460>", "<mss 1460,nop,wscale 7>")
    play(lab, f"{scaled.replace('ack 1 win 65535', 'ack 1 win 11')}\n {asked}")


@clean("TCP084")
def opens_a_small_window_twice(lab: LintedLab) -> None:
    play(lab, opened_by(10, times=2))


def answered_after(wait: float, *, times: int, size: int = 100, step: int = 1) -> str:
    lines = []
    at = 1
    for _ in range(times):
        for _ in range(step):
            lines.append(f"< P. {at}:{at + size}({size}) ack 1")
            at += size
        lines.append(f"+{wait} > . 1:1(0) ack {at}")
    return OPEN + "\n".join(lines)


@example("TCP085")
def takes_a_second_to_acknowledge(lab: LintedLab) -> None:
    play(lab, answered_after(1, times=3))


@clean("TCP085")
def repeats_itself_while_it_owes_an_acknowledgement(lab: LintedLab) -> None:
    """It is late once, however often it says so."""
    play(
        lab,
        f"""
        {OPEN}
        < P. 1:101(100) ack 1
        +0.7 > . 1:1(0) ack 1
        < P. 101:201(100) ack 1
        +0.7 > . 1:1(0) ack 1
        < P. 201:301(100) ack 1
        +0.7 > . 1:1(0) ack 1
        +0.1 > . 1:1(0) ack 301
        """,
    )


@clean("TCP085")
def delays_acknowledgements(lab: LintedLab) -> None:
    play(lab, answered_after(0.5, times=10))


@clean("TCP085")
def did_not_get_the_first(lab: LintedLab) -> None:
    copies = "< P. 1:101(100) ack 1\n +0.4 < P. 1:101(100) ack 1\n +0.4 > . 1:1(0) ack 101"
    play(lab, OPEN + copies)


@example("TCP086")
def acknowledges_by_timer_only(lab: LintedLab) -> None:
    """Four full segments each time, and the guest waits for its delayed acknowledgement."""
    play(lab, answered_after(0.2, times=8, size=1460, step=4))


@example("TCP086")
def acknowledges_each_twentieth(lab: LintedLab) -> None:
    """They come one by one, so that no card can have put them together."""
    play(lab, OPEN + by_count([20] * 10))


@clean("TCP086")
def acknowledges_many_at_once(lab: LintedLab) -> None:
    play(lab, answered_after(0.001, times=10, size=1460, step=10))
    play(lab, answered_after(0.2, times=10, size=1460, step=1))


@clean("TCP086")
def has_a_reason_to_wait(lab: LintedLab) -> None:
    """Its card puts them together; each second is acknowledged; its program does not read, or reads
    now and then; it looks for frames now and then."""
    scripts = (
        by_count([20] * 20, gap=0.0),
        by_count([2] * 20),
        by_count([20] * 20, read=False),
        by_count([20, 20, 20, 19] * 5),
        by_count([20] * 20, late=0.006),
    )
    for number, script in enumerate(scripts):
        play(lab, OPEN.replace("1460>", f"1460> port {50_000 + number}", 1) + script)


def by_count(counts: list[int], gap: float = 0.002, late: float = 0, *, read: bool = True) -> str:
    """So many full segments before each acknowledgement."""
    lines, at = [], 1
    for count in counts:
        for _ in range(count):
            lines.append(f"+{gap} < . {at}:{at + 1460}(1460) ack 1")
            at += 1460
        window = 65_535 if read else 65_535 - at // 20
        lines.append(f"+{late} > . 1:1(0) ack {at} win {window}")
    return "\n".join(lines)


def out_of_order(wait: float) -> str:
    lines = "".join(
        f"< P. {at + 100}:{at + 200}(100) ack 1\n +{wait} > . 1:1(0) ack {at}\n"
        f"< P. {at}:{at + 100}(100) ack 1\n > . 1:1(0) ack {at + 200}\n"
        for at in (1, 201, 401)
    )
    return f"{OPEN}\n{lines}"


@example("TCP087")
def is_silent_about_gaps(lab: LintedLab) -> None:
    play(lab, out_of_order(0.5))


@clean("TCP087")
def tells_of_gaps(lab: LintedLab) -> None:
    play(lab, out_of_order(0.001))


ACKED = f"""
    {OPEN}
    > P. 1:6(5) ack 1
    +0.02 < . 1:1(0) ack 6
"""


@example("TCP088")
def answers_each_acknowledgement(lab: LintedLab) -> None:
    play(lab, f"{ACKED}" + "> . 6:6(0) ack 1\n +0.01 < . 1:1(0) ack 6\n" * 3 + "> . 6:6(0) ack 1")


@clean("TCP088")
def has_something_to_say(lab: LintedLab) -> None:
    """Answers to keep-alive probes, window updates, and what came twice."""
    probes = "+60 < . 0:0(0) ack 6\n > . 6:6(0) ack 1\n" * 5
    twice = "< P. 1:6(5) ack 6\n > . 6:6(0) ack 6\n" * 5
    play(lab, f"{ACKED}{probes}{twice}")
    play(lab, ACKED + "> . 6:6(0) ack 1\n" * 5)


@example("TCP089")
def sacks_unasked(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n < P. 101:201(100) ack 1\n > . 1:1(0) ack 1 <nop,nop,sack 101:201>")


@example("TCP090")
def sacks_what_it_acknowledged(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {OPEN_SACK}
        < P. 1:101(100) ack 1
        < P. 201:301(100) ack 1
        > . 1:1(0) ack 101 <nop,nop,sack 201:301 1:101>
        """,
    )


@example("TCP090")
def sacks_what_never_came(lab: LintedLab) -> None:
    play(lab, f"{OPEN_SACK}\n < P. 101:201(100) ack 1\n > . 1:1(0) ack 1 <nop,nop,sack 101:301>")


@example("TCP090")
def sacks_what_it_waits_for(lab: LintedLab) -> None:
    """The first block begins at the acknowledgement, so covers the hole."""
    play(lab, f"{OPEN_SACK}\n < P. 101:201(100) ack 1\n > . 1:1(0) ack 1 <nop,nop,sack 1:201>")


@example("TCP090")
def sacks_by_other_numbers(lab: LintedLab) -> None:
    """They count from another one than those of the segments."""
    lost = "\n".join(
        f"< P. {at}:{at + 100}(100) ack 1\n > . 1:1(0) ack 1 <nop,nop,sack -2000:{at - 1999}>"
        for at in (101, 201, 301)
    )
    play(lab, f"{OPEN_SACK}\n {lost}")


@clean("TCP090")
def says_that_a_syn_ack_came_twice(lab: LintedLab) -> None:
    again = "< S. 0:0(0) ack 1 win 65535 <mss 1460,nop,nop,sackOK>"
    answer = "> . 1:1(0) ack 1 <nop,nop,sack 0:1>"
    play(lab, "\n".join([OPEN_SACK, *[f"{again}\n {answer}"] * 4]))


def read_by(size: int, *, count: int = 30, wait: float = 0.0001, copies: int = 0) -> str:
    """A program that reads so many bytes at once. The data may have come again before."""
    opening = OPEN.replace("win 65535", "win 20000")
    lines = [opening, "< P. 1:1461(1460) ack 1", "> . 1:1(0) ack 1461 win 18540"]
    lines += ["< P. 1:1461(1460) ack 1"] * copies
    lines += (f"+{wait} > . 1:1(0) ack 1461 win {18540 + n * size}" for n in range(1, count + 1))
    return "\n".join(lines)


@example("TCP084")
def tells_of_each_byte(lab: LintedLab) -> None:
    play(lab, read_by(1))


@clean("TCP084")
def tells_of_segments(lab: LintedLab) -> None:
    """Or of little, and seldom; or answers copies."""
    play(lab, read_by(1460, count=24))
    play(lab, read_by(1, wait=0.1).replace("1460>", "1460> port 50001", 1))
    play(lab, read_by(0, copies=30).replace("1460>", "1460> port 50002", 1))


def closed_hole(*, blocks: str = "", copies: bool = False) -> str:
    """One segment was lost and came again; then each acknowledgement has the block, or answers a
    copy of it."""
    script = f"""
        {OPEN_SACK}
        < P. 101:201(100) ack 1
        > . 1:1(0) ack 1 <nop,nop,sack 101:201>
        < P. 1:101(100) ack 1
        > . 1:1(0) ack 201{blocks}
    """
    for at in (201, 301, 401):
        copy = "< P. 101:201(100) ack 1\n" if copies else ""
        script += f"{copy} < P. {at}:{at + 100}(100) ack 1\n > . 1:1(0) ack {at + 100}{blocks}\n"
    return script


STALE = " <nop,nop,sack 101:201>"


@example("TCP090")
def keeps_the_block_of_a_closed_hole(lab: LintedLab) -> None:
    play(lab, closed_hole(blocks=STALE))


@clean("TCP090")
def says_what_came_twice(lab: LintedLab) -> None:
    play(lab, closed_hole(blocks=STALE, copies=True).replace(f"201{STALE}", "201", 1))
    play(lab, closed_hole().replace("1460,", "1460,nop,nop,"))


@clean("TCP089")
@clean("TCP090")
def sacks_what_came(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {OPEN_SACK}
        < P. 101:201(100) ack 1
        > . 1:1(0) ack 1 <nop,nop,sack 101:201>
        < P. 301:401(100) ack 1
        > . 1:1(0) ack 1 <nop,nop,sack 301:401 101:201>
        < P. 1:101(100) ack 1
        > . 1:1(0) ack 201 <nop,nop,sack 301:401>
        < P. 1:101(100) ack 1
        > . 1:1(0) ack 201 <nop,nop,sack 1:101 301:401>
        """,
    )


@example("TCP091")
def stamps_unasked(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > P. 1:6(5) ack 1 <TS val 120 ecr 0>")


@clean("TCP091")
def stamps_nothing(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > P. 1:6(5) ack 1")


@example("TCP092")
def stamps_only_the_syn(lab: LintedLab) -> None:
    play(lab, f"{OPEN_STAMPS}\n > P. 1:6(5) ack 1")


@example("TCP093")
def has_a_clock_that_goes_back(lab: LintedLab) -> None:
    play(lab, f"{OPEN_STAMPS}\n > P. 1:6(5) ack 1 <TS val 90 ecr 700>")


@example("TCP094")
def swaps_the_bytes_of_the_echo(lab: LintedLab) -> None:
    """700 is 0x000002bc, the guest echoes 0xbc020000."""
    play(lab, f"{OPEN_STAMPS}\n > P. 1:6(5) ack 1 <TS val 120 ecr 3154247680>")


@clean("TCP091")
@clean("TCP092")
@clean("TCP093")
@clean("TCP094")
def stamps(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {OPEN_STAMPS}
        > P. 1:6(5) ack 1 <TS val 120 ecr 700>
        < P. 1:6(5) ack 6 <TS val 800 ecr 120>
        > . 6:6(0) ack 6 <TS val 120 ecr 800>
        +1 > P. 6:11(5) ack 6 <TS val 1120 ecr 700>
        +1 > P. 6:11(5) ack 6 <TS val 120 ecr 800>
        > R 11:11(0)
        """,
    )


def echoed(*echoes: int, behind: int = 0) -> str:
    """Segments with timestamps of a second each. The last one may not be acknowledged, as a guest
    does that answers before it looks at the data."""
    script = f"{OPEN_STAMPS}\n"
    for count, echo in enumerate(echoes):
        at = 1 + 100 * count
        ack = max(1, at + 100 * (1 - behind))
        script += f"+1 < P. {at}:{at + 100}(100) ack 1 <TS val {1000 * count + 1700} ecr 110>\n"
        script += f"> . 1:1(0) ack {ack} <TS val {1000 * count + 1110} ecr {echo}>\n"
    return script


@example("TCP142")
def echoes_the_syns_timestamp(lab: LintedLab) -> None:
    play(lab, echoed(700, 700, 700, 700))


@clean("TCP142")
def echoes_what_came(lab: LintedLab) -> None:
    """The one of the first of two segments, where an acknowledgement waits for the second."""
    play(lab, echoed(1700, 2700, 3700, 4700))
    lines = echoed(1700, 1700, 3700, 3700, 5700, 5700).splitlines()
    waits = [line for line in lines if not re.search(r"> .* ack (101|301|501) ", line)]
    play(lab, "\n".join(waits).replace("1460,", "1460,nop,nop,"))


@clean("TCP142")
def is_one_segment_behind(lab: LintedLab) -> None:
    """No segment begins at the last acknowledgement, as RFC 7323 4.3 has it: none is kept."""
    play(lab, echoed(700, 700, 700, 700, 700, behind=1))


@clean("TCP142")
def is_sent_segments_that_others_overtake(lab: LintedLab) -> None:
    """An acknowledgement comes before the data that were sent before it."""
    script = f"{OPEN_STAMPS}\n"
    for at in range(1, 1001, 200):
        ours = f"> . 1:1(0) ack {at + 100} <TS val 200 ecr {1000 + at}>"
        script += f"""
            +0.1 < P. {at}:{at + 100}(100) ack 1 <TS val {1000 + at} ecr 110>
            < . {at + 200}:{at + 200}(0) ack 1 <TS val {1009 + at} ecr 110>
            {ours}
            < P. {at + 100}:{at + 200}(100) ack 1 <TS val {1005 + at} ecr 110>
            > . 1:1(0) ack {at + 200} <TS val 200 ecr {1005 + at}>
        """
    play(lab, script)


@example("TCP095")
def acknowledges_what_was_lost(lab: LintedLab) -> None:
    """The second of three segments is lost on its way."""
    lost = "< . 1:1461(1460) ack 1\n < . 2921:4381(1460) ack 1"
    play(lab, f"{OPEN}\n {lost}\n > . 1:1(0) ack 4381")


@example("TCP095")
def acknowledges_first_what_came(lab: LintedLab) -> None:
    lost = "< . 1:1461(1460) ack 1\n < . 2921:4381(1460) ack 1"
    play(lab, f"{OPEN}\n {lost}\n > . 1:1(0) ack 1461\n > . 1:1(0) ack 4381")


SPOILT = f"{OPEN}\n < . 1:1461(1460) ack 1\n < . 1461:2921(1460) ack 1 sum 7"


@example("TCP080")
def takes_the_last_one_spoilt(lab: LintedLab) -> None:
    """The guest does not look at the checksum of a segment."""
    play(lab, f"{SPOILT}\n > . 1:1(0) ack 2921")


@example("TCP095")
def takes_one_spoilt(lab: LintedLab) -> None:
    """The guest does not look at the checksum of a segment, and more came behind that."""
    play(lab, f"{SPOILT}\n < . 2921:4381(1460) ack 1\n > . 1:1(0) ack 4381")


@clean("TCP095")
def waits_for_what_was_lost(lab: LintedLab) -> None:
    play(
        lab,
        f"""
        {OPEN}
        < . 1:1461(1460) ack 1
        < . 2921:4381(1460) ack 1
        > . 1:1(0) ack 1461
        +0.2 < F. 4381:4381(0) ack 1
        > . 1:1(0) ack 1461
        +0.2 < . 1461:2921(1460) ack 1
        > . 1:1(0) ack 4382
        """,
    )


@clean("TCP095")
def takes_what_goes_beyond_its_window(lab: LintedLab) -> None:
    """It had room by then, and may take it (RFC 9293 3.10.7.4)."""
    play(
        lab,
        """
        > S 0:0(0) win 2000 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 1 win 2000
        < . 101:1561(1460) ack 1
        > . 1:1(0) ack 1 win 2000
        < . 1:101(100) ack 1
        < . 1561:2861(1300) ack 1
        > . 1:1(0) ack 1561 win 3000
        < . 2861:4321(1460) ack 1
        > . 1:1(0) ack 4321 win 3000
        """,
    )


@clean("TCP095")
def has_more_room_than_a_scaled_window_says(lab: LintedLab) -> None:
    """Of its last 780 bytes of room the window says nothing: 1024 is the least that it can."""
    play(
        lab,
        """
        > S 0:0(0) win 1024 <mss 1460,nop,wscale 10>
        < S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 7>
        > . 1:1(0) ack 1 win 1
        < . 1:245(244) ack 1
        < . 489:733(244) ack 1
        > . 1:1(0) ack 245 win 0
        < . 245:489(244) ack 1
        > . 1:1(0) ack 733 win 0
        """,
    )


@example("TCP080")
def counts_the_padding_of_an_acknowledgement(lab: LintedLab) -> None:
    """A segment of 40 bytes has 6 of padding behind it in the shortest frame."""
    play(lab, f"{ACKED}\n > . 6:6(0) ack 7")


@example("TCP080")
def counts_the_syn_twice(lab: LintedLab) -> None:
    play(lab, OPEN.replace("> . 1:1(0) ack 1", "> . 1:1(0) ack 2"))


@example("TCP080")
def counts_the_syn_twice_that_it_accepts(lab: LintedLab) -> None:
    play(lab, ACCEPTED.replace("> S. 0:0(0) ack 1", "> S. 0:0(0) ack 2"))


@example("TCP080")
def swaps_the_acknowledgement_of_a_syn(lab: LintedLab) -> None:
    """Which is 0x01020304 on the wire."""
    syn = "< S 0:0(0) win 65535 <mss 1460> isn 16909060"
    play(lab, f"{syn}\n > S. 0:0(0) ack 1 win 65535 <mss 1460> raw 84083201")


@example("TCP097")
def swaps_the_window_of_its_syn(lab: LintedLab) -> None:
    """8192 is 0x2000, the guest sends 0x0020."""
    play(lab, "> S 0:0(0) win 32 <mss 1460>")


@example("TCP097")
def swaps_a_window_with_a_scale(lab: LintedLab) -> None:
    """It means 8192 in the SYN and 64, with a shift of 7, afterwards."""
    play(lab, OFFERS_A_SCALE.format(32, 64 << 8))


OFFERS_A_SCALE = """
    > S 0:0(0) win {} <mss 1460,nop,wscale 7>
    < S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 7>
    > . 1:1(0) ack 1 win {}
"""


@example("TCP097")
def swaps_the_window_afterwards(lab: LintedLab) -> None:
    play(lab, OPEN.replace("65535", "8192").replace("ack 1 win 8192\n", "ack 1 win 32\n"))


@example("TCP097")
def swaps_a_window_that_seems_to_shrink(lab: LintedLab) -> None:
    """It means 8191 and 6731 from 1461 on; what it sends reads as 65311 and 19226."""
    filled = "< . 1:1461(1460) ack 1\n +0.001 > . 1:1(0) ack 1461 win 19226"
    opened = OPEN.replace("> S 0:0(0) win 65535", "> S 0:0(0) win 65311")
    play(lab, opened.replace("ack 1 win 65535\n", f"ack 1 win 65311\n {filled}\n"))


@example("TCP097")
def swaps_a_window_that_seems_to_grow(lab: LintedLab) -> None:
    """It has room for three segments, reads none, and takes no fourth: 4380, 2920, 1460, 0."""
    fourth = "+1 < . 4381:5841(1460) ack 1\n > . 1:1(0) ack 4381 win 0\n"
    windows = [int.from_bytes(room.to_bytes(2, "little"), "big") for room in (4380, 2920, 1460)]
    play(
        lab,
        f"""
        > S 0:0(0) win {windows[0]} <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 1 win {windows[0]}
        < . 1:1461(1460) ack 1
        +0.001 > . 1:1(0) ack 1461 win {windows[1]}
        < . 1461:2921(1460) ack 1
        +0.001 > . 1:1(0) ack 2921 win {windows[2]}
        < . 2921:4381(1460) ack 1
        +0.001 > . 1:1(0) ack 4381 win 0
        {fourth * 5}
        """,
    )


@clean("TCP097")
def takes_its_window_back_in_large_steps(lab: LintedLab) -> None:
    """With its bytes swapped each would be below a segment."""
    filled = "< . 1:1461(1460) ack 1\n +0.001 > . 1:1(0) ack 1461 win 32768"
    play(lab, OPEN.replace("ack 1 win 65535\n", f"ack 1 win 65280\n {filled}\n"))


@clean("TCP097")
def takes_its_window_back_to_any_number(lab: LintedLab) -> None:
    """One of them ends, with its bytes swapped, where the last one did: by chance."""
    shrinks = """
        < . 1:1461(1460) ack 1
        +0.001 > . 1:1(0) ack 1461 win 50000
        < . 1461:2921(1460) ack 1
        +0.001 > . 1:1(0) ack 2921 win 3915
    """
    play(lab, OPEN.replace("ack 1 win 65535\n", f"ack 1 win 65280\n {shrinks}\n"))


@clean("TCP097")
def has_a_small_window(lab: LintedLab) -> None:
    play(lab, "> S 0:0(0) win 128 <mss 128>")
    play(lab, "> S 0:0(0) win 501 <mss 1460,nop,wscale 7> port 50001")
    play(lab, "> S 0:0(0) win 400 port 50002\n > S 0:0(0) win 0 port 50003")


@clean("TCP097")
def has_a_small_window_with_a_scale(lab: LintedLab) -> None:
    """One is shifted in the SYN already, another one grows."""
    play(lab, OFFERS_A_SCALE.format(64, 64))
    play(lab, OFFERS_A_SCALE.format(400, 512))


def filled(update: str, window: int = 3000, wait: str = "") -> str:
    """A window of 3000 bytes is filled, probed, and opens again; twice."""
    script = """
        > S 0:0(0) win 3000 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 1 win 3000
    """
    for at in (1, 3001):
        script += f"""
            < . {at}:{at + 1460}(1460) ack 1
            < P. {at + 1460}:{at + 3000}(1540) ack 1
            > . 1:1(0) ack {at + 3000} win 0
            {update.format(at + 3000, at + 3001)}
            +2 < . {at + 3000}:{at + 3001}(1) ack 1
            {wait} > . 1:1(0) ack {at + 3000} win {window}
        """
    return script


@example("TCP098")
def opens_its_window_in_silence(lab: LintedLab) -> None:
    play(lab, filled(""))


@clean("TCP098")
def says_that_its_window_is_open(lab: LintedLab) -> None:
    play(lab, filled("> . 1:1(0) ack {} win 3000"))


@clean("TCP098")
def reads_just_behind_a_probe(lab: LintedLab) -> None:
    """It takes 100 ms for the answer to a probe, and its program reads before that is over."""
    probed = "+2 < . {0}:{1}(1) ack 1\n +0.1 > . 1:1(0) ack {0} win 0"
    play(lab, filled(probed, wait="+0.03"))


@clean("TCP098")
def waits_for_room_for_two_segments(lab: LintedLab) -> None:
    """As BSD does: when the probe comes, the program has read one segment and a half."""
    play(lab, filled("", window=2190).replace("win 3000 <", "win 8000 <"))


def filled_once(window: int = 2920, wait: str = "") -> str:
    """Probed two times in vain, and the third time it is open."""
    probe = "< . 2921:2922(1) ack 1\n > . 1:1(0) ack 2921 win"
    return f"""
        > S 0:0(0) win 2920 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 1 win 2920
        < . 1:1461(1460) ack 1
        < P. 1461:2921(1460) ack 1
        > . 1:1(0) ack 2921 win 0
        +1 {probe} 0
        +2 {probe.replace(" >", f" {wait} >")} 0
        +4 {probe.replace(" >", f" {wait} >")} {window}
    """


@example("TCP098")
def opens_all_of_its_window_in_silence(lab: LintedLab) -> None:
    """Its program has read in the four seconds, hardly just when the probe came."""
    play(lab, filled_once())


@clean("TCP098")
def opens_it_once_when_probed(lab: LintedLab) -> None:
    """It has not read all; or it takes 30 ms to answer, in which a program may have read."""
    play(lab, filled_once(1460))
    play(lab, filled_once(wait="+0.03").replace("1460>", "1460> port 50001", 1))


def echoes(acknowledged: str) -> str:
    """It has no room to read for as long as nothing that it sends is acknowledged; twice."""
    script = """
        > S 0:0(0) win 2920 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 1 win 2920
    """
    for at, end in ((1, 2921), (2921, 5841)):
        script += f"""
            < . {at}:{at + 1460}(1460) ack {at}
            < P. {at + 1460}:{end}(1460) ack {at}
            > . {at}:{at + 1460}(1460) ack {end} win 0
            > P. {at + 1460}:{end}(1460) ack {end} win 0
            +0.2 < . {end}:{end + 1}(1) ack {at}
            > . {end}:{end}(0) ack {end} win 0
            +0.8 > . {at}:{at + 1460}(1460) ack {end} win 0
            {acknowledged.format(end, end + 1)}
            > . {end}:{end}(0) ack {end} win 2920
        """
    return script


@clean("TCP098")
def reads_on_when_what_it_sent_is_acknowledged(lab: LintedLab) -> None:
    """The number is one that a probe had before, of a byte that was not taken."""
    play(lab, echoes("+0.5 < . {0}:{0}(0) ack {0}"))


@clean("TCP098")
def reads_on_when_a_probe_acknowledges(lab: LintedLab) -> None:
    """The acknowledgement before was lost."""
    play(lab, echoes("+0.5 < . {0}:{1}(1) ack {0}"))


@example("TCP098")
def can_send_and_opens_its_window_in_silence(lab: LintedLab) -> None:
    answered = "< . {0}:{1}(1) ack {0}\n > . {0}:{0}(0) ack {0} win 0"
    play(lab, echoes(f"+0.5 {answered}\n +1 < . {{0}}:{{1}}(1) ack {{0}}"))


def refused(times: int, window: int = 65535) -> str:
    one = f"+1 < P. 1:101(100) ack 1\n > . 1:1(0) ack 1 win {window}\n"
    return f"{OPEN}\n {one * times}"


@example("TCP099")
def throws_data_away(lab: LintedLab) -> None:
    """Its window says that there is room."""
    play(lab, refused(4))


@clean("TCP099")
def has_no_room(lab: LintedLab) -> None:
    """Three times something was lost; or the window says so."""
    play(lab, f"{refused(3)}\n +1 < P. 1:101(100) ack 1\n > . 1:1(0) ack 101")
    play(lab, refused(6, window=0))


@clean("TCP099")
def may_not_take_it(lab: LintedLab) -> None:
    """The timestamp is old (RFC 7323 5.3), or what was never sent is acknowledged."""
    old = "+1 < P. 1:101(100) ack 1 <TS val 600 ecr 110>\n > . 1:1(0) ack 1 <TS val 120 ecr 700>\n"
    play(lab, f"{OPEN_STAMPS}\n {old * 5}")
    unsent = "+1 < P. 1:101(100) ack 50\n > . 1:1(0) ack 1\n"
    play(lab, f"{OPEN.replace('1460>', '1460> port 50001', 1)}\n {unsent * 5}")


@example("TCP100")
def leaves_the_last_byte_out(lab: LintedLab) -> None:
    """What it acknowledges is the number of the last byte, and not of the next."""
    three = "".join(
        f"< P. {at}:{at + 100}(100) ack 1\n +0.01 > . 1:1(0) ack {at + 99}\n"
        for at in (1, 101, 201)
    )
    play(lab, f"{OPEN}\n {three}")


@clean("TCP100")
def takes_byte_by_byte(lab: LintedLab) -> None:
    """Its acknowledgement crosses the next byte."""
    four = "".join(f"< P. {at}:{at + 1}(1) ack 1\n > . 1:1(0) ack {at}\n" for at in range(1, 6))
    play(lab, f"{OPEN}\n {four}")


def behind(windows: tuple[int, ...], *, copies: int) -> str:
    """Each acknowledgement has the number before the segment that it answers."""
    first, second, third, last = windows
    again = f"+1 < P. 201:301(100) ack 1\n > . 1:1(0) ack 201 win {last}\n"
    return f"""
        {OPEN}
        < P. 1:101(100) ack 1
        > . 1:1(0) ack 1 win {first}
        +0.01 < P. 101:201(100) ack 1
        > . 1:1(0) ack 101 win {second}
        +0.01 < P. 201:301(100) ack 1
        > . 1:1(0) ack 201 win {third}
        {again * copies}
    """


@example("TCP124")
def leaves_the_last_segment_out(lab: LintedLab) -> None:
    """It acknowledges the number of the segment that came."""
    play(lab, behind((65535, 65535, 65535, 65535), copies=5))


@example("TCP124")
def leaves_the_last_segment_out_of_the_number_alone(lab: LintedLab) -> None:
    """No program reads, so the window becomes smaller by each segment."""
    play(lab, behind((65435, 65335, 65235, 65235), copies=5))


@example("TCP124")
def leaves_the_last_of_a_burst_out(lab: LintedLab) -> None:
    numbers = range(1, 10_001, 1000)
    came = "".join(f"< . {at}:{at + 1000}(1000) ack 1\n" for at in numbers)
    acks = "".join(f"+0.0001 > . 1:1(0) ack {at}\n" for at in numbers)
    again = "+1 < . 9001:10001(1000) ack 1\n +0.0001 > . 1:1(0) ack 9001\n"
    play(lab, f"{OPEN}\n {came}\n {acks}\n {again * 5}")


@clean("TCP124")
def is_crossed_by_the_next_segment(lab: LintedLab) -> None:
    """Its acknowledgement is sent when the next segment has come; it never sees the last, nor the
    first copy of that."""
    script = behind((65535, 65535, 65535, 65535), copies=0)
    play(lab, f"{script}\n +1 < P. 201:301(100) ack 1\n +2 < P. 201:301(100) ack 1")
    play(lab, "> . 1:1(0) ack 301 win 65535")


@clean("TCP124")
def takes_no_more_after_a_while(lab: LintedLab) -> None:
    """That is another mistake: it has acknowledged all of what came first."""
    script = behind((65535, 65535, 65535, 65535), copies=5)
    answered = OPEN + "< P. 1:51(50) ack 1\n > . 1:1(0) ack 51\n"
    play(lab, script.replace(OPEN, answered).replace("1:101(100)", "51:101(50)"))


def war(exchanges: int, pause: float) -> str:
    return OPEN + f"+{pause} < . 2:2(0) ack 1\n > . 1:1(0) ack 1\n" * exchanges


@example("TCP101")
def makes_war(lab: LintedLab) -> None:
    """Both ends send numbers that the other one does not accept."""
    play(lab, war(120, 0.0007))


@clean("TCP101")
def answers_now_and_then(lab: LintedLab) -> None:
    """Keep-alives, a second apart; duplicates for what comes behind a hole."""
    play(lab, war(120, 1))
    behind = "".join(
        f"< . {at}:{at + 100}(100) ack 1\n > . 1:1(0) ack 1\n" for at in range(101, 12_101, 100)
    )
    play(lab, f"{OPEN}\n {behind}")


def bit_by_bit(wait: float, step: int) -> str:
    come = "".join(f"< . {at}:{at + 100}(100) ack 1\n" for at in range(1, 1001, 100))
    taken = "".join(f"+0.001 > . 1:1(0) ack {at}\n" for at in range(1 + step, 1002, step))
    return f"{OPEN}\n {come}\n +{wait} < . 1:1(0) ack 1\n {taken}"


@example("TCP102")
def takes_one_after_the_other(lab: LintedLab) -> None:
    """Ten segments have come, and 50 ms later the guest acknowledges each of them."""
    play(lab, bit_by_bit(0.05, 100))


@clean("TCP102")
def takes_what_is_there(lab: LintedLab) -> None:
    play(lab, bit_by_bit(0.05, 1000))
    play(lab, bit_by_bit(0.001, 100))


@clean("TCP102")
def has_a_small_ring(lab: LintedLab) -> None:
    """It takes 16 of 160 segments at a time, as iPXE does; the others wait before its card."""
    come = "".join(f"< . {at}:{at + 100}(100) ack 1\n" for at in range(1, 16_001, 100))
    taken = "".join(f"+0.007 > . 1:1(0) ack {at}\n" for at in range(1601, 16_002, 1600))
    play(lab, f"{OPEN}\n {come}\n +0.05 < . 1:1(0) ack 1\n {taken}")


@clean("TCP102")
def is_behind_a_queue(lab: LintedLab) -> None:
    """Each segment is acknowledged as soon as it comes: all do 50 ms late, or by and by."""
    late = OPEN.replace("> . 1:1", "+0.05 > . 1:1")
    play(lab, bit_by_bit(0.05, 100).replace(OPEN, late))
    play(lab, bit_by_bit(0.024, 100).replace("+0.001", "+0.012"))


@clean("TCP102")
def is_read_late(lab: LintedLab) -> None:
    """Its acknowledgements waited for their reader, and were read together."""
    play(lab, bit_by_bit(0.05, 100).replace("+0.001 ", ""))


def mended(*, keeps: bool) -> str:
    """Three times a segment is lost and comes again."""
    script = OPEN
    for at in (1, 201, 401):
        script += f"""
            < . {at + 100}:{at + 200}(100) ack 1
            > . 1:1(0) ack {at}
            +0.1 < . {at}:{at + 100}(100) ack 1
            > . 1:1(0) ack {at + 200 if keeps else at + 100}
            +0.1 < . {at + 100}:{at + 200}(100) ack 1
            > . 1:1(0) ack {at + 200}
        """
    return script


@example("TCP103")
def keeps_nothing_behind_a_hole(lab: LintedLab) -> None:
    play(lab, mended(keeps=False))


@clean("TCP103")
def keeps_what_is_behind_a_hole(lab: LintedLab) -> None:
    play(lab, mended(keeps=True))


@clean("TCP086")
def throws_away_what_is_behind_a_hole(lab: LintedLab) -> None:
    """What comes behind it again and again has to wait for what is missing before it."""
    script = OPEN
    for at in range(1, 40_000, 4380):
        first, second, third, end = (at + 1460 * step for step in range(4))
        script += f"""
            < . {second}:{third}(1460) ack 1
            > . 1:1(0) ack {first}
            < . {first}:{second}(1460) ack 1
            > . 1:1(0) ack {second}
            < . {third}:{end}(1460) ack 1
            > . 1:1(0) ack {second}
            +0.4 < . {second}:{third}(1460) ack 1
            > . 1:1(0) ack {third}
            +0.4 < . {third}:{end}(1460) ack 1
            > . 1:1(0) ack {end}
        """
    play(lab, script)


@example("TCP080")
def counts_the_options(lab: LintedLab) -> None:
    """12 bytes of timestamps stand between header and data."""
    come = "< P. 1:101(100) ack 1 <TS val 800 ecr 110>"
    play(lab, f"{OPEN_STAMPS}\n {come}\n > . 1:1(0) ack 113 <TS val 120 ecr 800>")


@example("TCP080")
def counts_what_came_twice(lab: LintedLab) -> None:
    """The second segment begins with 50 bytes of the first."""
    play(
        lab,
        f"""
        {OPEN}
        < . 1:101(100) ack 1
        > . 1:1(0) ack 101
        < . 51:151(100) ack 1
        > . 1:1(0) ack 201
        """,
    )


@example("TCP085")
def acknowledges_behind_the_copies(lab: LintedLab) -> None:
    """1.2 seconds after the data, which have come again by then."""
    play(lab, copied(0.2))


@clean("TCP085")
def gets_the_copies_only(lab: LintedLab) -> None:
    """The card had no room for the first, and what comes again is acknowledged at once."""
    play(lab, copied(0.001, segments=3))


def copied(wait: float, segments: int = 5) -> str:
    script = OPEN
    for at in range(1, 1 + 100 * segments, 100):
        come = f"< P. {at}:{at + 100}(100) ack 1"
        script += f"{come}\n +1 {come}\n +{wait} > . 1:1(0) ack {at + 100}\n"
    return script


@example("TCP087")
def waits_until_a_hole_is_filled(lab: LintedLab) -> None:
    play(lab, filled_after(0.2, 1, 201, 401))


@example("TCP087")
def is_silent_until_the_time_out(lab: LintedLab) -> None:
    """Twice is enough: it acknowledges what came behind the hole and did not come again."""
    play(lab, filled_after(1, 1, 201))


@clean("TCP087")
def is_overtaken_by_what_fills_the_hole(lab: LintedLab) -> None:
    play(lab, filled_after(0.001, 1, 201, 401))
    play(lab, filled_after(1, 1).replace("1460>", "1460> port 50001"))


@clean("TCP087")
def may_not_have_heard_of_it(lab: LintedLab) -> None:
    """It stands still until later; what came behind the hole comes again; it had answered."""
    late = filled_after(1, 1, 201).replace("> . 1:1(0) ack 2", "+0.3 > . 1:1(0) ack 2")
    play(lab, late)
    for number, (behind, answer) in enumerate(
        [("< P. {}(100) ack 1", ""), ("", "> . 1:1(0) ack {}")]
    ):
        script = OPEN.replace("1460>", f"1460> port {50001 + number}", 1)
        for at in (1, 201):
            script += f"< P. {at + 100}:{at + 200}(100) ack 1\n{answer.format(at)}\n"
            script += (
                f"+1 < P. {at}:{at + 100}(100) ack 1\n{behind.format(f'{at + 100}:{at + 200}')}\n"
            )
            script += f"> . 1:1(0) ack {at + 200}\n"
        play(lab, script)


def filled_after(wait: float, *holes: int) -> str:
    return OPEN + "".join(
        f"""
        < P. {at + 100}:{at + 200}(100) ack 1
        +{wait} < P. {at}:{at + 100}(100) ack 1
        > . 1:1(0) ack {at + 200}
        """
        for at in holes
    )


def again(times: int, segment: str, answer: str = "") -> str:
    """The connection beside it shows that the guest is alive."""
    beside = "> S 0:0(0) win 65535 <mss 1460> port 50001\n"
    twice = f"+1 {segment}\n" * 2
    return f"{OPEN} {segment}\n {twice} {beside}" + f"+2 {segment}\n {answer}\n" * times


@example("TCP104")
def acknowledges_nothing(lab: LintedLab) -> None:
    play(lab, again(3, "< P. 1:101(100) ack 1 port 50000"))


@example("TCP104")
def does_not_take_the_fin(lab: LintedLab) -> None:
    play(lab, again(3, "< F. 1:1(0) ack 1 port 50000"))


@example("TCP104")
def compares_numbers_as_they_are(lab: LintedLab) -> None:
    """The other end's numbers begin at 2^32 - 51, so those of these data pass 2^32."""
    wraps = OPEN.replace("ack 1 win 65535 <mss 1460>", "ack 1 win 65535 <mss 1460> isn 4294967245")
    play(lab, again(3, "< P. 1:101(100) ack 1 port 50000").replace(OPEN, wraps))


@example("TCP104")
def acknowledges_once(lab: LintedLab) -> None:
    """Its acknowledgement was lost, and what comes again is old to it: it throws that away."""
    taken = "< P. 1:101(100) ack 1 port 50000"
    play(lab, again(3, taken).replace(f"{taken}\n", f"{taken}\n > . 1:1(0) ack 101\n", 1))


KEEP_ALIVE = "< . 0:0(0) ack 1 port 50000"


@example("TCP104")
def does_not_say_that_it_is_alive(lab: LintedLab) -> None:
    play(lab, again(3, KEEP_ALIVE))


@clean("TCP104")
def says_that_it_is_alive(lab: LintedLab) -> None:
    """Each time; or it has reset the connection; or it asks for no answer."""
    answer = "> . 1:1(0) ack 1 port 50000"
    play(lab, again(3, KEEP_ALIVE, answer).replace(f"{KEEP_ALIVE}\n", f"{KEEP_ALIVE}\n {answer}\n"))
    play(lab, again(3, KEEP_ALIVE.replace("0:0(0)", "1:1(0)")))
    play(lab, again(3, KEEP_ALIVE).replace(OPEN, f"{OPEN}> R 1:1(0)\n"))


@clean("TCP104")
def acknowledges_what_is_old(lab: LintedLab) -> None:
    taken, answer = "< P. 1:101(100) ack 1 port 50000", "> . 1:1(0) ack 101 port 50000"
    play(lab, again(3, taken, answer).replace(f"{taken}\n", f"{taken}\n {answer}\n", 3))


@clean("TCP104")
def may_not_have_got_it(lab: LintedLab) -> None:
    """It is acknowledged at last; the guest was not heard of since; or something comes back."""
    segment = "< P. 1:101(100) ack 1 port 50000"
    play(lab, again(0, segment) + "> . 1:1(0) ack 101 port 50000")
    play(lab, OPEN + f"+2 {segment}\n" * 6)
    play(lab, OPEN + f"+2 {segment}\n > . 1:1(0) ack 1\n" * 3)


def with_window(*, opens: bool) -> str:
    update = "> . 1:1(0) ack 1 win 8000" if opens else ""
    return f"""
        > S 0:0(0) win 00 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 1 win 00
        {update}
        +2 < . 1:2(1) ack 1
        > . 1:1(0) ack {1 + opens} win {8000 if opens else "00"}
        +6 < . 1:2(1) ack 1
        > . 1:1(0) ack {1 + opens} win {8000 if opens else "00"}
    """


@example("TCP105")
def has_no_room_ever(lab: LintedLab) -> None:
    """The field is never filled in."""
    play(lab, with_window(opens=False))


@clean("TCP105")
def has_room_later(lab: LintedLab) -> None:
    play(lab, with_window(opens=True))


def closed(*, reads: bool) -> str:
    at = "1462 win 1459" if reads else "1461 win 00"
    return f"""
        > S 0:0(0) win 1460 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 1 win 1460
        < P. 1:1461(1460) ack 1
        > . 1:1(0) ack 1461 win 00
        +30 < . 1461:1462(1) ack 1
        > . 1:1(0) ack 1461 win 00
        +30 < . 1461:1462(1) ack 1
        > . 1:1(0) ack {at}
    """


@example("TCP106")
def never_reads(lab: LintedLab) -> None:
    play(lab, closed(reads=False))
    lab.end()


@clean("TCP106")
def reads_late(lab: LintedLab) -> None:
    play(lab, closed(reads=True))
    lab.end()


@example("TCP116")
def has_no_clock(lab: LintedLab) -> None:
    """Each timestamp is that of the SYN."""
    play(lab, f"{OPEN_STAMPS}\n +4 > P. 1:6(5) ack 1 <TS val 110 ecr 700>")


@clean("TCP116")
def has_a_slow_clock(lab: LintedLab) -> None:
    """It ticks once a second; and what it sends again is as it was."""
    first, second = (
        "> P. 1:6(5) ack 1 <TS val 111 ecr 700>",
        "> P. 6:9(3) ack 1 <TS val 112 ecr 700>",
    )
    play(lab, f"{OPEN_STAMPS}\n +0.9 {first}\n +1 {second}\n +4 {first}")


@clean("TCP106")
def echoes_to_one_who_does_not_read(lab: LintedLab) -> None:
    """Its window is closed because the other end's is."""
    play(
        lab,
        """
        > S 0:0(0) win 1460 <mss 1460>
        < S. 0:0(0) ack 1 win 1460 <mss 1460>
        > . 1:1(0) ack 1 win 1460
        < P. 1:1461(1460) ack 1 win 1460
        > P. 1:1461(1460) ack 1461 win 1460
        < P. 1461:2921(1460) ack 1461 win 00
        > . 1461:1461(0) ack 2921 win 00
        +30 > . 1460:1460(0) ack 2921 win 00
        < . 2921:2921(0) ack 1461 win 00
        +30 > . 1460:1460(0) ack 2921 win 00
        < . 2921:2921(0) ack 1461 win 00
        """,
    )
    lab.end()


@clean("TCP106")
def echoes_to_one_who_does_not_hear(lab: LintedLab) -> None:
    again = "> P. 1:1461(1460) ack 1461 win 00"
    play(
        lab,
        f"""
        > S 0:0(0) win 1460 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 1 win 1460
        < P. 1:1461(1460) ack 1
        {again}
        +16 {again}
        +32 {again}
        """,
    )
    lab.end()


def behind_copies(wait: float, *, late: float = 0.001, segments: int = 4) -> str:
    """The acknowledgement of each segment, `late` behind a copy."""
    steps = (
        f"+1 < P. {at}:{at + 100}(100) ack 1\n +{wait} < P. {at}:{at + 100}(100) ack 1\n"
        f" +{late} > . 1:1(0) ack {at + 100}\n"
        for at in range(1, 1 + 100 * segments, 100)
    )
    return f"{OPEN}\n {' '.join(steps)}"


@example("TCP085")
def acknowledges_copies_alone(lab: LintedLab) -> None:
    """The other end's time-out is shorter than the guest's delay."""
    play(lab, behind_copies(0.2))


@example("TCP085")
def answers_by_data_alone_in_between(lab: LintedLab) -> None:
    """What goes with data of its own says nothing of a timer."""
    reply = "+1 < P. 301:401(100) ack 1\n > P. 1:6(5) ack 401\n"
    lines = behind_copies(0.2, segments=5).replace("+1 < P. 301:401(100) ack 1\n", reply, 1)
    lines = lines.replace("+0.2 < P. 301:401(100) ack 1\n +0.001 > . 1:1(0) ack 401\n", "")
    play(lab, lines)


@example("TCP085")
def acknowledges_two_in_between(lab: LintedLab) -> None:
    """One came before its own data, which did not acknowledge it yet."""
    lines = behind_copies(0.2, segments=5)
    before, _, behind = lines.partition("+1 < P. 301:401(100) ack 1\n")
    copied = "+0.2 < P. 301:401(100) ack 1\n +0.001 > . 1:1(0) ack 401\n"
    two = "+1 < P. 301:351(50) ack 1\n > P. 1:6(5) ack 301\n < P. 351:401(50) ack 1\n"
    play(lab, f"{before}{two} > . 6:6(0) ack 401\n {behind.replace(copied, '')}")


def fins(ports: range, *, copies: bool) -> str:
    """Of the other end, each acknowledged when it has come again; or at once."""
    script = ""
    for port in ports:
        again = "+0.2 < F. 101:101(0) ack 1\n" if copies else ""
        script += f"""
            {OPEN.replace("1460>", f"1460> port {port} isn {port**3 % 2**32}", 1)}
            < P. 1:101(100) ack 1
            > . 1:1(0) ack 101
            < F. 101:101(0) ack 1
            {again} > . 1:1(0) ack 102
            +0.1 > F. 1:1(0) ack 102
            < . 102:102(0) ack 2
        """
    return script


@example("TCP085")
def acknowledges_second_fins(lab: LintedLab) -> None:
    """A FIN without data is acknowledged when it comes again."""
    play(lab, fins(range(50000, 50004), copies=True))


@clean("TCP085")
def misses_some_fins(lab: LintedLab) -> None:
    play(lab, fins(range(50000, 50003), copies=True))
    play(lab, fins(range(50003, 50004), copies=False))
    play(lab, fins(range(50004, 50007), copies=True))


@clean("TCP085")
def is_a_little_slow(lab: LintedLab) -> None:
    """Copies come before its acknowledgement, which does not wait for them; or it loses some."""
    play(lab, behind_copies(0.2, late=0.03, segments=6))
    kept = behind_copies(0.2, segments=6).replace("+0.2 < P. 301:401(100) ack 1\n", "")
    play(lab, kept.replace("1460>", "1460> port 50001"))


def in_twelves(jitter: float) -> str:
    """Segments every millisecond, each twelfth acknowledged; a program that does not read."""
    lines = [OPEN]
    for count in range(1, 85):
        at = 1 + (count - 1) * 1000
        lines.append(f"+0.001 < . {at}:{at + 1000}(1000) ack 1")
        if count % 12 == 0:
            late = f"+{jitter * (count // 12 % 3):.6f} " if jitter else ""
            lines.append(f"{late}> . 1:1(0) ack {at + 1000} win {65535 - count * 500}")
    return "\n".join(lines).replace("65535", "65000")


@example("TCP086")
def counts_up_to_twelve(lab: LintedLab) -> None:
    play(lab, in_twelves(0))


@clean("TCP086")
def looks_at_its_card_by_a_clock(lab: LintedLab) -> None:
    play(lab, in_twelves(0.0004))


def holes(wait: float, behind: int) -> str:
    """Three holes with much behind them, answered once; each is filled, and answered at once."""
    lines, at = [OPEN, "< P. 1:101(100) ack 1", "> . 1:1(0) ack 101"], 101
    for _ in range(3):
        end = at + 100 * (behind + 1)
        lines += [f"+0.001 < . {seq}:{seq + 100}(100) ack 1" for seq in range(at + 100, end, 100)]
        lines += [f"+{wait} > . 1:1(0) ack {at}"]
        lines += [f"+0.02 < . {at}:{at + 100}(100) ack 1", f"> . 1:1(0) ack {end}"]
        at = end
    return "\n".join(lines)


@example("TCP087")
def delays_what_it_says_of_gaps(lab: LintedLab) -> None:
    """As it delays other acknowledgements."""
    play(lab, holes(0.1, 20))


@example("TCP087")
def delays_it_once_for_a_round_time(lab: LintedLab) -> None:
    """The first of 40 segments behind a hole came 100 ms before."""
    play(lab, holes(0.061, 40).split("+0.02")[0])


@clean("TCP087")
def stands_still_for_a_moment(lab: LintedLab) -> None:
    """Once; and some of its acknowledgements are late as all of its are."""
    first = holes(0.1, 20).splitlines()
    play(lab, "\n".join(first[: len(first) // 3]))
    slow = (
        holes(0.1, 2).replace("\n> . 1:1", "\n+0.05 > . 1:1").replace("1460>", "1460> port 50001")
    )
    play(lab, slow)


def two_pieces(blocks: list[str]) -> str:
    """A hole, a segment, a hole, two segments; each is answered with one of the blocks."""
    lines = [OPEN_SACK]
    for at, block in zip((1001, 3001, 4001, 6001), blocks, strict=True):
        lines += [f"+0.001 < . {at}:{at + 1000}(1000) ack 1"]
        lines += [f"> . 1:1(0) ack 1 <nop,nop,sack {block}>"]
    return "\n".join(lines)


@example("TCP134")
def names_the_last_byte(lab: LintedLab) -> None:
    """The right edge is the number of the last byte, not the one behind it."""
    last = "6001:7000 3001:5000 1001:2000"
    play(lab, two_pieces(["1001:2000", "3001:4000 1001:2000", "3001:5000 1001:2000", last]))


@clean("TCP134")
@clean("TCP135")
def names_what_is_behind(lab: LintedLab) -> None:
    """And what came last first; also behind a copy, which is named before it (RFC 2883)."""
    last = "6001:7001 3001:5001 1001:2001"
    play(lab, two_pieces(["1001:2001", "3001:4001 1001:2001", "3001:5001 1001:2001", last]))
    copy = (
        "< . 3001:4001(1000) ack 1\n> . 1:1(0) ack 1 <nop,nop,sack 3001:4001 3001:5001 6001:7001>\n"
    )
    play(lab, copy * 4)


@example("TCP135")
def sorts_its_blocks(lab: LintedLab) -> None:
    """By number, the lowest first."""
    last = "1001:2001 3001:5001 6001:7001"
    play(lab, two_pieces(["1001:2001", "1001:2001 3001:4001", "1001:2001 3001:5001", last]))


@clean("TCP135")
def answers_before_the_next_has_come(lab: LintedLab) -> None:
    """Its answers cross what comes."""
    play(lab, two_pieces(["1001:2001", "1001:2001", "3001:4001 1001:2001", "3001:5001 1001:2001"]))


def echoing(echoes: tuple[int, int, int]) -> str:
    lines = [OPEN_STAMPS, "< . 1:1001(1000) ack 1 <TS val 710 ecr 110>"]
    lines += ["> . 1:1(0) ack 1001 <TS val 120 ecr 710>"]
    for number, echo in enumerate(echoes, 1):
        at = 1001 + 1000 * number
        stamp = f"<TS val {710 + 10 * number} ecr 110>"
        lines += [f"+0.01 < . {at}:{at + 1000}(1000) ack 1 {stamp}"]
        lines += [f"> . 1:1(0) ack 1001 <TS val {120 + 10 * number} ecr {echo}>"]
    return "\n".join(lines)


@example("TCP136")
def echoes_what_came_last(lab: LintedLab) -> None:
    """Three segments behind a hole, each with a newer timestamp."""
    play(lab, echoing((720, 730, 740)))


@clean("TCP136")
def echoes_what_came_in_order(lab: LintedLab) -> None:
    """Or what it may: an older copy with a newer timestamp."""
    play(lab, echoing((710, 710, 710)))
    play(lab, "< . 1:1001(1000) ack 1 <TS val 800 ecr 110>\n")
    play(lab, "> . 1:1(0) ack 1001 <TS val 160 ecr 800>\n" * 4)


@clean("TCP136")
def echoes_what_it_has_acknowledged_meanwhile(lab: LintedLab) -> None:
    """A copy with a newer timestamp comes before its answer to the first one is heard."""
    behind = "\n".join(
        f"< . {at}:{at + 1000}(1000) ack 1 <TS val {stamp} ecr 110>"
        for at, stamp in ((1001, 720), (2001, 720), (4001, 730), (2001, 740))
    )
    play(lab, f"{OPEN_STAMPS}\n < . 1:1001(1000) ack 1 <TS val 710 ecr 110>")
    play(lab, f"> . 1:1(0) ack 1001 <TS val 120 ecr 710>\n +0.01 {behind}")
    play(lab, "> . 1:1(0) ack 3001 <TS val 130 ecr 720>\n" * 2)
    play(lab, "> . 1:1(0) ack 3001 <TS val 130 ecr 740>\n" * 3)


def near(script: str, isn: int) -> str:
    """The other end's numbers begin there."""
    syn_ack = "ack 1 win 65535 <mss 1460>"
    return script.replace(syn_ack, f"{syn_ack} isn {isn}")


@example("TCP137")
def compares_edges_as_they_are(lab: LintedLab) -> None:
    """The window ends behind 2^32, where its edge is a small number: everything is beyond it."""
    play(lab, near(refused(4), 0xFFFF_F000))


@example("TCP137")
def compares_numbers_with_a_sign(lab: LintedLab) -> None:
    """The window's edge passes 2^31, and is negative then."""
    taken = OPEN + "< P. 1:101(100) ack 1\n > . 1:1(0) ack 101\n"
    again = "+1 < P. 101:201(100) ack 1\n > . 1:1(0) ack 101\n" * 4
    play(lab, near(taken + again, 0x8000_0000 - 65600))


@clean("TCP137")
def refuses_for_another_reason(lab: LintedLab) -> None:
    """It has taken data since its window's edge has passed there; or nothing passes anywhere."""
    taken = OPEN + "< P. 1:101(100) ack 1\n > . 1:1(0) ack 101\n"
    again = "+1 < P. 101:201(100) ack 1\n > . 1:1(0) ack 101\n" * 4
    play(lab, near(taken + again, 0xFFFF_F000))
    play(lab, refused(4).replace("1460>", "1460> port 50001", 1))


@clean("TCP137")
def has_taken_tiny_segments_behind_it(lab: LintedLab) -> None:
    taken = "".join(
        f"< P. {at}:{at + 5}(5) ack 1\n > . 1:1(0) ack {at + 5}\n" for at in range(1, 101, 5)
    )
    again = "+1 < P. 101:106(5) ack 1\n > . 1:1(0) ack 101\n" * 4
    play(lab, near(OPEN + taken + again, 0xFFFF_FFF0))


TWO_STAMPED = """
    > S 0:0(0) win 65535 <mss 1460,TS val 100 ecr 0> port {0}
    < S. 0:0(0) ack 1 win 65535 <mss 1460,TS val {1} ecr 100>
    > . 1:1(0) ack 1 win 65535 <TS val 110 ecr {1}>
"""


@example("TCP138")
def looks_at_the_guests_port_alone(lab: LintedLab) -> None:
    """Two connections; what comes for one goes to the other."""
    play(lab, TWO_STAMPED.format(50_001, 70_000))
    play(lab, TWO_STAMPED.format(50_002, 900_000) + "> P. 1:6(5) ack 1 <TS val 130 ecr 70000>")


@clean("TCP138")
def echoes_nonsense(lab: LintedLab) -> None:
    play(lab, TWO_STAMPED.format(50_001, 70_000))
    play(lab, TWO_STAMPED.format(50_002, 900_000) + "> P. 1:6(5) ack 1 <TS val 130 ecr 70009>")
