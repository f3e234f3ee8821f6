"""What follows from a mistake is put down to it, and does not count by itself."""

from __future__ import annotations

from pynat.rules import BY_CODE, RULES
from pynat.verdict import LASTS, About, Cause, Verdict
from tests.frames import ping

CAUSE, FOLLOWS = BY_CODE["TCP044"], BY_CODE["TCP007"]
OF_IP, IN_TCP = BY_CODE["IP005"], BY_CODE["TCP004"]


def segment(port: int, *, card: int = 1, back: bool = False) -> About:
    macs = bytes((2, 0, 0, 0, 0, 9)), bytes((2, 0, 0, 0, 0, card))
    ends = (bytes((192, 168, 16, 2)), port.to_bytes(2, "big")), (bytes((192, 0, 2, 7)), b"\0\x50")
    (source, from_port), (destination, to_port) = reversed(ends) if back else ends
    header = b"\x45" + bytes(8) + b"\x06" + bytes(2) + source + destination
    ethernet = b"".join(reversed(macs) if back else macs) + b"\x08\x00"
    return About(ethernet + header + from_port + to_port + bytes(16), not back, port)


def test_every_consequence_is_a_rule_and_another_one() -> None:
    for rule in RULES:
        assert set(rule.leads_to) <= BY_CODE.keys() - {rule.code}, rule.code


def test_in_the_same_connection_it_follows_in_either_direction() -> None:
    verdict = Verdict()
    assert verdict.put(CAUSE, "first", 1.0, segment(31)) is None
    for about in (segment(31), segment(31, back=True)):
        cause = verdict.put(FOLLOWS, "second", 2.0, about)
        assert str(cause) == "because of TCP044 in frame 31"
    assert verdict.put(FOLLOWS, "of another connection", 2.0, segment(32)) is None
    record = verdict.of("TCP007")
    assert record is not None
    assert (record.count, record.because) == (1, {"TCP044": 2})


def test_before_its_cause_nothing_follows() -> None:
    verdict = Verdict()
    assert verdict.put(FOLLOWS, "first", 1.0, segment(1)) is None
    assert verdict.put(CAUSE, "later", 1.0, segment(1)) is None


def test_what_is_wrong_below_tcp_has_consequences_in_all_connections_of_the_card() -> None:
    verdict = Verdict()
    verdict.put(OF_IP, "checksum", 1.0, segment(1))
    assert verdict.put(IN_TCP, "no flow", 1.0, segment(2)) == Cause("IP005", 1)
    assert verdict.put(IN_TCP, "of another guest", 1.0, segment(2, card=2)) is None


def test_what_is_about_no_frame_follows_from_any() -> None:
    verdict = Verdict()
    verdict.put(BY_CODE["ARP021"], "does not answer", 1.0, About(ping("192.0.2.7"), True, 5))
    assert verdict.put(BY_CODE["ARP007"], "nobody answers", 2.0, About()) == Cause("ARP021", 5)


def test_a_cause_is_passed_on_and_the_first_frame_of_it_stays() -> None:
    verdict = Verdict()
    verdict.put(BY_CODE["ARP024"], "other", 1.0, segment(1))
    verdict.put(BY_CODE["ARP024"], "other again", 1.5, segment(2))
    assert verdict.put(BY_CODE["ARP007"], "no answer", 2.0, segment(3)) == Cause("ARP024", 1)
    assert verdict.put(BY_CODE["NET008"], "queue", 3.0, segment(4)) == Cause("ARP024", 1)


def test_it_is_forgotten_when_it_has_not_come_for_long() -> None:
    verdict = Verdict()
    verdict.put(CAUSE, "first", 1.0, segment(1))
    verdict.put(CAUSE, "again", 100.0, segment(1))
    assert verdict.put(FOLLOWS, "still", 100.0 + LASTS, segment(1)) == Cause("TCP044", 1)
    assert verdict.put(FOLLOWS, "no more", 101.0 + LASTS, segment(1)) is None


def test_a_frame_that_is_cut_short_is_no_fault() -> None:
    assert Verdict().put(OF_IP, "cut", 1.0, About(ping("192.0.2.7")[:20])) is None
