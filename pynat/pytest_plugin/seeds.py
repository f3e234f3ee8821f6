"""`pynat_seeds`: which tests have a bad seed already, known to all workers of pytest-xdist.

A bad seed is an empty file of its name, in a folder of its test. These lie where all workers of a
machine look, and no other run does.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

_SEED = re.compile(r"seed-\d+")
_FOLDER = pytest.StashKey[Path]()


def is_over_seeds(item: pytest.Item) -> bool:
    return item.get_closest_marker("pynat_seeds") is not None


def skip_behind_a_bad_one(item: pytest.Item, factory: pytest.TempPathFactory) -> None:
    item.config.stash[_FOLDER] = _shared(item.config, factory)
    for bad in _folder_of(item).glob("*"):
        pytest.skip(f"{bad.name} is bad already")


def remember(item: pytest.Item) -> None:
    seed = _SEED.search(item.nodeid)
    if seed and is_over_seeds(item) and _FOLDER in item.config.stash:
        folder = _folder_of(item)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / seed[0]).touch()


def _shared(config: pytest.Config, factory: pytest.TempPathFactory) -> Path:
    """A worker's own folder is below the run's; where it is on another machine, below all runs'."""
    base = factory.getbasetemp()
    worker = getattr(config, "workerinput", None)
    return (
        base / "bad-seeds" if worker is None else base.parent / f"bad-seeds-{worker['testrunuid']}"
    )


def _folder_of(item: pytest.Item) -> Path:
    test = _SEED.sub("", item.nodeid)
    return item.config.stash[_FOLDER] / hashlib.sha256(test.encode()).hexdigest()
