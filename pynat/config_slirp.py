"""An existing slirp file ("# slirp config" in its first line) into a Config.

Bochs's own back end reads it like this: `key = value` lines with case-insensitive keys, `#` at
the start of a line begins a comment, an empty value leaves the default, the last of several
lines with one key counts (hostfwd adds up). The defaults are slirp's, so that a file written
for it gives the guest the same addresses. Three things differ on purpose: a key or value that
slirp reports and then ignores is an error here; any number of hostfwd lines is taken; and a
hostfwd without a host address listens on 127.0.0.1 instead of on all addresses.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

from pynat import config_values as values
from pynat.config import LAYOUTS, Config, Forward, Layout, Network
from pynat.config_check import check
from pynat.config_forwards import forward
from pynat.config_values import Parser, Source, Wrong
from pynat.errors import ConfigError

FIRST_LINE = "# slirp config"
HEADER = re.compile(r"^[^\S\n]*#[^\S\n]*slirp\s+config\s*$", re.IGNORECASE | re.MULTILINE)

DEFAULT = LAYOUTS[Layout.SLIRP].net


def _search(value: object) -> tuple[str, ...]:
    items = [item.strip() for item in str(value).split(",")]
    return tuple(values.list_of(values.domain_name)([item for item in items if item]))


def _number(value: object) -> int:
    try:
        return int(str(value), 0)
    except ValueError:
        raise Wrong("a number") from None


def _switch(value: object) -> bool:
    return bool(_number(value))


# key: (our key, parser)
KEYS: dict[str, tuple[str, Parser]] = {
    "net": ("network.net", values.address),
    "mask": ("network.mask", values.address),
    "host": ("network.router", values.address),
    "dhcpstart": ("network.guest", values.address),
    "dns": ("network.dns", values.address),
    "hostname": ("dhcp.hostname", values.domain_name),
    "bootfile": ("dhcp.bootfile", values.text(127, "the name of the boot file")),
    "tftp_srvname": ("dhcp.server_name", values.text(255, "the name of the boot server")),
    "dnssearch": ("dhcp.search", _search),
    "pktlog": ("capture", values.new_file),
    "restricted": ("restricted", _switch),
    "hostfwd": ("forwards", forward),
}
# key: (parser, which values mean that the user wanted something)
NO_EFFECT: dict[str, tuple[Parser, Callable[[Any], bool]]] = {
    "smb_export": (str, bool),
    "smb_srv": (values.address, bool),
    "ipv6_enabled": (_number, bool),
    "ipv6_prefix": (str, bool),
    "debug_switches": (_number, bool),
}


def is_slirp(written: str) -> bool:
    return written.lstrip("\r\n").startswith(FIRST_LINE)


def is_almost_slirp(written: str) -> bool:
    """For a file that is no good as TOML: was it meant for slirp, but for its first line?"""
    if HEADER.search(written):
        return True
    lines = [line.strip() for line in written.splitlines()]
    pairs = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]
    is_toml = any(line.startswith("[") for line in lines) or any(
        value.strip().startswith(("'", '"', "[", "{")) for _, _, value in pairs
    )
    known = {*KEYS, *NO_EFFECT}
    return bool(pairs) and not is_toml and all(key.strip().lower() in known for key, _, _ in pairs)


def read_slirp(written: str, file: str) -> Config:
    source = Source(file)
    found: dict[str, Any] = {}
    forwards: list[Forward] = []
    warnings: list[str] = []
    for number, line in enumerate(written.splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        key, value = _key_and_value(line, f"{file}:{number}")
        source.lines[key] = number
        if not value:
            continue
        if key in NO_EFFECT:
            parser, matters = NO_EFFECT[key]
            if matters(source.parse(key, parser, value)):
                warnings.append(_no_effect(key, value, source))
        elif key == "hostfwd":
            place = f"{file}:{number}"
            rules = source.parse(key, forward, value)
            forwards += [replace(rule, source=f"{place}: hostfwd") for rule in rules]
            if value.split(":")[1] == "":
                warnings.append(_listens(rules[0], place, value))
        else:
            found[KEYS[key][0]] = source.parse(key, KEYS[key][1], value)
    config = _assemble(found, source, tuple(forwards), tuple(warnings))
    check(config, source, {ours: key for key, (ours, _) in KEYS.items()})
    return config


def _key_and_value(line: str, place: str) -> tuple[str, str]:
    written, equals, value = line.partition("=")
    key = written.strip().lower()
    if not equals:
        raise ConfigError(f"{place}: {line.strip()[:70]}: must be written as key = value")
    if key not in KEYS and key not in NO_EFFECT:
        known = [*KEYS, *NO_EFFECT]
        close = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {close[0]}?" if close else "known: " + ", ".join(known)
        raise ConfigError(f"{place}: {written.strip()}: unknown key; {hint}")
    return key, value.strip()


def _no_effect(key: str, value: str, source: Source) -> str:
    return f"{source.place(key)}: {key} = {value} is understood but has no effect"


def _listens(rule: Forward, place: str, value: str) -> str:
    return (
        f"{place}: hostfwd = {value} listens on {rule.host_address} only;"
        " name the host address 0.0.0.0 to listen on all, as slirp does"
    )


def _assemble(
    found: dict[str, Any],
    source: Source,
    forwards: tuple[Forward, ...],
    warnings: tuple[str, ...],
) -> Config:
    network = _network(found, source)
    base = Config()
    names = ("hostname", "bootfile", "server_name", "search")
    dhcp = {name: found[f"dhcp.{name}"] for name in names if f"dhcp.{name}" in found}
    return replace(
        base,
        layout=Layout.SLIRP,
        network=network,
        dhcp=replace(base.dhcp, **dhcp),
        capture=found.get("capture"),
        restricted=found.get("restricted", False),
        forwards=forwards,
        warnings=warnings,
    )


def _network(found: dict[str, Any], source: Source) -> Network:
    address = found.get("network.net", DEFAULT.network_address)
    mask = found.get("network.mask", DEFAULT.netmask)
    try:
        net = IPv4Network(f"{address}/{mask}", strict=False)
    except ValueError:
        raise source.error("mask", mask, "a network mask, for example 255.255.255.0") from None
    if int(net.netmask) != int(mask):  # ipaddress reads 0.0.0.255 as a host mask
        raise source.error("mask", mask, "a network mask, for example 255.255.255.0")
    addresses = {
        name: found.get(f"network.{name}", place)
        for name, place in values.places(Layout.SLIRP, net).items()
    }
    return Network(net=net, **addresses)
