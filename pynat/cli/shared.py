"""Completion for shells and manual pages: this pynat's share/, and links to it where they look.

Shells and man look below /usr/local/share, and for one user below ~/.local/share; in the `share`
of a virtual environment only some of them do. A file that pynat did not make is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pynat
from pynat.cli.documents import DISTRIBUTION

OURS = (
    "bash-completion/completions/pynat",
    "zsh/site-functions/_pynat",
    "fish/vendor_completions.d/pynat.fish",
    "man/man1/pynat*.1",
)
_MARK = Path("man/man1/pynat.1")


class Link(NamedTuple):
    place: Path
    target: Path

    @property
    def is_ours(self) -> bool:
        """Whether this or another installation of pynat, maybe one that is gone, made it."""
        parts = self.target.parts[-3:]
        return self.place.is_symlink() and self.place.readlink().parts[-3:] == parts


def usual_folder() -> Path:
    """Where the shells of everybody look, or of this user."""
    if os.geteuid() == 0:
        return Path("/usr/local/share")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def links(folder: Path) -> Iterator[Link]:
    """Those that belong below `folder`."""
    share = _share()
    if share is None:
        return
    for pattern in OURS:
        for target in sorted(share.glob(pattern)):
            yield Link(folder / target.relative_to(share), target)


def _share() -> Path | None:
    return next((place for place in _places() if (place / _MARK).is_file()), None)


def _places() -> Iterator[Path]:
    root = Path(pynat.__file__).resolve().parents[1]
    yield root / "share"  # a clone, or pip install --target
    try:
        installed = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return
    for file in installed:
        if file.name == _MARK.name:
            yield Path(str(file.locate())).resolve().parents[2]
