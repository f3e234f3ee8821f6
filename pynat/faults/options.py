"""TCP options that are legal and rare, or illegal, in segments of a peer's (RFC 9293 3.1, 3.2).

Each function takes a segment's header and gives it with another block of options, or as it is where
none would fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from pynat.nat.tcp.parameters import Item
from pynat.wire.tcp import ACK, FIN, MAX_OPTIONS, SYN, Options, Segment, SegmentRun, encode_options

_NOP, _END = b"\x01", b"\x00"
# Of the kind for experiments (RFC 4727), with what would be an MSS of 64 inside.
_UNKNOWN = b"\xfd\x06\x02\x04\x00\x40"
_NO_LENGTH = b"\xfd\x00"
_TOO_LONG = b"\xfd\x30"

Block = Callable[[bytes], bytes]  # of options


def without_mss(item: Item) -> Item:
    """In the SYN-ACK."""
    head = _head(item)
    return _with(item, head.options._replace(mss=None)) if head.flags & SYN else item


def unknown(item: Item) -> Item:
    """In the SYN-ACK: before the others, and behind them."""
    return _changed(item, lambda block: _UNKNOWN + block + _UNKNOWN) if _is_syn(item) else item


def illegal(item: Item) -> Item:
    """Behind the others: a length of 0 in the SYN-ACK, one that runs out of the header in data."""
    if _is_syn(item):
        return _changed(item, lambda block: block + _NO_LENGTH)
    return _changed(item, lambda block: block + _TOO_LONG) if _has_text(item) else item


def shifted(item: Item) -> Item:
    """Each option at an odd byte of the header."""
    return _changed(item, lambda block: b"".join(map(_at_odd, _split(block))))


def on_data(item: Item) -> Item:
    """Of an unknown kind, in segments with data or FIN."""
    return _changed(item, lambda block: _UNKNOWN + block) if _has_text(item) else item


def _at_odd(option: bytes) -> bytes:
    """One that ends at an odd byte where it begins at an even one."""
    return _NOP + option + (_NOP if len(option) % 2 == 0 else b"")


def _split(block: bytes) -> Iterator[bytes]:
    """The options of our own making, without padding."""
    at = 0
    while at < len(block):
        size = 1 if block[at] == _NOP[0] else block[at + 1]
        if size > 1:
            yield block[at : at + size]
        at += size


def _changed(item: Item, change: Block) -> Item:
    options = _head(item).options
    before = encode_options(options)
    block = change(before)
    block += _END * (-len(block) % 4)
    if block == before or len(block) > MAX_OPTIONS:
        return item
    return _with(item, options._replace(block=block))


def _with(item: Item, options: Options) -> Item:
    if isinstance(item, Segment):
        return replace(item, options=options)
    return replace(item, head=replace(item.head, options=options))


def _head(item: Item) -> Segment:
    return item if isinstance(item, Segment) else item.head


def _is_syn(item: Item) -> bool:
    return _head(item).flags & (SYN | ACK) == SYN | ACK


def _has_text(item: Item) -> bool:
    return isinstance(item, SegmentRun) and (item.length > 0 or bool(item.last_flags & FIN))
