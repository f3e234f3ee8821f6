"""Sequence numbers without wrap-around.

Inside a flow a sequence number is an unbounded integer: the wire's 32 bits are extended on the
way in, next to a number that the flow already knows, and cut on the way out. So comparisons are
plain comparisons, and RFC 9293 3.4's modular arithmetic stands in this file only.
"""

from __future__ import annotations

_SPACE = 1 << 32


def unwrap(wire: int, near: int) -> int:
    """The number congruent to `wire` that lies within 2**31 of `near`."""
    distance = (wire - near) % _SPACE
    return near + distance - (_SPACE if distance >= _SPACE >> 1 else 0)


def wrap(number: int) -> int:
    return number % _SPACE
