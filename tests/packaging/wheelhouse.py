"""The wheels that it takes to build and to install pynat, for tests that have no network.

    python -m tests.packaging.wheelhouse

downloads them into the user's cache directory, once for each set of requirements and Python.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

from pynat.testing.guests.files import cache_dir

ROOT = Path(__file__).parents[2]


class WheelsUnavailable(Exception):  # noqa: N818 - what the wheels are
    """They cannot be had; the text says why."""


def wheelhouse() -> Path:
    """The folder of them. Uses the network when it is not there yet."""
    folder = place()
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="pynat-wheels-", dir=folder.parent) as name:
            _download(Path(name, "wheels")).rename(folder)
    return folder


def place() -> Path:
    """Where it is, or would be."""
    what = [*requirements(), sysconfig.get_platform(), str(sys.implementation.cache_tag)]
    return cache_dir() / f"wheels-{hashlib.sha256(' '.join(what).encode()).hexdigest()[:16]}"


def requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [*project["build-system"]["requires"], *project["project"]["dependencies"]]


def _download(folder: Path) -> Path:
    pip = (sys.executable, "-m", "pip", "download", "-q", "--only-binary=:all:")
    command = (*pip, "--dest", str(folder), *requirements())
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise WheelsUnavailable(f"pip download of {', '.join(requirements())}: {said[-1]}")
    return folder


if __name__ == "__main__":
    print(wheelhouse())
