"""Building and installing, with no other wheels than those of a folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tests.packaging.checkout import ROOT, Files

_KEPT = ROOT / "build" / "packaging"
_COMMANDS = re.compile(r"^## Installed with pip\n.*?^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Offline:
    """How a user's commands run here: nothing of this checkout or of this user's is in reach."""

    wheels: Path
    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(self, *command: str | Path, folder: Path, timeout: float = 200) -> str:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}"
        return done.stdout

    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_NO_INDEX": "1",
            **self.variables,
        }


@dataclass(frozen=True)
class Archives:
    sdist: Path
    wheel: Path

    def sdist_files(self) -> Files:
        """Without the folder that they all are in: name -> may it be executed?"""
        with tarfile.open(self.sdist) as tar:
            files = [member for member in tar if not member.isdir()]
        assert all(member.isfile() for member in files), "a link"
        return {
            str(PurePosixPath(*PurePosixPath(member.name).parts[1:])): bool(member.mode & 0o100)
            for member in files
        }

    def sdist_metadata(self) -> bytes:
        with tarfile.open(self.sdist) as tar:
            (member,) = (each for each in tar if re.fullmatch("[^/]*/PKG-INFO", each.name))
            file = tar.extractfile(member)
            assert file is not None
            return file.read()

    def metadata(self) -> bytes:
        """Of the wheel."""
        with zipfile.ZipFile(self.wheel) as wheel:
            (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
            return wheel.read(name)


@dataclass(frozen=True)
class Installation:
    folder: Path  # where the commands ran
    offline: Offline

    @property
    def environment(self) -> Path:
        return self.offline.home / "pynat"

    @property
    def documents(self) -> Path:
        return self.environment / "share" / "doc" / "bochs-pynat"

    def pynat(self, *arguments: str | Path, folder: Path, timeout: float = 200) -> str:
        return self._run("pynat", *arguments, folder=folder, timeout=timeout)

    def python(self, *arguments: str | Path, folder: Path) -> str:
        return self._run("python", *arguments, folder=folder)

    def _run(self, program: str, *arguments: str | Path, folder: Path, timeout: float = 200) -> str:
        path = self.environment / "bin" / program
        return self.offline.run(path, *arguments, folder=folder, timeout=timeout)


def build_once(checkout: Path, offline: Offline) -> Archives:
    """In build/packaging/, for each state of the files, whichever processes run tests."""
    kept = _KEPT / _digest(checkout, offline)
    _KEPT.mkdir(parents=True, exist_ok=True)
    with (_KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.is_dir():
            for old in _KEPT.glob("*/"):
                shutil.rmtree(old)
            part = _KEPT / "part"
            part.mkdir()
            offline.run("python", "-m", "build", "--outdir", part, checkout, folder=part)
            part.rename(kept)
    return Archives(*kept.glob("*.tar.gz"), *kept.glob("*.whl"))


def _digest(checkout: Path, offline: Offline) -> str:
    found = hashlib.sha256(str(offline.wheels).encode())
    for path in sorted(path for path in checkout.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(checkout)}\0{path.stat().st_mode:o}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:16]


def install(wheel: Path, folder: Path, offline: Offline) -> Installation:
    shutil.copy(wheel, folder)
    for command in install_commands():
        offline.run("sh", "-c", command, folder=folder)
    return Installation(folder, offline)


def install_commands() -> list[str]:
    found = _COMMANDS.search((ROOT / "docs" / "running.md").read_text())
    assert found is not None
    return found[1].splitlines()


def wheel_files(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
