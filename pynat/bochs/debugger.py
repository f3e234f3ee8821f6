"""Bochs's debugger: who asks for it, and how a guest is started in it.

A Bochs with a debugger that is always on (Debian's 2.7) stops at its prompt before the guest runs,
another one (Debian's 3.0) has none until `-debugger` asks for it. A magic break does, for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pynat.bochs import cards
from pynat.bochs.bochsrc import lines_of, options_of
from pynat.bochs.find import Bochs


def is_wanted(bochsrc: Path, extra: Sequence[str]) -> bool:
    """Whether the bochsrc or the command line asks for it."""
    return "-debugger" in extra or "-rc" in extra or _has_magic_breaks(bochsrc, extra)


def is_on(bochs: Bochs, bochsrc: Path, extra: Sequence[str]) -> bool:
    return bochs.needs_rc or (bochs.has_debugger and is_wanted(bochsrc, extra))


def flags_for(bochs: Bochs, bochsrc: Path, extra: Sequence[str], folder: Path) -> list[str]:
    """With which the guest runs at once."""
    on_demand = bochs.has_debugger and not bochs.needs_rc and "-debugger" not in extra
    asked = on_demand and _has_magic_breaks(bochsrc, extra)
    if "-rc" in extra or not (bochs.needs_rc or asked):
        return []
    start = folder / "debugger.rc"
    start.write_text("c\n")
    return ["-rc", str(start), *["-debugger"] * asked]


def _has_magic_breaks(bochsrc: Path, extra: Sequence[str]) -> bool:
    lines = [*lines_of(bochsrc), *options_of(extra)]
    breaks = [cards.options_of(line.value) for line in lines if line.name == "magic_break"]
    on = [options.get("enabled", "0").lower() in ("1", "true") for options in breaks]
    return on[-1:] == [True]
