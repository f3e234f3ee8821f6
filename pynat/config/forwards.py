"""The rules that lead from host ports into the guest, as users write them.

QEMU's form with three additions: a range of ports (`8000..8010`, because a `-` divides the two
sides already), an IPv6 host address in brackets, and `unix:` with the path of a socket.
"""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from pynat.config.entries import Forward, ShownSource, Transport
from pynat.config.values import Wrong, item, list_of, one_of, parser, string, text, whole_text

FORM = (
    "[tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport or unix:path-[guestaddr]:guestport,"
    " for example tcp:127.0.0.1:8080-:80, or tcp:8080:80 for that; a range of ports is 8000..8010"
)
MAX_PORTS = 1024  # ports of one rule; each is a socket
MAX_SOCKET_PATH = 107  # bytes, sockaddr_un

_PORTS = r"([0-9]{1,5}(?:\.\.[0-9]{1,5})?)"
_RULE = re.compile(rf"(tcp|udp|):(\[[^\]]*\]|[^:\[\]]*):{_PORTS}-([^:]*):{_PORTS}")
_SHORT = re.compile(rf"(tcp|udp):{_PORTS}:{_PORTS}")
_UNIX = re.compile(r"unix:(.+)-([^:-]*):([0-9]{1,5})")
socket_path = text(MAX_SOCKET_PATH, "the path of a socket")
_SHOWN = one_of(ShownSource)
_WRITTEN = {"type": "string", "pattern": whole_text(_RULE.pattern, _SHORT.pattern, _UNIX.pattern)}


def forward(value: object) -> tuple[Forward, ...]:
    """One rule, or as many as its range has ports.

    An empty host address is 127.0.0.1, where QEMU and slirp take 0.0.0.0.
    """
    written = string(value)
    if match := _SHORT.fullmatch(written):
        written = "{}::{}-:{}".format(*match.groups())
    if match := _UNIX.fullmatch(written):
        path, guest, port = match.groups()
        socket = Path(socket_path(path))
        return (Forward(Transport.TCP, socket, 0, _guest(guest), *_ports(port, least=1)),)
    match = _RULE.fullmatch(written)
    if not match:
        raise Wrong(FORM)
    protocol, host, host_ports, guest, guest_ports = match.groups()
    return tuple(
        Forward(Transport(protocol or "tcp"), _host(host), host_port, _guest(guest), guest_port)
        for host_port, guest_port in _pairs(host_ports, guest_ports)
    )


@parser(
    "a rule",
    anyOf=[
        _WRITTEN,
        {
            "type": "object",
            "properties": {"rule": _WRITTEN, "source": _SHOWN.schema},
            "required": ["rule"],
            "additionalProperties": False,
        },
    ],
)
def forward_item(value: object) -> tuple[Forward, ...]:
    """A rule alone, or a table with the rule and what goes with it."""
    if not isinstance(value, dict):
        return forward(value)
    if "rule" not in value or value.keys() - {"rule", "source"}:
        raise Wrong('a rule, or a table such as {rule = "tcp::8080-:80", source = "peer"}')
    shown = item(_SHOWN, ".source", value.get("source", ShownSource.ROUTER.value))
    return tuple(replace(rule, shown=shown) for rule in item(forward, ".rule", value["rule"]))


_items = list_of(forward_item, "a list of rules")


@parser(_items.allowed, **_items.schema)
def forward_rules(value: object) -> tuple[Forward, ...]:
    """Each has as its source where it stands in the list."""
    return tuple(
        replace(rule, source=f"forwards[{number}]")
        for number, rules in enumerate(_items(value))
        for rule in rules
    )


def _pairs(host: str, guest: str) -> list[tuple[int, int]]:
    host_ports = _ports(host, least=1 if ".." in host else 0)
    guest_ports = _ports(guest, least=1)
    if len(host_ports) != len(guest_ports):
        raise Wrong("as many guest ports as host ports, for example tcp::8000..8010-:9000..9010")
    return list(zip(host_ports, guest_ports, strict=True))


def _ports(written: str, least: int) -> range:
    first, _, last = written.partition("..")
    ports = range(int(first), int(last or first) + 1)
    if not ports or ports[-1] > 65535 or ports[0] < least:
        raise Wrong(
            "with ports up to 65535, and a guest port of at least 1; a range begins with the"
            " lower one"
        )
    if len(ports) > MAX_PORTS:
        raise Wrong(f"a range of at most {MAX_PORTS} ports")
    return ports


def _host(written: str) -> IPv4Address | IPv6Address:
    try:
        if written.startswith("["):
            return IPv6Address(written[1:-1])
        return IPv4Address(written or "127.0.0.1")
    except ValueError:
        raise Wrong(f"{FORM}; addresses are IPv4 in dotted form, or [::1]") from None


def _guest(written: str) -> IPv4Address | None:
    try:
        return IPv4Address(written) if written else None
    except ValueError:
        raise Wrong(f"{FORM}; addresses are IPv4 in dotted form") from None
