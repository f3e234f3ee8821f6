"""How a guest says which groups it is in."""

from __future__ import annotations

from scapy.layers.inet import IP, Ether, IPOption_Router_Alert

from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from pynat.wire import ethernet
from tests.frames import GUEST
from tests.lint.examples import clean, example

REPORT = bytes.fromhex("16000904e00000fb")  # of 224.0.0.251


def joins(
    lab: LintedLab, message: bytes = REPORT, *, ttl: int = 1, to: str = "224.0.0.251"
) -> None:
    group = bytes(map(int, to.split(".")))
    head = Ether(src=GUEST_MAC.hex(":"), dst=ethernet.text(ethernet.group(group)))
    report = IP(src=GUEST, dst=to, ttl=ttl, proto=2, options=[IPOption_Router_Alert()])
    lab.look(bytes(head / report / message), from_guest=True)


@example("IP049")
def sums_igmp_with_a_pseudo_header(lab: LintedLab) -> None:
    """The guest takes the checksum of UDP for that of IGMP."""
    joins(lab, REPORT[:2] + b"\x12\x34" + REPORT[4:])


@example("IP050")
def reports_far_away(lab: LintedLab) -> None:
    """The guest's reports have the time to live of its other packets."""
    joins(lab, ttl=64)


@example("IP050")
def reports_to_all_hosts(lab: LintedLab) -> None:
    """The guest reports to who has asked, and not to the group."""
    joins(lab, to="224.0.0.1")


@clean("IP049")
@clean("IP050")
def joins_a_group_and_leaves_it(lab: LintedLab) -> None:
    joins(lab)
    joins(lab, bytes.fromhex("17000804e00000fb"), to="224.0.0.2")
    joins(lab, bytes.fromhex("2200f9020000000104000000e00000fb"), to="224.0.0.22")
