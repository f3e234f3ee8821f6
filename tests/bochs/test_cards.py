"""Which cards a guest gets from a bochsrc: as Bochs reads it, and as it really does."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from pynat.bochs import Bochs, BochsRun
from pynat.bochs.bochsrc import lines_of, options_of
from pynat.bochs.card_option import card_option
from pynat.bochs.cards import Card, all_cards, cards_of
from pynat.bochs.find import MIN_VERSION
from tests.bochs.machines import bochsrc, shutdown_port


def test_the_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB", "/lab")
    path = tmp_path / "bochsrc"
    path.write_text(
        "# e1000: ethmod=pynat, script=old.toml\n"
        "   e1000: enabled=1,mac=52:54:00:AB:34:56,ethmod=pynat,ethdev=/srv,script=net.toml\n"
        "ne2k: type=pci, ethmod=slirp, script=slirp.conf\n"
        'pcipnic: enabled=true, ethmod = pynat, script="$LAB/a,b.toml"\n'
        "e1000: card=1, enabled=0, ethmod=pynat, script=off.toml\n"
        "e1000: card=2, enabled=False, ethmod=pynat\n"
        "ne2k: card=1, enabled=1, ioaddr=0x280, irq=5, ethmod=vnet\n"
    )
    expected = [
        (f"{path}:2: e1000", "pynat", "52:54:00:ab:34:56", "net.toml", "/srv"),
        (f"{path}:3: ne2k", "slirp", "", "slirp.conf", ""),
        (f"{path}:4: pcipnic", "pynat", "", "/lab/a,b.toml", ""),
        (f"{path}:7: ne2k card=1", "vnet", "", "", ""),
    ]
    cards = list(cards_of(lines_of(path), MIN_VERSION))
    found = [(str(c), c.ethmod, c.mac, c.script, c.ethdev) for c in cards]
    assert found == expected
    assert [card.is_ours for card in cards] == [True, False, True, False]


def read(*lines: str, version: tuple[int, int] = MIN_VERSION) -> list[Card]:
    return all_cards(options_of(list(lines)), version)


def test_lines_of_one_card_add_up() -> None:
    first = "e1000: mac=b0:c4:20:00:00:01, ethmod=slirp, script=slirp.conf"
    (card,) = read(first, "-r", "x", "e1000: ethmod=pynat")
    assert (card.place, card.ethmod, card.script) == ("command line", "pynat", "slirp.conf")
    assert card.mac == "b0:c4:20:00:00:01"


A, B = "mac=52:54:00:00:00:0a", "mac=52:54:00:00:00:0b"
ISA = "ioaddr=0x300, irq=10"
# Lines, and the ethmod of each card that Bochs 2.7 makes of them.
AS_READ = {
    (f"e1000: {A}, ethmod=pynat", f"e1000: card=1, {B}, ethmod=pynat"): ["pynat", "null"],
    (f"e1000: {A}, ethmod=pynat", f"e1000: card=1, {B}, ethmod=pynat, enabled=1"): [
        "pynat",
        "null",
    ],
    (f"e1000: {A}, ethmod=null", f"e1000: card=1, enabled=1, {B}, ethmod=pynat"): [
        "null",
        "pynat",
    ],
    ("e1000: ethmod=null", "e1000: card=1, ethmod=null", "e1000: card=1, ethmod=pynat"): [
        "null",
        "pynat",
    ],
    (f"e1000: {A}, ethmod=pynat", f"e1000: enabled=1, card=1, {B}, ethmod=null"): ["null"],
    ("e1000: enabled=0, ethmod=pynat",): [],
    ("e1000: enabled=0, ethmod=pynat", "e1000: enabled=1"): ["null"],
    ("e1000: enabled=0, ethmod=pynat", "e1000: ethmod=pynat"): ["null"],
    ("e1000: ETHMOD=pynat",): ["pynat"],
    ('e1000: enabled=off, "ethmod"="pynat"',): ["pynat"],
    ("e1000: enabled=1 mac=52:54:00:00:00:0a ethmod=pynat",): ["null"],
    ("e1000: etmod=pynat",): ["null"],
    (f"ne2k: type=pci, {A}, ethmod=pynat", f"ne2k: card=1, type=pci, {B}, ethmod=pynat"): ["pynat"],
    ("ne2k: type=pci, ethmod=pynat", f"ne2k: card=1, enabled=1, type=pci, {B}, ethmod=pynat"): [
        "pynat",
        "pynat",
    ],
    (
        f"ne2k: {ISA}, {A}, ethmod=pynat",
        f"ne2k: card=1, enabled=1, ioaddr=0x280, irq=5, {B}, ethmod=pynat",
    ): ["pynat", "pynat"],
    (f"ne2k: {ISA}, ethmod=null", "ne2k: ethmod=pynat"): [],
    (f"ne2k: {ISA}, ethmod=null", "ne2k: enabled=1, ethmod=pynat"): [],
    (f"ne2k: {ISA}, ethmod=null", f"ne2k: {ISA}, ethmod=pynat"): ["pynat"],
    (f"ne2k: {ISA}, ethmod=null", "ne2k: type=pci, ethmod=pynat"): ["pynat"],
    ("ne2k: type=pci, ethmod=null", "ne2k: ethmod=pynat"): [],
    (f"ne2k: {ISA}, ethmod=pynat", "ne2k: enabled=0"): [],
    ("ne2k: enabled=0", f"ne2k: enabled=1, {ISA}, ethmod=pynat"): ["pynat"],
    ("pci: enabled=1, chipset=i440fx, slot1=ne2k", "ne2k: ethmod=pynat"): ["pynat"],
    (f"pcipnic: card=1, {A}, ethmod=pynat",): ["pynat"],
    ("e1000: ethmod=pynat", "e1000: enabled=0", "e1000: enabled=1"): ["pynat"],
    ("e1000: ethmod=pynat, enabled=0", f"e1000: {A}"): ["pynat"],
    ("e1000: enabled=0, enabled=1, ethmod=pynat",): ["pynat"],
    ("pcipnic: enabled=0, ethmod=pynat", "pcipnic: ethmod=pynat"): ["null"],
    ("ne2k: irq=10, ethmod=pynat",): [],
    ("ne2k: type=isa, ethmod=pynat",): [],
    (f"ne2k: {ISA}, ethmod=null", f"ne2k: card=1, ioaddr=0x280, irq=5, {B}, ethmod=pynat"): [
        "null",
        "null",
    ],
    (f"ne2k: {ISA}, ethmod=null", f"ne2k: card=1, irq=5, {B}, ethmod=pynat"): ["null"],
}


# Later ones take what a line says of a card that was off, and forget less of an ne2k.
AS_READ_LATER = AS_READ | {
    (f"e1000: {A}, ethmod=pynat", f"e1000: card=1, {B}, ethmod=pynat"): ["pynat", "pynat"],
    (f"e1000: {A}, ethmod=pynat", f"e1000: card=1, {B}, ethmod=pynat, enabled=1"): [
        "pynat",
        "pynat",
    ],
    ("e1000: enabled=0, ethmod=pynat", "e1000: ethmod=pynat"): ["pynat"],
    (f"ne2k: type=pci, {A}, ethmod=pynat", f"ne2k: card=1, type=pci, {B}, ethmod=pynat"): [
        "pynat",
        "pynat",
    ],
    (f"ne2k: {ISA}, ethmod=null", "ne2k: ethmod=pynat"): ["pynat"],
    (f"ne2k: {ISA}, ethmod=null", "ne2k: enabled=1, ethmod=pynat"): ["pynat"],
    ("ne2k: type=pci, ethmod=null", "ne2k: ethmod=pynat"): ["pynat"],
    ("e1000: ethmod=pynat", "e1000: enabled=0", "e1000: enabled=1"): ["null"],
    ("e1000: ethmod=pynat, enabled=0", f"e1000: {A}"): ["null"],
    ("pcipnic: enabled=0, ethmod=pynat", "pcipnic: ethmod=pynat"): ["pynat"],
    ("ne2k: irq=10, ethmod=pynat",): ["pynat"],
    (f"ne2k: {ISA}, ethmod=null", f"ne2k: card=1, ioaddr=0x280, irq=5, {B}, ethmod=pynat"): [
        "null",
        "pynat",
    ],
}


def as_read(lines: tuple[str, ...], version: tuple[int, int]) -> list[str]:
    return (AS_READ if version == MIN_VERSION else AS_READ_LATER)[lines]


@pytest.mark.parametrize("version", [MIN_VERSION, (3, 0)], ids=["2.7", "later"])
@pytest.mark.parametrize("lines", AS_READ)
def test_cards_are_read(lines: tuple[str, ...], version: tuple[int, int]) -> None:
    cards = [card for card in read(*lines, version=version) if card.is_on]
    assert [card.ethmod for card in cards] == as_read(lines, version)


@pytest.mark.parametrize("lines", AS_READ)
def test_bochs_reads_them_so(
    bochs: Bochs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)  # where ethmod=null writes
    with_mac = [line if re.search("[:,] mac=|^pci:", line) else f"{line}, {A}" for line in lines]
    path = bochsrc(tmp_path, shutdown_port(), *with_mac)
    with BochsRun(bochs, path, log=tmp_path / "bochs.log") as run:
        run.wait(30)
    log = (tmp_path / "bochs.log").read_text()
    back_ends = re.findall(
        r"\[[^\]]*\] (?:[\d.]+ )?(?:(null) network driver|(network) [\d.]+/)", log
    )
    assert [null or "pynat" for null, _ in back_ends] == as_read(lines, bochs.version)


def test_an_option_gives_a_mac_address_where_bochs_wants_one() -> None:
    wanted, before = (3, 1), (3, 0)
    first = f"e1000: enabled=1, {A}"
    assert card_option("e1000", {}, [], before) == "e1000: enabled=1, ethmod=pynat"
    assert card_option("e1000", {}, read(first, version=wanted), wanted) == (
        "e1000: enabled=1, ethmod=pynat"
    )
    usual = "mac=52:54:00:12:34:56"
    assert card_option("e1000", {}, [], wanted) == f"e1000: enabled=1, {usual}, ethmod=pynat"
    cards = read(f"pcipnic: {usual}", version=wanted)
    assert card_option("e1000", {}, cards, wanted) == (
        "e1000: enabled=1, mac=52:54:00:12:34:57, ethmod=pynat"
    )
    own = card_option("e1000", {"mac": "52:54:00:00:00:01"}, [], wanted)
    assert own == "e1000: enabled=1, mac=52:54:00:00:00:01, ethmod=pynat"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("e1000: scirpt=net.toml", "scirpt=net.toml: unknown key scirpt; did you mean script?"),
        ("e1000: etmod=pynat", "etmod=pynat: unknown key etmod; did you mean ethmod?"),
        ("e1000: enable=1", "enable=1: unknown key enable; did you mean enabled?"),
        ("e1000: irq=10", "irq=10: unknown key irq; e1000 has card, enabled, mac, "),
        ("pcipnic: card=1", "card=1: unknown key card; pcipnic has enabled, mac, "),
        ("e1000: pynat", "pynat: unknown key pynat; e1000 has "),
        (
            "e1000: enabled=1 mac=1:2 ethmod=pynat",
            "enabled=1mac=1:2ethmod=pynat: a comma is missing before mac=",
        ),
        (
            "e1000: enabled=1, card=1, ethmod=pynat",
            "card=1: ignored, since it is not the first word; write e1000: card=1, enabled=1, ...",
        ),
    ],
)
def test_what_bochs_ignores(line: str, said: str) -> None:
    (card,) = read(line)
    (text,) = card.ignored
    assert text.startswith(f"command line: {card.name}: {said}")


@pytest.mark.parametrize(
    ("line", "ignored"),
    [
        ("e1000: card=1, mac=1, ethmod=pynat", "mac, ethmod"),
        ("e1000: card=1, mac=1, enabled=1, ethmod=pynat", "mac"),
        ("ne2k: card=1, type=pci, ethmod=pynat", "type, ethmod"),
        ("ne2k: card=1, ioaddr=0x280, irq=5", "ioaddr, irq"),
    ],
)
def test_what_is_said_of_a_card_before_it_is_on(line: str, ignored: str) -> None:
    (card,) = read(line)
    assert card.ignored == [
        f"command line: {card.name} card=1: {ignored}: ignored, since this card is off before"
        f" enabled=1; write {card.name}: card=1, enabled=1, and then the rest"
    ]
    (card,) = read(line, version=(3, 0))
    assert card.ignored == []


@pytest.mark.parametrize(
    "line",
    [
        "e1000: enabled=1, mac=1, ethmod=pynat, ethdev=/srv, script=none, bootrom=x.rom",
        'e1000: ethmod=pynat, script="my net=1.toml", ethdev="a b=c"',
        "e1000: card=1, enabled=0, mac=1, ethmod=pynat",
        "ne2k: card=0, type=isa, ioaddr=0x300, irq=10",
        "e1000: ethmod = pynat, ",
    ],
)
def test_what_bochs_takes(line: str) -> None:
    (card,) = read(line)
    assert card.ignored == []


@pytest.mark.parametrize("line", ["#include" + " " * 20_000, "e1000: " + "a" * 40_000 + "!"])
def test_a_long_line_takes_no_time(tmp_path: Path, line: str) -> None:
    bochsrc = tmp_path / "bochsrc"
    bochsrc.write_text(line)
    began = time.thread_time()
    assert [*all_cards(lines_of(bochsrc), MIN_VERSION)] == [] or line.startswith("e1000")
    assert time.thread_time() - began < 2  # seconds
