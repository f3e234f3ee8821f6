"""The iPXE guest: Debian's ipxe.lkrn and a script, from a CD, at work after some 10 seconds.

There is also its option ROM, which needs no CD. The script tells what it finds by fetching a URL
of `HttpServer`'s `/report`; a command that this build does not have fails like any other. What it
lacks, `ping_program` does.
"""

from __future__ import annotations

from pathlib import Path

from pynat.testing.guests.files import bootable_iso, installed

ROMS = {"e1000": "pxe-e1000.rom", "ne2k-pci": "pxe-ne2k_pci.rom"}
ROM_FOLDERS = Path("/usr/lib/ipxe/qemu"), Path("/usr/share/qemu")  # Debian 12, Debian 13
LKRN = Path("/usr/lib/ipxe/ipxe.lkrn")


def boot_rom(model: str) -> Path:
    """iPXE as an option ROM for a card of this model, which boots what DHCP names."""
    roms = [folder / ROMS[model] for folder in ROM_FOLDERS]
    return installed(next((rom for rom in roms if rom.is_file()), roms[0]), "ipxe-qemu")


def ipxe_image(target: Path, script: str) -> Path:
    """Write a CD image that boots iPXE with `script` (its first line is added here)."""
    config = "DEFAULT ipxe\nLABEL ipxe\n KERNEL /ipxe.krn\n INITRD /script.ipx\n"
    files: dict[str, bytes | Path] = {
        "ipxe.krn": installed(LKRN, "ipxe"),
        "script.ipx": f"#!ipxe\n{script}\n".encode(),
    }
    bootable_iso(target, config, files)
    return target
