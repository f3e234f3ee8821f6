from __future__ import annotations

import pytest

from pynat.bochs.cards import Card, cards_of


def test_the_cards_that_use_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB", "/lab")
    lines = [
        "# e1000: ethmod=pynat, script=old.toml",
        "e1000: enabled=1, mac=52:54:00:12:34:56, ethmod=pynat, ethdev=/srv, script=net.toml",
        "ne2k: type=pci, ethmod=slirp, script=slirp.conf",
        'pcipnic: enabled=1, ethmod=pynat, script="$LAB/a,b.toml"',
        "e1000: card=1, enabled=0, ethmod=pynat, script=off.toml",
        "ne2k: ethmod=pynat",
    ]
    assert list(cards_of(lines)) == [
        Card(2, "e1000", "net.toml", "/srv"),
        Card(4, "pcipnic", "/lab/a,b.toml", ""),
        Card(6, "ne2k", "", ""),
    ]
