"""NIC lines of real hobby kernels' bochsrc files, with only the word behind `ethmod=` changed.

Each starts in Bochs as it stands and its network comes up, with a warning where it names what
another back end wanted. tests/live/test_nic_lines.py boots guests on one of each kind.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.bochs import Bochs, BochsRun, Ending
from pynat.bochs.find import MIN_VERSION
from pynat.bochs.outcome import plugin_errors
from tests.bochs.machines import bochsrc, shutdown_port
from tests.bochs.nic_lines import LINES, files, with_pynat


@pytest.mark.parametrize("number", LINES)
def test_the_network_comes_up(
    bochs: Bochs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    line = LINES[number]
    monkeypatch.chdir(tmp_path)
    files(tmp_path, no_dns=number == "14")
    pci = [] if line.pci else ["pci: enabled=0"]
    path = bochsrc(tmp_path, shutdown_port(), *pci, *map(with_pynat, line.lines))
    with BochsRun(bochs, path, log=tmp_path / "bochs.log") as run:
        outcome = run.wait(30)
    assert outcome.ending is Ending.POWER_OFF, str(outcome)
    log = (tmp_path / "bochs.log").read_text()
    networks = [text for text in log.splitlines() if f" network {line.net}, " in text]
    left_out = bochs.version == MIN_VERSION and line.up_in_2_7
    assert len(networks) == (left_out or len(line.lines))
    assert plugin_errors(tmp_path / "bochs.log") == []
    notes = [text for text in log.splitlines() if " note: " in text]
    assert len(notes) == len(line.warns), notes
    for note, expected in zip(notes, line.warns, strict=True):
        assert expected in note
