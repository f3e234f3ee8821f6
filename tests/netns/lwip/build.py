"""The program of guest.c with lwIP in it, which is compiled here from Debian's source package.

Both are kept in the user's cache directory: the source for each version, the program for each
version, text of ours and way of compiling. Getting the source needs apt's mirror, so a test run
does it before it seals itself.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from pynat.testing.guests.debian import Tell, silent, with_any_lists, with_lists_in
from pynat.testing.guests.files import (
    GuestUnavailable,
    cache_dir,
    digest,
    made_once,
    program,
    run,
)

HERE = Path(__file__).parent
PACKAGE = "lwip"
BINARY = "liblwip-dev"  # of that source; tells apt's address and the version
OURS = ("guest.c", "lwipopts.h", "arch/cc.h")
PARTS = ("core/*.c", "core/ipv4/*.c", "netif/ethernet.c")  # of the source
FLAGS = ("-O1", "-Wno-address")
_SOURCE = re.compile(r"^ +\d+ (?P<uri>\S+) (?P<suite>[^/\s]+)/(?P<part>\S+) \S+ Packages$", re.M)


def guest_program(tell: Tell = silent) -> Path:
    """`tell` gets a line before each download. Raises GuestUnavailable."""
    source = fetch_source(tell)
    recipe = digest(*(Path(HERE, name).read_text() for name in OURS), *PARTS, *FLAGS)
    built = cache_dir() / f"{PACKAGE}_{version_of(source)}_{recipe}"
    return made_once(built, lambda folder: _compile(source, folder / "guest")) / "guest"


def version_of(source: Path) -> str:
    """As Debian names it."""
    return source.name.partition("_")[2]


def _compile(source: Path, target: Path) -> None:
    files = [HERE / "guest.c", *(file for part in PARTS for file in sorted(source.glob(part)))]
    command = [program("gcc", "gcc"), *FLAGS, f"-I{HERE}", f"-I{source / 'include'}"]
    run([*command, "-o", str(target), *map(str, files)])


def fetch_source(tell: Tell = silent) -> Path:
    """lwIP's folder `src`; one that is there is good enough where the mirror does not answer."""
    try:
        return with_any_lists(lambda apt: _fetch(apt.cache("policy", BINARY), tell), tell)
    except GuestUnavailable:
        kept = sorted(cache_dir().glob(f"{PACKAGE}-source_*/core"))
        if not kept:
            raise
        return kept[-1].parent


def _fetch(policy: str, tell: Tell) -> Path:
    found = re.search(r"Candidate: (\S+)", policy)
    sources = _SOURCE.search(policy)
    if found is None or sources is None:
        raise GuestUnavailable(f"apt knows no package {BINARY}; try: apt-get update")
    line = "deb-src {uri} {suite} {part}\n".format(**sources.groupdict())

    def make(folder: Path) -> None:
        tell(f"Downloading the source of {PACKAGE} {found[1]}")
        with tempfile.TemporaryDirectory(prefix="pynat-src-", dir=folder) as name:
            _download(Path(name), line)
            _unpack(Path(name), folder)

    return made_once(cache_dir() / f"{PACKAGE}-source_{found[1]}", make)


def _download(folder: Path, sources: str) -> None:
    """With lists of its own: the machine's own need not name sources, and stay as they are."""
    (folder / "sources.list").write_text(sources)
    apt = with_lists_in(
        folder / "lists",
        Etc_SourceList=folder / "sources.list",
        Etc_SourceParts="/dev/null",
    )
    apt.get("update", folder=folder)
    apt.get("source", "--download-only", PACKAGE, folder=folder)


def _unpack(archives: Path, target: Path) -> None:
    (archive,) = archives.glob("*.orig.tar.*")
    run(["tar", "-xf", str(archive)], archives)
    (source,) = archives.glob("*/src")
    for part in source.iterdir():
        part.rename(target / part.name)
