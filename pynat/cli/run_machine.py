"""The machine of `pynat run` that needs no bochsrc: a kernel or an image, and a network card."""

from __future__ import annotations

import argparse
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from pynat.bochs import Bochs, BochsError
from pynat.bochs.machine import DRIVES, Machine, bochsrc
from pynat.testing.guests import GuestUnavailable, kernel_image
from pynat.testing.guests.multiboot_image import LEAST_MEMORY, TOO_LITTLE

DEFAULT_MEMORY = 128  # MB
_HEADER = struct.Struct("<III")  # magic, flags, checksum
_MAGIC, _WITHIN = (0x1BADB002).to_bytes(4, "little"), 8192
_MAGIC_2, _WITHIN_2 = (0xE85250D6).to_bytes(4, "little"), 32_768


def add_machine(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("a machine without a bochsrc")
    what = group.add_mutually_exclusive_group()
    what.add_argument("--kernel", type=_file, metavar="ELF", help="boot this Multiboot kernel")
    what.add_argument("--cdrom", type=_file, metavar="ISO", help="boot this CD")
    what.add_argument("--disk", type=_file, metavar="IMAGE", help="boot this hard disk")
    what.add_argument("--floppy", type=_file, metavar="IMAGE", help="boot this floppy disk")
    group.add_argument("--append", default="", metavar="WORDS", help="the kernel's command line")
    group.add_argument(
        "--memory",
        type=_megabytes,
        default=DEFAULT_MEMORY,
        metavar="MB",
        help=f"default: {DEFAULT_MEMORY}",
    )


def is_wanted(arguments: argparse.Namespace) -> bool:
    return arguments.kernel is not None or _drive(arguments) is not None


def written(arguments: argparse.Namespace, bochs: Bochs, folder: Path, serial: Path) -> Path:
    """The bochsrc, in `folder`. Raises BochsError with a remedy."""
    if arguments.bochsrc is not None:
        raise BochsError(f"-f {arguments.bochsrc} names a machine, and so does the image; give one")
    drive = _drive(arguments) or "cdrom"
    image = getattr(arguments, drive)
    if arguments.kernel is not None:
        _must_be_multiboot(arguments.kernel)
        if arguments.memory < LEAST_MEMORY:
            raise BochsError(f"--memory {arguments.memory}: {TOO_LITTLE}")
        try:
            image = kernel_image(folder / "kernel.iso", arguments.kernel, arguments.append)
        except GuestUnavailable as error:
            raise BochsError(f"--kernel: {error}") from None
    elif arguments.append:
        raise BochsError(f"--append {arguments.append!r} is for --kernel; an image has its own")
    machine = Machine(image.absolute(), (), memory=arguments.memory, drive=drive)
    path = folder / "bochsrc"
    path.write_text(bochsrc(machine, bochs, serial))
    return path


def image_option(arguments: argparse.Namespace) -> str:
    """`--floppy floppy.img`, or "" where a bochsrc says what boots."""
    name = "kernel" if arguments.kernel is not None else _drive(arguments)
    return f"--{name} {getattr(arguments, name)}" if name else ""


def _drive(arguments: argparse.Namespace) -> str | None:
    return next((name for name in DRIVES if getattr(arguments, name) is not None), None)


def _must_be_multiboot(kernel: Path) -> None:
    """Else the loader says so on a screen that nobody sees (Multiboot 0.6.96, 3.1)."""
    data = kernel.read_bytes()
    places = list(_headers(data, _MAGIC))
    good = [at for at in places if sum(_HEADER.unpack_from(data, at)) % (1 << 32) == 0]
    if not good or good[0] >= _WITHIN:
        raise BochsError(f"--kernel {kernel}: {_why_not(data, places, good)}")


def _headers(data: bytes, magic: bytes) -> Iterator[int]:
    at = data.find(magic)
    while 0 <= at <= len(data) - _HEADER.size:
        if at % 4 == 0:
            yield at
        at = data.find(magic, at + 1)


def _why_not(data: bytes, places: Sequence[int], good: Sequence[int]) -> str:
    if good:
        return (
            f"its Multiboot header is at byte {good[0]}, expected in the first {_WITHIN}; put its"
            " section first, or link with -n"
        )
    if any(at < _WITHIN for at in places):
        return "its Multiboot header's sum is not 0: magic, flags and checksum, expected 0 mod 2^32"
    if _MAGIC_2 in data[:_WITHIN_2]:
        return (
            "a Multiboot 2 header, and the loader wants one of Multiboot 1; add that too,"
            " or boot an ISO of grub-mkrescue by --cdrom"
        )
    return (
        f"no Multiboot header in its first {_WITHIN} bytes; give it one,"
        " or boot it with a loader of its own by --cdrom, --disk or --floppy"
    )


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        what = "not a file" if path.exists() else "no such file"
        raise argparse.ArgumentTypeError(f"{text}: {what}")
    return path


def _megabytes(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 2048:  # Bochs's own limit
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of megabytes from 1 to 2048")
    return int(text)
