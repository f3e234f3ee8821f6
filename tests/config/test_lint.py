"""What is said of a wrong `silence` is right."""

from __future__ import annotations

import re

import pytest

from pynat.config.lint import codes
from pynat.config.values import Wrong
from pynat.rules import BY_CODE

MEANT = {
    "TCP-062": "TCP062",
    "UTP020": "UDP020",
    "IPV4": "IP",
    "DHCPV6999": "DHCP",
    "IP 031": "IP031",
}


@pytest.mark.parametrize(
    "written", [*MEANT, "TCP999", "TCP06", "ETHERNET", "ALL", "tcp checksum", "X1"]
)
def test_what_is_recommended_is_taken(written: str) -> None:
    with pytest.raises(Wrong) as wrong:
        codes([written])
    told = wrong.value.right.partition(" is none, ")[2]
    meant = re.findall(r"[A-Z]+\d*", told)
    assert MEANT.get(written, meant[0]) == meant[0]
    for one in meant:
        assert codes([one]) <= BY_CODE.keys()
