from __future__ import annotations

from pynat import rules
from pynat.log.notices import DROP_RATE, FINDING_RATE, JournalEntry, Level, Notices
from pynat.rules import BY_CODE
from pynat.wire import versions
from tests.frames import udp


def notices() -> tuple[Notices, list[str]]:
    lines: list[str] = []
    return Notices(lambda level, text: lines.append(f"{level.name} {text}")), lines


def test_every_drop_is_counted_even_when_its_line_is_held_back() -> None:
    told, lines = notices()
    for number in range(1000):
        told.drop(rules.tcp.CHECKSUM, f"{number:#x}, expected 0x2", now=1.0)
    assert told.drops == {rules.tcp.CHECKSUM: 1000}
    assert len(lines) == DROP_RATE.burst


def test_the_next_line_says_how_many_were_held_back() -> None:
    told, lines = notices()
    for number in range(DROP_RATE.burst + 5):
        told.drop(rules.net.IPV6, f"d {number}", now=1.0)
    told.drop(rules.net.IPV6, "e", now=2.5)
    assert lines[-1] == "INFO dropped: NET001 ipv6: e (5 more like it)"


def test_drops_that_say_the_same_are_a_line_and_a_count() -> None:
    told, lines = notices()
    told.comments.want(True)
    frames = [udp("192.0.2.7", port, b"hello") for port in range(9, 20)]
    for now, frame in enumerate(frames):
        told.comments.deal_with(frame)
        text = f"{versions.named_in(frame)}: total length 13, expected 33"
        told.drop(rules.ipv4.TOTAL_LENGTH, text, now=0.1 * now)
    look_at = f"; look at: {rules.ipv4.TOTAL_LENGTH.remedy}"
    said = "dropped: IP004 ipv4 total length: udp 192.168.16.2:5000 > 192.0.2.7:"
    assert lines == [f"INFO {said}9: total length 13, expected 33{look_at}"]
    assert [said in told.comments.pop(frame) for frame in frames] == [True] * 11
    told.drop(rules.ipv4.TOTAL_LENGTH, text, now=11.0)
    assert lines[1:] == [f"INFO {said}19: total length 13, expected 33 (10 more that say the same)"]
    told.comments.deal_with(b"\x52" * 60)
    told.drop(rules.ipv4.TOTAL_LENGTH, "total length 13, expected 33", now=11.0)
    assert len(lines) == 3, "another card says it for the first time"


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
    for number in range(100):
        told.finding(TTL, f"TTL 0, {number}", 1.0, flow(1))
    told.finding(TTL, "TTL 0", 1.0, flow(2))
    first, *others, last = lines
    assert first == f"INFO lint: IP031 error: TTL 0, 0; look at: {TTL.remedy}"
    assert others == [f"INFO lint: IP031 error: TTL 0, {n}" for n in range(1, FINDING_RATE.burst)]
    assert last == "INFO lint: IP031 error: TTL 0"
    told.finding(TTL, "TTL 0, 7", 12.0, flow(1))
    assert lines[-1] == "INFO lint: IP031 error: TTL 0, 7 (97 more like it in this flow)"
    assert told.findings == {"IP031": 102}


def test_many_flows_do_not_flood_the_log_nor_the_memory() -> None:
    told, lines = notices()
    for number in range(10_000):
        told.finding(TTL, f"TTL 0, {number}", 1.0, flow(number))
    assert len(lines) == DROP_RATE.burst
    assert len(told._texts) <= 4096
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
