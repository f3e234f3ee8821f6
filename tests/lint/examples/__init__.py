"""One small guest for each rule that commits it, and one that does not.

CONTRIBUTING.md has the recipe for a rule. Its guests go into the file of its subject; every file of
this folder is read:

    @example("TCP020")
    def acks_beyond(lab: LintedLab) -> None:
        '''The guest acknowledges byte 2000 of 1000.'''          # the page has this sentence
        flow = established(lab)
        flow.guest(". 1:1(0) ack 2000")

    @clean("TCP020")
    def acks_what_came(lab: LintedLab) -> None:
        ...

`@example(code, config=Config(...))` is for one that needs settings. More than one example is
fine, and the page shows the first. Frames are scapy's (tests/frames.py) or segments in
packetdrill's form (pynat.testing.script); `lab.wait(seconds)` lets virtual time pass.
The example must be found with its code, and the clean guest must be found with none of that code.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from pynat.config import Config
from pynat.testing.linted import LintedLab

Guest = Callable[[LintedLab], None]


@dataclass(frozen=True, eq=False)
class Example:
    code: str
    guest: Guest
    config: Config

    def run(self) -> LintedLab:
        lab = LintedLab(self.config)
        self.guest(lab)
        return lab


EXAMPLES: list[Example] = []
CLEAN: list[Example] = []


def example(code: str, *, config: Config | None = None) -> Callable[[Guest], Guest]:
    return _into(EXAMPLES, code, config)


def clean(code: str, *, config: Config | None = None) -> Callable[[Guest], Guest]:
    return _into(CLEAN, code, config)


def _into(found: list[Example], code: str, config: Config | None) -> Callable[[Guest], Guest]:
    def add(guest: Guest) -> Guest:
        found.append(Example(code, guest, config or Config()))
        return guest

    return add


def collect() -> None:
    """Read every file of this folder."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
