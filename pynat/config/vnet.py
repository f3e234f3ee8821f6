"""An existing file of Bochs's vnet ("# vnet config" in its first line) into a Config.

The addresses, the boot file and the names are vnet's. Its net has 24 bits, and it looks at the
addresses itself: one of another net is an error here as it is one there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

from pynat.config import lines, values
from pynat.config.check import check
from pynat.config.entries import Layout
from pynat.config.layouts import LAYOUTS, addresses_in
from pynat.config.model import Config
from pynat.config.slirp import packet_log, remark
from pynat.config.tables import Network
from pynat.config.values import Source

FIRST_LINE = "# vnet config"
BOOTFILE = "pxelinux.0"
BITS = 24

_NO_FTP = "has no effect: there is no FTP server (docs/moving.md says what does its work)"

# key: (our key, parser)
KEYS: dict[str, tuple[str, Callable[[object], object]]] = {
    "net": ("network.net", lines.address),
    "host": ("network.router", lines.address),
    "dhcpstart": ("network.guest", lines.address),
    "dns": ("network.dns", lines.address),
    "ftp": ("ftp", lines.address),
    "hostname": ("dhcp.hostname", values.text(253, "the guest's name")),
    "bootfile": ("dhcp.bootfile", values.text(127, "the name of the boot file")),
    "pktlog": ("capture", packet_log),
}


def is_vnet(written: str) -> bool:
    return written.lstrip("\r\n").startswith(FIRST_LINE)


def read_vnet(written: str, file: str) -> Config:
    source = Source(file)
    found: dict[str, Any] = {}
    warnings: list[str] = []
    for number, key, value in lines.lines_of(written, file, list(KEYS)):
        source.lines[key] = number
        found[KEYS[key][0]] = source.parse(key, KEYS[key][1], value)
        said = _NO_FTP if key == "ftp" else remark(key, value)
        if said:
            warnings.append(f"{file}:{number}: {key} = {value} {said}")
    config = replace(_assemble(found), warnings=tuple(warnings))
    check(config, source, {ours: key for key, (ours, _) in KEYS.items()})
    return config


def _assemble(found: dict[str, Any]) -> Config:
    base = LAYOUTS[Layout.VNET].net
    net = IPv4Network((found.get("network.net", base.network_address), BITS), strict=False)
    places = addresses_in(Layout.VNET, net)
    network = Network(
        net=net, **{name: found.get(f"network.{name}", places[name]) for name in places}
    )
    config = Config()
    return replace(
        config,
        layout=Layout.VNET,
        network=network,
        dhcp=replace(
            config.dhcp,
            hostname=found.get("dhcp.hostname", ""),
            bootfile=found.get("dhcp.bootfile", BOOTFILE),
        ),
        dns=replace(config.dns, names={"vnet": (network.router,), "vnet-dns": (network.dns,)}),
        capture=found.get("capture"),
    )
