"""A machine for Bochs: what is in it, and the bochsrc that says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pynat.bochs.find import Bochs, BochsError, rom_files

MODELS = ("e1000", "ne2k-pci", "ne2k-isa", "pcipnic")
DRIVES = {
    "cdrom": 'ata0-master: type=cdrom, path="{}", status=inserted',
    "disk": 'ata0-master: type=disk, path="{}"',
    "floppy": 'floppya: image="{}", status=inserted',
}


@dataclass(frozen=True, slots=True)
class Nic:
    """model: one of MODELS; script: the config file of its network; mac: its last byte.

    ethdev: the folder that it serves by TFTP; bootrom: a PCI option ROM that boots from it.
    """

    model: str = "e1000"
    ethmod: str = "pynat"
    script: Path | None = None
    mac: int = 0x56
    ethdev: Path | None = None
    bootrom: Path | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """image: what it boots from; None is a card's boot ROM. memory: megabytes.

    drive: what the image is for, one of DRIVES.
    sync: of Bochs's `clock:`.
    display: what follows `display_library:`; None is one that nobody sees.
    cpu: Bochs's name of a model; "" is Bochs's own choice.
    """

    image: Path | None
    nics: tuple[Nic, ...] = (Nic(),)
    memory: int = 256
    sync: str = "none"
    ips: int = 50_000_000
    display: str | None = None
    cpu: str = ""
    drive: str = "cdrom"


def bochsrc(machine: Machine, bochs: Bochs, serial: Path) -> str:
    roms = rom_files(bochs)
    if roms is None:
        raise BochsError("no BIOS for Bochs (Debian: apt-get install bochsbios vgabios)")
    bios, vga = roms
    model = f"model={machine.cpu}, " if machine.cpu else ""
    lines = [
        f"megs: {machine.memory}",
        f"cpu: {model}count=1, ips={machine.ips}",
        f"clock: sync={machine.sync}, time0=1700000000",
        f'romimage: file="{bios}"',
        f'vgaromimage: file="{vga}"',
        *_boot_lines(machine.image, machine.drive),
        "port_e9_hack: enabled=1",
        f'com1: enabled=1, mode=file, dev="{serial}"',
        "speaker: enabled=0",
        "panic: action=fatal",
        "pci: enabled=1, chipset=i440fx" + _slots(machine.nics),
    ]
    if machine.display is not None:
        lines.append(f"display_library: {machine.display}")
    return "\n".join([*lines, *_nic_lines(machine.nics)]) + "\n"


def _boot_lines(image: Path | None, drive: str) -> list[str]:
    if image is None:
        return ["boot: network"]
    return [DRIVES[drive].format(image), f"boot: {drive}"]


def _slots(nics: tuple[Nic, ...]) -> str:
    names = {"e1000": "e1000", "ne2k-pci": "ne2k", "pcipnic": "pcipnic"}
    slotted = [names[nic.model] for nic in nics if nic.model in names]
    return "".join(f", slot{number}={name}" for number, name in enumerate(slotted, 1))


def _nic_lines(nics: tuple[Nic, ...]) -> list[str]:
    lines: list[str] = []
    cards: dict[str, int] = {}
    for nic in nics:
        device = nic.model.split("-")[0]
        card = cards.get(device, 0)
        cards[device] = card + 1
        options = ["enabled=1"] if card == 0 else [f"card={card}", "enabled=1"]
        if nic.model == "ne2k-isa":
            options += ["ioaddr=0x300", "irq=10"]  # 9 is taken by the chipset's ACPI
        if device == "ne2k":
            options.append(f"type={nic.model.split('-')[1]}")
        options += [f"mac=52:54:00:12:34:{nic.mac:02x}", f"ethmod={nic.ethmod}"]
        options += [f'ethdev="{nic.ethdev or "none"}"', f'script="{nic.script or "none"}"']
        if nic.bootrom is not None:
            options.append(f'bootrom="{nic.bootrom}"')
        lines.append(f"{device}: {', '.join(options)}")
    return lines
