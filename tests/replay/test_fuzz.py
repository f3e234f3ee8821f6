"""Whatever stands in a capture, looking at it raises nothing."""

from __future__ import annotations

import contextlib
from pathlib import Path

from pynat.capture import pcap
from pynat.errors import ConfigError
from pynat.log.notices import JournalEntry
from pynat.replay.capture import Capture
from tests.frames import mended
from tests.fuzzing import seeded
from tests.lint.examples import EXAMPLES, collect
from tests.replay import foreign
from tests.spoiling import spoilt

collect()


def test_spoilt_frames_of_both_directions(tmp_path: Path) -> None:
    """In any order, with checksums that are mostly right."""
    dice, found = seeded(1), set[str]()
    shown = [(one.frame, one.from_guest) for e in EXAMPLES[::8] for one in e.run().seen]
    shown += [(frame, frame[:6] != bytes.fromhex("52540000000f")) for _, frame in foreign.whole()]
    for number in range(20):
        blocks = []
        for at, (frame, from_guest) in enumerate(dice.sample(shown, len(shown) // 2)):
            data = spoilt(frame, dice) if dice.randrange(3) == 0 else frame
            data = mended(data) if dice.randrange(4) else data
            way = from_guest if dice.randrange(8) else not from_guest
            blocks.append(pcap.pcapng_block(at * 50_000, data, from_guest=way))
        head = pcap.pcapng_header(comments=[pcap.BEGINS] * (number % 2))
        (tmp_path / "x").write_bytes(head + b"".join(blocks))
        entries: list[JournalEntry] = []
        for _ in Capture(tmp_path / "x").frames(entries.append):
            pass
        assert all(entry.text.isprintable() for entry in entries)
        found |= {entry.rule.code for entry in entries}
    assert len(found) > 60


def test_spoilt_files(tmp_path: Path) -> None:
    dice, looked_at = seeded(2), 0
    for data in [foreign.pcap(foreign.whole()), foreign.pcapng(foreign.whole())]:
        for _ in range(40):
            (tmp_path / "x").write_bytes(spoilt(data, dice))
            with contextlib.suppress(ConfigError):
                looked_at += sum(1 for _ in Capture(tmp_path / "x").frames(lambda _: None))
    assert looked_at > 1000
