"""A boot to measure leaves nothing where the benchmarks were started."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.starts import WITHOUT, opened


@pytest.mark.boots
def test_the_logs_of_a_back_end_go_with_its_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with opened("pynat") as start:
        assert start.boot(WITHOUT) > 0
        assert list((start.folder / WITHOUT).glob("eth_null*"))
    assert list(tmp_path.iterdir()) == []
