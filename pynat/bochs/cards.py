"""The network cards of a bochsrc, as Bochs reads their lines.

Bochs says nothing of what it ignores: `card=` behind another word, keys that it does not know,
and what a line says of a card that is off. Only the first card of a model is on before a line says
so. A line without `enabled=` switches its card on: Bochs 2.7 when it has read the line, later ones
before, and then the card has lost its ethmod. Bochs 2.7 leaves an ISA ne2k out whose last line does
not name `ioaddr=` and `irq=`. From 3.1 on each card has to be given a MAC address by the line that
switches it on, or by one above it: an e1000 or pcipnic is refused else, and an ne2k left out.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pynat.bochs.bochsrc import Line
from pynat.bochs.find import MIN_VERSION

MODELS = ("e1000", "ne2k", "pcipnic")
MAX_CARDS = 4  # of one model; the only pcipnic has no number
MAC_IS_WANTED = (3, 1)  # from there on
_KEYS_OF_EVERY_CARD = ("enabled", "mac", "ethmod", "ethdev", "script", "bootrom")
KEYS = {
    "e1000": ("card", *_KEYS_OF_EVERY_CARD),
    "ne2k": ("card", "type", "ioaddr", "irq", *_KEYS_OF_EVERY_CARD),
    "pcipnic": _KEYS_OF_EVERY_CARD,
}
_WORD = re.compile(r'(?:"[^"]*"?|[^",])+')
_QUOTED_OR_BLANK = re.compile(r'"([^"]*)"?|\s+')
_QUOTED = re.compile(r'"[^"]*"?')
_SECOND = re.compile(r"=.*?\s(\w+)\s*=")  # a word that holds two
_NEAR = 0.6  # of difflib


@dataclass(slots=True)
class Card:
    place: str  # where its last line is
    name: str  # "e1000"
    number: int
    is_on: bool
    options: dict[str, str] = field(default_factory=dict)  # those that Bochs takes
    asked: str = ""  # the last ethmod= of its lines, whether Bochs takes it or not
    missing: tuple[str, ...] = ()  # for want of which Bochs leaves it out
    without_mac: str = ""  # the place of a line that does not do for want of a MAC address
    too_early: tuple[str, ...] = ()  # keys of its last line that came before enabled=1
    ignored: list[str] = field(default_factory=list)  # what Bochs does not take, a text for each

    def __str__(self) -> str:
        return f"{self.place}: {self.name}" + (f" card={self.number}" if self.number else "")

    @property
    def ethmod(self) -> str:
        return self.options.get("ethmod", "null")

    @property
    def is_ours(self) -> bool:
        return self.is_on and self.ethmod == "pynat"

    @property
    def is_pci(self) -> bool:
        return self.name != "ne2k" or self.options.get("type") == "pci"

    @property
    def mac(self) -> str:
        return self.options.get("mac", "").lower()

    @property
    def script(self) -> str:
        return self.options.get("script", "")

    @property
    def ethdev(self) -> str:
        return self.options.get("ethdev", "")


def words_of(value: str) -> list[str]:
    """Bochs drops quotes, and blanks outside of them."""
    return [word for word in map(_plain, _WORD.findall(value)) if word]


def options_of(value: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words_of(value) if "=" in word)


def is_pci_on(lines: Iterable[Line]) -> bool:
    return _pci(lines).get("enabled", "1") != "0"


def cards_of(lines: Iterable[Line], version: tuple[int, int]) -> Iterator[Card]:
    """Those that the guest gets."""
    return (card for card in all_cards(lines, version) if card.is_on)


def all_cards(lines: Iterable[Line], version: tuple[int, int]) -> list[Card]:
    """Those that lines are about, as they are after the last of them."""
    lines = list(lines)
    cards: dict[tuple[str, int], Card] = {}
    slot = "pci" if "ne2k" in _pci(lines).values() else ""
    for line in lines:
        if line.name in MODELS:
            number = number_of(line)
            fresh = Card(line.place, line.name, number, is_on=number == 0)
            card = cards.setdefault((line.name, number), fresh)
            card.place = line.place
            if card.name == "ne2k" and number == 0 and version == MIN_VERSION:
                card.options["type"] = slot or "isa"
            elif card.name == "ne2k" and number == 0 and slot:
                card.options.setdefault("type", slot)
            if version > MIN_VERSION and not card.is_on:
                card.is_on = True
                card.options.pop("ethmod", None)
            _read(card, line.value)
            if version >= MAC_IS_WANTED:
                _want_mac(card)
    return list(cards.values())


def free_macs(cards: Iterable[Card]) -> Iterator[str]:
    """MAC addresses that none of these has."""
    taken = {card.mac for card in cards}
    made = (f"52:54:00:12:34:{last:02x}" for last in range(0x56, 0x100))
    return (mac for mac in made if mac not in taken)


def number_of(line: Line) -> int:
    """Of its card: Bochs looks for that in the first word alone."""
    words = words_of(line.value) if "card" in KEYS[line.name] else []
    found = re.match(r"card=\s*(-?\d+)", words[0]) if words else None
    return int(found[1]) if found else 0


def unknown_key(name: str, key: str) -> str:
    """What there is to say of a key that the cards of this model do not have."""
    if near := difflib.get_close_matches(key, KEYS[name], n=1, cutoff=_NEAR):
        return f"unknown key {key}; did you mean {near[0]}?"
    return f"unknown key {key}; {name} has {', '.join(KEYS[name])}"


# ---------------------------------------------------------------- one line
def _read(card: Card, line: str) -> None:
    too_early: list[str] = []
    options: dict[str, str] = {}
    for place, written in enumerate(_WORD.findall(line)):
        word = _plain(written)
        key, _, value = word.partition("=")
        if fault := _what_is_wrong(card, written, is_first=place == 0):
            card.ignored.append(f"{card.place}: {card.name}: {word}: {fault}")
        elif word and key != "card":
            options[key.lower()] = value
            _set(card, key.lower(), value, too_early)
    card.asked = options.get("ethmod", card.asked)
    is_left_off = "enabled" in options and not card.is_on
    card.too_early = () if is_left_off else tuple(too_early)
    if card.too_early:
        first = f"card={card.number}, enabled=1" if card.number else "enabled=1"
        what = f"{', '.join(too_early)}: ignored, since this card is off before enabled=1"
        card.ignored.append(f"{card}: {what}; write {card.name}: {first}, and then the rest")
    is_isa = card.options.get("type", "isa" if card.number else "auto") == "isa"
    wanted = ("ioaddr", "irq") if card.name == "ne2k" and is_isa and not is_left_off else ()
    card.missing = tuple(key for key in wanted if key not in options)
    card.is_on = not is_left_off and not card.missing


def _want_mac(card: Card) -> None:
    """What is refused once stays so; an ne2k is only out until another line names its address."""
    lacks = card.is_on and "mac" not in card.options
    if card.name == "ne2k":
        card.without_mac = card.place if lacks else ""
        card.is_on &= not lacks
    elif lacks and not card.without_mac:
        card.without_mac = card.place


def _plain(written: str) -> str:
    return os.path.expandvars(_QUOTED_OR_BLANK.sub(r"\1", written))


def _what_is_wrong(card: Card, written: str, *, is_first: bool) -> str:
    word = _plain(written)
    key = word.partition("=")[0]
    if not word:
        return ""
    if key.lower() not in KEYS[card.name] or "=" not in word:
        return unknown_key(card.name, key)
    if key == "card" and not is_first:
        return f"ignored, since it is not the first word; write {card.name}: {word}, enabled=1, ..."
    if second := _SECOND.search(_QUOTED.sub("", written.strip())):
        return f"a comma is missing before {second[1]}="
    return ""


def _set(card: Card, key: str, value: str, too_early: list[str]) -> None:
    if key == "enabled":
        card.is_on = {"0": False, "false": False, "1": True, "true": True}.get(
            value.lower(), card.is_on
        )
    elif card.is_on:
        card.options[key] = value
    else:
        too_early.append(key)


def _pci(lines: Iterable[Line]) -> dict[str, str]:
    said: dict[str, str] = {}
    for line in lines:
        if line.name == "pci":
            said |= options_of(line.value)
    return said
