"""Images that a bochsrc names and that are not there.

Bochs says so of a hard disk alone. A CD or a floppy drive stays empty, and its BIOS complains of
something else in the end: "No bootable device."
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pynat.bochs.bochsrc import Line
from pynat.bochs.cards import options_of

_CD = re.compile(r"ata[0-3]-(master|slave)")
_FLOPPY = re.compile(r"floppy[ab]")
_IMAGES = ("image", "1_44", "1_2", "2_88", "720k", "360k", "320k", "180k", "160k")  # keys, by size


def missing_media(lines: Sequence[Line]) -> Iterator[str]:
    for line in lines:
        options = options_of(line.value)
        image = _image(line.name, options).strip('"')
        if image and options.get("status") != "ejected" and not Path(image).exists():
            drive = "CD" if _CD.fullmatch(line.name) else "floppy"
            yield f"{line.place}: {line.name}: {image}: no such file; the {drive} drive is empty"


def _image(name: str, options: dict[str, str]) -> str:
    if _CD.fullmatch(name) and options.get("type") == "cdrom":
        return options.get("path", "")
    if _FLOPPY.fullmatch(name):
        return next((options[key] for key in _IMAGES if key in options), "")
    return ""
