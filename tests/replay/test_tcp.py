"""Connections of a capture end as the wire shows it, whatever the settings of its network were.

That the capture says what was said live, the fixture of tests/both_ways.py asks of each lab here.
"""

from __future__ import annotations

from pynat.config import Config
from pynat.config.tables import Tcp
from pynat.testing.linted import LintedLab
from pynat.testing.script import established, introduce


def idles(seconds: float, config: Config) -> LintedLab:
    """The guest says something again after so long. The router knows its MAC address."""
    lab = LintedLab(config)
    flow = established(lab)
    lab.wait(config.tcp.idle - 1)
    introduce(lab)
    lab.wait(seconds - config.tcp.idle + 1)
    introduce(lab)
    flow.guest("P. 1:6(5) ack 1")
    return lab


def test_a_network_that_is_more_patient_than_usual() -> None:
    assert not idles(9999, Config(tcp=Tcp(idle=10_000))).found["TCP004"]


def test_a_network_that_has_reset_what_was_idle() -> None:
    assert idles(8000, Config()).found["TCP004"] == 1
    assert idles(80, Config(tcp=Tcp(idle=60))).found["TCP004"] == 1


def test_a_reset_that_could_not_be_delivered() -> None:
    lab = LintedLab()
    flow = established(lab)
    lab.wait(8000)
    introduce(lab)
    flow.guest("P. 1:6(5) ack 1")
    assert lab.found["TCP004"] == 1
