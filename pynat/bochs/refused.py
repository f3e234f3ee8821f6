"""Lines of old bochsrc files that Bochs 2.7 and later refuse, and what says the same now.

Bochs names only the first of them, and seldom what to write in its place. What is not known here,
Bochs tells itself. What it takes and does not heed is here too: Bochs never says that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pynat.bochs.bochsrc import Line
from pynat.bochs.cards import (
    MAX_CARDS,
    MODELS,
    Card,
    all_cards,
    free_macs,
    is_pci_on,
    number_of,
    options_of,
)
from pynat.bochs.find import MIN_VERSION, WINDOW_REMEDY, Bochs
from pynat.bochs.media import missing_media

GONE = "leave it out"
ISA = {"ioaddr": "0x300", "irq": "10"}  # Bochs's own irq is taken by ACPI
FURTHER_ISA = {"ioaddr": "0x240", "irq": "5"}  # of a second card
_MAX_DIGITS = 18  # digits
_BIOS_END = 1 << 20  # the system BIOS is the end of the first MiB
_CHIPSET = "chipset=i440fx"
_IRQ_9_IS_FREE = (3, 1)  # from there on
_OTHER_CARD = re.compile(
    r"rtl8\w+|ne2\w+|ne1000|(am79c\w+-?)?pcnet\w*|virtio\S*|e1000\w+|i8\w+|eepro\w*|tulip|vmxnet\d?"
    r"|3c\d+|nic\d?|eth\w*|net\w*",
    re.IGNORECASE,
)  # models of other emulators


def refused(lines: Sequence[Line], bochs: Bochs, *, shown: bool) -> Iterator[str]:
    """One text for each; shown: whether Bochs shows the guest on the display that is named."""
    for line in lines:
        instead = _instead(line, bochs, shown)
        if instead:
            value = f": {line.value}" if line.value else ""
            yield f"{line.place}: {line.name}{value}: {bochs.name} refuses this; {instead}"
    cards = all_cards(lines, bochs.version)
    macs = free_macs(cards)
    for card in cards:
        if card.without_mac and card.name != "ne2k":
            wanted = f"{bochs.name} wants its mac=; add mac={next(macs)}"
            yield f"{card.without_mac}: {card.name}: {wanted}"
        if card.is_on and card.is_pci and not is_pci_on(lines):
            remedy = f"write pci: enabled=1, or take an ne2k: {_written(ISA)}"
            yield f"{card}: needs PCI, which pci: enabled=0 switches off; {remedy}"


def doubtful(lines: Sequence[Line], bochs: Bochs) -> Iterator[str]:
    """What Bochs takes, and ignores, leaves the guest without this card or ends in a panic for."""
    yield from missing_media(lines)
    cards = all_cards(lines, bochs.version)
    macs = free_macs(cards)
    for card in cards:
        yield from card.ignored
        others = {other.number for other in cards if other.name == card.name}
        if 0 not in others and card.number == min(others):
            yield (
                f"{card}: Bochs adds the {card.name} card=0, with ethmod=null; write card=0 here,"
                f" or {card.name}: enabled=0"
            )
        if card.name == "ne2k" and card.asked == "pynat" and card.without_mac:
            yield f"{card}: without mac= {bochs.name} leaves it out; add mac={next(macs)}"
        if card.name == "ne2k" and card.asked == "pynat" and not card.too_early:
            irq_9_is_pcis = is_pci_on(lines) and bochs.version < _IRQ_9_IS_FREE
            yield from _without_isa(card, irq_9_is_pcis=irq_9_is_pcis)
            if card.number and card.is_pci and bochs.version > MIN_VERSION:
                yield (
                    f"{card}: Bochs {bochs.version[0]}.{bochs.version[1]} makes an ISA card of a"
                    f" further ne2k with type=pci; name {_written(FURTHER_ISA)} as well, or give"
                    " the guest an e1000"
                )


def _without_isa(card: Card, *, irq_9_is_pcis: bool) -> Iterator[str]:
    if card.missing:
        what = " and ".join(card.missing)
        if all(key in card.options for key in card.missing):
            what += " in this line, too,"
        isa = _written({key: card.options.get(key, value) for key, value in ISA.items()})
        yield f"{card}: without {what} Bochs leaves it out; write {isa}, or type=pci"
    elif irq_9_is_pcis and card.is_on and not card.is_pci and card.options.get("irq", "9") == "9":
        yield (
            f"{card}: irq=9 is PCI's, and Bochs panics where the BIOS takes it:"
            " write irq=10, or pci: enabled=0 for a guest without PCI"
        )


def _written(options: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in options.items())


def _instead(line: Line, bochs: Bochs, shown: bool) -> str:
    name, value = line.name, line.value
    if name in _RENAMED:
        now = _RENAMED[name](value)
        return f"write {now}" if now else GONE
    options = options_of(value)
    match name:
        case "romimage" | "vgaromimage" if value and "=" not in value:
            return f"write {name}: file={value}"
        case "romimage":
            return _rom(options)
        case "pci" if _lacks_chipset(options):
            return f"write pci: {', '.join(filter(None, [value, _CHIPSET]))}"
        case "vga" if "update_interval" in options:
            return f"write vga: update_freq={_per_second(options['update_interval'])}"
        case "cpuid" if "cpuid_limit_winnt" in options:
            return f"write cpu: cpuid_limit_winnt={options['cpuid_limit_winnt']}"
        case "display_library" if shown:
            return _display(value.partition(",")[0].strip(), options.get("options", ""), bochs)
        case "config_interface" if value in {"win32config", "wx"} - bochs.displays:
            return "write config_interface: textconfig"
        case "gdbstub" if bochs.has_debugger:  # a Bochs has this or a debugger
            return GONE
        case "pcidev" if not Path("/dev/pcidev").exists():
            return f"{GONE}; /dev/pcidev is not there"
        case _ if name in MODELS:
            return _card(line, options, bochs)
        case _ if name.lower() in MODELS:
            return f"write {name.lower()}: {value}"
        case _ if _OTHER_CARD.fullmatch(name) or "ethmod" in options:
            return f"the cards of Bochs are {', '.join(MODELS)}"
    return ""


def _card(line: Line, options: Mapping[str, str], bochs: Bochs) -> str:
    if number_of(line) not in range(MAX_CARDS):
        return f"write card=0 to card={MAX_CARDS - 1}"
    return "" if options.get("ethmod", "pynat") in ethmods_of(bochs) else "write ethmod=pynat"


def _lacks_chipset(options: dict[str, str]) -> bool:
    return options.get("enabled") == "1" and "chipset" not in options


def _rom(options: dict[str, str]) -> str:
    """An address from the days of smaller BIOSes."""
    try:
        size = Path(options["file"]).stat().st_size
        end = int(options["address"], 0) + size
    except (KeyError, ValueError, OSError):
        return ""
    return "" if end in (_BIOS_END, size, 1 << 32) else "leave address= out"


def _display(name: str, options: str, bochs: Bochs) -> str:
    if name not in bochs.displays:
        has = ", ".join(sorted(bochs.displays))
        return f"it has {has}: write one of them, {WINDOW_REMEDY}, or use --headless"
    if "gui_debug" in options and not _knows(bochs, name, b"gui_debug"):
        return "leave gui_debug out; this Bochs's debugger is at the terminal"
    return ""


def _knows(bochs: Bochs, display: str, word: bytes) -> bool:
    try:
        return word in (bochs.plugin_dir / f"libbx_{display}_gui.so").read_bytes()
    except OSError:
        return True


def ethmods_of(bochs: Bochs) -> set[str]:
    found = bochs.plugin_dir.glob("libbx_eth_*.so")
    names = {path.name.removeprefix("libbx_eth_").removesuffix(".so") for path in found}
    return names | {"pynat", "null"}


def _per_second(microseconds: str) -> int:
    number = int(microseconds[:_MAX_DIGITS]) if microseconds.isdecimal() else 0
    return min(max(round(1e6 / number), 1), 75) if number else 5


# ---------------------------------------------------------------- directives that are gone
def _pci(value: str) -> str:
    options = options_of(value) or {"enabled": value}
    if options.pop("enabled", "1") == "0":
        return "pci: enabled=0"
    slots = [f"{key}={option}" for key, option in options.items()]
    return ", ".join(["pci: enabled=1", _CHIPSET, *slots])


def _keymap(value: str) -> str:
    options = options_of(value)
    file = options.get("map", "")
    return f"keyboard: keymap={file}" if file and options.get("enabled", "1") == "1" else ""


def _disk(channel: str) -> Callable[[str], str]:
    def write(value: str) -> str:
        options = options_of(value)
        shape = {"cyl": "cylinders", "heads": "heads", "spt": "spt"}
        rest = [f"{now}={options[old]}" for old, now in shape.items() if old in options]
        file = options.get("file", "FILE")
        return ", ".join([f"{channel}: type=disk, path={file}, mode=flat", *rest])

    return write


def _cdrom(value: str) -> str:
    options = options_of(value)
    status = options.get("status", "inserted")
    return f"ata1-master: type=cdrom, path={options.get('dev', 'FILE')}, status={status}"


def _shortcut(value: str) -> str:
    return f"keyboard: user_shortcut={options_of(value).get('keys', value)}"


def _realtime(value: str) -> str:
    options = options_of(value)
    wanted = "1" in (value, options.get("realtime"), options.get("enabled"))
    return "clock: sync=realtime" if wanted else ""


def _slowdown(value: str) -> str:
    return "clock: sync=slowdown" if options_of(value).get("enabled", "1") != "0" else ""


def _pcivga(value: str) -> str:
    is_on = options_of(value).get("enabled", "1") != "0"
    return f"pci: enabled=1, {_CHIPSET}, slot1=pcivga" if is_on else ""


def _plugin(value: str) -> str:
    return f"plugin_ctrl: {options_of(value).get('name', 'NAME')}=1"


def _as(directive: str) -> Callable[[str], str]:
    return lambda value: f"{directive}{value}"


def _nothing(_value: str) -> str:
    return ""


_RENAMED: dict[str, Callable[[str], str]] = {
    "ips": _as("cpu: ips="),
    "i440fxsupport": _pci,
    "vga_update_interval": lambda value: f"vga: update_freq={_per_second(value)}",
    "vga_update_freq": _as("vga: update_freq="),
    "vga_extension": _as("vga: extension="),
    "pcivga": _pcivga,
    "slowdown_timer": _slowdown,
    "user_plugin": _plugin,
    "keyboard_mapping": _keymap,
    "keyboardmapping": _keymap,
    "keyboard_serial_delay": _as("keyboard: serial_delay="),
    "keyboard_paste_delay": _as("keyboard: paste_delay="),
    "keyboard_type": _as("keyboard: type="),
    "user_shortcut": _shortcut,
    "pnic": _as("pcipnic: "),
    "usb1": _as("usb_uhci: "),
    "time0": _as("clock: time0="),
    "pit": _realtime,
    "realtime_pit": _realtime,
    "diskc": _disk("ata0-master"),
    "diskd": _disk("ata0-slave"),
    "cdromd": _cdrom,
    "load32bitOSImage": lambda _: "ata0-master: type=cdrom, path=IMAGE with a boot loader",
    "floppy_command_delay": _nothing,
    "text_snapshot_check": _nothing,
    "newharddrivesupport": _nothing,
    "gui_debug": _nothing,
    "joystick": _nothing,
}
