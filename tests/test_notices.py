from __future__ import annotations

from pynat.notices import FAULTS, Level, Notices


def notices() -> tuple[Notices, list[str]]:
    lines: list[str] = []
    return Notices(lambda level, text: lines.append(f"{level.name} {text}")), lines


def test_every_drop_is_counted_even_when_its_line_is_held_back() -> None:
    told, lines = notices()
    for _ in range(1000):
        told.drop("tcp checksum", "0x1, expected 0x2", now=1.0)
    assert told.drops == {"tcp checksum": 1000}
    assert len(lines) == FAULTS.burst


def test_the_next_line_says_how_many_were_held_back() -> None:
    told, lines = notices()
    for _ in range(FAULTS.burst + 5):
        told.drop("r", "d", now=1.0)
    told.drop("r", "d", now=2.5)
    assert lines[-1] == "INFO dropped: r: d (5 more like it)"


def test_kinds_do_not_disturb_each_other() -> None:
    told, lines = notices()
    for _ in range(100):
        told.drop("flood", "d", now=1.0)
    told.drop("rare", "d", now=1.0, level=Level.ERROR)
    assert lines[-1] == "ERROR dropped: rare: d"
