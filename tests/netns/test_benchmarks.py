"""The benchmarks run. What they measure, and how well, is theirs: no time is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.results import Cell, Results
from tests.netns.network import HANGS, ROOT

pytestmark = pytest.mark.timeout(HANGS)

ROWS = ("tcp from-guest 1", "udp to-guest 64", "connections", "ping idle", "ack from-guest")
COMMAND = (sys.executable, "-m", "benchmarks", "--rounds", "1", "--seconds", "0.5")


def test_rows_have_figures_of_pynat(tmp_path: Path) -> None:
    command = (*COMMAND, "--folder", str(tmp_path), "--only", *ROWS)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = Results.from_json(json.loads((tmp_path / "results.json").read_text()))
    keys = (*ROWS[:3], *(f"{each} {share}" for each in ROWS[3:] for share in ("median", "late")))
    for key in keys:
        assert (results.value(Cell(key, "pynat")) or 0) > 0, results.missing
    assert (tmp_path / "results.md").read_text() == done.stdout.removesuffix("\n")
    assert (tmp_path / "results.svg").read_text().startswith("<svg")


def test_flows_grow_are_used_and_go(tmp_path: Path) -> None:
    command = (*COMMAND, "--folder", str(tmp_path), "--only", "flows used 1", "flows used 100")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = Results.from_json(json.loads((tmp_path / "results.json").read_text()))
    assert (results.value(Cell("flows used 100", "pynat")) or 0) > 0, results.missing
