"""Nobody but those who must assumes that an address has four bytes (docs/architecture.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

import pynat

PACKAGE = Path(pynat.__file__).parent

# ---------------------------------------------------------------- who must
ROOMS = {
    "wire/*": "the codecs: here the versions of IP differ",
    "_pure.py": "the loops know the common frames of IPv4, as those in C",
    "router/neighbors.py": "ARP is for IPv4 alone (RFC 826)",
    "lint/igmp.py": "IGMP is for IPv4 alone (RFC 3376)",
    **dict.fromkeys(("lint/arp*.py", "faults/arp.py", "router/foreign_guests.py"), "about ARP"),
    **dict.fromkeys(
        (
            *("services/dhcp*.py", "services/leases.py", "lint/dhcp*.py"),
            *("faults/dhcp.py", "config/dhcp.py"),
        ),
        "DHCP's fields have four bytes (RFC 2131 2)",
    ),
}
IPV4 = {"IPv4Address", "IPv4Interface", "IPv4Network"}
# Elsewhere: what is written there, and why.
PLACES = {
    "config/*": (IPV4 | {"inet_aton"}, "what a file may say: its net is one of IPv4"),
    "config/toml.py": ({"dotted"}, "the name of a key"),
    "cli/lint.py": (IPV4, "what a command line may say, for the same reason"),
    "net/definitions.py": (IPV4, "what a script may say, for the same reason"),
    "impair/*": (IPV4, "what a rule may say, for the same reason"),
    "faulty_host.py": (IPV4, "a value of the configuration"),
    "faults/icmp.py": (IPV4, "redirects and masks are those of ICMP for IPv4 (RFC 792, RFC 950)"),
    "lint/again.py": (IPV4 | {"bytes(4)"}, "the net of the configuration; DHCP asks for all alike"),
    "lint/deaf.py": ({"dotted"}, "about ARP"),
    "lint/ethernet.py": (IPV4, "the net of the configuration"),
    "lint/icmp.py": (IPV4, "the net of the configuration"),
    "lint/echo.py": (IPV4, "the net of the configuration"),
    "lint/dns.py": ({"len(mask) == 4"}, "an option of DHCP"),
    "host/families.py": ({"AF_INET"}, "what sockets of each family are told"),
    "host/echo.py": ({"AF_INET"}, "ICMPv6 has other sockets, and other messages"),
    "host/forwards.py": ({"bytes((127, 0, 0, 1))"}, "given to who comes without an address"),
    "cli/checks.py": ({"AF_INET"}, "asks for what host/echo.py opens"),
    "link/tap.py": ({"AF_INET"}, "any socket does, to name a device by ioctl"),
    "host/tcp.py": ({"bytes(4)"}, "an int of ioctl"),
    "capture/pcap.py": (IPV4 | {"bytes(4)"}, "an option of pcapng; the end of options"),
    "capture/reading.py": (IPV4 | {"address[:4]", "address[4:]"}, "an option of pcapng"),
    "link/capture.py": (IPV4, "the net of the configuration"),
    "replay/network.py": (IPV4, "the server of DHCP"),
    "replay/wire.py": (
        IPV4 | {"len(mask) != 4", "len(router) != 4", "len(dns) == 4"},
        "the net of the configuration, as the capture shows it; options of DHCP",
    ),
    "router/own_addresses.py": ({"bytes(4)"}, "who asks by DHCP has no address yet"),
    "lint/tcp/checker.py": ({"ends[2:]", "ends[:2]"}, "two ports of two bytes"),
    "testing/*": (
        {"inet_aton", "bytes((192, 0, 2, 7))", "bytes(4)", "dotted", "message[16:20]"},
        "guests of tests, which speak IPv4",
    ),
}

# ---------------------------------------------------------------- what betrays it
NAMES = {
    *("IPv4Address", "IPv4Interface", "IPv4Network", "dotted"),
    *("AF_INET", "inet_aton", "inet_ntoa"),
}
ADDRESSES = {"address", "destination", "ends", "host", "key", "remote", "source"}
_IN_PACKET = {(12, 16), (16, 20), (12, 20)}  # both of IPv4; with TCP's ports behind
_ETHERNET = 14
IN_HEADERS = _IN_PACKET | {(start + _ETHERNET, end + _ETHERNET) for start, end in _IN_PACKET}
IN_HEADERS |= {(12, 24), (26, 38), (28, 32), (38, 42)}  # and of ARP in a frame
_FORMAT = re.compile(r"[@=<>!]?(\d*[a-zA-Z?])*4s(\d*[a-zA-Z?])*")


def found_in(source: str) -> Iterator[str]:
    """Each assumption: the name, or else the expression, as it is written."""
    for node in ast.walk(ast.parse(source)):
        if _betrays(node):
            yield node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)


def _betrays(node: ast.AST) -> bool:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in NAMES
        case ast.Constant(value=str(text)):
            return _FORMAT.fullmatch(text) is not None
        case ast.Constant(value=bytes(data)):
            return data in (b"\0" * 4, b"\xff" * 4)
        case ast.BinOp(left=ast.Constant(value=bytes()), op=ast.Mult(), right=count):
            return _is_four(count)
        case ast.Call(func=ast.Name(id="bytes"), args=[made]):
            return _is_four(made) or _is_four_numbers(made)
        case ast.Compare(
            left=ast.Call(func=ast.Name(id="len")),
            ops=[ast.Eq() | ast.NotEq() | ast.In() | ast.NotIn()],
            comparators=[right],
        ):
            return any(_is_four(part) for part in ast.walk(right))
        case ast.Subscript(value=value, slice=ast.Slice() as part):
            return _bounds(part) in IN_HEADERS or _is_cut(value, part)
    return False


def _is_four(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value == 4 and not isinstance(node.value, bool)


def _is_four_numbers(node: ast.AST) -> bool:
    parts = node.elts if isinstance(node, ast.Tuple | ast.List) else []
    return len(parts) == 4 and all(isinstance(part, ast.Constant) for part in parts)


def _bounds(part: ast.Slice) -> tuple[object, object]:
    return _number(part.lower), _number(part.upper)


def _number(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _is_cut(value: ast.expr, part: ast.Slice) -> bool:
    """A piece of an address, or of two, at places that are written down."""
    name = value.id if isinstance(value, ast.Name) else getattr(value, "attr", "")
    return name in ADDRESSES and _bounds(part) != (None, None)


# ---------------------------------------------------------------- the tests
@cache
def where() -> frozenset[tuple[str, str]]:
    """File and assumption."""
    files = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    return frozenset(
        (name, found) for name, path in files.items() for found in found_in(path.read_text())
    )


def is_in_a_room(name: str) -> bool:
    return any(fnmatch(name, room) for room in ROOMS)


def is_allowed(name: str, found: str) -> bool:
    return any(fnmatch(name, place) and found in allowed for place, (allowed, _) in PLACES.items())


def test_nobody_else_assumes_that_an_address_has_four_bytes() -> None:
    elsewhere = {one for one in where() if not is_in_a_room(one[0])}
    assert {one for one in elsewhere if not is_allowed(*one)} == set()


@pytest.mark.parametrize("place", PLACES)
def test_who_is_allowed_to_does_so(place: str) -> None:
    allowed, _ = PLACES[place]
    used = allowed & {found for name, found in where() if fnmatch(name, place)}
    assert used & IPV4 or not allowed & IPV4
    assert used - IPV4 == allowed - IPV4


@pytest.mark.parametrize("room", ROOMS)
def test_who_must_does_so(room: str) -> None:
    assert any(fnmatch(name, room) for name, _ in where())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("IPv4Address(x)", ["IPv4Address"]),
        ("ipaddress.IPv4Network(x)", ["IPv4Network"]),
        ("socket.socket(socket.AF_INET)", ["AF_INET"]),
        ("socket.inet_ntoa(x)", ["inet_ntoa"]),
        ("f'{ipv4.dotted(x)}'", ["dotted"]),
        ("Struct('!HH4s4s')", ["'!HH4s4s'"]),
        ("unpack('4s', x)", ["'4s'"]),
        ("x == b'\\0\\0\\0\\0'", ["b'\\x00\\x00\\x00\\x00'"]),
        ("b'\\xff' * 4", ["b'\\xff' * 4"]),
        ("bytes(4)", ["bytes(4)"]),
        ("bytes((127, 0, 0, 1))", ["bytes((127, 0, 0, 1))"]),
        ("len(x) == 4", ["len(x) == 4"]),
        ("len(x) in (4, 16)", ["len(x) in (4, 16)"]),
        ("quote[12:16]", ["quote[12:16]"]),
        ("frame[26:38]", ["frame[26:38]"]),
        ("[key for key in x if key[:8] == y]", ["key[:8]"]),
        ("packet.source[:3]", ["packet.source[:3]"]),
        ("'in at most 4s'\nx[12:14]\nx[:4]\nbytes((1, 2))\nlen(x) < 4\nkey[:-size]", []),
        ("ip_address(x)\nsocket.AF_INET6\nStruct('!14s')", []),
    ],
)
def test_an_assumption_is_seen(text: str, found: list[str]) -> None:
    assert list(found_in(text)) == found
