"""The network cards of a bochsrc, and what their lines name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pynat.bochs.bochsrc import Line

MODELS = ("e1000", "ne2k", "pcipnic")
_OPTION = re.compile(r"""(?P<key>\w+)\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<plain>[^,]*))""")


@dataclass(frozen=True, slots=True)
class Card:
    place: str  # where its line is
    name: str  # "e1000"
    ethmod: str
    mac: str
    script: str
    ethdev: str

    @property
    def is_ours(self) -> bool:
        return self.ethmod == "pynat"


def options_of(value: str) -> dict[str, str]:
    return {
        found["key"]: os.path.expandvars(found["quoted"] or (found["plain"] or "").strip())
        for found in _OPTION.finditer(value)
    }


def cards_of(lines: Iterable[Line]) -> Iterator[Card]:
    """Those that are switched on. Several lines of one card add up."""
    cards: dict[tuple[str, str], dict[str, str]] = {}
    for line in lines:
        if line.name in MODELS:
            options = options_of(line.value)
            known = cards.setdefault((line.name, options.get("card", "0")), {})
            known |= options | {"place": line.place}
    for (name, _), options in cards.items():
        if options.get("enabled", "1").lower() not in ("0", "false"):
            words = ("ethmod", "mac", "script", "ethdev")
            yield Card(options["place"], name, *(options.get(word, "") for word in words))
