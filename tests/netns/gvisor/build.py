"""The program of guest.go and virtual.go with gVisor's netstack in it, compiled here from Debian's
packages.

It is kept in the user's cache directory, for each version of those and text of ours.
"""

from __future__ import annotations

from pathlib import Path

from pynat.testing.guests.debian import Tell, silent
from pynat.testing.guests.files import cache_dir, digest, made_once, program, run

OURS = [Path(__file__).with_name(name) for name in ("guest.go", "virtual.go")]
PACKAGE = "golang-gvisor-gvisor-dev"
LIBRARIES = "/usr/share/gocode"
BUILDING = ("GO111MODULE=off", f"GOPATH={LIBRARIES}", "CGO_ENABLED=0")


def guest_program(tell: Tell = silent) -> Path:
    """`tell` gets a line before it is compiled. Raises GuestUnavailable."""
    go = program("go", "golang-go")
    version = run(["dpkg-query", "-W", "-f", "${Version}", PACKAGE])
    recipe = digest(*(file.read_text() for file in OURS), version, run([go, "version"]), *BUILDING)

    def make(folder: Path) -> None:
        tell(f"Compiling gVisor's netstack {version}")
        cache = f"GOCACHE={folder.parent / 'objects'}"
        build = [go, "build", "-o", str(folder / "guest"), *map(str, OURS)]
        run(["env", *BUILDING, cache, *build])

    return made_once(cache_dir() / f"gvisor_{recipe}", make) / "guest"
