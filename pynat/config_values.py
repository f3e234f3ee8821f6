"""Values that a user wrote, checked: what both configuration loaders share.

A parser takes one value as it stands in the file and returns it as `pynat.config` wants it,
or raises `Wrong` with what would be right. `Source` knows the file and the lines and turns
that into the one-line ConfigError. The rules that join several keys are in `config_check`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from pathlib import Path
from typing import Any

from pynat.config import LAYOUTS, Layout
from pynat.errors import ConfigError

Parser = Callable[[object], Any]

LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
MAC = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")
LONGEST_SHOWN = 70  # characters of a wrong value in a message
_MOST_BITS = 64  # of a whole number in TOML


class Wrong(ValueError):  # noqa: N818 - reads as a word, like Malformed
    """`right` says what would be right; `at` and `value` narrow a list or table to one item."""

    def __init__(self, right: str, at: str = "", value: object = None) -> None:
        super().__init__(right)
        self.right = right
        self.at = at
        self.value = value


@dataclass(slots=True)
class Source:
    """Where values were written: the file's name and the line of each key, where known."""

    file: str
    lines: dict[str, int] = field(default_factory=dict)

    def place(self, key: str) -> str:
        """Of the key, or of the nearest table around it whose line is known."""
        while key and key not in self.lines:
            key = key.rpartition(".")[0]
        return f"{self.file}:{self.lines[key]}" if key else self.file

    def parse(self, key: str, parser: Parser, value: object) -> Any:
        try:
            return parser(value)
        except Wrong as wrong:
            shown = wrong.value if wrong.at else value
            raise self.error(key, shown, wrong.right, wrong.at) from None

    def error(self, key: str, value: object, right: str, at: str = "") -> ConfigError:
        shown = json.dumps(_with_short_numbers(value), default=str, ensure_ascii=False)
        if len(shown) > LONGEST_SHOWN:
            shown = shown[:LONGEST_SHOWN] + "..."
        place = self.place(key + at.replace('"', "").partition("[")[0])
        return ConfigError(f"{place}: {key}{at} = {shown}: must be {right}")


def _with_short_numbers(value: object) -> object:
    """Python writes no number of more than 4,300 digits; TOML may have them in hexadecimal."""
    match value:
        case int() if value.bit_length() > _MOST_BITS:
            return f"{value:#x}"[:LONGEST_SHOWN]
        case list():
            return [_with_short_numbers(one) for one in value]
        case dict():
            return {key: _with_short_numbers(one) for key, one in value.items()}
    return value


def places(layout: Layout, net: IPv4Network) -> dict[str, IPv4Address]:
    """Our addresses and the first guest's keep their places in another net."""
    base = LAYOUTS[layout]
    start, last = int(base.net.network_address), 2**32 - 1
    return {
        name: IPv4Address(min(int(net.network_address) + int(getattr(base, name)) - start, last))
        for name in ("router", "guest", "dns")
    }


# ---------------------------------------------------------------- parsers
def boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Wrong("true or false")
    return value


def whole(low: int, high: int) -> Parser:
    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Wrong(f"a whole number from {low} to {high}")
        return value

    return parse


def share(value: object) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:  # type: ignore[operator]
        raise Wrong("a number from 0 to 1 (share of the frames, 0.05 is 5 %)")
    return float(value)  # type: ignore[arg-type]


def seconds(low: float, high: float) -> Parser:
    def parse(value: object) -> float:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:  # type: ignore[operator]
            raise Wrong(f"a number of seconds from {low:.15g} to {high:.15g}")
        return float(value)  # type: ignore[arg-type]

    return parse


def one_of(kind: Callable[[str], Any], words: list[str]) -> Parser:
    def parse(value: object) -> Any:
        if value not in words:
            raise Wrong("one of " + ", ".join(words))
        return kind(str(value))

    return parse


def text(longest: int, what: str) -> Parser:
    def parse(value: object) -> str:
        good = isinstance(value, str) and value.isprintable()
        if not good or not 1 <= len(str(value).encode()) <= longest:
            raise Wrong(f"{what}: printable text of 1 to {longest} bytes")
        return str(value)

    return parse


def new_file(value: object) -> Path:
    """The path of a file to write, in a folder that is there."""
    path = _path(value, "the path of a file to write")
    try:
        there = path.parent.is_dir()
    except OSError:
        there = True  # opening the file will tell what is wrong
    if not there:
        folder = path.parent.absolute()
        raise Wrong(f"in a folder that is there; the folder {folder} does not exist")
    return path


