"""Connections of a capture end as the wire shows it, whatever the settings of its network were.

That the capture says what was said live, the fixture of tests/both_ways.py asks of each lab here.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from random import Random

from pynat.config import Config
from pynat.config.tables import Tcp
from pynat.faulty_host import FaultyHost, Misbehavior
from pynat.log.notices import Notices
from pynat.replay.tcp import SeenTable
from pynat.replay.tftp import SeenTftp
from pynat.router.assembly import NO_PROGRAM, Parts, assemble
from pynat.testing.linted import LintedLab
from pynat.testing.script import TcpScript, established, introduce
from pynat.wire import ipv4
from pynat.wire.tcp import SYN, Segment
from tests.both_ways import of_lab


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


def test_a_fin_that_answers_the_guests_in_the_same_segment(tmp_path: Path) -> None:
    """It is in LAST-ACK, not CLOSING, as what comes behind the guest's FIN shows."""
    host = FaultyHost(IPv4Address("192.0.2.7"), 0, Misbehavior())
    lab = LintedLab(Config(peers=(host,)))
    flow = TcpScript(lab, remote_port=9)
    flow.guest("S 0:0(0) <mss 1460>")
    flow.to_guest()
    flow.guest("FP. 1:6(5) ack 1")
    assert flow.to_guest() == ["F. 1:2(0) ack 7"]
    flow.guest("P. 6:11(5) ack 2")
    assert lab.found["TCP013"] == 1
    assert of_lab(lab, tmp_path) == []


def test_where_there_is_no_room_connections_to_the_guest_take_that_of_idle_ones() -> None:
    config = Config(tcp=Tcp(flows=8, idle=60))
    parts = Parts(SeenTable, SeenTftp)
    table = assemble(config, Notices(lambda *_: None), Random(0), NO_PROGRAM, [], parts).tcp
    assert isinstance(table, SeenTable)
    packet = ipv4.decode(
        memoryview(ipv4.encode(bytes((192, 0, 2, 7)), bytes((10, 0, 2, 15)), ipv4.TCP, b""))
    )
    for port in range(1000, 1100):
        table.seen(packet, Segment(port, 80, 0, 0, SYN, 1000), now=port * 100.0)
    assert len(table) <= 8
