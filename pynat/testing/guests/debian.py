"""Debian packages that guests are made of, downloaded without being installed.

apt's own lists serve where they know the package and the mirror still has it. Where not, because
they are empty, as in most containers, or old, lists of our own are fetched into the cache
directory, which needs no root.
"""

from __future__ import annotations

import contextlib
import lzma
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pynat.testing.guests.files import GuestUnavailable, cache_dir, locked, program, run

T = TypeVar("T")
Tell = Callable[[str], None]  # takes a line on what is being done


def silent(text: str) -> None:
    """A Tell that says nothing."""


@dataclass(frozen=True, slots=True)
class Apt:
    """apt's programs with options of ours."""

    options: tuple[str, ...] = ()

    def cache(self, *words: str) -> str:
        return run([program("apt-cache", "apt"), *self.options, *words])

    def get(self, *words: str, folder: Path) -> None:
        run([program("apt-get", "apt"), "-q", *self.options, *words], folder)


@dataclass(frozen=True, slots=True)
class Package:
    """One version of a package that apt can download.

    parts: others that it wants in this very version; Debian 14 has kernels in several.
    size: of all, in bytes.
    """

    apt: Apt
    name: str
    version: str
    parts: tuple[str, ...]
    size: int

    def __str__(self) -> str:
        return f"{self.name} {self.version}, {self.size / 1e6:.0f} MB"


def with_lists_in(folder: Path, **directories: Path | str) -> Apt:
    """apt with its lists there; directories: others of its `Dir`, `_` for `::`."""
    (folder / "partial").mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::State::Lists": folder,
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",  # whoever runs this may be the only one to see the folder
        **{f"Dir::{name.replace('_', '::')}": path for name, path in directories.items()},
    }
    return Apt(tuple(f"-o{key}={value}" for key, value in options.items()))


def with_any_lists(use: Callable[[Apt], T], tell: Tell = silent) -> T:
    """What `use` makes of the first lists that will do; raises its last GuestUnavailable."""
    for apt in (Apt(), *_kept_lists()):
        with contextlib.suppress(GuestUnavailable):
            return use(apt)
    with locked(_lists()):
        for apt in _kept_lists():  # another process may have read them meanwhile
            with contextlib.suppress(GuestUnavailable):
                return use(apt)
        return use(_fresh_lists(tell))


def _kept_lists() -> Iterator[Apt]:
    if _lists().is_dir():
        yield with_lists_in(_lists())


def _fresh_lists(tell: Tell) -> Apt:
    tell("Reading Debian's package lists")
    apt = with_lists_in(_lists())
    apt.get("update", folder=_lists())
    return apt


def _lists() -> Path:
    return cache_dir() / "apt-lists"


def newest_package(apt: Apt, metapackage: str) -> Package:
    """The package that `metapackage` stands for today: linux-image-6.1.0-9-amd64, say."""
    stem = metapackage.rsplit("-", 1)[0]
    listing = apt.cache("depends", metapackage)
    names = re.findall(rf"^ *Depends: ({stem}-\S+)", listing, re.MULTILINE)
    if not names:
        raise GuestUnavailable(
            f"apt knows no package {metapackage}; its lists may be empty: apt-get update"
        )
    fields = _about(apt, names[0])
    version = fields["Version"]
    parts = re.findall(rf"(\S+) \(= {re.escape(version)}\)", fields.get("Depends", ""))
    size = sum(int(_about(apt, name)["Size"]) for name in (names[0], *parts))
    return Package(apt, names[0], version, tuple(parts), size)


def _about(apt: Apt, name: str) -> dict[str, str]:
    lines = apt.cache("show", "--no-all-versions", name).splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def unpack_package(package: Package, target: Path, wanted: Callable[[str], str | None]) -> None:
    """Download it and write to `target` what `wanted` gives a name to."""
    with tempfile.TemporaryDirectory(prefix="pynat-deb-", dir=target) as name:
        folder = Path(name)
        package.apt.get("download", package.name, *package.parts, folder=folder)
        for archive in folder.glob("*.deb"):
            _unpack(archive, target, wanted)


def _unpack(archive: Path, target: Path, wanted: Callable[[str], str | None]) -> None:
    tar = archive.with_suffix(".tar")
    with tar.open("wb") as out:
        subprocess.run(["dpkg-deb", "--fsys-tarfile", archive], stdout=out, check=True)
    with tarfile.open(tar) as files:
        for member in files:
            chosen = wanted(member.name) if member.isfile() else None
            contents = files.extractfile(member) if chosen else None
            if chosen and contents:
                (target / chosen).write_bytes(_expand(member.name, contents.read()))


def _expand(name: str, data: bytes) -> bytes:
    return lzma.decompress(data) if name.endswith(".xz") else data
