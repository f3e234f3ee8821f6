"""Values that a user wrote, checked: what both configuration loaders share.

A parser takes one value as it stands in the file and returns it as `pynat.config` wants it,
or raises `Wrong` with what would be right. `Source` knows the file and the lines and turns
that into the one-line ConfigError. The rules that join several keys are in `pynat.config.check`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from pathlib import Path
from typing import Any, Generic, TypeVar

from pynat.errors import ConfigError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Choice = TypeVar("Choice", bound=StrEnum)
Schema = dict[str, Any]  # JSON Schema

LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
MAC = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")
PRINTABLE: Schema = {"type": "string", "pattern": "^[^\\x00-\\x1f\\x7f]+$"}
MAX_SHOWN = 70  # characters of a wrong value in a message
_MAX_BITS = 64  # of a whole number in TOML


class Wrong(ValueError):  # noqa: N818 - reads as a word, like Malformed
    """`right` says what would be right; `at` and `value` narrow a list or table to one item."""

    def __init__(self, right: str, at: str = "", value: object = None) -> None:
        super().__init__(right)
        self.right = right
        self.at = at
        self.value = value


@dataclass(frozen=True, slots=True)
class Parser(Generic[T_co]):
    """Takes one value as it stands in a file. Raises Wrong."""

    read: Callable[[object], T_co]
    allowed: str  # in docs/configuration.md
    schema: Schema  # of what is taken, or of more; for editors

    def __call__(self, value: object) -> T_co:
        return self.read(value)


def parser(allowed: str, **schema: object) -> Callable[[Callable[[object], T]], Parser[T]]:
    """Makes a Parser of a function."""
    return lambda read: Parser(read, allowed, schema)


def whole_text(*patterns: str) -> str:
    """A pattern of JSON Schema, which searches."""
    return f"^(?:{'|'.join(patterns)})$"


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

    def parse(self, key: str, parser: Callable[[object], T], value: object) -> T:
        try:
            return parser(value)
        except Wrong as wrong:
            shown = wrong.value if wrong.at else value
            raise self.error(key, shown, wrong.right, wrong.at) from None

    def error(self, key: str, value: object, right: str, at: str = "") -> ConfigError:
        shown = json.dumps(_with_short_numbers(value), default=str, ensure_ascii=False)
        if len(shown) > MAX_SHOWN:
            shown = shown[:MAX_SHOWN] + "..."
        place = self.place(key + at.replace('"', "").partition("[")[0])
        return ConfigError(f"{place}: {key}{at} = {shown}: must be {right}")


def _with_short_numbers(value: object) -> object:
    """Python writes no number of more than 4,300 digits; TOML may have them in hexadecimal."""
    match value:
        case int() if value.bit_length() > _MAX_BITS:
            return f"{value:#x}"[:MAX_SHOWN]
        case list():
            return [_with_short_numbers(one) for one in value]
        case dict():
            return {key: _with_short_numbers(one) for key, one in value.items()}
    return value


# ---------------------------------------------------------------- parsers
@parser("`true`, `false`", type="boolean")
def boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Wrong("true or false")
    return value


def whole(low: int, high: int) -> Parser[int]:
    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Wrong(f"a whole number from {low} to {high}")
        return value

    limits = {"minimum": low, "maximum": high}
    return Parser(parse, f"{low} to {high}", {"type": "integer"} | limits)


def seconds(low: float, high: float) -> Parser[float]:
    def parse(value: object) -> float:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:  # type: ignore[operator]
            raise Wrong(f"a number of seconds from {low:.15g} to {high:.15g}")
        return float(value)  # type: ignore[arg-type]

    limits = {"minimum": low, "maximum": high}
    return Parser(parse, f"{low:.15g} to {high:.15g}", {"type": "number"} | limits)


def one_of(kind: type[Choice]) -> Parser[Choice]:
    words = [one.value for one in kind]

    def parse(value: object) -> Choice:
        if value not in words:
            raise Wrong("one of " + ", ".join(words))
        return kind(str(value))

    return Parser(parse, ", ".join(f'`"{word}"`' for word in words), {"enum": words})


def text(longest: int, what: str) -> Parser[str]:
    def parse(value: object) -> str:
        good = isinstance(value, str) and value.isprintable()
        if not good or not 1 <= len(str(value).encode()) <= longest:
            raise Wrong(f"{what}: printable text of 1 to {longest} bytes")
        return str(value)

    return Parser(parse, f"1 to {longest} bytes", PRINTABLE | {"maxLength": longest})


MAX_PATH = 4096  # bytes
A_PATH: Schema = PRINTABLE | {"maxLength": MAX_PATH}


@parser(f"a path of 1 to {MAX_PATH} bytes", **A_PATH)
def new_file(value: object) -> Path:
    """The path of a file to write, in a folder that is there."""
    path = _path(value, "the path of a file to write")
    try:
        there, is_folder = path.parent.is_dir(), path.is_dir()
    except OSError:
        return path  # opening the file will tell what is wrong
    if not there:
        folder = path.parent.absolute()
        raise Wrong(f"in a folder that is there; the folder {folder} does not exist")
    if is_folder:
        raise Wrong(f"a file; {path} is a folder")
    return path


@parser(f"the path of a Python file, 1 to {MAX_PATH} bytes", **A_PATH)
def script(value: object) -> Path:
    """A network written in Python."""
    path = _path(value, "the path of a Python file")
    if path.suffix != ".py":
        raise Wrong('the path of a Python file, for example "net.py"')
    return path


@parser(f"a path of 1 to {MAX_PATH} bytes", **A_PATH)
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
    written = text(MAX_PATH, what)(value)
    try:
        return Path(written).expanduser()
    except RuntimeError:
        raise Wrong("a path whose ~ is the home folder of somebody") from None


ADDRESS = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"


@parser("an IPv4 address", type="string", pattern=whole_text(ADDRESS))
def address(value: object) -> IPv4Address:
    try:
        return IPv4Address(string(value))
    except ValueError:
        raise Wrong('an IPv4 address, for example "192.168.16.1"') from None


@parser("an IPv4 network", type="string", pattern=whole_text(f"{ADDRESS}/[0-9.]+"))
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


@parser("unicast, not all zero", type="string", pattern=whole_text(MAC.pattern))
def mac(value: object) -> bytes:
    if not isinstance(value, str) or not MAC.fullmatch(value):
        raise Wrong('a MAC address, for example "52:55:00:a8:10:01"')
    packed = bytes.fromhex(value.replace(":", "").replace("-", ""))
    if packed[0] & 1 or not any(packed):
        raise Wrong("a unicast MAC address: an even first byte, not all zero")
    return packed


@parser(
    "a domain name", type="string", pattern=whole_text(rf"{LABEL.pattern}(\.{LABEL.pattern})*\.*")
)
def domain_name(value: object) -> str:
    name = string(value).rstrip(".")
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in name.split(".")):
        raise Wrong('a domain name, for example "lab.example": labels of up to 63 letters, digits')
    return name


@parser(
    "an address, with a port or without",
    type="string",
    pattern=whole_text(
        rf"{ADDRESS}(?::[0-9]+)?", r"\[.*\](?::[0-9]+)?", r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%.*)?"
    ),
)
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


def list_of(one: Parser[T], allowed: str) -> Parser[tuple[T, ...]]:
    def parse(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise Wrong("a list in square brackets")
        return tuple(item(one, f"[{i}]", each) for i, each in enumerate(value))

    return Parser(parse, allowed, {"type": "array", "items": one.schema})


@parser(
    "a table of IPv4 addresses",
    type="object",
    propertyNames=domain_name.schema,
    additionalProperties={
        "anyOf": [
            address.schema,
            {"type": "array", "items": address.schema, "minItems": 1},
        ]
    },
)
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


def item(parser: Callable[[object], T], at: str, value: object) -> T:
    try:
        return parser(value)
    except Wrong as wrong:
        raise Wrong(wrong.right, at + wrong.at, wrong.value if wrong.at else value) from None
