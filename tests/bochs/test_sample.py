"""The sample bochsrc, and each line of it that is commented out, starts a guest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pynat.bochs import Bochs, BochsRun, Ending
from tests.bochs.machines import POWER_OFF, bochsrc

_SAMPLE = Path(__file__).parents[2] / "bochsrc.sample"
_CARD = re.compile(r"#((?:e1000|ne2k|pcipnic): .*)")
_CARDS = [found[1] for line in _SAMPLE.read_text().splitlines() if (found := _CARD.match(line))]


def test_there_is_a_sample_of_each_card() -> None:
    assert [card.split(":")[0] for card in _CARDS] == ["e1000", "ne2k", "ne2k", "pcipnic"]


@pytest.mark.parametrize("card", ["", *_CARDS])
def test_sample(bochs: Bochs, tmp_path: Path, card: str) -> None:
    machine = bochsrc(tmp_path, POWER_OFF)  # its floppy, not the sample's CD
    settings = [line for line in _SAMPLE.read_text().splitlines() if not line.startswith("ata0")]
    settings += [card, *machine.read_text().splitlines()]
    machine.write_text("\n".join(settings) + "\n")
    extra = [f"com1: enabled=1, mode=file, dev={tmp_path / 'serial.txt'}"]
    with BochsRun(bochs, machine, log=tmp_path / "bochs.log", extra=extra) as run:
        outcome = run.wait(30)
    assert outcome.ending is Ending.POWER_OFF, str(outcome)
    name = card.split(":", maxsplit=1)[0] or "e1000"
    assert f"init_dev of '{name}' plugin device" in outcome.log.read_text()
