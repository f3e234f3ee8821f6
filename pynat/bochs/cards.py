"""The network cards of a bochsrc that use our plugin, and what their lines name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LINE = re.compile(r"\s*(?P<name>\w+)\s*:(?P<options>.*)")
_OPTION = re.compile(r"""(?P<key>\w+)\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<plain>[^,]*))""")


@dataclass(frozen=True, slots=True)
class Card:
    line: int  # from 1
    name: str  # "e1000"
    script: str
    ethdev: str


def cards_of(lines: Iterable[str]) -> Iterator[Card]:
    """`lines` are a bochsrc's, or options like its lines; what `#include` names is not read."""
    for number, line in enumerate(lines, 1):
        match = _LINE.match(line)
        if match is None:
            continue
        options = {
            found["key"]: os.path.expandvars(found["quoted"] or (found["plain"] or "").strip())
            for found in _OPTION.finditer(match["options"])
        }
        if options.get("ethmod") == "pynat" and options.get("enabled", "1") != "0":
            yield Card(number, match["name"], options.get("script", ""), options.get("ethdev", ""))
