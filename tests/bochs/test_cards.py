from __future__ import annotations

import time
from pathlib import Path

import pytest

from pynat.bochs.bochsrc import lines_of, options_of
from pynat.bochs.cards import cards_of


def test_the_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB", "/lab")
    path = tmp_path / "bochsrc"
    path.write_text(
        "# e1000: ethmod=pynat, script=old.toml\n"
        "   e1000: enabled=1,mac=52:54:00:AB:34:56,ethmod=pynat,ethdev=/srv,script=net.toml\n"
        "ne2k: type=pci, ethmod=slirp, script=slirp.conf\n"
        'pcipnic: enabled=true, ethmod=pynat, script="$LAB/a,b.toml"\n'
        "e1000: card=1, enabled=0, ethmod=pynat, script=off.toml\n"
        "e1000: card=2, enabled=False, ethmod=pynat\n"
        "ne2k: ethmod=vnet, card=1\n"
    )
    expected = [
        (f"{path}:2", "e1000", "pynat", "52:54:00:ab:34:56", "net.toml", "/srv"),
        (f"{path}:3", "ne2k", "slirp", "", "slirp.conf", ""),
        (f"{path}:4", "pcipnic", "pynat", "", "/lab/a,b.toml", ""),
        (f"{path}:7", "ne2k", "vnet", "", "", ""),
    ]
    cards = list(cards_of(lines_of(path)))
    found = [(c.place, c.name, c.ethmod, c.mac, c.script, c.ethdev) for c in cards]
    assert found == expected
    assert [card.is_ours for card in cards] == [True, False, True, False]


def test_lines_of_one_card_add_up(tmp_path: Path) -> None:
    path = tmp_path / "bochsrc"
    path.write_text("ne2k: ioaddr=0x300, mac=b0:c4:20:00:00:01, ethmod=slirp, script=slirp.conf\n")
    lines = [*lines_of(path), *options_of(["-r", "x", "ne2k: ethmod=pynat"])]
    (card,) = cards_of(lines)
    assert (card.place, card.ethmod, card.script) == ("command line", "pynat", "slirp.conf")
    assert (card.mac, card.options["ioaddr"]) == ("b0:c4:20:00:00:01", "0x300")


@pytest.mark.parametrize("line", ["#include" + " " * 20_000, "e1000: " + "a" * 40_000 + "!"])
def test_a_long_line_takes_no_time(tmp_path: Path, line: str) -> None:
    bochsrc = tmp_path / "bochsrc"
    bochsrc.write_text(line)
    began = time.thread_time()
    list(cards_of(lines_of(bochsrc)))
    assert time.thread_time() - began < 2  # seconds
