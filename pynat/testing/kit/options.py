"""What a guest boots, on which machine, in which network: the keywords of `boot`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from pynat.bochs import Bochs, BochsError
from pynat.bochs.bochsrc import lines_of
from pynat.bochs.card_option import card_option
from pynat.bochs.cards import all_cards
from pynat.bochs.machine import DRIVES, MODELS, Machine, Nic
from pynat.bochs.refused import doubtful, refused
from pynat.config.check import of_host
from pynat.config.toml_text import Tables
from pynat.errors import ConfigError
from pynat.serve.joined import join, joined
from pynat.serve.load import load
from pynat.testing.guests.multiboot_image import LEAST_MEMORY, TOO_LITTLE, kernel_image

MEMORY = 128  # MB
_IMAGES = ("kernel", *DRIVES, "bochsrc")
_OF_A_MACHINE = ("nic", "memory", "cpu", "ips", "sync")
_WHO = "the test's keywords"
_NO_OBJECT = (
    "expected a file, in TOML or Python: the network runs in Bochs's process, to which no object of"
    " the test gets; have `net = Net(...)` in a file of its own and give its path"
)


class Order(NamedTuple):
    """What `Boot` takes. script: the network's file."""

    machine: Machine | Path
    extra: list[str]
    script: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class BootOptions:
    """One of `kernel`, `cdrom`, `disk`, `floppy` and `bochsrc` says what boots.

    kernel: a Multiboot kernel in ELF; append: its command line.
    cdrom, disk, floppy: an image. bochsrc: a machine of your own, with a card of ours.
    nic: `e1000` (what there is without it), `ne2k-pci`, `ne2k-isa` or `pcipnic`.
    memory: megabytes, 128 if not said. cpu, ips, sync: as in a bochsrc.
    net: a file in TOML or Python, as `script=` names one; no object, since the network runs in
        Bochs's process and not in the test's. config: keys of it, as in TOML.
    tftp: a folder to serve. forwards, impair, faults, peers: as in TOML.
    seed: of all that is drawn by lot. hermetic: whether the network has no outside; not said, it
        has none if nothing asks for one and `net` is not in Python, which says so itself.
    """

    kernel: str | Path | None = None
    append: str = ""
    cdrom: str | Path | None = None
    disk: str | Path | None = None
    floppy: str | Path | None = None
    bochsrc: str | Path | None = None
    nic: str | None = None
    memory: int | None = None
    cpu: str | None = None
    ips: int | None = None
    sync: str | None = None
    net: str | Path | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    tftp: str | Path | None = None
    forwards: Sequence[str] = ()
    impair: Sequence[str] = ()
    faults: Sequence[str] = ()
    peers: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    hermetic: bool | None = None

    @classmethod
    def of(cls, keywords: Mapping[str, Any]) -> Self:
        """Raises ValueError with the keyword that was meant."""
        known = [one.name for one in fields(cls)]
        for name in keywords:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                right = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
                raise ValueError(f"{name}={keywords[name]!r}: no keyword of a guest; {right}")
        return cls(**keywords)

    def __post_init__(self) -> None:
        for name in ("memory", "ips", "seed"):
            if (value := getattr(self, name)) is not None and type(value) is not int:
                raise ValueError(f"{name}={value!r}: expected a whole number")
        if self.net is not None and not isinstance(self.net, str | Path):
            kind = type(self.net).__name__
            raise ValueError(f"net={kind} object: {_NO_OBJECT}")
        if self.kernel is not None and (self.memory or MEMORY) < LEAST_MEMORY:
            raise ValueError(f"memory={self.memory}: {TOO_LITTLE}")
        given = [name for name in _IMAGES if getattr(self, name) is not None]
        if len(given) != 1:
            told = f"not {' and '.join(given)}" if given else "and nothing was given"
            raise ValueError(f"a guest boots from one of {', '.join(_IMAGES)}, {told}")
        if self.append and self.kernel is None:
            raise ValueError(f"append={self.append!r} is for a kernel; an image has its own")
        if self.nic is not None and self.nic not in MODELS:
            raise ValueError(f"nic={self.nic!r}: expected one of {', '.join(MODELS)}")
        if self.bochsrc is not None:
            for name in _OF_A_MACHINE:
                if (value := getattr(self, name)) is not None:
                    raise ValueError(f"{name}={value!r}: the bochsrc says that; leave it out")

    def order(self, folder: Path, bochs: Bochs, own: Tables) -> Order:
        """own: tables that stand above all. Raises BochsError, ConfigError, GuestUnavailable."""
        if self.bochsrc is not None:
            return self._with_bochsrc(Path(self.bochsrc), folder, bochs, own)
        script = self._network(str(self.net or ""), folder, own)
        nic = Nic(self.nic or "e1000", script=script)
        machine = Machine(self._image(folder), (nic,), memory=self.memory or MEMORY)
        said = {name: getattr(self, name) for name in ("cpu", "ips", "sync")}
        machine = replace(machine, **{k: v for k, v in said.items() if v is not None})
        return Order(replace(machine, drive=self._drive()), [], script)

    def _with_bochsrc(self, bochsrc: Path, folder: Path, bochs: Bochs, own: Tables) -> Order:
        bochsrc = _there("bochsrc", bochsrc)
        lines = list(lines_of(bochsrc))
        cards = all_cards(lines, bochs.version)
        asking = [card for card in cards if card.asked == "pynat"]
        if any(card.without_mac or card.missing for card in asking):
            why = [*refused(lines, bochs, shown=False), *doubtful(lines, bochs)]
            raise BochsError("\n".join(why))
        card = next((card for card in asking if card.is_ours), None)
        if card is None:
            raise BochsError(f"{bochsrc}: no card has ethmod=pynat, so the test has no network")
        script = self._network(str(self.net or card.script), folder, own)
        asked = {"card": str(card.number)} if card.number else {}
        asked["script"] = str(script)
        option = card_option(card.name, asked, cards, bochs.version)
        return Order(bochsrc, [option], script)

    def _drive(self) -> str:
        return next((name for name in DRIVES if getattr(self, name) is not None), "cdrom")

    def _image(self, folder: Path) -> Path:
        if self.kernel is not None:
            kernel = _there("kernel", Path(self.kernel))
            return kernel_image(folder / "kernel.iso", kernel, self.append)
        name = self._drive()
        return _there(name, Path(getattr(self, name)))

    def _network(self, script: str, folder: Path, own: Tables) -> Path:
        tables = self.tables()
        join(tables, own)
        hermetic = self.hermetic
        if hermetic is None:
            plain = joined(script, tables, folder, who=_WHO)
            loaded = load(str(plain), "")
            hermetic = loaded.config.hermetic or (
                loaded.program is None and not of_host(loaded.config)
            )
        return joined(script, tables | {"hermetic": hermetic}, folder, who=_WHO)

    def tables(self) -> Tables:
        """What the keywords say, as the tables of a file."""
        lists = {"forwards": self.forwards, "impair": self.impair, "faults": self.faults}
        tables: Tables = {key: list(rules) for key, rules in lists.items() if rules}
        if self.peers:
            tables["peers"] = dict(self.peers)
        if self.seed is not None:
            tables["seed"] = self.seed
        if self.tftp is not None:
            tables["tftp"] = {"root": str(Path(self.tftp).absolute())}
        said = deepcopy(dict(self.config))
        join(said, tables)
        return said


def _there(keyword: str, path: Path) -> Path:
    if not path.is_file():
        raise ConfigError(f"{keyword}={str(path)!r}: no such file (looked in {Path.cwd()})")
    return path.absolute()
