"""Rules of ICMP (RFC 792, RFC 1122 3.2.2). 001 to 019: why a message is dropped; from 020: the
linter's."""

from __future__ import annotations

from pynat.rules.rule import Rule, Severity

LENGTH = Rule(
    "ICMP001",
    "icmp length",
    Severity.ERROR,
    "A packet says that it carries ICMP and is too short for its header.",
    "RFC 792",
    "It is thrown away without an answer.",
    "Send at least 8 bytes: type, code, checksum and four bytes that the type gives a meaning.",
)

CHECKSUM = Rule(
    "ICMP002",
    "icmp checksum",
    Severity.ERROR,
    "The checksum of an ICMP message is wrong.",
    "RFC 792",
    "Every host throws it away without an answer: a ping seems lost.",
    "Compute it over the whole message, from the type to the last byte of data, with a checksum of"
    " zero; ICMP has no pseudo-header.",
)

TYPE = Rule(
    "ICMP003",
    "icmp type",
    Severity.NOTE,
    "An ICMP message is of a type that this network does not carry.",
    "RFC 1812 4.3",
    "Only echo requests are forwarded and answered.",
    "Nothing, if it was meant.",
)

FORBIDDEN = Rule(
    "ICMP004",
    "icmp forbidden",
    Severity.NOTE,
    "A packet that cannot be delivered is of a kind about which no ICMP error may be sent.",
    "RFC 1122 3.2.2",
    "The guest is not told that it got nowhere.",
    "Nothing, if the packet was a broadcast or a fragment.",
)