def script(value: object) -> Path:
    """A network written in Python."""
    path = _path(value, "the path of a Python file")
    if path.suffix != ".py":
        raise Wrong('the path of a Python file, for example "net.py"')
    return path


def folder(value: object) -> Path:
    """The absolute path of a folder that is there."""
    path = _path(value, "the path of a folder").absolute()
    try:
        there = path.is_dir()
    except OSError:
        there = False
    if not there:
        raise Wrong(f"the path of a folder; there is no folder {path}")
    return path


def _path(value: object, what: str) -> Path:
    written = text(4096, what)(value)
    try:
        return Path(written).expanduser()
    except RuntimeError:
        raise Wrong("a path whose ~ is the home folder of somebody") from None


def address(value: object) -> IPv4Address:
    try:
        return IPv4Address(string(value))
    except ValueError:
        raise Wrong('an IPv4 address, for example "192.168.16.1"') from None


def network(value: object) -> IPv4Network:
    right = 'an IPv4 network with its prefix length, for example "192.168.16.0/24"'
    try:
        net = IPv4Network(string(value), strict=False)
    except ValueError:
        raise Wrong(right) from None
    if "/" not in str(value):
        raise Wrong(right)
    if str(net.network_address) != str(value).partition("/")[0]:
        raise Wrong(f'the address of a network; the one around this address is "{net}"')
    return net


def mac(value: object) -> bytes:
    if not isinstance(value, str) or not MAC.fullmatch(value):
        raise Wrong('a MAC address, for example "52:55:00:a8:10:01"')
    packed = bytes.fromhex(value.replace(":", "").replace("-", ""))
    if packed[0] & 1 or not any(packed):
        raise Wrong("a unicast MAC address: an even first byte, not all zero")
    return packed


def domain_name(value: object) -> str:
    name = string(value).rstrip(".")
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in name.split(".")):
        raise Wrong('a domain name, for example "lab.example": labels of up to 63 letters, digits')
    return name


def resolver(value: object) -> tuple[IPv4Address | IPv6Address, int]:
    """An address with or without a port: 1.1.1.1, 1.1.1.1:53, ::1, [::1]:5353."""
    written = string(value)
    host, port = written, "53"
    if match := re.fullmatch(r"\[(.*)\](?::([0-9]+))?", written):
        host, port = match[1], match[2] or port
    elif written.count(":") == 1:
        host, _, port = written.partition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise Wrong("an address and a port from 1 to 65535")
    try:
        return ip_address(host), int(port)
    except ValueError:
        raise Wrong('an address like "1.1.1.1", "1.1.1.1:53" or "[::1]:5353"') from None


def list_of(parser: Parser) -> Parser:
    def parse(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise Wrong("a list in square brackets")
        return tuple(item(parser, f"[{i}]", one) for i, one in enumerate(value))

    return parse


def names(value: object) -> dict[str, tuple[IPv4Address, ...]]:
    """A table of name = address or list of addresses; names are compared in lower case."""
    if not isinstance(value, dict):
        raise Wrong('a table, for example {"mirror.test" = "192.168.16.1"}')
    table = {}
    for key, given in value.items():
        at = f'."{key}"'
        name = item(domain_name, at, key).lower()
        if isinstance(given, dict):
            raise unquoted(key, given)
        several = given if isinstance(given, list) else [given]
        if not several:
            raise Wrong("at least one IPv4 address", at, given)
        table[name] = tuple(item(address, at, one) for one in several)
    return table


def unquoted(name: str, value: object) -> Wrong:
    """x.test = "1.2.3.4" without quotes around the name is a table x with a key test."""
    while isinstance(value, dict) and value:
        inner, value = next(iter(value.items()))
        name += f".{inner}"
    line = f'"{name}" = {json.dumps(_with_short_numbers(value), default=str)}'
    return Wrong(f"written as {line}; names with dots need quotes", f".{name}", value)


def string(value: object) -> str:
    if not isinstance(value, str):
        raise Wrong("text in quotes")
    try:
        value.encode()
    except UnicodeEncodeError:  # of a command line or of JSON
        raise Wrong("text in UTF-8") from None
    return value


def item(parser: Parser, at: str, value: object) -> Any:
    try:
        return parser(value)
    except Wrong as wrong:
        raise Wrong(wrong.right, at + wrong.at, wrong.value if wrong.at else value) from None
