"""The network cards of a bochsrc, and what their lines name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pynat.bochs.bochsrc import Line

MODELS = ("e1000", "ne2k", "pcipnic")
_OPTION = re.compile(r"""\b(?P<key>\w+)\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<plain>[^,]*))""")


@dataclass(frozen=True, slots=True)
class Card:
    place: str  # where its line is
    name: str  # "e1000"
    options: dict[str, str]

    @property
    def ethmod(self) -> str:
        return self.options.get("ethmod", "")

    @property
    def is_ours(self) -> bool:
        return self.ethmod == "pynat"

    @property
    def mac(self) -> str:
        return self.options.get("mac", "").lower()

    @property
    def script(self) -> str:
        return self.options.get("script", "")

    @property
    def ethdev(self) -> str:
        return self.options.get("ethdev", "")


def options_of(value: str) -> dict[str, str]:
    return {
        found["key"]: os.path.expandvars(found["quoted"] or (found["plain"] or "").strip())
        for found in _OPTION.finditer(value)
    }


def cards_of(lines: Iterable[Line]) -> Iterator[Card]:
    """Those that are switched on. Several lines of one card add up."""
    cards: dict[tuple[str, str], Card] = {}
    for line in lines:
        if line.name in MODELS:
            options = options_of(line.value)
            at = line.name, options.get("card", "0")
            known = cards[at].options if at in cards else {}
            cards[at] = Card(line.place, line.name, known | options)
    for card in cards.values():
        if card.options.get("enabled", "1").lower() not in ("0", "false"):
            yield card
