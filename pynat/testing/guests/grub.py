"""GRUB, loaded over the network, and a Multiboot kernel of ours for it to boot.

`multiboot.s` adds up the bytes of a module and powers off, so that one wrong byte is noticed.
"""

from __future__ import annotations

from pathlib import Path

from pynat.testing.guests.files import assembled, installed, program, run

BOOTFILE = "boot/grub/i386-pc/core.0"  # what a boot ROM loads

_MODULES = Path("/usr/lib/grub/i386-pc")
_SOURCE = Path(__file__).with_name("multiboot.s")
_CONFIG = """serial --unit=0
terminal_output serial
multiboot /kernel
module /module
boot
"""


def grub_folder(folder: Path, module: bytes) -> None:
    """Make `folder` one that a guest can boot from by TFTP."""
    mknetdir = program("grub-mknetdir", "grub-common")
    installed(_MODULES / "multiboot.mod", "grub-pc-bin")
    folder.mkdir(parents=True, exist_ok=True)
    run([mknetdir, f"--net-directory={folder}", "--subdir=boot/grub", "-d", str(_MODULES)])
    (folder / "boot" / "grub" / "grub.cfg").write_text(_CONFIG)
    (folder / "kernel").write_bytes(multiboot_kernel())
    (folder / "module").write_bytes(module)


def multiboot_kernel() -> bytes:
    """It says "multiboot: sum N" of its first module's bytes, and powers off."""
    return assembled(_SOURCE, at=1 << 20, binary=False)
