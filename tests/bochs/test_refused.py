"""Lines of old bochsrc files: Bochs really refuses them, and takes what is named instead."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pynat.bochs import Bochs, BochsRun, Ending
from pynat.bochs.bochsrc import lines_of
from pynat.bochs.cards import cards_of
from pynat.bochs.find import MIN_VERSION
from pynat.bochs.refused import doubtful, refused
from tests import limits
from tests.bochs.machines import bochsrc, shutdown_port

MAC = "mac=52:54:00:12:34:56"
REFUSED = {
    "ips: 1000000": "write cpu: ips=1000000",
    "i440fxsupport: enabled=1": "write pci: enabled=1, chipset=i440fx",
    "i440fxsupport: enabled=1, slot1=e1000": "write pci: enabled=1, chipset=i440fx, slot1=e1000",
    "i440fxsupport: enabled=0": "write pci: enabled=0",
    "vga_update_interval: 300000": "write vga: update_freq=3",
    "vga: update_interval=40000": "write vga: update_freq=25",
    f"vga: update_interval={'9' * 5000}": "write vga: update_freq=1",
    "keyboard_mapping: enabled=0, map=": "leave it out",
    "keyboard_mapping: enabled=1, map=/x.map": "write keyboard: keymap=/x.map",
    "keyboardmapping: enabled=0, map=x": "leave it out",
    "keyboard_serial_delay: 200": "write keyboard: serial_delay=200",
    "keyboard_paste_delay: 100000": "write keyboard: paste_delay=100000",
    "keyboard_type: mf": "write keyboard: type=mf",
    "user_shortcut: keys=ctrl-alt-del": "write keyboard: user_shortcut=ctrl-alt-del",
    f"pnic: enabled=1, {MAC}, ethmod=null": f"write pcipnic: enabled=1, {MAC}, ethmod=null",
    "usb1: enabled=1": "write usb_uhci: enabled=1",
    "time0: 12345": "write clock: time0=12345",
    "pit: realtime=1": "write clock: sync=realtime",
    "realtime_pit: enabled=0": "leave it out",
    "floppy_command_delay: 500": "leave it out",
    "text_snapshot_check: enabled=0": "leave it out",
    "newharddrivesupport: enabled=1": "leave it out",
    "diskc: file=x.img, cyl=1, heads=2, spt=3": (
        "write ata0-master: type=disk, path=x.img, mode=flat, cylinders=1, heads=2, spt=3"
    ),
    "diskd: file=y.img": "write ata0-slave: type=disk, path=y.img, mode=flat",
    "cdromd: dev=/dev/cdrom, status=ejected": (
        "write ata1-master: type=cdrom, path=/dev/cdrom, status=ejected"
    ),
    "load32bitOSImage: os=nullkernel, path=x": (
        "write ata0-master: type=cdrom, path=IMAGE with a boot loader"
    ),
    "gui_debug: enabled=1": "leave it out",
    "romimage: bios/BIOS-bochs-latest": "write romimage: file=bios/BIOS-bochs-latest",
    "vgaromimage: bios/VGABIOS": "write vgaromimage: file=bios/VGABIOS",
    "cpuid: cpuid_limit_winnt=1": "write cpu: cpuid_limit_winnt=1",
    "config_interface: win32config": "write config_interface: textconfig",
    f"ne2k: ioaddr=0x300, irq=3, {MAC}, ethmod=fbsd, ethdev=nge0": "write ethmod=pynat",
    "display_library: win32": "it has ",
    'display_library: rfb, options="gui_debug"': "leave gui_debug out",
    "slowdown_timer: enabled=1": "write clock: sync=slowdown",
    "slowdown_timer: enabled=0": "leave it out",
    "pcivga: enabled=1": "write pci: enabled=1, chipset=i440fx, slot1=pcivga",
    "pcivga: enabled=0": "leave it out",
    "vga_update_freq: 10": "write vga: update_freq=10",
    "vga_extension: cirrus": "write vga: extension=cirrus",
    "joystick: enabled=1": "leave it out",
    "user_plugin: name=x": "write plugin_ctrl: x=1",
    "gdbstub: enabled=0": "leave it out",
    "config_interface: wx": "write config_interface: textconfig",
    "pcidev: vendor=0x1, device=0x2": "leave it out; /dev/pcidev is not there",
    f"E1000: enabled=1, {MAC}": f"write e1000: enabled=1, {MAC}",
    "rtl8139: enabled=1": "the cards of Bochs are e1000, ne2k, pcipnic",
    "ne2k_pci: ethmod=slirp": "the cards of Bochs are e1000, ne2k, pcipnic",
    "ethernet: ethmod=slirp": "the cards of Bochs are e1000, ne2k, pcipnic",
    f"e1000: card=4, {MAC}, ethmod=null": "write card=0 to card=3",
    f"ne2k: card=-1, {MAC}, ethmod=null": "write card=0 to card=3",
}
TAKEN = (
    "ne2k: ioaddr=0x300, irq=10, mac=b0:c4:20:00:00:01, ethmod=null",
    f"e1000: enabled=1, {MAC}, ethmod=pynat",
    "pci: enabled=0",
    "pci: enabled=1, chipset=i440fx, slot1=cirrus",
    "vga: extension=cirrus",
    "cpuid: level=6",
    "private_colormap: enabled=0",
    "display_library: term",
    "boot: floppy",
    "# ips: 1000000",
)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ethmod=null writes its logs."""
    monkeypatch.chdir(tmp_path)


