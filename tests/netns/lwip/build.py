"""The program of guest.c with lwIP in it, which is compiled here from Debian's source package.

Both are kept in the user's cache directory: the source for each version, the program for each
version and each text of ours. Getting the source needs apt's mirror, so a test run does it before
it seals itself.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path

from pynat.testing.guests.files import GuestUnavailable, cache_dir, program, run
from tests.locks import locked

HERE = Path(__file__).parent
PACKAGE = "lwip"
BINARY = "liblwip-dev"  # of that source; tells apt's address and the version
OURS = ("guest.c", "lwipopts.h", "arch/cc.h")
_SOURCE = re.compile(r"^ +\d+ (?P<uri>\S+) (?P<suite>[^/\s]+)/(?P<part>\S+) \S+ Packages$", re.M)


def guest_program() -> Path:
    """Raises GuestUnavailable."""
    source = fetch_source()
    text = b"".join((HERE / name).read_bytes() for name in OURS)
    built = source / f"guest-{hashlib.sha256(text).hexdigest()[:16]}"
    with locked(built):
        if not built.exists():
            part = built.with_suffix(".part")
            _compile(source / "src", part)
            part.replace(built)
    return built


def version() -> str:
    """Of the source in use, as Debian names it."""
    return fetch_source().name.partition("_")[2]


def _compile(source: Path, target: Path) -> None:
    files = [HERE / "guest.c", *source.glob("core/*.c"), *source.glob("core/ipv4/*.c")]
    include = [f"-I{HERE}", f"-I{source / 'include'}"]
    command = [program("gcc", "gcc"), "-O1", "-Wno-address", *include, "-o", str(target)]
    run([*command, *map(str, files), str(source / "netif" / "ethernet.c")])


def fetch_source() -> Path:
    """The unpacked folder; one that is there is good enough where the mirror does not answer."""
    try:
        return _fetch(_policy())
    except GuestUnavailable:
        kept = sorted(cache_dir().glob(f"{PACKAGE}_*/src"))
        if not kept:
            raise
        return kept[-1].parent


def _policy() -> str:
    return run([program("apt-cache", "apt"), "policy", BINARY])


def _fetch(policy: str) -> Path:
    found = re.search(r"Candidate: (\S+)", policy)
    sources = _SOURCE.search(policy)
    if found is None or sources is None:
        raise GuestUnavailable(f"apt knows no package {BINARY}; try: apt-get update")
    folder = cache_dir() / f"{PACKAGE}_{found[1]}"
    with locked(folder / "src"):
        if (folder / "src").is_dir():
            return folder
        with tempfile.TemporaryDirectory(prefix="pynat-src-", dir=folder) as name:
            _download(Path(name), "deb-src {uri} {suite} {part}\n".format(**sources.groupdict()))
            _unpack(Path(name), folder)
    return folder


def _download(folder: Path, source: str) -> None:
    """With lists of its own: the machine's own need not name sources, and stay as they are."""
    (folder / "sources.list").write_text(source)
    (folder / "lists" / "partial").mkdir(parents=True)
    options = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "APT::Sandbox::User": "root",
    }
    apt = [program("apt-get", "apt"), "-q", *(f"-o{key}={value}" for key, value in options.items())]
    run([*apt, "update"], folder)
    run([*apt, "source", "--download-only", PACKAGE], folder)


def _unpack(archives: Path, target: Path) -> None:
    (archive,) = archives.glob("*.orig.tar.*")
    run(["tar", "-xf", str(archive)], archives)
    (source,) = archives.glob("*/src")
    source.rename(target / "src")
