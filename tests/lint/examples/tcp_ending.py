"""How a guest's connections end, and what is left when the network does."""

from __future__ import annotations

from pynat.testing.linted import LintedLab
from tests.lint.examples import clean, example
from tests.lint.play import OPEN, play

CLOSED = f"""
    {OPEN}
    < P. 1:101(100) ack 1
    > . 1:1(0) ack 101
    < F. 101:101(0) ack 1
    > . 1:1(0) ack 102
"""
FULL = """
    > S 0:0(0) win 1460 <mss 1460>
    < S. 0:0(0) ack 1 win 65535 <mss 1460>
    > . 1:1(0) ack 1 win 1460
"""


@example("TCP065")
@clean("TCP066")
def does_not_hear_the_end(lab: LintedLab) -> None:
    """The other end has closed; half a minute later the guest still only answers probes."""
    play(lab, f"{CLOSED}\n +30 < . 100:100(0) ack 1\n > . 1:1(0) ack 102")
    lab.end()


@example("TCP065")
def is_reset_at_last(lab: LintedLab) -> None:
    """The other end gives up after a minute; the guest was heard of until then."""
    play(
        lab, f"{CLOSED}\n +50 < . 100:100(0) ack 1\n > . 1:1(0) ack 102\n +10 < R. 102:102(0) ack 1"
    )


@clean("TCP065")
def is_reset_soon(lab: LintedLab) -> None:
    """Or has something under way; or was switched off."""
    play(lab, f"{CLOSED}\n +5 < . 100:100(0) ack 1\n > . 1:1(0) ack 102\n +5 < R. 102:102(0) ack 1")
    sends = f"{CLOSED}\n +50 > P. 1:11(10) ack 102\n +10 < R. 102:102(0) ack 1"
    play(lab, sends.replace("1460>", "1460> port 50001", 1))
    silent = f"{CLOSED}\n +60 < R. 102:102(0) ack 1"
    play(lab, silent.replace("1460>", "1460> port 50002", 1))


@clean("TCP065")
@clean("TCP066")
def closes_too(lab: LintedLab) -> None:
    play(lab, f"{CLOSED}\n > F. 1:1(0) ack 102\n < . 102:102(0) ack 2")
    lab.end()


@clean("TCP065")
def is_switched_off_soon(lab: LintedLab) -> None:
    play(lab, f"{CLOSED}\n +5 > P. 1:11(10) ack 102\n < . 102:102(0) ack 11")
    lab.wait(100)
    lab.end()


