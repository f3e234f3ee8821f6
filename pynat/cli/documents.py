"""Where this pynat's README.md, docs/, examples/ and bochsrc.sample are."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pynat

DISTRIBUTION = "bochs-pynat"
SAMPLE = "bochsrc.sample"


def documents() -> Path | None:
    """The folder that has them all."""
    return next((place for place in _places() if (place / SAMPLE).is_file()), None)


def _places() -> Iterator[Path]:
    root = Path(pynat.__file__).resolve().parents[1]
    yield root  # a clone
    yield root / "share" / "doc" / DISTRIBUTION  # pip install --target
    try:
        installed = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return
    yield from (Path(str(f.locate())).resolve().parent for f in installed if f.name == SAMPLE)
