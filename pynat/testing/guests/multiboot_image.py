"""A CD that boots a Multiboot kernel with a command line, and the kernel of `examples/kernel`.

Bochs's BIOS knows nothing of Multiboot: syslinux's mboot.c32 loads the kernel.
"""

from __future__ import annotations

from pathlib import Path

from pynat.testing.guests.files import bootable_iso, installed, program, run

MODULES = Path("/usr/lib/syslinux/modules/bios")
LEAST_MEMORY = 4  # MB; with 3 mboot.c32 hangs without a word
TOO_LITTLE = f"syslinux needs {LEAST_MEMORY} MB to load a kernel, and the kernel what it is long"
_LOADER = ("mboot.c32", "libcom32.c32")


def compiled_kernel(source: Path, folder: Path, *, mistake: int = 0) -> Path:
    """What `make` makes of the kernel in `source`, with everything that it writes in `folder`.

    `mistake`: the number of the one that it is to make.
    """
    make = program("make", "make")
    program("gcc", "gcc")
    folder.mkdir(parents=True, exist_ok=True)
    run([make, "-C", str(source), f"OUT={folder.absolute()}/", f"MISTAKE={mistake}"])
    return folder / "kernel.elf"


def kernel_image(target: Path, kernel: Path, command_line: str) -> Path:
    """Write a CD image that boots `kernel`; its command line begins with the file's name."""
    files: dict[str, bytes | Path] = {
        name: installed(MODULES / name, "syslinux-common") for name in _LOADER
    }
    append = f"kernel.elf {command_line}".rstrip()
    config = f"DEFAULT kernel\nLABEL kernel\n KERNEL mboot.c32\n APPEND {append}\n"
    bootable_iso(target, config, {**files, "kernel.elf": kernel})
    return target
