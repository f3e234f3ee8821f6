"""Where this pynat's README.md, docs/, examples/ and bochsrc.sample are."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pynat

DISTRIBUTION = "bochs-pynat"
SAMPLE = "bochsrc.sample"


def documents() -> Path | None:
    """The clone, else where pip put them; they are always together."""
    clone = Path(pynat.__file__).resolve().parents[1]
    return clone if (clone / SAMPLE).is_file() else _installed()


def _installed() -> Path | None:
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return None
    places = (Path(str(file.locate())).resolve() for file in files if file.name == SAMPLE)
    return next((place.parent for place in places if place.is_file()), None)
