"""One message of a DHCP client by itself (RFC 2131 2, 4.1, 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pynat.rules import Rule
from pynat.rules import dhcp_client as rules
from pynat.wire import dhcp, ethernet, mistakes
from pynat.wire.dhcp import Message

SMALLEST_MAXIMUM = 576  # RFC 2132 9.10
_OPTIONS = dhcp.HEADER.size + len(dhcp.COOKIE)

Tell = Callable[[Rule, str], None]
Wrong = Iterator[tuple[Rule, str]]


def form(message: Message, payload: bytes, source: bytes, tell: Tell) -> None:
    """source: MAC address of the frame."""
    for rule, text in (*_fixed(message, source), *_options(message, payload)):
        tell(rule, f"{message}: {text}")


def _fixed(message: Message, source: bytes) -> Wrong:
    if message.mac != source and message.giaddr == dhcp.ZERO:
        text = f"chaddr {ethernet.text(message.mac)}, expected {ethernet.text(source)}, the frame's"
        hint = ": its bytes are reversed" if message.mac == source[::-1] else ""
        yield rules.CHADDR, f"{text} source (RFC 2131 2){hint}"
    flags = message.flags
    if mistakes.swapped(flags) == dhcp.BROADCAST:
        text = f"flags {flags:#06x}: its bytes are swapped, {dhcp.BROADCAST:#06x} is meant"
        yield rules.FLAGS_SWAPPED, f"{text} (RFC 2131 2)"
    elif flags & ~dhcp.BROADCAST:
        yield rules.FLAGS_RESERVED, f"flags {flags:#06x}, expected 0x8000 or 0 (RFC 2131 2)"
    if message.hops and message.giaddr == dhcp.ZERO:
        yield rules.HOPS, f"hops {message.hops}, expected 0 (RFC 2131 2)"
    if message.kind == dhcp.INFORM and message.ciaddr == dhcp.ZERO:
        yield rules.INFORM, "ciaddr 0.0.0.0, expected the guest's address (RFC 2131 4.4.3)"


def _options(message: Message, payload: bytes) -> Wrong:
    if not message.flaws and not _has_end(payload):  # behind a flaw there is no telling
        text = "options without 255 at the end (RFC 2131 4.1)"
        yield rules.NO_END, text + _swallowed(payload)
    maximum = message.options.get(dhcp.MAXIMUM)
    if maximum is not None and int.from_bytes(maximum, "big") < SMALLEST_MAXIMUM:
        size = int.from_bytes(maximum, "big")
        text = f"option 57 is {size}, expected at least {SMALLEST_MAXIMUM} (RFC 2132 9.10)"
        yield rules.SMALL_MAXIMUM, text


def _has_end(payload: bytes) -> bool:
    at = _OPTIONS
    while at < len(payload) and payload[at] != dhcp.END:
        at += 1 if payload[at] == dhcp.PAD else 2 + int.from_bytes(payload[at + 1 : at + 2], "big")
    return at < len(payload)


def _swallowed(payload: bytes) -> str:
    """The last option is said to be longer than it is."""
    at, last = _OPTIONS, b""
    while at + 1 < len(payload):
        size = 1 if payload[at] == dhcp.PAD else 2 + payload[at + 1]
        last = payload[at : at + size] if size > 1 else last
        at += size
    text, end, behind = last[2:].partition(bytes((dhcp.END,)))
    if not end or any(behind):
        return ""
    return f": it is within option {last[0]}, whose length is {last[1]}, expected {len(text)}"
