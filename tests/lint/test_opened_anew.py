"""The other end opens a connection anew from the same port: the guest is judged by its numbers."""

from __future__ import annotations

import pytest

from pynat.testing.linted import LintedLab
from tests.lint.play import ACCEPTED, OPEN, play

CLOSED = f"{ACCEPTED}\n < F. 1:1(0) ack 1\n > F. 1:1(0) ack 2\n < . 2:2(0) ack 2"
OPENING = "> S 0:0(0) win 65535 <mss 1460>\n < S. 0:0(0) ack 1 win 65535 <mss 1460>"
SAME, ANOTHER = 7_000_000, 9  # the other end's initial number
BEFORE = {
    "abandoned": (ACCEPTED, ANOTHER),
    "asked about": (f"{ACCEPTED}\n < S 0:0(0) isn 9\n > . 1:1(0) ack 1 raw 7000001", ANOTHER),
    "closed": (CLOSED, ANOTHER),
    "closed, and begun with the same number": (CLOSED, SAME),
    "reset": (f"{OPEN}\n < R. 1:1(0) ack 1", ANOTHER),
    "reset while it was opened": (f"{OPENING}\n < R. 1:1(0) ack 1", ANOTHER),
}


def found(script: str) -> set[str]:
    lab = LintedLab()
    play(lab, script)
    return {code for code in lab.found if code.startswith("TCP")}


@pytest.mark.parametrize(("before", "isn"), BEFORE.values(), ids=list(BEFORE))
def test_numbers_count_from_the_last_syn(before: str, isn: int) -> None:
    anew = f"""
        {before}
        +1 < S 0:0(0) win 65535 <mss 1460> isn {isn}
        > S. 0:0(0) ack 1 win 65535 <mss 1460> isn 77
        < . 1:1(0) ack 1
        < P. 1:101(100) ack 1
    """
    assert found(f"{anew}\n > . 1:1(0) ack 101") == set()
    assert found(f"{anew}\n > . 1:1(0) ack 201") == {"TCP080"}
    another = "+70 > S 0:0(0) win 65535 <mss 1460> port 50001 isn 5"  # then what ended is forgotten
    later = f"> . 1:1(0) ack 101\n {another}\n > . 1:1(0) ack 201 port 50000 isn 77"
    assert found(f"{anew}\n {later}") == {"TCP080"}
