"""A segment by itself: flags, ports, the form of its options."""

from __future__ import annotations

from collections.abc import Iterator

from pynat.lint.tcp.side import Tell, swapped
from pynat.rules import tcp_form as rules
from pynat.rules import tcp_opening
from pynat.wire.tcp import ACK, FIN, PSH, RST, STAMPS_PREFIX, SYN, URG, Segment

_FLAGS = 0x3F
_RESERVED = 0x0E  # of byte 12; its lowest bit is AE (RFC 9768)
_COMMON = frozenset({ACK, ACK | PSH})
_STAMPS_ONLY = 12  # bytes of options
_PRIVILEGED = 1024
_EPHEMERAL = 49_152  # RFC 6335 6


def look(segment: Segment, header: memoryview, tell: Tell) -> None:
    """`header` is the segment from its first byte on, with or without its data."""
    flags = segment.flags & _FLAGS
    if header[12] & _RESERVED:
        tell(rules.RESERVED, f"byte 12 is {header[12]:#04x}, expected {header[12] & 0xF0:#04x}")
    if flags not in _COMMON:
        _flags(segment, flags, tell)
        _ports(segment, flags, tell)
    if segment.urgent or flags & URG:
        _urgent(segment, flags, tell)
    size = (header[12] >> 4) * 4 - 20
    if size and not (size == _STAMPS_ONLY and header[20:24] == STAMPS_PREFIX):
        _options(segment, header[20 : 20 + size], tell)


def _flags(segment: Segment, flags: int, tell: Tell) -> None:
    contradiction = _contradiction(flags)
    if contradiction:
        tell(rules.FLAGS, contradiction)
    elif not flags & (SYN | RST | ACK):
        tell(rules.NO_ACK_FLAG, "ACK is not set; only a SYN and an RST go without")
    if segment.ack and not flags & ACK:
        tell(rules.ACK_WITHOUT_FLAG, f"acknowledgement number {segment.ack} without ACK")


def _contradiction(flags: int) -> str:
    if not flags:
        return "no flag is set, expected ACK at least"
    for first, second, names in (
        (SYN, FIN, "SYN and FIN"),
        (SYN, RST, "SYN and RST"),
        (RST, FIN, "RST and FIN"),
    ):
        if flags & first and flags & second:
            return f"{names} are both set"
    if flags == FIN | PSH | URG:
        return "FIN, PSH and URG without ACK"
    return ""


def _ports(segment: Segment, flags: int, tell: Tell) -> None:
    if not segment.source or not segment.destination:
        tell(rules.PORT_ZERO, f"source port {segment.source}, destination {segment.destination}")
    if flags & (SYN | ACK) == SYN and 0 < segment.source < _PRIVILEGED:
        meant = swapped(segment.source, 2)
        hint = f"; with its bytes swapped it is {meant}" if meant >= _EPHEMERAL else ""
        tell(rules.PRIVILEGED_PORT, f"source port {segment.source}, expected 1024 or more{hint}")


def _urgent(segment: Segment, flags: int, tell: Tell) -> None:
    if not flags & URG:
        tell(rules.URGENT, f"urgent pointer {segment.urgent} without URG, expected 0")
    elif not segment.urgent:
        tell(rules.URGENT, "URG with an urgent pointer of 0, which names no byte of the segment")


def _options(segment: Segment, data: memoryview, tell: Tell) -> None:
    options = segment.options
    if options.malformed:
        tell(rules.OPTION_MALFORMED, options.malformed)
        return
    rest = _behind_the_end(data)
    if any(rest):
        tell(rules.PADDING, f"{bytes(rest).hex(' ')} behind the end of the options, expected zeros")
    if segment.flags & SYN:
        return
    named = [
        name
        for name, there in (
            ("MSS", options.mss is not None),
            ("window scale", options.window_shift is not None),
            ("SACK-permitted", options.sack_permitted),
        )
        if there
    ]
    if named:
        tell(tcp_opening.SYN_OPTION, f"{' and '.join(named)} without SYN")


def walk(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Kind and body of each option; the end of the list is kind 0 with what stands behind it."""
    at = 0
    while at < len(data):
        kind = data[at]
        if kind == 0:
            yield 0, data[at + 1 :]
            return
        if kind == 1:
            at += 1
            continue
        length = data[at + 1] if at + 1 < len(data) else 0
        if length < 2:
            return
        yield kind, data[at + 2 : at + length]
        at += length


def _behind_the_end(data: memoryview) -> memoryview:
    return next((body for kind, body in walk(data) if kind == 0), data[:0])