def said_of(bochs: Bochs, path: Path, line: str, *, shown: bool = True) -> list[str]:
    path.write_text(f"megs: 32\n{line}\n")
    return list(refused(list(lines_of(path)), bochs, shown=shown))


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_refused_is_named_with_its_replacement(
    bochs: Bochs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.chdir(tmp_path)  # where ethmod=null writes
    if line.startswith("gdbstub"):
        limits.DEBUGGER.skip()  # a Bochs has one of the two
    path = tmp_path / "bochsrc"
    (said,) = said_of(bochs, path, line)
    assert said.startswith(f"{path}:2: {line}: {bochs.name} refuses this; {REFUSED[line]}")
    with BochsRun(
        bochs, bochsrc(tmp_path, shutdown_port(), line), log=tmp_path / "bochs.log"
    ) as run:
        outcome = run.wait(30)
    if not line.startswith("display_library"):  # headless has its own
        assert outcome.ending in {Ending.CONFIG, Ending.CRASH}, str(outcome)
    now = REFUSED[line].removeprefix("write ")
    if re.match(
        r"(cpu|pci|vga|keyboard|clock|pcipnic|usb_uhci|config_interface): (?!.*(keymap|slot))", now
    ):
        assert said_of(bochs, path, now) == []
        with BochsRun(
            bochs, bochsrc(tmp_path, shutdown_port(), now), log=tmp_path / "bochs.log"
        ) as run:
            outcome = run.wait(30)
        assert outcome.ending is Ending.POWER_OFF, str(outcome)


def test_the_chipset_has_to_be_named(bochs: Bochs, tmp_path: Path) -> None:
    line = "pci: enabled=1"
    path = tmp_path / "bochsrc"
    told = f"{path}:2: {line}: {bochs.name} refuses this; write pci: enabled=1, chipset=i440fx"
    assert said_of(bochs, path, line) == [told]
    with BochsRun(
        bochs, bochsrc(tmp_path, shutdown_port(), line), log=tmp_path / "bochs.log"
    ) as run:
        outcome = run.wait(30)
    assert outcome.ending is Ending.CONFIG, str(outcome)


@pytest.mark.parametrize("line", TAKEN)
def test_what_bochs_takes_is_left_alone(bochs: Bochs, tmp_path: Path, line: str) -> None:
    assert said_of(bochs, tmp_path / "bochsrc", line) == []


PCI_CARDS = (
    f"e1000: {MAC}, ethmod=null",
    f"pcipnic: {MAC}, ethmod=null",
    f"ne2k: type=pci, {MAC}, ethmod=null",
)


@pytest.mark.parametrize("card", PCI_CARDS)
def test_a_pci_card_in_a_machine_without_pci(bochs: Bochs, tmp_path: Path, card: str) -> None:
    path = bochsrc(tmp_path, shutdown_port(), card, "pci: enabled=0")
    (said,) = refused(list(lines_of(path)), bochs, shown=False)
    name = card.partition(":")[0]
    place = f"{path}:{len(path.read_text().splitlines()) - 1}"
    assert said.startswith(f"{place}: {name}: needs PCI, which pci: enabled=0 switches off; write")
    with BochsRun(bochs, path, log=tmp_path / "bochs.log") as run:
        assert run.wait(30).ending in {Ending.CONFIG, Ending.CRASH}
    off = card.replace(": ", ": enabled=0, ")
    path = bochsrc(tmp_path, shutdown_port(), off, "pci: enabled=0")
    assert list(refused(list(lines_of(path)), bochs, shown=False)) == []


# Lines of a card without a MAC address: what is told of them for Bochs 3.1, and what it does.
E1000_REFUSED = "e1000: Bochs 3.1 wants its mac=; add mac=52:54:00:12:34:56"
NE2K_LEFT_OUT = "ne2k: without mac= Bochs 3.1 leaves it out; add mac=52:54:00:12:34:56"
ISA = "ioaddr=0x300, irq=10"
WITHOUT_MAC = {
    "e1000: enabled=1, ethmod=pynat": (1, E1000_REFUSED),
    f"e1000: ethmod=pynat\ne1000: {MAC}": (1, E1000_REFUSED.replace("56", "57")),
    "e1000: enabled=0\ne1000: enabled=1, ethmod=pynat": (2, E1000_REFUSED),
    f"e1000: card=1, {MAC}, ethmod=pynat\npcipnic: ethmod=null": (
        2,
        E1000_REFUSED.replace("e1000", "pcipnic").replace("56", "57"),
    ),
    f"ne2k: {ISA}, ethmod=pynat": (1, NE2K_LEFT_OUT),
    f"ne2k: type=pci, {MAC}\nne2k: enabled=0\nne2k: enabled=1, ethmod=pynat": (0, ""),
    f"ne2k: {ISA}, ethmod=pynat\nne2k: {MAC}, ethmod=pynat": (0, ""),
    "e1000: enabled=0, ethmod=pynat": (0, ""),
    "e1000: enabled=1, ethmod=null, enabled=0": (0, ""),
}


@pytest.mark.parametrize("text", WITHOUT_MAC)
def test_from_3_1_on_a_card_wants_a_mac_address(bochs: Bochs, tmp_path: Path, text: str) -> None:
    number, told = WITHOUT_MAC[text]
    path = tmp_path / "bochsrc"
    path.write_text(f"{text}\n")
    lines = list(lines_of(path))
    newer, older = replace(bochs, version=(3, 1)), replace(bochs, version=(3, 0))
    said = [*refused(lines, newer, shown=False), *doubtful(lines, newer)]
    assert [line for line in said if "mac=" in line] == [f"{path}:{number}: {told}"] * bool(told)
    assert "mac=" not in "".join([*refused(lines, older, shown=False), *doubtful(lines, older)])


@pytest.mark.parametrize("text", WITHOUT_MAC)
def test_bochs_wants_it(bochs: Bochs, tmp_path: Path, text: str) -> None:
    path = bochsrc(tmp_path, shutdown_port(), *text.splitlines())
    lines = list(lines_of(path))
    with BochsRun(bochs, path, log=tmp_path / "bochs.log") as run:
        outcome = run.wait(30)
    is_refused = list(refused(lines, bochs, shown=False)) != []
    assert (outcome.ending is Ending.CONFIG) == is_refused, str(outcome)
    has_network = [card.is_ours for card in cards_of(lines, bochs.version)].count(True)
    log = (tmp_path / "bochs.log").read_text() if (tmp_path / "bochs.log").exists() else ""
    assert is_refused or log.count(" network 192.168.16.0/24") == has_network


LEFT_OUT = "without ioaddr and irq Bochs leaves it out; write ioaddr=0x300, irq=10, or type=pci"
PCIS = "irq=9 is PCI's"


@pytest.mark.parametrize(
    ("lines", "by_2_7", "by_3_0"),
    [
        ("ne2k: irq=10, ethmod=pynat", "without ioaddr Bochs leaves it out", ""),
        ("ne2k: mac=x, ethmod=pynat", LEFT_OUT, PCIS),
        ("ne2k: mac=x, ethmod=pynat\npci: enabled=0", LEFT_OUT, ""),
        ("ne2k: type=isa, ethmod=pynat", LEFT_OUT, LEFT_OUT),
        ("ne2k: ioaddr=0x240, ethmod=pynat", "without irq Bochs leaves it out", PCIS),
        ("ne2k: ioaddr=0x240, irq=9, ethmod=pynat", PCIS, PCIS),
        ("ne2k: ioaddr=0x240, irq=9, ethmod=pynat\npci: enabled=0", "", ""),
        ("ne2k: type=pci, ethmod=pynat", "", ""),
        ("pci: enabled=1, chipset=i440fx, slot1=ne2k\nne2k: ethmod=pynat", "", ""),
        ("ne2k: ioaddr=0x300, irq=3, ethmod=pynat", "", ""),
        ("ne2k: mac=x, ethmod=slirp", "", ""),
        ("e1000: ethmod=pynat", "", ""),
        ("ne2k: enabled=0, ethmod=pynat", "", ""),
    ],
)
def test_cards_that_bochs_leaves_out(
    bochs: Bochs, tmp_path: Path, lines: str, by_2_7: str, by_3_0: str
) -> None:
    path = tmp_path / "bochsrc"
    path.write_text(f"{lines}\n")
    for version, told in ((MIN_VERSION, by_2_7), ((3, 0), by_3_0)):
        said = list(doubtful(list(lines_of(path)), replace(bochs, version=version)))
        assert [text.startswith(f"{path}:1: ne2k: {told}") for text in said] == [True] * bool(told)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            'ata0-master: type=cdrom, path="none.iso", status=inserted',
            "ata0-master: none.iso: no such file; the CD drive is empty",
        ),
        ("floppya: 1_44=none.img", "floppya: none.img: no such file; the floppy drive is empty"),
        ("floppyb: image=none.img, status=ejected", ""),
        ("floppya: image=bochsrc", ""),
        ("ata0-master: type=disk, path=none.img", ""),  # Bochs tells itself
    ],
)
def test_an_image_that_is_not_there(
    bochs: Bochs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bochsrc").write_text(f"{line}\n")
    said = list(doubtful(list(lines_of(Path("bochsrc"))), bochs))
    assert said == ([f"bochsrc:1: {told}"] if told else [])


def test_a_later_line_that_takes_a_card_away(bochs: Bochs, tmp_path: Path) -> None:
    path = tmp_path / "bochsrc"
    path.write_text("ne2k: ioaddr=0x240, irq=3, ethmod=null\nne2k: ethmod=pynat\n")
    (said,) = doubtful(list(lines_of(path)), replace(bochs, version=MIN_VERSION))
    assert said == (
        f"{path}:2: ne2k: without ioaddr and irq in this line, too, Bochs leaves it out; write"
        " ioaddr=0x240, irq=3, or type=pci"
    )


def test_what_3_0_makes_of_a_second_ne2k(bochs: Bochs, tmp_path: Path) -> None:
    path = tmp_path / "bochsrc"
    first = "ne2k: ioaddr=0x300, irq=10, ethmod=null\n"
    path.write_text(f"{first}ne2k: card=1, enabled=1, type=pci, ethmod=pynat\n")
    lines = list(lines_of(path))
    (said,) = doubtful(lines, replace(bochs, version=(3, 0)))
    assert "card=1: Bochs 3.0 makes an ISA card of a further ne2k with type=pci" in said
    assert not list(doubtful(lines, replace(bochs, version=MIN_VERSION)))


@pytest.mark.parametrize(("above", "count"), [("", 2), ("ne2k: enabled=0", 1)])
def test_a_second_card_without_a_first(
    bochs: Bochs, tmp_path: Path, above: str, count: int
) -> None:
    """Both are ISA cards, so Bochs panics up to 3.0 of the one that it adds."""
    line = f"ne2k: card=1, enabled=1, ioaddr=0x280, irq=5, {MAC}, ethmod=null"
    path = bochsrc(tmp_path, shutdown_port(), above, line)
    said = list(doubtful(list(lines_of(path)), bochs))
    added = "ne2k card=1: Bochs adds the ne2k card=0, with ethmod=null; write card=0 here, or"
    assert [added in text for text in said] == [True] * (count - 1)
    with BochsRun(bochs, path, log=tmp_path / "bochs.log") as run:
        outcome = run.wait(30)
    assert (outcome.ending is Ending.PANIC) == (count == 2 and bochs.version <= (3, 0))
    assert outcome.log.read_text().count("null network driver") == count


@pytest.mark.parametrize(
    "options", ["", "irq=10, ", "irq=9, ", "ioaddr=0x300, ", "ioaddr=0x300, irq=10, "]
)
@pytest.mark.parametrize("pci", [0, 1])
def test_bochs_does_so(bochs: Bochs, tmp_path: Path, options: str, pci: int) -> None:
    lines = [f"ne2k: {options}{MAC}, ethmod=pynat", f"pci: enabled={pci}, chipset=i440fx"]
    path = bochsrc(tmp_path, shutdown_port(), *lines)
    doubt = "".join(doubtful(list(lines_of(path)), bochs))
    with BochsRun(bochs, path, log=tmp_path / "bochs.log") as run:
        outcome = run.wait(30)
    assert (outcome.ending is Ending.PANIC) == (PCIS in doubt), str(outcome)
    networks = (tmp_path / "bochs.log").read_text().count(" network 192.168.16.0/24")
    assert networks == ("leaves it out" not in doubt)


def test_a_display_is_of_no_matter_when_headless(bochs: Bochs, tmp_path: Path) -> None:
    assert said_of(bochs, tmp_path / "bochsrc", "display_library: win32", shown=False) == []


def test_a_bios_at_an_old_address(bochs: Bochs, tmp_path: Path) -> None:
    bios, path = tmp_path / "bios", tmp_path / "bochsrc"
    bios.write_bytes(bytes(128 << 10))
    (said,) = said_of(bochs, path, f"romimage: file={bios}, address=0xf0000")
    assert said.endswith("refuses this; leave address= out")
    for good in (f"file={bios}, address=0xe0000", f"file={bios}, address=0x0", f"file={bios}"):
        assert said_of(bochs, path, f"romimage: {good}") == []


def test_all_of_them_are_named_and_those_of_included_files_too(
    bochs: Bochs, tmp_path: Path
) -> None:
    inner, path = tmp_path / "inner", tmp_path / "bochsrc"
    inner.write_text("ips: 5\n")
    path.write_text(f"time0: 1\n#include {inner}\n#include {path}\n# ips: 7\n")
    first, second, *_ = refused(list(lines_of(path)), bochs, shown=True)
    assert first.startswith(f"{path}:1: time0: 1: ")
    assert second.startswith(f"{inner}:1: ips: 5: ")
