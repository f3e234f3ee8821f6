"""Rules of TCP (RFC 9293)."""

from __future__ import annotations

from pynat.rules.rule import Rule, Severity

CHECKSUM = Rule(
    "TCP001",
    "tcp checksum",
    Severity.ERROR,
    "The checksum of a TCP segment is wrong.",
    "RFC 9293 3.1",
    "Every host throws such a segment away without an answer; the connection stands still.",
    "Compute it over the pseudo-header (addresses, protocol 6, length of header and data), the"
    " header with a checksum of zero, and the data; add the carries back; store the complement.",
)

RULES = (CHECKSUM,)
