"""A card of ours as an option of Bochs's command line, above what a bochsrc says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pynat.bochs.cards import MAC_IS_WANTED, Card, free_macs
from pynat.bochs.find import MIN_VERSION
from pynat.bochs.refused import FURTHER_ISA, ISA


def card_option(
    model: str, asked: Mapping[str, str], cards: Iterable[Card], version: tuple[int, int]
) -> str:
    """asked: keys and values. Where `cards` has this one, it is that card with these."""
    number = asked.get("card", "0")
    cards = list(cards)
    known = next((c.options for c in cards if (c.name, str(c.number)) == (model, number)), {})
    card = {"card": number} if "card" in asked else {}
    where = _ne2k({**known, **asked}, number, version) if model == "ne2k" else {}
    mac = {} if "mac" in known or version < MAC_IS_WANTED else {"mac": next(free_macs(cards))}
    options = {**card, "enabled": "1", **where, **mac, **asked, "ethmod": "pynat"}
    words = [f"{key}={value}" for key, value in options.items()]
    return f"{model}: " + ", ".join(f'"{word}"' if " " in word else word for word in words)


def _ne2k(options: Mapping[str, str], number: str, version: tuple[int, int]) -> dict[str, str]:
    """Bochs 2.7 wants this in every line of such a card; later ones make ISA cards of further ones
    on PCI."""
    is_free = number != "0" and version == MIN_VERSION and not options.keys() & {"type", *ISA}
    if options.get("type") == "pci" or is_free:
        return {"type": "pci"}
    kept = {"type": options["type"]} if "type" in options else {}
    usual = ISA if number == "0" else FURTHER_ISA
    return kept | {key: options.get(key, value) for key, value in usual.items()}
