from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.packaging import wheelhouse
from tests.packaging.builds import Offline
from tests.packaging.wheelhouse import WheelsUnavailable


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty, and pip has no index."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_it_is_filled_once(cache: Path, offline: Offline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(offline.wheels))
    folder = wheelhouse.wheelhouse()
    assert folder == wheelhouse.place()
    assert folder.is_relative_to(cache)
    assert {path.name for path in folder.iterdir()} == {p.name for p in offline.wheels.iterdir()}
    assert list(folder.parent.glob("[!.]*")) == [folder]
    monkeypatch.setenv("PIP_FIND_LINKS", os.devnull)
    assert wheelhouse.wheelhouse() == folder


def test_without_an_index_it_says_what_is_missing_and_leaves_nothing(cache: Path) -> None:
    with pytest.raises(WheelsUnavailable, match=r"^pip download of setuptools>=77.*: .*"):
        wheelhouse.wheelhouse()
    assert list(wheelhouse.place().parent.glob("[!.]*")) == []
