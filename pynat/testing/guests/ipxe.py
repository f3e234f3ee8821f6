"""The iPXE guest: Debian's ipxe.lkrn and a script, from a CD, at work after some 10 seconds.

The script tells what it finds by fetching a URL of `HttpServer`'s `/report`; a command that
this build does not have fails like any other. What it lacks, `ping_program` does.
"""

from __future__ import annotations

from pathlib import Path

from pynat.testing.guests.files import bootable_iso, installed

LKRN = Path("/usr/lib/ipxe/ipxe.lkrn")


def ipxe_image(target: Path, script: str) -> Path:
    """Write a CD image that boots iPXE with `script` (its first line is added here)."""
    config = "DEFAULT ipxe\nLABEL ipxe\n KERNEL /ipxe.krn\n INITRD /script.ipx\n"
    files: dict[str, bytes | Path] = {
        "ipxe.krn": installed(LKRN, "ipxe"),
        "script.ipx": f"#!ipxe\n{script}\n".encode(),
    }
    bootable_iso(target, config, files)
    return target
