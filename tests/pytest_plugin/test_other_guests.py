"""The fixtures over Linux's stack, and over a stack in Python in virtual time."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from textwrap import dedent

import pytest

from pynat.rules import BY_CODE
from tests.pytest_plugin.conftest import Suite, assert_lines, assert_outcomes

pytest_plugins = ["pytester"]

ASKS = """
from pynat.testing.lab import GUEST_MAC
from pynat.wire import arp, ethernet

class Asks:
    '''A stack that asks for the router once a second; a guest of pynat.testing.virtual.'''

    def __init__(self):
        self.waiting, self.due, self.heard = [], 0.0, []

    def start(self, now):
        self.due = now

    def on_timer(self, now):
        self.due = now + 1.0
        ask = arp.Arp(arp.REQUEST, GUEST_MAC, bytes((192, 168, 16, 2)), bytes(6), ROUTER)
        frame = ethernet.encode(ethernet.BROADCAST, GUEST_MAC, ethernet.ARP, arp.encode(ask))
        self.waiting.append(frame)

    def next_timer(self):
        return self.due

    def to_wire(self):
        frames, self.waiting = self.waiting, []
        return frames

    def from_wire(self, frame, now):
        if frame[12:14] == bytes((8, 6)) and frame[21] == arp.REPLY:  # it is asked, too
            self.heard.append(now)

ROUTER = bytes((192, 168, 16, 1))
NO_REPLIES = {"silence": ["ARP021", "ARP028"]}
"""
silencing = pytest.mark.one_way("only its configuration says what is silenced")


@silencing
def test_a_stack_in_python_is_looked_at_like_any_other(suite: Suite) -> None:
    tests = """
    def test_it(pynat_virtual):
        guest = pynat_virtual(Asks(), impair=["to-guest drop until 2s"], lint=NO_REPLIES)
        guest.run(seconds=5)
        assert len(guest.stack.heard) == 4
        answer = guest.expect_frame(lambda frame: not frame.from_guest)
        assert answer.text.startswith("0.000 < ARP 192.168.16.1 is at")
        guest.lint.assert_clean()

    def test_waiting_is_virtual(pynat_virtual):
        guest = pynat_virtual(Asks())
        with pytest.raises(Exception, match="no lease: not within 30 s"):
            guest.wait_lease(timeout=30)
        assert len(guest.frames) > 58

    def test_failure(pynat_virtual):
        pynat_virtual(Asks()).run(seconds=2)
        assert False
    """
    result = suite(ASKS + dedent(tests))
    assert_outcomes(result, passed=2, failed=1)
    assert_lines(result, "*pynat: last frames*", "0.000 > ARP who has 192.168.16.1, *")


ONCE = """
class Once(Asks):
    '''It asks once, and waits for good: told when the network ends.'''

    def on_timer(self, now):
        super().on_timer(now)
        self.due = None

LOST = {"impair": ["arp loss 100%"], "lint": {"silence": ["ARP028"]}}
"""


@silencing
def test_what_is_found_at_the_end_is_there_behind_the_with_block(suite: Suite) -> None:
    tests = """
    from pynat.testing.kit import VirtualGuest

    def test_it(tmp_path):
        with VirtualGuest(Once(), tmp_path, LOST) as guest:
            guest.run(seconds=40)
            guest.lint.assert_clean()
        assert guest.lint.counts == {"ARP036": 1}
        (root,) = guest.lint.summary().to_mend
        assert root.record.rule.code == "ARP036"
        assert "ARP036" in guest.network.log
        with pytest.raises(AssertionError, match="40.000 ARP036 warning: ARP who has"):
            guest.lint.assert_clean()
    """
    assert_outcomes(suite(ASKS + ONCE + dedent(tests)), passed=1)


@silencing
def test_a_test_ends_its_guest_to_see_it(suite: Suite) -> None:
    tests = """
    def test_it(pynat_virtual):
        guest = pynat_virtual(Once(), **LOST)
        guest.run(seconds=40)
        guest.power_off()
        guest.lint.assert_clean()
    """
    result = suite(ASKS + ONCE + dedent(tests))
    assert_outcomes(result, failed=1)
    assert_lines(
        result,
        "*pynat: linter*",
        "ARP036 warning: arp asked once: 1",
        "to mend first: 40.000 ARP036 warning: ARP who has *",
        f"  look at: {BY_CODE['ARP036'].remedy}",
    )


@silencing
def test_what_is_found_when_a_fixture_ends_its_guest_is_kept(
    suite: Suite, artifacts: Path, pytester: pytest.Pytester
) -> None:
    tests = """
    def test_it(pynat_virtual):
        pynat_virtual(Once(), **LOST).run(seconds=40)
    """
    options = "--pynat-artifacts=out", "--junitxml=junit.xml"
    assert_outcomes(suite(ASKS + ONCE + dedent(tests), b"", *options), passed=1)
    (told,) = artifacts.glob("*/result.json")
    assert json.loads(told.read_text())["findings"] == {"ARP036": 1}
    properties = ET.parse(pytester.path / "junit.xml").iter("property")
    assert {"name": "pynat_findings", "value": "ARP036:1"} in [one.attrib for one in properties]


@pytest.mark.netns
def test_linux_is_looked_at_like_any_other(suite: Suite) -> None:
    tests = """
    def test_it(pynat_tap):
        tap = pynat_tap(hermetic=True)
        assert "2 received" in tap.run("ping", "-c", "2", "-i", "0.01", "192.168.16.1").stdout
        asked = tap.expect_frame("> icmp 192.168.16.2 > 192.168.16.1")
        assert asked.from_guest
        answered = tap.expect_frame("< icmp ", after=asked.number)
        tap.expect_frame("< icmp ", after=answered.number)
        assert len([one for one in tap.frames if " icmp " in one.text]) == 4
        tap.lint.assert_clean(severity="error")

    def test_failure(pynat_tap):
        tap = pynat_tap()
        tap.run("ping", "-c", "1", "192.168.16.1")
        tap.expect_frame("icmp", timeout=0.01, after=1000)

    def test_wrong(pynat_tap):
        pynat_tap(sed=1)
    """
    result = suite(tests)
    assert_outcomes(result, passed=1, failed=2)
    assert_lines(
        result,
        "E  *GuestSilent: no frame 'icmp': not within 0.01 s",
        "*sed: unknown key; did you mean*",
    )
