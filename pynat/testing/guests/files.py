"""The pieces that guest images are made of: where they come from and how they are put together.

All but the programs in assembler are taken from installed Debian packages, or downloaded once
(debian.py) and kept in a cache directory of the user's.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

ISOLINUX = Path("/usr/lib/ISOLINUX/isolinux.bin")
LDLINUX = Path("/usr/lib/syslinux/modules/bios/ldlinux.c32")


class GuestUnavailable(Exception):  # noqa: N818 - what the guest is
    """A guest cannot be made here; the text is one line and says what is missing."""


def cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "bochs-pynat"


def digest(*texts: str) -> str:
    """A short name for what a cached thing was made from."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def made_once(target: Path, make: Callable[[Path], None]) -> Path:
    """The folder `target`, filled by `make` if it is not there: whole or not at all.

    Another process that asks at the same time waits for the first.
    """
    if target.is_dir():
        return target
    with locked(target):
        if not target.is_dir():
            with tempfile.TemporaryDirectory(prefix=".part-", dir=target.parent) as name:
                part = Path(name) / target.name
                part.mkdir()
                make(part)
                part.rename(target)
    return target


@contextlib.contextmanager
def locked(target: Path) -> Iterator[None]:
    """Who asks for the same at the same time waits, here or in another process."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def installed(path: Path, package: str) -> Path:
    if not path.is_file():
        raise GuestUnavailable(f"{path} is missing (Debian: apt-get install {package})")
    return path


def program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise GuestUnavailable(f"the program {name} is missing (Debian: apt-get install {package})")
    return found


def assembled(source: Path, *, at: int, binary: bool) -> bytes:
    """A program for this address of the guest's memory, bare or as ELF; `start` is its entry."""
    assembler, linker = program("as", "binutils"), program("ld", "binutils")
    with tempfile.TemporaryDirectory(prefix="pynat-asm-") as name:
        compiled, linked = Path(name) / "program.o", Path(name) / "program"
        run([assembler, "--32", "-o", str(compiled), str(source)])
        form = ["--oformat=binary"] if binary else ["-n"]
        to = ["-m", "elf_i386", *form, "-e", "start", f"-Ttext={at:#x}"]
        run([linker, *to, "-o", str(linked), str(compiled)])
        return linked.read_bytes()


def cpio(entries: Mapping[str, tuple[int, bytes]]) -> bytes:
    """An archive in the "newc" format, as the kernel unpacks it; name -> (mode, contents)."""
    out = bytearray()
    for inode, (name, (mode, data)) in enumerate([*entries.items(), ("TRAILER!!!", (0, b""))], 1):
        encoded = name.encode() + b"\0"
        # inode mode uid gid links mtime size major minor rmajor rminor namesize check
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
        out += b"070701" + b"".join(b"%08X" % value for value in fields) + encoded
        out += bytes(-len(out) % 4)
        out += data
        out += bytes(-len(out) % 4)
    return bytes(out)


def bootable_iso(target: Path, config: str, files: Mapping[str, bytes | Path]) -> None:
    """A CD image that boots by isolinux with `config` and holds `files` in its top folder."""
    xorriso = program("xorriso", "xorriso")
    loader: dict[str, bytes | Path] = {
        "isolinux.bin": installed(ISOLINUX, "isolinux"),
        "ldlinux.c32": installed(LDLINUX, "syslinux-common"),
        "isolinux.cfg": config.encode(),
    }
    with tempfile.TemporaryDirectory(prefix="pynat-iso-") as name:
        folder = Path(name)
        for file, contents in {**files, **loader}.items():
            data = contents.read_bytes() if isinstance(contents, Path) else contents
            (folder / file).write_bytes(data)
        boot = ["-b", "isolinux.bin", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4"]
        options = ["-quiet", *boot, "-boot-info-table", "-o", str(target)]
        run([xorriso, "-as", "mkisofs", *options, str(folder)])


def run(command: list[str], folder: Path | None = None) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise GuestUnavailable(f"`{' '.join(command)}` failed: {said[-1]}")
    return done.stdout
