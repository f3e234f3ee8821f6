"""The wheels that it takes to build, to install and to use pynat, for tests that have no network.

They are in the user's cache directory, downloaded once for each set of requirements and Python; a
test run does that before it is sealed (tests/preparing.py).
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

from pynat.testing.guests.debian import Tell, silent
from pynat.testing.guests.files import cache_dir, digest, made_once

ROOT = Path(__file__).parents[2]
OF_AUTHORS = ("pytest>=8.3",)  # what action.yml installs beside pynat


class WheelsUnavailable(Exception):  # noqa: N818 - what the wheels are
    """They cannot be had; the text says why."""


def wheelhouse(tell: Tell = silent) -> Path:
    """The folder of them. `tell` gets a line before the download. Raises WheelsUnavailable."""

    def make(folder: Path) -> None:
        tell(f"Downloading wheels of {', '.join(requirements())}")
        _download(folder)

    return made_once(place(), make)


def place() -> Path:
    """Where it is, or would be."""
    what = [*requirements(), sysconfig.get_platform(), str(sys.implementation.cache_tag)]
    return cache_dir() / f"wheels-{digest(*what)}"


def requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    return [*needed, *OF_AUTHORS]


def _download(folder: Path) -> None:
    pip = (sys.executable, "-m", "pip", "download", "-q", "--only-binary=:all:")
    command = (*pip, "--dest", str(folder), *requirements())
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise WheelsUnavailable(f"pip download of {', '.join(requirements())}: {said[-1]}")
