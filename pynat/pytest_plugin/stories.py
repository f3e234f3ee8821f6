"""Which guests a test has had, whatever the scope of their fixtures, and how it went."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pynat.testing.kit import Observed

_MOST = 120  # characters of a folder's name
_READABLE = re.compile(r"[\w./:\[\]-]*")


@dataclass(slots=True)
class Story:
    """Of one test. outcome and reason: as in result.json."""

    guests: list[Observed] = field(default_factory=list)
    outcome: str = "passed"
    reason: str = ""
    seed: int | None = None

    def add(self, guest: Observed) -> None:
        if not any(one is guest for one in self.guests):
            self.guests.append(guest)


STORY = pytest.StashKey[Story]()
CURRENT = pytest.StashKey[Story]()  # of the configuration: the test that runs


def story(item: pytest.Item) -> Story:
    """With the guests that its fixtures gave it, which earlier tests may have booted."""
    found = item.stash.setdefault(STORY, Story())
    for value in (getattr(item, "funcargs", None) or {}).values():
        for guest in getattr(value, "pynat_guests", ()):
            found.add(guest)
    return found


def folder_of(item: pytest.Item) -> Path | None:
    """Of the test's artefacts, if they are wanted."""
    where = item.config.getoption("pynat_artifacts")
    return None if where is None else Path(item.config.invocation_params.dir, where, _safe(item))


def _safe(item: pytest.Item) -> str:
    """A name of its own: what is lost of the node's id is in a number behind it."""
    name = re.sub(r"[^\w.-]+", "-", item.nodeid).strip("-")
    if len(name) <= _MOST and _READABLE.fullmatch(item.nodeid):
        return name
    return f"{name[:_MOST]}-{hashlib.sha256(item.nodeid.encode()).hexdigest()[:8]}"


def repeat(item: pytest.Item, seed: int | None) -> str:
    """The command that runs the test again, from the folder in which it was run: keywords such as
    `kernel="kernel.elf"` name files from there on, and not from pytest's root."""
    where = item.config.invocation_params.dir
    _, mark, inner = item.nodeid.partition("::")
    test = os.path.relpath(item.path, where) + mark + inner
    chosen = "" if seed is None else f" --pynat-seed={seed}"
    return f"cd {shlex.quote(str(where))} && {_python()} -m pytest {shlex.quote(test)}{chosen}"


def _python() -> str:
    """The one that runs, by its path where the shell has another one or none."""
    usual = shutil.which("python3")
    if usual is not None and Path(usual).parent == Path(sys.executable).parent:
        return "python3"
    return shlex.quote(sys.executable)
