"""The Internet checksum (RFC 1071).

A sum of 16-bit words in ones' complement is a number modulo 65,535, because 2**16 is 1 modulo
that; only zero has two faces: a sum of 65,535 and a sum of 0 differ on the wire. So sums may be
added as integers of any size and are folded once, by `finish` or `valid`.
"""

from __future__ import annotations

from pynat.loops import ones_sum

__all__ = ["finish", "ones_sum", "pseudo_header", "valid"]


def finish(total: int) -> int:
    """The checksum field for a non-negative sum of words; 16 bits."""
    return 0xFFFF - (total % 0xFFFF or (0xFFFF if total else 0))


def valid(total: int) -> bool:
    """Whether the sum over everything including the checksum field is all ones."""
    return total != 0 and total % 0xFFFF == 0


def pseudo_header(source: bytes, destination: bytes, protocol: int, length: int) -> int:
    """The sum over the pseudo-header of UDP and TCP (RFC 9293 3.1, RFC 768)."""
    return int.from_bytes(source + destination, "big") + protocol + length
