"""Rules of DNS (RFC 1035). 001 to 019: why a message is dropped; from 020: the linter's."""

from __future__ import annotations

from pynat.rules.rule import Rule, Severity

LENGTH = Rule(
    "DNS001",
    "dns length",
    Severity.ERROR,
    "A question ends before all that its header announces.",
    "RFC 1035 4.1",
    "It is answered with a format error.",
    "Let the four counts in the header say how many records really follow, and send all of them.",
)

QUESTION = Rule(
    "DNS002",
    "dns question",
    Severity.ERROR,
    "A query has not exactly one question.",
    "RFC 1035 4.1.2",
    "It is answered with a format error; no server answers two questions at once (RFC 9619).",
    "Store 1 in QDCOUNT, the higher byte first, and ask each question in a message of its own.",
)

NAME = Rule(
    "DNS003",
    "dns name",
    Severity.ERROR,
    "The name in a question is not well formed.",
    "RFC 1035 3.1",
    "It is answered with a format error.",
    "Write each label as its length and its bytes, without dots, and end with a zero byte.",
)

NO_QUERY = Rule(
    "DNS004",
    "dns message is no query",
    Severity.ERROR,
    "What came to the name server is an answer, or too short to be a query.",
    "RFC 1035 4.1.1",
    "It is thrown away: to answer an answer could go on for ever.",
    "Clear the QR bit, the highest of byte 2, in a query.",
)
