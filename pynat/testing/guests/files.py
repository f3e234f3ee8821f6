"""The pieces that guest images are made of: where they come from and how they are put together.

All but the programs in assembler are taken from installed Debian packages, or downloaded once with
apt-get and kept in a cache directory of the user's.
"""

from __future__ import annotations

import lzma
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

ISOLINUX = Path("/usr/lib/ISOLINUX/isolinux.bin")
LDLINUX = Path("/usr/lib/syslinux/modules/bios/ldlinux.c32")


class GuestUnavailable(Exception):  # noqa: N818 - what the guest is
    """A guest cannot be made here; the text is one line and says what is missing."""


def cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "bochs-pynat"


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


def newest_package(metapackage: str) -> tuple[str, str]:
    """Name and version of the package that `metapackage` stands for today."""
    listing = run([program("apt-cache", "apt"), "depends", metapackage])
    names = [line.split(":", 1)[1].strip() for line in listing.splitlines() if "Depends:" in line]
    if not names:
        raise GuestUnavailable(
            f"apt knows no package {metapackage}; its lists may be empty: apt-get update"
        )
    about = run(["apt-cache", "show", "--no-all-versions", names[0]])
    versions = [
        line.split(":", 1)[1].strip() for line in about.splitlines() if line.startswith("Version:")
    ]
    return names[0], versions[0]


def unpack_package(package: str, target: Path, wanted: Callable[[str], str | None]) -> None:
    """Download a Debian package and write to `target` what `wanted` gives a name to."""
    with tempfile.TemporaryDirectory(prefix="pynat-deb-", dir=target) as name:
        folder = Path(name)
        run([program("apt-get", "apt"), "download", "-q", package], folder)
        (archive,) = folder.glob("*.deb")
        tar = folder / "files.tar"
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


def run(command: list[str], folder: Path | None = None) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise GuestUnavailable(f"`{' '.join(command)}` failed: {said[-1]}")
    return done.stdout
