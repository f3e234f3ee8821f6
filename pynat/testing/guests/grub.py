"""GRUB, loaded over the network, and a Multiboot kernel of ours for it to boot.

`multiboot.s` adds up the bytes of a module and powers off, so that one wrong byte is noticed.
"""

from __future__ import annotations

from pathlib import Path

from pynat.testing.guests.files import assembled, installed, program, run

BOOTFILE = "boot/grub/i386-pc/core.0"  # what a boot ROM loads

_MODULES = Path("/usr/lib/grub/i386-pc")
_PARTS = ("pxe", "tftp", "http", "multiboot", "serial", "terminal", "echo", "boot")
_SOURCE = Path(__file__).with_name("multiboot.s")
_CONFIG = """serial --unit=0
terminal_output serial
multiboot /kernel
module /module
boot
"""


def grub_folder(folder: Path, module: bytes) -> None:
    """Make `folder` one that a guest can boot from by TFTP."""
    folder.mkdir(parents=True, exist_ok=True)
    _made("grub-mknetdir", f"--net-directory={folder}", "--subdir=boot/grub")
    (folder / "boot" / "grub" / "grub.cfg").write_text(_CONFIG)
    (folder / "kernel").write_bytes(multiboot_kernel())
    (folder / "module").write_bytes(module)


def grub_image(target: Path, config: str) -> None:
    """Write what a boot ROM loads and what needs no other file of GRUB's: it does `config`."""
    early = target.with_suffix(".cfg")
    early.write_text(config)
    where = ("-O", "i386-pc-pxe", "-p", "/", "-o", str(target), "-c", str(early))
    _made("grub-mkimage", *where, *_PARTS)


def multiboot_kernel() -> bytes:
    """It says "multiboot: sum N" of its first module's bytes, and powers off."""
    return assembled(_SOURCE, at=1 << 20, binary=False)


def _made(command: str, *words: str) -> None:
    installed(_MODULES / "multiboot.mod", "grub-pc-bin")
    run([program(command, "grub-common"), "-d", str(_MODULES), *words])
