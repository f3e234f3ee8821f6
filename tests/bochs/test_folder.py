from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from pynat.bochs.folder import own_folder


def _old(folder: Path) -> Path:
    os.utime(folder, (0, 0))
    return folder


def test_a_folder_whose_owner_was_killed_goes_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    young, old, foreign = (tmp_path / name for name in ("pynat-run-a", "pynat-run-b", "other"))
    for folder in (young, old, foreign):
        folder.mkdir()
        (folder / "stderr").touch()
    _old(old)
    _old(foreign)
    with own_folder() as first, own_folder() as second:
        assert set(tmp_path.iterdir()) == {young, foreign, first, second}
        _old(first)
        with own_folder():
            assert first.is_dir()
    assert set(tmp_path.iterdir()) == {young, foreign}
