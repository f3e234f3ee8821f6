"""What stands in a bochsrc: its lines, also those of files that it includes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

_INCLUDE = re.compile(r"#include\s+(?P<file>\S(?:.*\S)?)")
_DIRECTIVE = re.compile(r"\s*(?P<name>[\w-]+)\s*:(?P<value>.*)")
_MAX_DEPTH = 8  # files within files


class Line(NamedTuple):
    file: Path
    number: int  # from 1; 0 on the command line
    name: str  # "e1000"
    value: str  # what follows its colon

    @property
    def place(self) -> str:
        return f"{self.file}:{self.number}" if self.number else "command line"


def lines_of(bochsrc: Path, depth: int = 0) -> Iterator[Line]:
    """Its directives, in the order in which Bochs reads them."""
    for number, text in enumerate(_read(bochsrc).splitlines(), 1):
        if (include := _INCLUDE.match(text)) and depth < _MAX_DEPTH:
            yield from lines_of(Path(include["file"]), depth + 1)
        elif match := _DIRECTIVE.match(text):
            yield Line(bochsrc, number, match["name"], match["value"].strip())


def options_of(extra: Sequence[str]) -> Iterator[Line]:
    """Those on Bochs's command line."""
    for text in extra:
        if match := _DIRECTIVE.match(text):
            yield Line(Path(), 0, match["name"], match["value"].strip())


def setting(bochsrc: Path, name: str, extra: Sequence[str] = ()) -> str:
    """What a bochsrc, or Bochs's command line, says last of `name`, "" for nothing."""
    lines = [*lines_of(bochsrc), *options_of(extra)]
    said = [line.value for line in lines if line.name == name]
    return said[-1] if said else ""


def log_of(bochsrc: Path, extra: Sequence[str] = ()) -> Path | None:
    """The log file that they name; None for none, or one that cannot be read back."""
    path = os.path.expandvars(setting(bochsrc, "log", extra).strip('"'))
    return None if path in {"-", ""} or path.startswith("/dev/") else Path(path)


def rewritten(
    bochsrc: Path, change: Callable[[Line, str], str], folder: Path, depth: int = 0
) -> dict[Path, Path]:
    """Copies of it and of what it includes, with what `change` makes of their directives.

    By the originals; those in which nothing changes are not there.
    """
    copies: dict[Path, Path] = {}
    lines = []
    written = _read(bochsrc).splitlines()
    for number, text in enumerate(written, 1):
        line = text
        if (include := _INCLUDE.match(text)) and depth < _MAX_DEPTH:
            inner = Path(include["file"])
            copies |= rewritten(inner, change, folder, depth + 1)
            line = f"#include {copies.get(inner, inner)}"
        elif match := _DIRECTIVE.match(text):
            line = change(Line(bochsrc, number, match["name"], match["value"].strip()), text)
        lines.append(line)
    if lines != written:
        copy = folder / f"{len(list(folder.iterdir()))}-{bochsrc.name}"
        copy.write_text("\n".join([*lines, ""]), errors="surrogateescape")
        copies[bochsrc] = copy
    return copies


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="surrogateescape")
    except OSError:
        return ""
