"""A TCP segment by itself."""

from __future__ import annotations

from pynat.testing.linted import LintedLab
from tests.frames import ROUTER
from tests.lint.examples import clean, example
from tests.lint.play import OPEN, play

ORDINARY = f"""
    {OPEN}
    > P. 1:101(100) ack 1
    +0.02 < . 1:1(0) ack 101
    < P. 1:1461(1460) ack 101
    +0.02 > . 101:101(0) ack 1461
    > F. 101:101(0) ack 1461
    +0.02 < . 1461:1461(0) ack 102
    < F. 1461:1461(0) ack 102
    > . 102:102(0) ack 1462
"""


@example("TCP020")
def sends_syn_and_fin(lab: LintedLab) -> None:
    play(lab, "> SF 0:0(0) win 65535 <mss 1460>")


@example("TCP020")
def sends_no_flag(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > - 1:6(5) win 65535")


@example("TCP020")
def sends_a_christmas_tree(lab: LintedLab) -> None:
    play(lab, "> FPU 0:0(0) win 65535 urg 1")


@example("TCP021")
def leaves_the_header_length_unshifted(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > P. 1:6(5) ack 1 reserved")


@example("TCP022")
def forgets_ack(lab: LintedLab) -> None:
    """The guest sends data without ACK."""
    play(lab, f"{OPEN}\n > P 1:6(5)")


@example("TCP023")
def leaves_rubbish_in_the_acknowledgement_number(lab: LintedLab) -> None:
    play(lab, "> S 0:0(0) win 65535 <mss 1460> raw 3735928559")


@example("TCP024")
def leaves_rubbish_in_the_urgent_pointer(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > P. 1:6(5) ack 1 urg 20551")


@example("TCP024")
def is_urgent_about_nothing(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > PU. 1:6(5) ack 1")


@example("TCP024")
def is_urgent_about_what_never_comes(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > PU. 1:6(5) ack 1 urg 1000\n > F. 6:6(0) ack 1")


@clean("TCP024")
def is_urgent_about_the_last_byte(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > PU. 1:6(5) ack 1 urg 5\n > F. 6:6(0) ack 1")


@example("TCP025")
def counts_only_the_body_of_an_option(lab: LintedLab) -> None:
    """The MSS option has length 2: its kind and length bytes are not counted."""
    play(lab, "> S 0:0(0) win 65535 hex 020205b4")


@example("TCP025")
def counts_an_option_twice(lab: LintedLab) -> None:
    """What is behind it cannot be read, so the timestamps were not offered."""
    play(lab, "> S 0:0(0) win 65535 hex 020605b40101080a0000000100000000")
    play(lab, "< S. 0:0(0) ack 1 win 65535 <mss 1460>\n > . 1:1(0) ack 1 <TS val 2 ecr 0>")


@example("TCP026")
def leaves_rubbish_behind_the_options(lab: LintedLab) -> None:
    play(lab, "> S 0:0(0) win 65535 hex 020405b400adbeef")


@example("TCP026")
def leaves_a_byte_behind_the_options(lab: LintedLab) -> None:
    play(lab, "> S 0:0(0) win 65535 hex 020405b400ad0000")


@example("TCP027")
def forgets_the_source_port(lab: LintedLab) -> None:
    play(lab, "> S 0:0(0) win 65535 <mss 1460> port 0")


@example("TCP028")
def swaps_the_bytes_of_the_port(lab: LintedLab) -> None:
    """The guest means port 50000, 0xc350, and sends 0x50c3; here 0x00c3."""
    play(lab, "> S 0:0(0) win 65535 <mss 1460> port 195")


def behaves(lab: LintedLab) -> None:
    play(lab, ORDINARY)


def is_urgent(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > PU. 1:6(5) ack 1 urg 5")
    play(lab, "> S 0:0(0) win 65535 <mss 1460,nop,sackOK> port 50001")
    play(lab, "> R 0:0(0) port 50002")


for number in range(20, 29):
    clean(f"TCP{number:03}")(behaves)
    clean(f"TCP{number:03}")(is_urgent)


@example("TCP029")
def swaps_the_destination_port(lab: LintedLab) -> None:
    """80 is 0x0050, the guest sends 0x5000."""
    play(lab, "> S 0:0(0) win 65535 <mss 1460> to 20480\n < R. 0:0(0) ack 1 win 0")


@example("TCP029")
def swaps_it_and_nobody_answers(lab: LintedLab) -> None:
    syn = "> S 0:0(0) win 65535 <mss 1460> to 20480"
    play(lab, f"{syn}\n +1 {syn}\n +2 {syn}")


@example("TCP029")
def swaps_the_ports_of_data(lab: LintedLab) -> None:
    play(lab, f"{OPEN}\n > P. 1:6(5) ack 1 to 20480 port 20675")


@example("TCP029")
def swaps_both_ports(lab: LintedLab) -> None:
    """The guest means 49160, 49161 and 49162, and does not know the RST for its own."""
    for source, isn, again in ((2240, 7_654_321, 0), (2496, 987_654_321, 0), (2752, 54_321, 1)):
        syn = f"> S 0:0(0) win 65535 <mss 1460> to 53764 port {source} isn {isn}"
        play(lab, f"{syn}\n < R. 0:0(0) ack 1 win 0" + f"\n +1 {syn}\n +2 {syn}" * again)


@clean("TCP029")
def draws_ports_that_look_swapped(lab: LintedLab) -> None:
    """With their bytes swapped they are 40108 and 40116."""
    for source in (44_188, 46_236):
        play(
            lab,
            f"> S 0:0(0) win 65535 <mss 1460> to 53764 port {source}\n < R. 0:0(0) ack 1 win 0",
        )


@example("TCP029")
def reaches_a_port_and_then_swaps_it(lab: LintedLab) -> None:
    play(lab, OPEN.replace("<mss 1460>", "<mss 1460> to 1234", 1))
    play(lab, "> S 0:0(0) win 65535 <mss 1460> to 53764 port 50002\n < R. 0:0(0) ack 1 win 0")


@clean("TCP029")
def asks_the_host_at_ports_that_look_swapped(lab: LintedLab) -> None:
    """Nobody listens there any more. 34049 is 389 with its bytes swapped, 47873 is 443."""
    for port in (34_049, 47_873):
        syn = f"> S 0:0(0) win 65535 <mss 1460> to {port} port {port + 1} at {ROUTER}"
        play(lab, f"{syn}\n < R. 0:0(0) ack 1 win 0")


@example("TCP029")
def swaps_a_high_port_of_a_far_host(lab: LintedLab) -> None:
    play(lab, "> S 0:0(0) win 65535 <mss 1460> to 47873\n < R. 0:0(0) ack 1 win 0")


@clean("TCP029")
def goes_to_strange_ports(lab: LintedLab) -> None:
    """Where somebody listens, late, or where no known port was meant."""
    play(lab, OPEN.replace("<mss 1460>", "<mss 1460> to 20480", 1))
    syn = "> S 0:0(0) win 65535 <mss 1460> to 20480 port 50001"
    play(lab, f"{syn}\n +1 {syn}\n +0.1 < S. 0:0(0) ack 1 win 65535")
    play(lab, "> S 0:0(0) win 65535 <mss 1460> to 53764 port 50003\n < R. 0:0(0) ack 1 win 0")
    play(lab, "> S 0:0(0) win 65535 <mss 1460> to 20482\n < R. 0:0(0) ack 1 win 0")
