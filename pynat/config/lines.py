"""Files of Bochs's own back ends: a first line that names the back end, then `key = value` lines.

Keys are compared without case, `#` begins a comment, an empty value leaves the default. Numbers and
addresses are read as the C library reads them for those back ends.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from ipaddress import IPv4Address
from socket import inet_aton

from pynat.config.values import Wrong
from pynat.errors import ConfigError

_ANY_BASE = re.compile(r"\+?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_MAX_LONG = 2**63 - 1  # of a C long
_DIGITS = 22  # of a number that is larger, in each base
_INTEGER = re.compile(r"\s*([+-]?[0-9]+)")


def lines_of(written: str, file: str, known: Collection[str]) -> Iterator[tuple[int, str, str]]:
    """Line, key and value of each that has a value. Raises ConfigError."""
    for number, line in enumerate(map(str.strip, written.splitlines()), 1):
        if not line or line.startswith("#"):
            continue
        key, value = _key_and_value(line, f"{file}:{number}", known)
        if value:
            yield number, key, value


def _key_and_value(line: str, place: str, known: Collection[str]) -> tuple[str, str]:
    written, equals, value = line.partition("=")
    key = written.strip().lower()
    if not equals:
        raise ConfigError(f"{place}: {line[:70]}: must be written as key = value")
    if key not in known:
        close = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {close[0]}?" if close else "known: " + ", ".join(known)
        raise ConfigError(f"{place}: {written.strip()}: unknown key; {hint}")
    return key, value.strip()


def number(text: str) -> int:
    """C's atoi: what begins as a decimal number counts as far as it is one, all else is 0."""
    match = _INTEGER.match(text)
    return _long(match[1], 10) if match else 0


def is_number(text: str) -> bool:
    return _INTEGER.fullmatch(text) is not None


def any_base(text: str) -> int:
    """C's strtol with base 0: decimal, 0x.., or octal behind a 0. Raises Wrong."""
    match = _ANY_BASE.fullmatch(text.strip())
    if match is None:
        raise Wrong("a number")
    digits = match[1]
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits[:1] == "0" else 10
    return _long(digits, base)


def _long(written: str, base: int) -> int:
    """The nearest number that a C long holds, of digits without end; int() has a limit to them."""
    sign = -1 if written.startswith("-") else 1
    digits = written.lstrip("+-").lower().removeprefix("0x").lstrip("0")
    return sign * min(int(digits[:_DIGITS] or "0", base), _MAX_LONG)


def address(value: object) -> IPv4Address:
    """C's inet_aton: also fewer than four parts, hexadecimal and octal ones, and words behind."""
    try:
        return IPv4Address(inet_aton(str(value)))
    except (OSError, ValueError):
        raise Wrong('an IPv4 address, for example "10.0.2.2"') from None
