from __future__ import annotations

from pynat import rules
from pynat.log.notices import DROP_RATE, FINDING_RATE, JournalEntry, Level, Notices
from pynat.rules import BY_CODE


def notices() -> tuple[Notices, list[str]]:
    lines: list[str] = []
    return Notices(lambda level, text: lines.append(f"{level.name} {text}")), lines


def test_every_drop_is_counted_even_when_its_line_is_held_back() -> None:
    told, lines = notices()
    for _ in range(1000):
        told.drop(rules.tcp.CHECKSUM, "0x1, expected 0x2", now=1.0)
    assert told.drops == {rules.tcp.CHECKSUM: 1000}
    assert len(lines) == DROP_RATE.burst


def test_the_next_line_says_how_many_were_held_back() -> None:
    told, lines = notices()
    for _ in range(DROP_RATE.burst + 5):
        told.drop(rules.net.IPV6, "d", now=1.0)
    told.drop(rules.net.IPV6, "d", now=2.5)
    assert lines[-1] == "INFO dropped: NET001 ipv6: d (5 more like it)"


def test_kinds_do_not_disturb_each_other() -> None:
    told, lines = notices()
    for _ in range(100):
        told.drop(rules.tcp.DUPLICATE, "d", now=1.0)
    told.drop(rules.net.IPV6, "d", now=1.0, level=Level.ERROR)
    assert lines[-1] == "ERROR dropped: NET001 ipv6: d"


TTL = BY_CODE["IP031"]


def flow(number: int) -> bytes:
    return bytes(26) + number.to_bytes(12, "big")


def test_the_first_findings_of_a_flow_are_shown_and_then_counted() -> None:
    told, lines = notices()
    for _ in range(100):
        told.finding(TTL, "TTL 0", 1.0, flow(1))
    told.finding(TTL, "TTL 0", 1.0, flow(2))
    first, *others = lines
    assert first == f"INFO lint: IP031 error: TTL 0; look at: {TTL.remedy}"
    assert others == ["INFO lint: IP031 error: TTL 0"] * FINDING_RATE.burst
    told.finding(TTL, "TTL 0", 12.0, flow(1))
    assert lines[-1] == "INFO lint: IP031 error: TTL 0 (97 more like it in this flow)"
    assert told.findings == {"IP031": 102}


def test_many_flows_do_not_flood_the_log_nor_the_memory() -> None:
    told, lines = notices()
    for number in range(10_000):
        told.finding(TTL, "TTL 0", 1.0, flow(number))
    assert len(lines) == DROP_RATE.burst
    assert len(told._in_flows) <= 4096


def test_a_journal_has_all_that_is_not_silenced() -> None:
    told, _ = notices()
    kept: list[JournalEntry] = []
    told.keep_in(kept.append)
    for _ in range(100):
        told.drop(rules.tcp.CHECKSUM, "0x1, expected 0x2", 1.0)
        told.finding(TTL, "TTL 0", 1.0, flow(1), from_guest=True)
    told.comments.deal_with(b"frame")
    told.drop(rules.net.IPV6, "this network is IPv4 only", 2.0, count=3)
    assert len(kept) == 201
    assert kept[0] == JournalEntry(
        1.0, rules.tcp.CHECKSUM, "0x1, expected 0x2", None, False, 1, True
    )
    assert kept[1] == JournalEntry(1.0, TTL, "TTL 0", flow(1), True, 1, False)
    assert (kept[-1].frame, kept[-1].from_guest, kept[-1].packets) == (b"frame", True, 3)