@example("TCP066")
def leaves_it_open(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > P. 1:101(100) ack 1\n +0.02 < . 1:1(0) ack 101")
    lab.end()


def late(wait: float, *, ends: int = 0) -> str:
    """The FIN comes so many seconds after the acknowledgement of all data."""
    script = ""
    for port in range(50_000, 50_003):
        opening = OPEN.strip().replace("\n", f" port {port} isn {port**3 % 2**32}\n", 1)
        script += f"""
            {opening}
            > P. 1:101(100) ack 1
            +0.2 < {"F" if ends else ""}. 1:1(0) ack 101
            +{wait} > F. 101:101(0) ack {1 + ends}
        """
    return script


@example("TCP067")
def waits_before_it_closes(lab: LintedLab) -> None:
    """In three connections the FIN comes with the acknowledgement of the last byte."""
    play(lab, late(0.001))


@clean("TCP067")
def has_other_reasons(lab: LintedLab) -> None:
    """A program closes a second later, or because the other end has closed."""
    play(lab, late(1))
    play(lab, late(0.001, ends=1))


def unread(fin: str, window: int) -> str:
    """The guest's program never reads; `fin` is sent while the window is open, or full."""
    first, second = ("", fin) if not window else (fin, "")
    ack = "> . 2:2(0) ack 1461 win 0" if window else "> . 1:1(0) ack 1461 win 0"
    return f"""
        {FULL}
        {first}
        +0.1 < . 1:1461(1460) ack {1 + bool(window)}
        {ack}
        {second}
        +30 < . 1461:1462(1) ack 2
        > . 2:2(0) ack 1461 win 0
    """


@example("TCP068")
def takes_what_nobody_reads(lab: LintedLab) -> None:
    """The program has closed, and the guest goes on to take data until its window is full."""
    play(lab, unread("> F. 1:1(0) ack 1 win 1460", 1460))
    lab.end()


@example("TCP069")
def closes_with_its_window_full(lab: LintedLab) -> None:
    play(lab, unread("> F. 1:1(0) ack 1461 win 0", 0))
    lab.end()


@clean("TCP068")
@clean("TCP069")
def reads_after_it_has_closed(lab: LintedLab) -> None:
    """It has shut down its own side only; or it resets."""
    for script in (
        unread("> F. 1:1(0) ack 1461 win 0", 0),
        unread("> F. 1:1(0) ack 1 win 1460", 1460),
    ):
        play(lab, f"{script}\n > . 2:2(0) ack 1461 win 1460")
    play(lab, unread("> R. 1:1(0) ack 1461 win 0", 0))
    lab.end()


def lost(answer: str, *, times: int = 1) -> str:
    """The guest closes first; its last acknowledgement is lost."""
    return (
        f"""
        {OPEN}
        > F. 1:1(0) ack 1
        < F. 1:1(0) ack 2
        > . 2:2(0) ack 2
    """
        + f"+1 < F. 1:1(0) ack 2 port 50000\n {answer}\n" * times
    )


@example("TCP109")
def forgets_it_at_once(lab: LintedLab) -> None:
    play(lab, lost("> R 2:2(0)"))


@example("TCP109")
def forgets_it_silently(lab: LintedLab) -> None:
    """It is alive: it opens another connection."""
    play(lab, lost("", times=2))
    play(lab, "> S 0:0(0) win 65535 <mss 1460> port 50001 isn 3")
    play(lab, lost("", times=6).rpartition("ack 2\n    ")[2])


@clean("TCP109")
def acknowledges_it_again(lab: LintedLab) -> None:
    play(lab, lost("> . 2:2(0) ack 2", times=6))


@clean("TCP109")
def has_waited_long_enough(lab: LintedLab) -> None:
    """The FIN comes again when TIME-WAIT is over."""
    play(lab, lost("", times=1).replace("+1 ", "+61 ") + "\n > R 2:2(0)")


@clean("TCP109")
def believes_a_reset_in_time_wait(lab: LintedLab) -> None:
    """As RFC 9293 has it; RFC 1337 advises against."""
    play(lab, lost("", times=1).replace("+1 ", "< R 2:2(0) ack 2\n +1 ") + "\n > R 2:2(0)")


ENDED = f"{OPEN}\n > P. 1:6(5) ack 1\n < P. 1:6(5) ack 6\n > . 6:6(0) ack 6\n"


def of_port(number: int, script: str) -> str:
    first, rest = script.strip().split("\n", 1)
    return f"{first} port {number} isn {number**2}\n{rest}\n"


@example("TCP118")
def resets_when_it_has_all(lab: LintedLab) -> None:
    for number in range(3):
        play(lab, of_port(50_000 + number, f"{ENDED} > R. 6:6(0) ack 6"))


@example("TCP118")
def resets_when_the_other_end_has_closed(lab: LintedLab) -> None:
    """Once a program may have closed with data unread."""
    for number in range(3):
        end = "< F. 6:6(0) ack 6\n > . 6:6(0) ack 7\n > R. 6:6(0) ack 7"
        play(lab, of_port(50_000 + number, f"{ENDED} {end}"))


@clean("TCP118")
def resets_for_a_reason(lab: LintedLab) -> None:
    """Twice only; something waits for its acknowledgement; the other end says nothing more, or asks
    one that has begun anew whether it is alive."""
    end = "> F. 6:6(0) ack 6\n < F. 6:6(0) ack 7\n > . 7:7(0) ack 7"
    for number in range(5):
        last = end if number == 2 else "> R. 6:6(0) ack 6"
        play(lab, of_port(50_000 + number, f"{ENDED} {last}"))
    for number in range(4):
        play(lab, of_port(50_010 + number, f"{ENDED} > P. 6:9(3) ack 6\n > R. 9:9(0) ack 6"))
        play(lab, of_port(50_020 + number, f"{ENDED} < P. 6:9(3) ack 6\n > R. 6:6(0)"))
        asks = "> . 5:5(0) ack 6\n"
        play(lab, of_port(50_030 + number, f"{ENDED} +7200 {asks} +75 {asks} > R. 6:6(0) ack 6"))
        play(lab, of_port(50_040 + number, f"{ENDED} +75 < . 5:5(0) ack 6\n > R 6:6(0)"))
        play(lab, of_port(50_050 + number, f"{ENDED} {end}"))


def reset_twice(*, then: str, before: str = "> . 1:1(0) ack 101") -> str:
    """Two connections whose other end aborts."""
    one = f"{OPEN}\n < P. 1:101(100) ack 1\n {before}\n +1 < R. 101:101(0) ack 1\n {then}\n"
    return one + one.replace("1460>", "1460> port 50001 isn 77777", 1)


@example("TCP145")
def answers_a_reset(lab: LintedLab) -> None:
    play(lab, reset_twice(then="> R. 1:1(0) ack 101"))


@clean("TCP145")
def aborts_when_it_is_reset(lab: LintedLab) -> None:
    """Its program does, in answer to what came before; or later; or it answers what came behind."""
    play(lab, reset_twice(then="> R. 1:1(0) ack 101", before=""))
    play(
        lab,
        reset_twice(then="+1 > R. 1:1(0) ack 101").replace("port 50001 isn 77777", "port 50002"),
    )
    late = reset_twice(then="< P. 1:101(100) ack 1\n > R 1:1(0)")
    play(lab, late.replace("port 50001 isn 77777", "port 50003"))


@clean("TCP145")
def aborts_now_and_then(lab: LintedLab) -> None:
    """Two of twelve cross the other end's RST."""
    for number in range(12):
        opened = OPEN.replace("1460>", f"1460> port {50_000 + number} isn {(number + 3) ** 4}", 1)
        pause, answer = (
            ("+0.002", "+0.004 > R. 1:1(0) ack 101") if number % 8 == 3 else ("+0.1", "")
        )
        play(
            lab,
            f"""
            {opened}
            < P. 1:101(100) ack 1
            > . 1:1(0) ack 101
            {pause} < R. 101:101(0) ack 1
            {answer}
            """,
        )
