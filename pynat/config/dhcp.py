"""Values of the [dhcp] table that need more than a line to read: routes, leases, options."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network

from pynat.config import values
from pynat.config.entries import StaticLease
from pynat.config.values import Wrong

ROUTE = 'a route, for example "10.0.0.0/8 via 192.168.16.1"'
OPTION = (
    'text that begins with its type: "text:...", "ip:192.168.16.1, 192.168.16.7", "hex:0a0b",'
    ' "u8:5", "u16:5" or "u32:5"'
)
STATIC = (
    'a table, for example {"52:54:00:12:34:56" = "192.168.16.9"} or'
    ' {"52:54:00:12:34:56" = {address = "192.168.16.9", hostname = "box"}}'
)
# What each message needs for itself: address asked for and lease time, overload, type, server,
# what the client wants and takes, times, who the client is, what a relay has added.
OF_THE_PROTOCOL = {50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 61, 82}


@values.parser("a route", type="string", pattern=" via ")
def route(value: object) -> tuple[IPv4Network, IPv4Address]:
    net, via, gateway = str(value).partition(" via ")
    if not isinstance(value, str) or not via:
        raise Wrong(ROUTE)
    return values.network(net.strip()), values.address(gateway.strip())


@values.parser(
    "a table of addresses",
    type="object",
    propertyNames=values.mac.schema,
    additionalProperties={
        "anyOf": [
            values.address.schema,
            {
                "type": "object",
                "properties": {
                    "address": values.address.schema,
                    "hostname": values.domain_name.schema,
                },
                "required": ["address"],
                "additionalProperties": False,
            },
        ]
    },
)
def static(value: object) -> dict[bytes, StaticLease]:
    if not isinstance(value, dict):
        raise Wrong(STATIC)
    leases = {}
    for key, given in value.items():
        at = f'."{key}"'
        mac = values.item(values.mac, at, key)
        fields = given if isinstance(given, dict) else {"address": given}
        if not {"address"} <= set(fields) <= {"address", "hostname"}:
            raise Wrong("an address, or a table with address and hostname", at, given)
        hostname = fields.get("hostname", "")
        leases[mac] = StaticLease(
            values.item(values.address, at, fields["address"]),
            values.item(values.domain_name, at, hostname) if "hostname" in fields else "",
        )
    return leases


@values.parser(
    "a table of options",
    type="object",
    propertyNames={"pattern": "^[0-9]{1,3}$"},
    additionalProperties={"type": "string", "pattern": "^(?:text|ip|hex|u8|u16|u32):"},
)
def options(value: object) -> dict[int, bytes]:
    if not isinstance(value, dict):
        raise Wrong(f'a table of numbers and values, for example {{150 = "ip:1.2.3.4"}}; {OPTION}')
    found = {}
    for key, given in value.items():
        at = f".{key}"
        if not re.fullmatch("[0-9]{1,3}", key) or not 1 <= int(key) <= 254:
            raise Wrong("the value of an option whose number is from 1 to 254", at, given)
        if int(key) in OF_THE_PROTOCOL:
            raise Wrong("left out: DHCP itself sets this option in each message", at, given)
        found[int(key)] = values.item(_option, at, given)
    return found


def _option(value: object) -> bytes:
    kind, colon, text = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not colon or kind not in _TYPES:
        raise Wrong(OPTION)
    try:
        return _TYPES[kind](text)
    except (ValueError, OverflowError):
        raise Wrong(OPTION) from None


def _number(size: int) -> Callable[[str], bytes]:
    return lambda text: int(text, 0).to_bytes(size, "big")


_TYPES: dict[str, Callable[[str], bytes]] = {
    "text": str.encode,
    "ip": lambda text: b"".join(IPv4Address(part.strip()).packed for part in text.split(",")),
    "hex": bytes.fromhex,
    "u8": _number(1),
    "u16": _number(2),
    "u32": _number(4),
}
